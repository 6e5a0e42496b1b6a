"""When the light of the whole picture changes: by how much, so that the background can be moved along with it.

Idea: an exposure step, a lamp or a cloud over everything multiplies and shifts all grey levels alike. Gain and offset
are fitted on a coarse grid and accepted only if most of it follows; a visitor changes less than half of the picture.
Rule: pure, and looked at only when the mean of the picture has moved.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Grid = NDArray[np.float32]

LIGHT_STEP: Final = 0.75  # grey levels that the mean must move before light is looked at
LIGHT_JUMP: Final = 3.0  # from here on it is looked at in every frame, below in every second one
LIGHT_EVERY: Final = 2
LIGHT_CELL: Final = (12, 9)  # analysed pixels; 16x12 cells of a picture of 192x108
LIGHT_TOLERANCE: Final = 6.0  # grey levels between a grid cell and the fitted light
LIGHT_FOLLOWERS: Final = 0.5  # of the grid must follow the fit
LIGHT_LEAST: Final = 0.5  # grey levels; less is not worth moving the background for
CONTRAST: Final = 8.0  # grey levels between the two halves, to tell a gain from an offset
GAINS: Final = (0.2, 5.0)  # what an exposure or a lamp can do to a picture


class LightFollower:
    """Compares each picture's brightness with the last that was looked at."""

    def __init__(self) -> None:
        self._brightness = 0.0
        self._usual: _Usual | None = None  # made of the background when it is first needed
        self._looks = 0

    def restart(self, picture: Grey) -> None:
        """`picture` is the background now."""
        self._brightness = cv2.mean(picture)[0]

    def forget(self) -> None:
        """The background has changed."""
        self._usual = None

    def learn(self, picture: Grey, rate: float) -> None:
        """The background takes in a share of `picture`."""
        self._brightness += (cv2.mean(picture)[0] - self._brightness) * rate

    def look(self, picture: Grey, background: Grey) -> tuple[float, float] | None:
        """Gain and offset in grey levels that took `background` to `picture`, or None when its light is the same."""
        self._looks += 1
        brightness = cv2.mean(picture)[0]
        step = abs(brightness - self._brightness)
        if step < LIGHT_STEP or (step < LIGHT_JUMP and self._looks % LIGHT_EVERY):
            return None
        self._brightness = brightness  # a fit that fails is tried again when the mean moves on
        if self._usual is None:
            self._usual = _Usual(background)
        fit = self._usual.fit(picture)
        if fit is None or abs(fit[0] - 1) * brightness + abs(fit[1]) < LIGHT_LEAST:
            return None
        return fit


class _Usual:
    """How light lies on a coarse grid of the background, ready to be compared with a picture's."""

    def __init__(self, background: Grey) -> None:
        self._cells = _grid(background)
        order = np.argsort(self._cells)
        self._dark, self._bright = order[: order.size // 2], order[order.size // 2 :]
        self._levels = _median(self._cells[self._dark]), _median(self._cells[self._bright])

    def fit(self, picture: Grey) -> tuple[float, float] | None:
        """Gain and offset that took the background to `picture`, if the light of the whole picture changed.

        The median change of the darker and of the brighter half of the grid gives two points of a line; medians, so
        that something that moves in less than half of the picture cannot bend it.
        """
        cells = _grid(picture)
        change = cells - self._cells
        x0, x1 = self._levels
        y0, y1 = x0 + _median(change[self._dark]), x1 + _median(change[self._bright])
        gain = (y1 - y0) / (x1 - x0) if x1 - x0 > CONTRAST else 1.0
        if not GAINS[0] <= gain <= GAINS[1]:
            return None
        offset = (y0 + y1 - gain * (x0 + x1)) / 2
        unexplained = np.abs(self._cells * (gain - 1) + offset - change)
        followers = np.count_nonzero(unexplained < LIGHT_TOLERANCE)
        return (gain, offset) if followers >= LIGHT_FOLLOWERS * cells.size else None


def _grid(picture: Grey) -> Grid:
    """Means of the cells of `LIGHT_CELL` pixels, as one row; whole cells alone, which makes it four times as fast."""
    height, width = picture.shape
    columns, rows = width // LIGHT_CELL[0], height // LIGHT_CELL[1]
    whole = picture[: rows * LIGHT_CELL[1], : columns * LIGHT_CELL[0]]
    return cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA).ravel().astype(np.float32)


def _median(values: Grid) -> float:
    """The upper median; `np.median` costs eight times as much on so few values."""
    middle = values.size // 2
    return float(np.partition(values, middle)[middle])
