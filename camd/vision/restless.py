"""Places where something moves again and again: a branch, a flag, a screen, water.

Idea: each cell of the coarse grid counts how often motion set in there, and forgets with time. A visitor who passes
sets in once or twice; foliage does so for as long as the wind blows.
Rule: pure. A restless place starts no event, and never ends one of a track that has come from elsewhere.
"""

import math
from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import SECOND, Nanos
from camd.vision.blobs import Rect

Grey = NDArray[np.uint8]

PAUSE: Final = 0.35  # seconds without motion, after which it sets in anew
REMEMBER: Final = 25.0  # seconds; time constant
OFTEN: Final = 2.6  # so many onsets, each fading, make a cell restless
SHARE_SECONDS: Final = 8.0  # time constant
FRAME_MOST: Final = 0.2  # seconds that one look stands for; between two looks nothing may have moved for long
MOSTLY: Final = 0.3  # of the time: water, a screen
LOOK_EVERY: Final = 2  # frames in which something moves
RENEW_EVERY: Final = 4  # of the same
EVERYWHERE: Final = 0.3  # of all cells
FIRST: Final = 0.8  # seconds
NEIGHBOURS: Final = np.ones((3, 3), np.uint8)


class Restless:
    """The restlessness of each cell of a grid of `shape` (rows, columns); the camera's first frame is of `start`."""

    def __init__(self, shape: tuple[int, int], start: Nanos) -> None:
        self._onsets = np.zeros(shape, np.float32)
        self._share = np.zeros(shape, np.float32)  # of the time in which the cell moves
        self._moved = np.full(shape, -1e9, np.float32)  # seconds: when the cell last moved
        self._mask: Grey | None = None
        self._start = start
        self._last = self._faded = 0.0
        self._looks = 0

    def look(self, t: Nanos, coarse: Grey, visitors: Iterable[Rect]) -> None:
        """Take the moving cells (0 or 255) of a frame; those under `visitors` make no place restless."""
        now = (t - self._start) / SECOND
        self._looks += 1
        if self._looks % LOOK_EVERY and now >= FIRST:
            return
        moving = coarse > 0
        for visitor in visitors:
            moving[_cells(visitor)] = False
        self._count(now, moving.ravel().nonzero()[0])
        if now < FIRST or self._looks % RENEW_EVERY == 0:
            self._renew(now)

    def _count(self, now: float, cells: NDArray[np.intp]) -> None:
        onsets, share, moved = self._onsets.ravel(), self._share.ravel(), self._moved.ravel()  # views
        onsets[cells] += moved[cells] < now - PAUSE
        share[cells] += min(now - self._last, FRAME_MOST) / SHARE_SECONDS
        moved[cells] = now
        self._last = now
        if now < FIRST:  # what moves when the camera starts is scenery, until it goes elsewhere
            onsets[cells] = 2 * OFTEN

    def _renew(self, now: float) -> None:
        """Let what was counted fade, and find the cells that are restless now."""
        passed, self._faded = now - self._faded, now
        self._onsets *= math.exp(-passed / REMEMBER)
        self._share *= math.exp(-passed / SHARE_SECONDS)
        restless = (self._onsets > OFTEN) | (self._share > MOSTLY)
        share = np.count_nonzero(restless) / restless.size
        if not 0 < share <= EVERYWHERE:  # more is weather, and says nothing of a place
            self._mask = None
            return
        # A cell beside a restless one is reached by the next gust. A new mask each time: the old was given away.
        self._mask = cv2.dilate(restless.view(np.uint8) * np.uint8(255), NEIGHBOURS).astype(np.uint8, copy=False)

    @property
    def mask(self) -> Grey | None:
        """The cells (0 or 255) that are restless now, or None when there are none."""
        return self._mask

    def mark(self, places: Iterable[Rect]) -> None:
        """Something swayed in these places for long."""
        for place in places:
            area = _cells(place)
            self._onsets[area] = np.maximum(self._onsets[area], 2 * OFTEN)


def _cells(place: Rect) -> tuple[slice, slice]:
    left, top = int(place.x), int(place.y)
    return slice(top, top + int(place.height)), slice(left, left + int(place.width))
