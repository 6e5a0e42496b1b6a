"""What becomes a habit of a place, how it is forgotten, and how it is kept."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from camd.benches.counted import calls_of
from camd.errors import UnusableInputError
from camd.model import SECOND
from camd.vision.quiet import AROUND, Quiet

Grey = NDArray[np.uint8]
SHAPE = (30, 40)
HOUR = 3600


def moving(*cells: tuple[int, int]) -> Grey:
    """A frame's moving cells."""
    grid = np.zeros(SHAPE, np.uint8)
    for cell in cells:
        grid[cell] = 255
    return grid


def watch(quiet: Quiet, seconds: int, seen: Grey | None, since: int = 0) -> int:
    """A frame each second that all show the same; returns the second after them."""
    for second in range(since, since + seconds):
        quiet.observe(second * SECOND, seen, visited=False)
    return since + seconds


def restless_tree() -> Quiet:
    """What a minute of wind in one cell teaches."""
    quiet = Quiet.empty(SHAPE)
    watch(quiet, 60, moving((10, 10)))
    return quiet


def habits(quiet: Quiet) -> Grey:
    """The mask of what is quiet by habit, which there must be."""
    mask = quiet.mask()
    assert mask is not None
    return mask


def test_what_moves_for_long_is_quiet_by_habit_with_the_cells_around_it() -> None:
    mask = habits(restless_tree())
    assert mask[9:12, 9:12].min() == 255
    assert np.count_nonzero(mask) == 9


def test_who_passes_makes_no_habit() -> None:
    quiet = Quiet.empty(SHAPE)
    for second in range(40):
        quiet.observe(second * SECOND, moving((10, second)), visited=False)
    assert quiet.mask() is None


def test_nothing_is_learned_from_visitors_nor_shortly_before_and_after_them() -> None:
    quiet = Quiet.empty(SHAPE)
    for second in range(HOUR):
        quiet.observe(second * SECOND, moving((10, 10)), visited=second % (2 * AROUND + 1) == 0)
    assert not quiet.heat().any()


def test_rain_says_nothing_of_a_place() -> None:
    quiet, chance = Quiet.empty(SHAPE), np.random.default_rng(1)
    for second in range(HOUR):
        drops = (chance.random(SHAPE) < 0.1).astype(np.uint8) * 255
        quiet.observe(second * SECOND, drops, visited=False)
    assert quiet.mask() is None


def test_a_tree_in_the_rain_is_still_a_tree() -> None:
    quiet, chance = Quiet.empty(SHAPE), np.random.default_rng(1)
    for second in range(HOUR):
        drops = (chance.random(SHAPE) < 0.1).astype(np.uint8) * 255
        quiet.observe(second * SECOND, drops | moving((10, 10)), visited=False)
    assert np.count_nonzero(habits(quiet)) == 9


def test_a_habit_is_forgotten_over_days() -> None:
    quiet = restless_tree()
    second = watch(quiet, HOUR, None, since=60)
    watch(quiet, 10, moving((20, 20)), second)  # elsewhere: the mask is made anew when something moves
    assert habits(quiet)[10, 10] == 255
    second = watch(quiet, 24 * HOUR, None, since=second + 10)
    watch(quiet, 10, moving((20, 20)), second)
    assert quiet.mask() is None


def test_a_gap_between_frames_is_no_time() -> None:
    quiet = restless_tree()
    kept = quiet.to_bytes()
    quiet.observe(10**6 * SECOND, None, visited=False)
    assert json.loads(quiet.to_bytes())["watched"] <= json.loads(kept)["watched"] + 1


def test_what_was_learned_survives_a_restart() -> None:
    quiet = restless_tree()
    again = Quiet.from_bytes(quiet.to_bytes(), SHAPE)
    assert np.array_equal(habits(again), habits(quiet))
    assert again.to_bytes() == quiet.to_bytes()


@pytest.mark.parametrize("shape", [(60, 80), (45, 80), (15, 20)])
def test_what_was_learned_means_the_same_at_another_resolution(shape: tuple[int, int]) -> None:
    quiet = Quiet.empty(SHAPE)
    tree = moving(*((row, column) for row in range(10, 20) for column in range(10, 20)))
    watch(quiet, 60, tree)
    mask = habits(Quiet.from_bytes(quiet.to_bytes(), shape))
    rows, columns = shape
    assert mask.shape == shape
    assert mask[rows // 2, columns * 3 // 8] == 255
    assert not mask[:, columns * 6 // 10 :].any()


@given(
    st.binary(max_size=40)
    | st.from_regex(r'\{"v":1,"watched":[0-9eE.N-]{1,5},"busy":[0-9,\[\]-]{1,20}\}').map(str.encode)
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        read = Quiet.from_bytes(data, SHAPE)
    except UnusableInputError:
        return
    assert read.heat().shape == SHAPE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Expecting value"),
        (b'{"v":2,"watched":1,"busy":[[1]]}', "version is 2, not 1"),
        (b'{"v":1,"watched":1,"busy":[]}', "no rows and columns"),
        (b'{"v":1,"watched":NaN,"busy":[[1]]}', "not between 0 and"),
        (b'{"v":1,"watched":9,"busy":[[-1]]}', "not between 0 and"),
        (b'{"v":1,"watched":9,"busy":[[1e99]]}', "not between 0 and"),
        (b'{"v":1,"watched":9,"busy":[[%s]]}' % (b"9" * 400), "too large"),
        (b'{"v":1,"watched":1,"busy":[[1],[1,2]]}', "inhomogeneous"),
        (b"[" * 100_000, "recursion"),
        (b"[]", "list indices"),
        (b"\xff\xfe\xfd", "codec"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(data: bytes, words: str) -> None:
    with pytest.raises(UnusableInputError, match=words):
        Quiet.from_bytes(data, SHAPE)


def test_heat_shows_more_than_the_mask() -> None:
    quiet = restless_tree()
    watch(quiet, 7, moving((20, 20)), since=60)  # not yet a habit
    heat = quiet.heat()
    assert heat[10, 10] == 255
    assert 0 < heat[20, 20] < 128
    assert np.count_nonzero(heat) == 2


def test_a_second_without_motion_costs_no_array_call() -> None:
    quiet = restless_tree()
    watch(quiet, AROUND + 1, None, since=60)
    assert calls_of(lambda: watch(quiet, 60, None, since=61 + AROUND)) == ()
