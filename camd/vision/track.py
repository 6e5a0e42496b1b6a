"""Follows moving things from frame to frame, and decides which of them are visitors.

Idea: a blob that lies where a track is going belongs to it. A track is *confirmed* when two of four frames saw it, if
the picture has been calm; in a restless one (rain, wind, a lamp that flickers) it must also have got somewhere. A
confirmed track whose thing stands still is *held* for as long as its place looks different from the background.
Rule: pure. Places and lengths are cells of the coarse grid. A restless place never holds back a track that leaves it.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from camd.model import SECOND, Nanos
from camd.vision.blobs import Blob, Rect

CONFIRM: Final = 2  # frames that saw it ...
WINDOW: Final = SECOND * 3 // 10  # ... within so long: four frames at 15 a second, 98 ms from onset to decision
FORGET: Final = WINDOW  # an unconfirmed track that nothing moved in for so long
QUICK_CELLS: Final = 8  # smaller things must get somewhere first: they may be an insect or a drop
TRAVEL: Final = 4.0  # cells that a track must get away from its birth, in a restless picture or when it is small
TRAVEL_OF_SIZE: Final = 0.8  # and this share of its shorter side
TRAVEL_MOST: Final = 8.0  # cells; a tenth of the picture is somewhere for anything
FOLLOWED: Final = 9  # frames in which it must then have been seen, each overlapping the last
STRAIGHT: Final = 0.4  # of its path; what sways comes back
STRAIGHT_ON: Final = 0.6  # the same, in a restless picture
FRESH: Final = 0.4  # share of a blob's cells that must lie outside of restless places
FRESH_RUN: Final = 5  # frames in a row that a track was fresh in, in a restless picture
FIDGET: Final = SECOND // 2  # an unconfirmed track that is older moves in vain
SPRINT: Final = 3.0  # times its own length, in a second
HELD: Final = 0.15  # share of a still track's box that must differ from the background
KNOWN: Final = SECOND  # a visitor was followed for so long before he stood still; a shred of one was not
REMAINS: Final = 0.2  # of its size; what differs in its place must be more than a shred of it
FADE: Final = 0.9  # of the size, per frame in which it is seen smaller
STILL_MOST: Final = 30 * SECOND  # after that long without a movement it is parked, and the event is over
MOMENTS: Final = SECOND // 2
SWAY: Final = 2 * SECOND  # a track that got nowhere in so long sways in its place
SLACK: Final = 1.0  # cells around a box that still touch it
CALM: Final = 1.5  # fewer vain tracks than this, each counted for some seconds
SHADOW_UNREST: Final = 0.1  # of a vain track, for each shadow in a frame
RESTLESS_AT_START: Final = 1.0  # who is there when the camera starts is seen, if nothing else moves in vain
CALM_SECONDS: Final = 4.0  # time constant of forgetting a vain track

NOWHERE: Final = Rect(0, 0, 0, 0)


@dataclass(slots=True)
class Track:
    """One thing that moves, or moved and now stands still. `seen` is the last frame in which it moved."""

    born: Nanos
    birth: Rect
    box: Rect
    seen: Nanos
    cells: int
    hits: int = 1
    overlaps: int = 0
    path: float = 0.0
    velocity: tuple[float, float] = (0.0, 0.0)
    is_confirmed: bool = False
    went_over: bool = False  # that is why it was confirmed, and not because the picture was calm
    length: float = 0.0  # the longest that it ever was
    size: float = 0.0  # cells that moved at its best of late
    has_travelled: bool = False
    fresh_run: int = 0
    trail: deque[tuple[Nanos, Rect]] = field(default_factory=deque)  # its boxes of the last moments of motion,
    place: Rect = NOWHERE  # and all that it covered in them; a thing that it uncovered there is only a part of that

    @property
    def travel(self) -> float:
        """Cells between where it was born and where it is."""
        (x0, y0), (x1, y1) = self.birth.centre, self.box.centre
        return math.hypot(x1 - x0, y1 - y0)

    def expected(self, t: Nanos) -> Rect:
        """Where it should be at `t`, when it goes on as it went."""
        seconds = min(t - self.seen, SECOND // 2) / SECOND
        return self.box.moved(self.velocity[0] * seconds, self.velocity[1] * seconds)


@dataclass(slots=True)
class Tracks:
    """All tracks of one camera whose coarse grid is `grid`."""

    grid: Rect
    alive: list[Track] = field(default_factory=list)
    unrest: float = RESTLESS_AT_START
    _last: Nanos = 0

    @property
    def is_calm(self) -> bool:
        """Whether hardly anything moved in vain lately, or does so now."""
        fidgets = sum(not track.is_confirmed and track.seen - track.born > FIDGET for track in self.alive)
        return self.unrest + fidgets < CALM

    def visitors(self) -> list[Track]:
        """Confirmed tracks that got somewhere: they, and not the scenery, are what moves there."""
        return [track for track in self.alive if track.is_confirmed and track.has_travelled]

    def look(self, t: Nanos, blobs: Sequence[Blob]) -> list[Track]:
        """Take the blobs of one frame, the largest first; return the tracks given up in vain."""
        self.unrest *= math.exp(-max(0, t - self._last) / (CALM_SECONDS * SECOND))
        self._last = t
        taken: set[int] = set()
        for track in sorted(self.alive, key=lambda track: (not track.is_confirmed, -track.hits)):
            mine = self._belonging(track, t, blobs, taken)
            if mine:
                taken.update(mine)
                _follow(track, t, [blobs[i] for i in mine])
        for number, blob in enumerate(blobs):
            if number not in taken:
                self.alive.append(_born(t, blob))
        for track in self.alive:
            if track.seen == t:
                track.has_travelled = track.has_travelled or _got_somewhere(track)
                track.is_confirmed = track.is_confirmed or self._is_visitor(track)
        return self._forget(t)

    def _belonging(self, track: Track, t: Nanos, blobs: Sequence[Blob], taken: set[int]) -> list[int]:
        expected = track.expected(t)
        return [
            number
            for number, blob in enumerate(blobs)
            if number not in taken and (expected.touches(blob.rect, SLACK) or track.box.touches(blob.rect, SLACK))
        ]

    def _is_visitor(self, track: Track) -> bool:
        if track.fresh_run >= CONFIRM and track.cells >= QUICK_CELLS and track.overlaps >= CONFIRM - 1 and self.is_calm:
            return True
        is_followed = track.overlaps >= FOLLOWED - 1 and track.fresh_run >= FRESH_RUN
        track.went_over = is_followed and _went_over(track, self.grid) and not _flutters(track)
        return track.went_over

    def _forget(self, t: Nanos) -> list[Track]:
        vain = [track for track in self.alive if _is_vain(track, t)]
        self.alive = [track for track in self.alive if track not in vain]
        self.unrest += len(vain)
        return vain

    def disturb(self, shadows: int) -> None:
        """So many shadows moved: what their edges do may look like a visitor."""
        self.unrest += SHADOW_UNREST * shadows

    def drop(self, gone: Iterable[Track]) -> None:
        """Forget confirmed tracks that have left or are parked."""
        left = list(gone)
        self.alive = [track for track in self.alive if track not in left]

    def clear(self) -> None:
        """Forget everything: the picture is a new one."""
        self.alive.clear()
        self.unrest = RESTLESS_AT_START


def _got_somewhere(track: Track) -> bool:
    return track.travel >= max(_far(track), STRAIGHT * track.path)


def _went_over(track: Track, grid: Rect) -> bool:
    """Whether the whole of it moved on; a gust makes a blob grow, and its middle move, without that."""
    dx = _shift(track.birth.x, track.birth.right, track.box.x, track.box.right, grid.width)
    dy = _shift(track.birth.y, track.birth.bottom, track.box.y, track.box.bottom, grid.height)
    return math.hypot(dx, dy) >= _far(track) and track.travel >= STRAIGHT_ON * track.path


def _flutters(track: Track) -> bool:
    """Whether it moved faster than anything of its size walks or drives: leaves, flakes and insects do."""
    seconds = max(track.seen - track.born, 1) / SECOND
    return track.travel / seconds > SPRINT * track.length


def _shift(low0: float, high0: float, low1: float, high1: float, end: float) -> float:
    """How far both sides moved one way. A side at the border of the picture cannot tell: who comes in grows."""
    low, high = low1 - low0, high1 - high0
    if low0 <= 0 or low1 <= 0:
        low = high
    if high0 >= end or high1 >= end:
        high = low
    return min(abs(low), abs(high)) if low * high > 0 else 0.0


def _far(track: Track) -> float:
    return min(max(TRAVEL, TRAVEL_OF_SIZE * min(track.box.width, track.box.height)), TRAVEL_MOST)


def _is_vain(track: Track, t: Nanos) -> bool:
    if track.is_confirmed:
        return not track.has_travelled and t - track.born > SWAY
    return t - track.seen > FORGET


def _born(t: Nanos, blob: Blob) -> Track:
    length = max(blob.rect.width, blob.rect.height)
    fresh_run = int(blob.fresh >= FRESH)
    return Track(t, blob.rect, blob.rect, t, blob.cells, length=length, fresh_run=fresh_run, place=blob.rect)


def _follow(track: Track, t: Nanos, blobs: list[Blob]) -> None:
    box = blobs[0].rect
    for blob in blobs[1:]:
        box = box.union(blob.rect)
    (x0, y0), (x1, y1) = track.box.centre, box.centre
    seconds = max(t - track.seen, 1) / SECOND
    step = (x1 - x0, y1 - y0)
    track.velocity = tuple(0.5 * old + 0.5 * way / seconds for old, way in zip(track.velocity, step, strict=True))  # type: ignore[assignment]
    track.path += math.hypot(*step)
    # A thing does not get further in a frame than it is large; an insect before the lens does.
    track.overlaps += math.hypot(*step) <= max(box.width, box.height)
    track.hits += 1
    track.fresh_run = track.fresh_run + 1 if max(blob.fresh for blob in blobs) >= FRESH else 0
    track.cells = sum(blob.cells for blob in blobs)
    track.size = max(track.cells, track.size * FADE)
    track.trail.append((track.seen, track.box))
    while track.trail and track.trail[0][0] < t - MOMENTS:
        track.trail.popleft()
    track.box, track.seen, track.length = box, t, max(track.length, box.width, box.height)
    track.place = box
    for _, old in track.trail:
        track.place = track.place.union(old)
