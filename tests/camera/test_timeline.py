"""A camera's clock on ours: times rise, drift is followed, late pictures move nothing."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from camd.camera.timeline import Timeline
from camd.model import SECOND, Nanos

PICTURE = SECOND // 15
starts = st.integers(-(10**15), 10**15)
lateness = st.lists(st.integers(0, SECOND // 2), min_size=30, max_size=300)


def placed(line: Timeline, stamps: list[Nanos], arrivals: list[Nanos]) -> list[Nanos]:
    """Where each picture is put as it arrives."""
    found = []
    for stamp, now in zip(stamps, arrivals, strict=True):
        line.arrive(stamp, now)
        found.append(line.place(stamp))
    return found


@given(starts, lateness)
def test_times_rise_whatever_the_network_does(start: Nanos, late: list[int]) -> None:
    stamps = [start + n * PICTURE for n in range(len(late))]
    arrivals = [n * PICTURE + each for n, each in enumerate(late)]
    times = placed(Timeline(), stamps, arrivals)
    assert all(PICTURE // 2 < two - one < PICTURE * 3 // 2 for one, two in pairwise(times))


@given(starts, st.sampled_from([-100, -20, 20, 100]))
def test_a_clock_that_drifts_is_followed(start: Nanos, millionths: int) -> None:
    pictures = 15 * 600
    stamps = [start + n * PICTURE * (1_000_000 + millionths) // 1_000_000 for n in range(pictures)]
    arrivals = [n * PICTURE for n in range(pictures)]
    times = placed(Timeline(), stamps, arrivals)
    assert abs(times[-1] - arrivals[-1]) < SECOND // 100


@given(starts)
def test_what_a_camera_had_kept_is_put_before_now(start: Nanos) -> None:
    line = Timeline()
    stamps = [start + n * PICTURE for n in range(30)]
    line.begin([(stamp, 5 * SECOND) for stamp in stamps])
    assert line.place(stamps[-1]) == 5 * SECOND
    assert line.place(stamps[0]) == 5 * SECOND - 29 * PICTURE


@given(starts, st.sampled_from([-3600 * SECOND, 3600 * SECOND]))
def test_a_clock_that_was_set_is_taken_as_it_is_now(start: Nanos, step: Nanos) -> None:
    line = Timeline()
    placed(line, [start + n * PICTURE for n in range(30)], [n * PICTURE for n in range(30)])
    line.arrive(start + 30 * PICTURE + step, 30 * PICTURE)
    assert line.place(start + 30 * PICTURE + step) == 30 * PICTURE


@given(st.integers(0, 2 * SECOND))
def test_the_boot_clock_itself_is_believed(late: Nanos) -> None:
    line = Timeline(is_local=True)
    line.arrive(10 * SECOND, 10 * SECOND + late)
    line.arrive(11 * SECOND, 11 * SECOND)
    assert line.place(11 * SECOND) == 11 * SECOND
