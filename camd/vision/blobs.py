"""From moving pixels to moving things.

Idea: pixels vote in cells of 2x2 on a coarse grid, and neighbouring cells are one blob.
Rule: pure; components are sought on the coarse grid only (21 microseconds at 80x60, where the full picture costs 1 ms),
and cells are counted in sums that are made once a frame, so that many blobs cost little more than one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Sums = cv2.typing.MatLike  # of all cells above and left of a corner, as `cv2.integral` makes them
Grey = NDArray[np.uint8]

CELL: Final = 2  # analysed pixels along a cell's side
MAJORITY: Final = 0.5 * 255  # of a cell's pixels must move
MOST_BLOBS: Final = 8  # the largest; more are weather

Outlines = Sequence[cv2.typing.MatLike]
Cells = tuple[int, int, int, int]  # left, top, width, height on the coarse grid


class Rect(NamedTuple):
    """A rectangle in cells of the coarse grid."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def right(self) -> float:
        """Where it ends on the right."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Where it ends below."""
        return self.y + self.height

    def touches(self, other: "Rect", slack: float) -> bool:
        """Whether they come within `slack` cells of one another."""
        x, y, width, height = self  # unpacked: this is asked for every pair of a track and a blob
        left, top, across, down = other
        return (
            x - slack < left + across
            and left - slack < x + width
            and y - slack < top + down
            and top - slack < y + height
        )


def around(rects: Iterable[Rect]) -> Rect:
    """The smallest rectangle around all of them; there must be one."""
    corners = [(x, y, x + width, y + height) for x, y, width, height in rects]
    lefts, tops, rights, bottoms = zip(*corners, strict=True)
    x, y = min(lefts), min(tops)
    return Rect(x, y, max(rights) - x, max(bottoms) - y)


@dataclass(frozen=True, slots=True)
class Blob:
    """One moving thing: its `cells` on the coarse grid, and what share of them lies in no restless place."""

    cells: int
    rect: Rect
    fresh: float


def coarse_cells(moving: Grey) -> Grey:
    """The cells (0 or 255) of the mask `moving` in which most pixels move."""
    height, width = moving.shape
    coarse: Grey = cv2.resize(moving, (width // CELL, height // CELL), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    cv2.threshold(coarse, MAJORITY - 1, 255, cv2.THRESH_BINARY, dst=coarse)
    return coarse


def outlines(coarse: Grey) -> Outlines:
    """The outlines of moving cells that lie together."""
    # Edges move and plain surfaces do not: widening, by a cell all around, joins the outline of one thing. Outlines
    # alone are sought: on so small a grid that costs half of connectedComponentsWithStats.
    found, _ = cv2.findContours(cv2.dilate(coarse, None), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)  # type: ignore[call-overload]
    return found


def find(coarse: Grey, found: Outlines, restless: Grey | None) -> list[Blob]:
    """Make blobs of the largest outlines of moving cells, the one with most cells first."""
    boxes = [cast("Cells", cv2.boundingRect(outline)) for outline in found]
    boxes.sort(key=lambda box: -box[2] * box[3])
    moving = cv2.integral(coarse)
    fresh = moving if restless is None else cv2.integral(cv2.subtract(coarse, restless))
    blobs = list(_blobs(boxes[:MOST_BLOBS], moving, fresh))
    blobs.sort(key=lambda blob: -blob.cells)
    return blobs


def filled(blob: Blob, moving: Grey) -> Blob:
    """The blob, of two cells where it has one and as many pixels of the mask `moving` in its box as two cells need.

    A far walker fills two cells where he lies within them, and one where he lies across them.
    """
    x, y, width, height = (int(value) * CELL for value in blob.rect)
    pixels = cv2.countNonZero(moving[y : y + height, x : x + width])
    return Blob(2, blob.rect, blob.fresh) if blob.cells == 1 and pixels >= CELL * CELL else blob


def _blobs(boxes: Iterable[Cells], moving: Sums, fresh: Sums) -> Iterator[Blob]:
    for box in boxes:
        cells = _sum(moving, box) // 255
        free = cells if fresh is moving else _sum(fresh, box) // 255
        yield Blob(cells, Rect(*box), free / max(cells, 1))


def _sum(sums: Sums, box: Cells) -> int:
    x, y, width, height = box
    right, bottom = x + width, y + height
    return int(sums.item(bottom, right) - sums.item(y, right) - sums.item(bottom, x) + sums.item(y, x))
