"""Which moving things become visitors, and which do not."""

import pytest

from camd.model import SECOND
from camd.vision.blobs import Blob, Rect
from camd.vision.track import CALM, DOUBLED, FOLLOWED, LARGE_RUN, Track, Tracks
from camd.vision.why import CONFIRMED, STEADY, TRAVELLED

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


@pytest.mark.parametrize(("pieces_at", "is_visitor"), [(0, True), (60, False)])
def test_pieces_of_something_large_that_comes_in_are_no_swarm(pieces_at: int, is_visitor: bool) -> None:
    tracks = Tracks(GRID, unrest=0.3)
    tracks.look(0, [Blob(5, Rect(pieces_at, 8 * n, 4, 4), 1.0) for n in range(2, 6)])
    for number, x in enumerate((7, 20), 1):
        tracks.look(number * FRAME, [Blob(200, Rect(x, 15, 20, 35), 1.0)])
    assert any(track.is_confirmed for track in tracks.alive) is is_visitor


def test_in_a_restless_picture_a_visitor_must_get_somewhere() -> None:
    assert _confirmed_after(_walk(1.0, 20), unrest=CALM + 0.5) == FOLLOWED + 1
    assert _confirmed_after(_walk(1.0, 20), unrest=3 * DOUBLED) == 2 * FOLLOWED
    assert [track.rule for track in _follow(_walk(1.0, 20), unrest=9.0)[0].visitors()] == [TRAVELLED]
    assert [track.rule for track in _follow(_walk(1.0, 20))[0].visitors()] == [CONFIRMED]
    assert _confirmed_after(_walk(0.0, 20), unrest=9.0) is None


def test_what_sways_is_no_visitor_in_a_restless_picture() -> None:
    sway = [Rect(10 + offset, 20, 6, 14) for _ in range(8) for offset in (0, 2, 4, 5, 4, 2, 0, -2, -4, -5, -4, -2)]
    assert _confirmed_after(list(sway), unrest=50.0) is None


def test_what_only_grows_is_no_visitor_in_a_restless_picture() -> None:
    sizes = [4 + min(n, 8) for n in range(30)]
    gust = [Rect(30 - size / 2, 20 - size / 2, size, size) for size in sizes]
    assert _confirmed_after(list(gust), unrest=50.0) is None


def test_something_large_that_keeps_moving_where_nothing_else_does_is_a_visitor() -> None:
    at_work = [Rect(30 + n % 3, 20, 12, 16) for n in range(20)]
    assert _confirmed_after(list(at_work), unrest=50.0) == LARGE_RUN + 1
    assert [track.rule for track in _follow(list(at_work), unrest=50.0)[0].alive] == [STEADY]
    assert _confirmed_after(list(at_work), unrest=50.0, fresh=0.1) is None


def test_a_shred_that_a_gust_leaves_is_no_visitor() -> None:
    gust = [*_walk(1.0, 8, width=10, height=10), *[Rect(18 + n, 24, 2, 2) for n in range(6)]]
    assert _confirmed_after(list(gust), unrest=CALM + 0.5) is None
    assert _confirmed_after(_walk(1.0, 14, width=10, height=10), unrest=CALM + 0.5) is not None


def test_many_things_that_begin_to_move_at_once_are_no_visitors() -> None:
    tracks = Tracks(GRID, unrest=0.0)
    for number in range(4):
        tracks.look(number * FRAME, [Blob(20, Rect(12 * n + number, 20, 5, 5), 1.0) for n in range(6)])
    assert not any(track.is_confirmed for track in tracks.alive)


def test_what_moves_beside_a_visitor_is_no_unrest() -> None:
    walk, shred = _walk(1.0, 40), Rect(34, 20, 3, 3)
    tracks = Tracks(GRID, unrest=0.0)
    for number, rect in enumerate(walk):
        assert rect is not None
        beside = [Blob(4, shred, 1.0)] if number == 15 else []
        tracks.look(number * FRAME, [Blob(50, rect, 1.0), *beside])
    assert tracks.unrest == 0.0


def test_who_comes_in_at_the_border_grows_and_is_a_visitor() -> None:
    entering = [Rect(0, 20, 2 + min(n, 10), 8) for n in range(24)]
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
