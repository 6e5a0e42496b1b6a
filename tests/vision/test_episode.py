"""A visitor makes an event, a gap ends it."""

from hypothesis import given
from hypothesis import strategies as st

from camd.model import SECOND, Began, Ended, Finding, Grew
from camd.vision.episode import Episode, Limits, Presence
from tests.worlds import REASON

FRAME = SECOND // 10
SAYS = {
    "x": Presence(REASON.box, REASON, 0),  # moves
    "h": Presence(is_held=True),  # stands still
    "p": Presence(is_parked=True),  # given up
    ".": Presence(),
}


def _run(pattern: str, merge_gap: int = SECOND) -> list[Finding]:
    """Play frames at 10 a second."""
    episode = Episode(Limits(merge_gap), "test")
    found = [finding for n, c in enumerate(pattern) for finding in episode.look(n * FRAME, SAYS[c])]
    return found + episode.close()


def _spans(pattern: str, merge_gap: int = SECOND) -> list[int]:
    return [round(f.event.ended / FRAME) for f in _run(pattern, merge_gap) if isinstance(f, Ended)]


def test_an_event_ends_with_its_last_moving_frame() -> None:
    assert _spans("....xxxx............") == [7]


def test_a_gap_shorter_than_the_merge_gap_does_not_end_the_event() -> None:
    assert len(_spans("xx.........xx............")) == 1
    assert len(_spans("xx............xx............")) == 2


def test_who_stands_still_is_still_there() -> None:
    assert _spans("xxhhhhhhhhhhhhhhhhhhhhhhhhxx............") == [27]
    assert _spans("xxhhhhhhhhhhhhhhhh..............") == [17]


def test_what_is_parked_ended_when_it_last_moved() -> None:
    assert _spans("xxxhhhhhhhhhhhhhhhhhhhhp.............") == [2]


def test_an_open_event_is_ended_when_the_camera_stops() -> None:
    assert isinstance(_run("xxxxxx")[-1], Ended)


@given(pattern=st.text(alphabet="xhp.", max_size=80), gap=st.integers(1, 20))
def test_events_come_in_order_and_each_has_one_begin_and_one_end(pattern: str, gap: int) -> None:
    open_id, last_ended = None, -1
    for finding in _run(pattern, merge_gap=gap * FRAME):
        match finding:
            case Began(event):
                assert open_id is None
                open_id = event.id
            case Grew(event):
                assert event.id == open_id
            case Ended(event):
                assert event.id == open_id
                assert event.ended > last_ended
                open_id, last_ended = None, event.ended
            case _:
                raise AssertionError(finding)
    assert open_id is None
