"""The small picture that vision looks at.

Idea: luma is halved, exactly, for as long as at least 96 rows are left, and what then has more than 144 rows is brought
to 144, so that a visitor has about the same number of analysed pixels at every resolution. A halving is the one
reduction that OpenCV does at the speed of memory: two cost a fifth of one resize by four. From 768 rows up every second
row is left out, as reading them would cost more than all else.
Rule: pure; the memory of the small picture is used again by the next call.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

LEAST_ROWS: Final = 96  # of an analysed picture
MOST_ROWS: Final = 144
SKIP_FROM: Final = 3  # halvings; a picture that needs so many is read in every second row


class Reducer:
    """Makes analysed pictures of luma of `width` x `height` pixels; theirs is `shape`: (height, width).

    `factor` is how many pixels of the full picture one analysed pixel has along a side.
    """

    def __init__(self, width: int, height: int) -> None:
        halvings = 0
        while height >> halvings >= 2 * LEAST_ROWS and width >> halvings >= 2:
            halvings += 1
        self._row_step = 2 if halvings >= SKIP_FROM else 1
        self._steps = _halvings(height // self._row_step, width, (height >> halvings, width >> halvings))
        self.shape, self.factor = (height >> halvings, width >> halvings), float(1 << halvings)
        if self.shape[0] > MOST_ROWS:
            surplus = self.shape[0] / MOST_ROWS
            wanted = MOST_ROWS, max(1, round(self.shape[1] / surplus))
            self._steps.append(_Step(*self.shape, np.empty(wanted, np.uint8), cv2.INTER_LINEAR))
            self.shape, self.factor = wanted, self.factor * surplus

    def __call__(self, luma: Grey) -> Grey:
        """Return the analysed picture of `luma` (height, width) uint8, which is only read."""
        if self._row_step > 1:
            luma = luma[:: self._row_step]
        for step in self._steps:
            luma = luma[: step.rows, : step.columns]
            cv2.resize(luma, step.small.shape[::-1], dst=step.small, interpolation=step.how)
            luma = step.small
        return luma


class _Step(NamedTuple):
    """Makes `small` of the first `rows` and `columns` of what is there."""

    rows: int
    columns: int
    small: Grey
    how: int


def _halvings(height: int, width: int, wanted: tuple[int, int]) -> list[_Step]:
    """Halvings of both sides, and one of the columns alone where rows were left out before."""
    steps = []
    while height > wanted[0]:
        height, width = height // 2, width // 2
        steps.append(_Step(2 * height, 2 * width, np.empty((height, width), np.uint8), cv2.INTER_AREA))
    if width > wanted[1]:  # at a scale of exactly 2 the middle between two pixels is their mean
        steps.append(_Step(height, 2 * wanted[1], np.empty(wanted, np.uint8), cv2.INTER_LINEAR))
    return steps
