"""Which moving things become visitors, and which do not."""

import pytest

from camd.model import SECOND
from camd.vision.blobs import Blob, Rect
from camd.vision.track import CALM, Track, Tracks

GRID = Rect(0, 0, 80, 60)
FRAME = SECOND // 15


def _follow(rects: list[Rect | None], *, unrest: float = 0.0, fresh: float = 1.0) -> tuple[Tracks, list[Track]]:
    """Show one blob (or none) a frame, 15 frames a second; return the tracks and those given up in vain."""
    tracks, vain = Tracks(GRID, unrest=unrest), []
    for number, rect in enumerate(rects):
        blobs = [] if rect is None else [Blob(int(rect.width * rect.height * 0.6), rect, fresh)]
        vain += tracks.look(number * FRAME, blobs)
    return tracks, vain


def _walk(step: float, count: int, width: float = 6, height: float = 14) -> list[Rect | None]:
    return [Rect(10 + step * n, 20, width, height) for n in range(count)]


def _confirmed_after(rects: list[Rect | None], *, unrest: float = 0.0, fresh: float = 1.0) -> int | None:
    """Frames until the track was confirmed."""
    counts = range(1, len(rects) + 1)
    return next(
        (n for n in counts if any(t.is_confirmed for t in _follow(rects[:n], unrest=unrest, fresh=fresh)[0].alive)),
        None,
    )


def test_in_a_calm_picture_two_frames_are_enough() -> None:
    assert _confirmed_after(_walk(1.0, 20)) == 2


def test_in_a_restless_picture_a_visitor_must_get_somewhere() -> None:
    assert _confirmed_after(_walk(1.0, 20), unrest=9.0) == 9
    assert [track.went_over for track in _follow(_walk(1.0, 20), unrest=9.0)[0].visitors()] == [True]
    assert [track.went_over for track in _follow(_walk(1.0, 20))[0].visitors()] == [False]
    assert _confirmed_after(_walk(0.0, 20), unrest=9.0) is None


def test_what_sways_is_no_visitor_in_a_restless_picture() -> None:
    sway = [Rect(10 + offset, 20, 6, 14) for _ in range(8) for offset in (0, 2, 4, 5, 4, 2, 0, -2, -4, -5, -4, -2)]
    assert _confirmed_after(list(sway), unrest=50.0) is None


def test_what_only_grows_is_no_visitor_in_a_restless_picture() -> None:
    gust = [Rect(30 - n, 20 - n, 4 + 2 * n, 4 + 2 * n) for n in range(14)]
    assert _confirmed_after(list(gust), unrest=50.0) is None


def test_who_comes_in_at_the_border_grows_and_is_a_visitor() -> None:
    entering = [Rect(0, 20, 2 + n, 14) for n in range(14)]
    assert _confirmed_after(list(entering), unrest=50.0) is not None


def test_what_is_faster_than_it_is_large_is_no_visitor() -> None:
    assert _confirmed_after(_walk(9.0, 8, width=3, height=3)) is None


def test_a_restless_place_starts_no_event() -> None:
    assert _confirmed_after(_walk(1.0, 20), fresh=0.1) is None


def test_a_single_frame_is_given_up_in_vain_and_makes_the_picture_restless() -> None:
    tracks, vain = _follow([Rect(10, 20, 6, 14), *[None] * 8])
    assert len(vain) == 1
    assert tracks.alive == []
    assert tracks.unrest == pytest.approx(1.0, abs=0.1)
    assert tracks.unrest < CALM


def test_a_confirmed_track_that_gets_nowhere_is_given_up() -> None:
    tracks, vain = _follow(_walk(0.0, 40))
    assert [track.is_confirmed for track in vain] == [True]
    assert tracks.visitors() == []


def test_a_track_goes_on_through_a_short_gap() -> None:
    walk = _walk(1.0, 20)
    walk[8:11] = [None, None, None]
    tracks, _ = _follow(walk)
    assert [track.hits for track in tracks.visitors()] == [17]
