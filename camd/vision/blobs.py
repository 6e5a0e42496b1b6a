"""From moving pixels to moving things.

Idea: pixels vote in cells of 2x2 on a coarse grid, neighbouring cells are one blob, and a blob that is merely the
background times one constant is a shadow or a pool of light.
Rule: pure; components are sought on the coarse grid only (21 microseconds at 80x60, where the full picture costs 1 ms).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

CELL: Final = 2  # analysed pixels along a cell's side
NEIGHBOURS: Final = np.ones((3, 3), np.uint8)
MAJORITY: Final = 0.5 * 255  # of a cell's pixels must move
MOST_BLOBS: Final = 16  # the largest; more are weather
SHADOW_FACTORS: Final = (0.4, 2.5)  # what a shadow or a lamp does to a surface
SHADOW_RESIDUAL: Final = 0.03  # of the factor; how rough the light may be
SMOOTH: Final = (5, 5)  # pixels within which light hardly changes
DARK: Final = np.float32(8.0)  # grey levels added to both sides of the quotient: noise in the dark is no texture
SHADOW_LEAST: Final = 12  # pixels; fewer cannot show a texture


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

    def moved(self, dx: float, dy: float) -> "Rect":
        """The same rectangle elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)

    def touches(self, other: "Rect", slack: float) -> bool:
        """Whether they come within `slack` cells of one another."""
        return (
            self.x - slack < other.right
            and other.x - slack < self.right
            and self.y - slack < other.bottom
            and other.y - slack < self.bottom
        )

    def union(self, other: "Rect") -> "Rect":
        """The smallest rectangle around both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)


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


def components(coarse: Grey) -> list[tuple[int, int, int, int]]:
    """The boxes (x, y, width, height) of moving cells that lie together."""
    # Edges move and plain surfaces do not: widening joins the outline of one thing. Outlines alone are sought: on so
    # small a grid that costs half of connectedComponentsWithStats.
    outlines, _ = cv2.findContours(cv2.dilate(coarse, NEIGHBOURS), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [cast("tuple[int, int, int, int]", cv2.boundingRect(outline)) for outline in outlines]


def find(coarse: Grey, boxes: Iterable[tuple[int, int, int, int]], restless: Grey) -> list[Blob]:
    """Make blobs of the `boxes` of moving cells, the largest first."""
    fresh: Grey = cv2.subtract(coarse, restless)  # type: ignore[assignment]
    found = [_blob(coarse, fresh, *box) for box in boxes]
    found.sort(key=lambda blob: -blob.cells)
    return found[:MOST_BLOBS]


def _blob(coarse: Grey, fresh: Grey, x: int, y: int, width: int, height: int) -> Blob:
    area = (slice(y, y + height), slice(x, x + width))
    cells = cv2.countNonZero(coarse[area])
    return Blob(cells, Rect(x, y, width, height), cv2.countNonZero(fresh[area]) / max(cells, 1))


def is_shadow(blob: Blob, moving: Grey, picture: Grey, mean: NDArray[np.float32]) -> bool:
    """Whether the blob is the background in another light: a shadow, a cloud, a pool of light.

    Light has no outline: what it does to one pixel it does to the next. So the quotient of picture and background is
    smooth under light, and jumps at the outline and at the texture of a thing.
    `picture` and `mean` are the analysed picture and the background, of the same height and width as `moving`.
    """
    x, y, width, height = (int(value) * CELL for value in blob.rect)
    area = (slice(y, y + height), slice(x, x + width))
    mask = moving[area]
    pixels = cv2.countNonZero(mask)
    if pixels < SHADOW_LEAST:
        return False
    quotient = (picture[area] + DARK) / (mean[area] + DARK)
    factor = cv2.mean(quotient, mask)[0]
    if not SHADOW_FACTORS[0] <= factor <= SHADOW_FACTORS[1]:
        return False
    roughness = cv2.absdiff(quotient, cv2.blur(quotient, SMOOTH))
    return cv2.mean(roughness, mask)[0] < SHADOW_RESIDUAL * factor
