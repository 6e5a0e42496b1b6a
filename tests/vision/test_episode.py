"""Two of four frames make an event, a gap ends it, cool-down mutes the alert and never the event."""

from hypothesis import given
from hypothesis import strategies as st

from camd.model import SECOND, Began, Ended, Finding, Grew, Suppressed
from camd.vision.episode import CONFIRM, Episode, Limits
from tests.worlds import REASON

FRAME = SECOND // 10


def _run(pattern: str, merge_gap: int = SECOND, cooldown: int = 0) -> list[Finding]:
    """Play frames at 10 a second: 'x' moved, '.' did not."""
    episode = Episode(Limits(merge_gap, cooldown), "test")
    found = [f for n, c in enumerate(pattern) for f in episode.look(n * FRAME, REASON if c == "x" else None)]
    return found + episode.close()


def test_one_moving_frame_is_suppressed() -> None:
    (found,) = _run("....x.........")
    assert isinstance(found, Suppressed)
    assert (found.began, found.ended) == (4 * FRAME, 4 * FRAME)
    assert found.reason.rule == "fewer than 2 of 4 frames moved"


def test_two_of_four_frames_are_an_event_that_began_with_the_first() -> None:
    began, ended = _run("....x..x............")
    assert isinstance(began, Began)
    assert isinstance(ended, Ended)
    assert (began.event.began, ended.event.ended) == (4 * FRAME, 7 * FRAME)
    assert began.event.id == ended.event.id == "test-1"


def test_a_gap_shorter_than_the_merge_gap_does_not_end_the_event() -> None:
    assert len([f for f in _run("xx.........xx............") if isinstance(f, Ended)]) == 1
    assert len([f for f in _run("xx............xx............") if isinstance(f, Ended)]) == 2


def test_cooldown_mutes_the_second_alert_and_keeps_the_event() -> None:
    began = [f for f in _run("xx............xx............", cooldown=5 * SECOND) if isinstance(f, Began)]
    assert [f.muted for f in began] == [False, True]


def test_an_open_event_is_ended_when_the_camera_stops() -> None:
    assert isinstance(_run("xxxxxx")[-1], Ended)


@given(pattern=st.text(alphabet="x.", max_size=80), gap=st.integers(1, 20))
def test_events_come_in_order_and_each_has_one_begin_and_one_end(pattern: str, gap: int) -> None:
    found = _run(pattern, merge_gap=gap * FRAME)
    open_id, last_ended = None, -1
    for finding in found:
        match finding:
            case Began(event):
                assert open_id is None
                assert event.began > last_ended
                open_id = event.id
            case Grew(event):
                assert event.id == open_id
            case Ended(event):
                assert event.id == open_id
                open_id, last_ended = None, event.ended
            case Suppressed(began, ended):
                assert pattern[began // FRAME : ended // FRAME + 1].count("x") < CONFIRM + 1
    assert open_id is None
