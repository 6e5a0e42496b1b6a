"""Whether somebody, or the weather, has got at the camera: covered, blurred, moved, dark or frozen.

Idea: about once a second the picture is shrunk to a few cells of brightness and of edges. How far brightness spreads
over the cells, how sharp the edges are against that spread, and where they lie are held against what was usual for the
last minute. A kind comes on when it was so for its patience, and goes off when it was clearly not so for a while.
Rule: pure, and cheap: a look is spread over three frames, each of at most three array calls; the frames between cost
none.
It does not promise: to notice what comes slowly (a web, dew, a mount that sinks), a pan along a pattern that repeats,
a frozen picture whose clock runs on; or to tell a covered lens from the last lamp of a room that is switched off.
"""

import math
import zlib
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import SECOND, Nanos, Tampered

Grey = NDArray[np.uint8]
Cells = NDArray[np.float64]  # one value for each open cell, their mean taken away

TURN: Final = SECOND // 3  # between the three frames of a look
GRID: Final = (32, 24)  # cells across and down; noise of 10 grey levels is less than 1 in a cell's mean
LEAST_CELLS: Final = 16  # that are open; fewer cannot tell
USUAL_SECONDS: Final = 60.0  # time constant of what is usual; dusk and fog take longer
KNOWN: Final = 5  # looks until it is known what is usual
ACCEPT: Final = 600 * SECOND  # another picture that stays for so long becomes the usual one

COVERED: Final = 0.15  # of the usual spread and roughness; a lamp off, or the infrared switch, leaves 0.3
FLAT: Final = 2.5  # grey levels of spread; nothing is to be seen
DARK: Final = 24.0  # grey levels; black is 16 in most video
BLURRED: Final = 0.45  # of the usual roughness for its spread; low for a look at most while nothing is wrong
MOVED: Final = 0.4  # correlation of the edges with the usual ones; thick snow and passing cars leave more
STABLE: Final = 0.6  # correlation of the brightness with those of the last look; less is traffic and no other view
LEAVE: Final = 1.5  # times its limit that a measure must reach before its kind goes off
RELEASE: Final = 3 * SECOND  # for so long

SPECK: Final = 0.01  # grey levels, so that nothing is divided by 0

PATIENCE: Final = {
    "covered": 3 * SECOND,  # exposure settles sooner after a lamp or the switch to infrared
    "dark": 3 * SECOND,
    "blurred": 15 * SECOND,  # somebody who stands before the lens for 10 s is a visitor
    "moved": 15 * SECOND,
    "frozen": 10 * SECOND,  # sensors have noise, but an encoder repeats a quiet picture until its next key picture
}


class Tamper:
    """Looks at the analysed pictures of one camera. `private` is None or a mask: pixels that are not 0 tell nothing.

    Where nearly all of the picture is private, nothing is ever found.
    """

    def __init__(self, private: Grey | None = None) -> None:
        self._open = _open_cells(private)
        self._can_tell = np.count_nonzero(self._open) >= LEAST_CELLS
        self._watches = {kind: _Watch(patience) for kind, patience in PATIENCE.items()}
        self._due: Nanos | None = None
        self._taken: _Sketch | None = None
        self._view: _View | None = None
        self._last: _View | None = None
        self._usual: _Usual | None = None
        self._doubted: Nanos | None = None  # since when something is seen that is not the usual picture

    def look(self, t: Nanos, picture: Grey) -> list[Tampered]:
        """Take a picture of time `t` (uint8, always of one shape; only read); return the kinds that turned."""
        if not self._can_tell or (self._due is not None and t < self._due):
            return []
        self._due = t + TURN
        if self._taken is None:
            self._taken = self._take(picture)
            return []
        if self._view is None:
            self._view = _weighed(self._taken)
            return []
        found = self._judge(t, self._view)
        self._last, self._view, self._taken = self._view, None, None
        return found

    def _take(self, picture: Grey) -> "_Sketch":
        edges = cv2.Laplacian(picture, cv2.CV_8U)  # what is negative becomes 0: one side of an edge is enough
        cells, strengths = (cv2.resize(whole, GRID, interpolation=cv2.INTER_AREA) for whole in (picture, edges))
        # No picture has these alike and is another; `picture` itself may lie in memory with gaps.
        digest = zlib.crc32(cells.data, zlib.crc32(edges.data))
        return _Sketch(digest, cells[self._open], strengths[self._open])

    def _judge(self, t: Nanos, view: "_View") -> list[Tampered]:
        usual = self._usual if self._usual and self._usual.looks >= KNOWN else None
        measures = self._emptiness(view, usual)
        if min(measures.values()) >= 1:
            measures |= self._oddness(view, usual)
        turned = [kind for kind, watch in self._watches.items() if watch.look(t, measures.get(kind, math.nan))]
        self._learn(t, view, measures)
        return [Tampered(kind, self._watches[kind].is_on, t) for kind in turned]

    def _emptiness(self, view: "_View", usual: "_Usual | None") -> dict[str, float]:
        """The measures of the kinds in which nothing is to be seen."""
        is_dim, nothing = view.brightness < DARK, view.spread / FLAT
        lost = math.inf
        if usual and not self._watches["dark"].is_on:  # night has fallen, and only falls deeper
            lost = math.sqrt(math.prod(view.against(usual))) / COVERED
        covered = lost if is_dim else min(lost, nothing)
        return {"covered": covered, "dark": nothing if is_dim and covered >= 1 else math.inf}

    def _oddness(self, view: "_View", usual: "_Usual | None") -> dict[str, float]:
        """The measures of the kinds in which something is to be seen."""
        is_still = self._last is not None and view.digest == self._last.digest
        measures = {"frozen": 0.0 if is_still else math.inf}
        if usual is None:
            return measures
        spread, roughness = view.against(usual)
        measures["blurred"] = roughness / spread / BLURRED
        likeness = _likeness(view.edges, usual.edges) / MOVED
        can_tell = measures["blurred"] >= 1 and (likeness >= 1 or self._is_stable(view))
        measures["moved"] = likeness if can_tell else math.nan
        return measures

    def _is_stable(self, view: "_View") -> bool:
        return self._last is not None and _likeness(view.cells, self._last.cells) >= STABLE

    def _is_well(self, measures: dict[str, float]) -> bool:
        return all(measure >= 1 for measure in measures.values()) and not any(w.is_on for w in self._watches.values())

    def _learn(self, t: Nanos, view: "_View", measures: dict[str, float]) -> None:
        """Make this look a part of what is usual, unless something is wrong with it."""
        if "frozen" not in measures:  # nothing is to be seen
            self._doubted = None
        elif self._usual is None:
            self._usual = _Usual.of(t, view)
        elif self._usual.looks < KNOWN or self._is_well(measures):
            self._usual.learn(t, view)
            self._doubted = None
        elif self._doubted is None:
            self._doubted = t
        elif t - self._doubted >= ACCEPT:
            self._usual = self._doubted = None


@dataclass(frozen=True, slots=True)
class _Sketch:
    """A picture made small. `cells` are means of brightness and `edges` of edge strength, one for each open cell."""

    digest: int
    cells: NDArray[Any]
    edges: NDArray[Any]


@dataclass(frozen=True, slots=True)
class _View:
    """What one look saw: mean and deviation of the brightness, deviation of the edges' strength, and those edges."""

    digest: int
    brightness: float
    spread: float
    roughness: float
    cells: Cells
    edges: Cells

    def against(self, usual: "_Usual") -> tuple[float, float]:
        """Spread and roughness as shares of the usual ones. Light changes both alike; what has no focus, the second."""
        return (self.spread + SPECK) / (usual.spread + SPECK), (self.roughness + SPECK) / (usual.roughness + SPECK)


@dataclass(slots=True)
class _Usual:
    """What the looks from `began` to `t` saw, the later the more."""

    began: Nanos
    t: Nanos
    looks: int
    spread: float
    roughness: float
    edges: Cells

    @classmethod
    def of(cls, t: Nanos, view: _View) -> "_Usual":
        return cls(t, t, 1, view.spread, view.roughness, view.edges.copy())

    def learn(self, t: Nanos, view: _View) -> None:
        seconds, age = (t - self.t) / SECOND, (t - self.began) / SECOND
        rate = 1 - math.exp(-seconds / min(USUAL_SECONDS, age))
        self.spread += rate * (view.spread - self.spread)
        self.roughness += rate * (view.roughness - self.roughness)
        cv2.accumulateWeighted(view.edges, self.edges, rate)
        self.t, self.looks = t, self.looks + 1


@dataclass(slots=True)
class _Watch:
    """One kind: whether it is on, and since when its measure has said otherwise."""

    patience: Nanos
    is_on: bool = False
    since: Nanos | None = None

    def look(self, t: Nanos, measure: float) -> bool:
        """Take a measure (less than 1: it is so; not a number: nobody can tell); return whether the kind turned."""
        if not (measure >= LEAVE if self.is_on else measure < 1):
            self.since = None
            return False
        self.since = t if self.since is None else self.since
        if t - self.since < (RELEASE if self.is_on else self.patience):
            return False
        self.is_on, self.since = not self.is_on, None
        return True


def _open_cells(private: Grey | None) -> NDArray[np.bool_]:
    """The cells of which no pixel is private, nor beside a private one, where the edge of the mask would be seen."""
    if private is None:
        return np.full(GRID[::-1], True)
    beside = cv2.dilate((private > 0).astype(np.float32), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.resize(beside, GRID, interpolation=cv2.INTER_AREA) == 0)


def _weighed(sketch: _Sketch) -> _View:
    brightness, spread = (float(value[0, 0]) for value in cv2.meanStdDev(sketch.cells))
    strength, roughness = (float(value[0, 0]) for value in cv2.meanStdDev(sketch.edges))
    return _View(sketch.digest, brightness, spread, roughness, sketch.cells - brightness, sketch.edges - strength)


def _likeness(one: Cells, other: Cells) -> float:
    """Pearson's correlation, -1..1; 0 where there is nothing to correlate."""
    both = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / both if both else 0.0
