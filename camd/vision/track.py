"""Follows moving things from frame to frame, and decides which of them are visitors.

Idea: a blob that lies where a track is going belongs to it. A track is *confirmed* when two of four frames saw it, if
the picture has been calm; in a restless one (rain, wind, a lamp that flickers) it must also have got somewhere. A
confirmed track whose thing stands still is *held* for as long as its place looks different from the background.
Rule: pure. Places are cells of the coarse grid, and lengths are told in sixtieths of its height, so that they mean the
same at every resolution. A restless place never holds back a track that leaves it.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from camd.model import SECOND, Nanos
from camd.vision.blobs import Blob, Rect, around
from camd.vision.why import CONFIRMED, STEADY, TRAVELLED

CONFIRM: Final = 2  # frames that saw it ...
WINDOW: Final = SECOND * 3 // 10  # ... within so long: four frames at 15 a second, 98 ms from onset to decision
FORGET: Final = WINDOW  # an unconfirmed track that nothing moved in for so long
ROWS: Final = 60  # of the grid that lengths are told for
QUICK_CELLS: Final = 10  # smaller things must get somewhere first: they may be an insect or a drop
TRAVEL: Final = 4.0  # that a track must get away from its birth, in a restless picture or when it is small
TRAVEL_OF_SIZE: Final = 0.8  # and this share of its shorter side
TRAVEL_MOST: Final = 8.0  # an eighth of the picture's height is somewhere for anything
FOLLOWED: Final = 9  # frames in which it must then have been seen, each overlapping the last
STRAIGHT: Final = 0.4  # of its path; what sways comes back
STRAIGHT_ON: Final = 0.6  # the same, in a restless picture
DOUBLED: Final = 24.0  # vain tracks at which it takes twice as many: snow and gusts give chance more tries
FRESH: Final = 0.4  # share of a blob's cells that must lie outside of restless places
FRESH_RUN: Final = 5  # frames in a row that a track was fresh in, in a restless picture
LARGE: Final = 90.0  # cells; what is large ...
LARGE_RUN: Final = 8  # ... and fresh in so many frames in a row neither sways nor falls nor glitters
SHRED: Final = 0.25  # of its size of late; what a gust leaves is no visitor
SIZE_FADE: Final = 0.9  # of that size, per frame
PACE_KNOWN: Final = 6  # frames that saw it, after which it is known where it goes
FIDGET: Final = SECOND // 2  # an unconfirmed track that is older moves in vain
SPRINT: Final = 3.0  # times its own length, in a second
HELD: Final = 0.15  # share of a still track's box that must differ from the background
KNOWN: Final = SECOND  # a visitor was followed for so long before he stood still; a shred of one was not
REMAINS: Final = 0.7  # of its body; what differs in its place must be more than what a hand has put down
STILL_MOST: Final = 30 * SECOND  # after that long without a movement it is parked, and the event is over
MOMENTS: Final = SECOND // 2
SWAY: Final = 2 * SECOND  # a track that got nowhere in so long sways in its place
SLACK: Final = 1.0  # around a box, that still touches it
CALM: Final = 1.5  # fewer vain tracks than this, each counted for some seconds
SWARM: Final = 0.35  # of a vain track, for each thing that nobody knows yet: leaves begin to move all at once
BESIDE: Final = 4.0  # from a visitor: what moves there is his
SHADOW_UNREST: Final = 0.1  # of a vain track, for each shadow in a frame
RESTLESS_AT_START: Final = 2.0  # for some seconds nothing is known of the place
CALM_SECONDS: Final = 4.0  # time constant of forgetting a vain track


@dataclass(slots=True, eq=False)
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
    rule: str = ""  # that confirmed it
    length: float = 0.0  # the longest that it ever was
    has_travelled: bool = False
    size: float = 0.0  # cells that moved at its best of late
    fresh_run: int = 0
    large_run: int = 0
    trail: deque[tuple[Nanos, Rect]] = field(default_factory=deque)  # its boxes of the last moments of motion
    bodies: deque[tuple[Nanos, int]] = field(default_factory=deque)  # pixels in them that were not background
    _place: Rect | None = None

    @property
    def place(self) -> Rect:
        """All that it covered in its last moments of motion; a thing that it uncovered there is only a part of that."""
        if self._place is None:
            self._place = around([self.box, *(box for _, box in self.trail)])
        return self._place

    @property
    def is_confirmed(self) -> bool:
        """Whether it is a visitor."""
        return bool(self.rule)

    @property
    def body(self) -> int:
        """The most pixels in its box that differed from the background in its last moments of motion."""
        return max((pixels for _, pixels in self.bodies), default=0)

    @property
    def travel(self) -> float:
        """Cells between where it was born and where it is."""
        (x0, y0), (x1, y1) = self.birth.centre, self.box.centre
        return math.hypot(x1 - x0, y1 - y0)

    def reach(self, t: Nanos) -> Rect:
        """Where it may be at `t`: where it was, where it should be when it goes on as it went, and between."""
        seconds = min(t - self.seen, SECOND // 2) / SECOND
        dx, dy = self.velocity[0] * seconds, self.velocity[1] * seconds
        x, y, width, height = self.box
        return Rect(x + min(dx, 0.0), y + min(dy, 0.0), width + abs(dx), height + abs(dy))

    def follow(self, t: Nanos, blobs: Sequence[Blob]) -> None:
        """These are it now."""
        box = blobs[0].rect if len(blobs) == 1 else around(blob.rect for blob in blobs)
        (x0, y0), (x1, y1) = self.box.centre, box.centre
        seconds = max(t - self.seen, 1) / SECOND
        dx, dy = x1 - x0, y1 - y0
        (vx, vy), step = self.velocity, math.hypot(dx, dy)
        self.velocity = 0.5 * (vx + dx / seconds), 0.5 * (vy + dy / seconds)
        self.path += step
        # A thing does not get further in a frame than it is large; an insect before the lens does.
        self.overlaps += step <= max(box.width, box.height)
        self.hits += 1
        self.fresh_run = self.fresh_run + 1 if max(blob.fresh for blob in blobs) >= FRESH else 0
        self.cells = sum(blob.cells for blob in blobs)
        self.size = max(self.cells, self.size * SIZE_FADE)
        self.trail.append((self.seen, self.box))
        for past in (self.trail, self.bodies):
            while past and past[0][0] < t - MOMENTS:
                past.popleft()
        self.box, self.seen, self.length = box, t, max(self.length, box.width, box.height)
        self._place = None


@dataclass(slots=True)
class Tracks:
    """All tracks of one camera whose coarse grid is `grid`."""

    grid: Rect
    alive: list[Track] = field(default_factory=list)
    unrest: float = RESTLESS_AT_START
    _last: Nanos = 0
    _unit: float = 1.0  # cells of this grid in a length of 1

    def __post_init__(self) -> None:
        self._unit = self.grid.height / ROWS

    @property
    def is_calm(self) -> bool:
        """Whether hardly anything moved in vain lately, or does so now, and only a few things move at all."""
        return self._is_calm(self.alive)

    def _is_calm(self, tracks: Iterable[Track]) -> bool:
        unknown = [track for track in tracks if not track.is_confirmed]
        fidgets = sum(track.seen - track.born > FIDGET for track in unknown)
        return self.unrest + fidgets + SWARM * len(unknown) < CALM

    def visitors(self) -> list[Track]:
        """Confirmed tracks that got somewhere: they, and not the scenery, are what moves there."""
        return [track for track in self.alive if track.is_confirmed and track.has_travelled]

    @property
    def is_plainly_visited(self) -> bool:
        """Whether a visitor is there who is not so small, or so new, that he may be lost from sight."""
        least = QUICK_CELLS * self._unit**2
        return any(track.is_confirmed and track.cells >= least and track.hits >= PACE_KNOWN for track in self.alive)

    def promising(self) -> list[Track]:
        """Visitors, and large and solid things that may soon be known as such."""
        return [track for track in self.alive if track.large_run or (track.is_confirmed and track.has_travelled)]

    def look(self, t: Nanos, blobs: Sequence[Blob]) -> list[Track]:
        """Take the blobs of one frame, the largest first; return the tracks given up in vain."""
        self.unrest *= math.exp(-max(0, t - self._last) / (CALM_SECONDS * SECOND))
        self._last = t
        free = self._assign(t, blobs) if blobs else []
        self.alive.extend(_born(t, blob) for blob in free)
        for track in self.alive:
            if track.seen == t:
                track.has_travelled = track.has_travelled or self._got_somewhere(track)
                track.rule = track.rule or self._rule(track)
        return self._forget(t)

    def _assign(self, t: Nanos, blobs: Sequence[Blob]) -> Sequence[Blob]:
        """Give each track the blobs that lie where it may be, the best known first; return those that nobody takes."""
        slack = SLACK * self._unit
        for track in sorted(self.alive, key=lambda track: (not track.is_confirmed, -track.hits)):
            if not blobs:
                break
            reach = track.reach(t)
            mine = [blob for blob in blobs if reach.touches(blob.rect, slack)]
            if mine:
                blobs = [blob for blob in blobs if blob not in mine]
                track.follow(t, mine)
                track.large_run = track.large_run + 1 if self._is_large(track) else 0
        return blobs

    def _is_large(self, track: Track) -> bool:
        """Whether it is large, now and of late, and moves where nothing else does."""
        least = LARGE * self._unit**2
        return track.fresh_run > 0 and track.size >= least and track.cells >= least / 2

    def _rule(self, track: Track) -> str:
        """The rule by which it is a visitor, or ""."""
        is_large = track.cells >= QUICK_CELLS * self._unit**2
        if (
            is_large
            and track.fresh_run >= CONFIRM
            and track.overlaps >= CONFIRM - 1
            and self._is_calm(self._around(track))
        ):
            return CONFIRMED
        if track.large_run >= LARGE_RUN:
            return STEADY
        frames = FOLLOWED * (1 + min(self.unrest / DOUBLED, 1.0))
        is_followed = (
            track.overlaps >= frames - 1 and track.fresh_run >= FRESH_RUN and track.cells >= SHRED * track.size
        )
        return TRAVELLED if is_followed and self._went_over(track) and not _flutters(track) else ""

    def _around(self, track: Track) -> Iterable[Track]:
        """All tracks; those beside something large are left out: they are pieces of it, seen as it came in."""
        if not track.large_run:
            return self.alive
        slack = BESIDE * self._unit
        return [other for other in self.alive if other is track or not track.place.touches(other.place, slack)]

    def _got_somewhere(self, track: Track) -> bool:
        return track.travel >= max(self._far(track), STRAIGHT * track.path)

    def _went_over(self, track: Track) -> bool:
        """Whether the whole of it moved on; a gust makes a blob grow, and its middle move, without that."""
        dx = _shift(track.birth.x, track.birth.right, track.box.x, track.box.right, self.grid.width)
        dy = _shift(track.birth.y, track.birth.bottom, track.box.y, track.box.bottom, self.grid.height)
        return math.hypot(dx, dy) >= self._far(track) and track.travel >= STRAIGHT_ON * track.path

    def _far(self, track: Track) -> float:
        """Cells that are somewhere else for this track."""
        least, most = TRAVEL * self._unit, TRAVEL_MOST * self._unit
        return min(max(least, TRAVEL_OF_SIZE * min(track.box.width, track.box.height)), most)

    def _forget(self, t: Nanos) -> list[Track]:
        vain = [track for track in self.alive if _is_vain(track, t)]
        if vain:
            self.drop(vain)
            self.unrest += self._strange(track.box for track in vain)
        return vain

    def disturb(self, shadows: Iterable[Rect]) -> None:
        """There shadows moved: what their edges do may look like a visitor."""
        self.unrest += SHADOW_UNREST * self._strange(shadows)

    def _strange(self, places: Iterable[Rect]) -> int:
        """How many of the places are not beside a visitor; his shadow, and what comes off him, is no unrest."""
        near = [visitor.place for visitor in self.visitors()]
        slack = BESIDE * self._unit
        return sum(not any(place.touches(other, slack) for other in near) for place in places)

    def drop(self, gone: Iterable[Track]) -> None:
        """Forget tracks that have left, are parked, or were none."""
        left = list(gone)
        self.alive = [track for track in self.alive if track not in left]

    def clear(self) -> None:
        """Forget everything: the picture is a new one."""
        self.alive.clear()
        self.unrest = RESTLESS_AT_START


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


def _is_vain(track: Track, t: Nanos) -> bool:
    if track.is_confirmed:
        return not track.has_travelled and t - track.born > SWAY
    return t - track.seen > FORGET


def _born(t: Nanos, blob: Blob) -> Track:
    length = max(blob.rect.width, blob.rect.height)
    fresh_run = int(blob.fresh >= FRESH)
    return Track(t, blob.rect, blob.rect, t, blob.cells, length=length, fresh_run=fresh_run)
