"""What a classifier gets to see: a small grey picture of one moving thing.

Idea: the thing's box with a margin around it is cut from the full picture, made small, and laid into a square of which
each side is `SIDE` pixels, with grey levels counted from its own mean in its own deviations. So neither size nor light
nor the shape of the box says anything that the picture does not.
Rule: pure. Private pixels are covered in the cut before anybody looks at it; the decoder's memory is only read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.geometry import COVER, SUBPIXEL_BITS, on_picture
from camd.model import Box, Nanos, Polygon

Grey = NDArray[np.uint8]

MARGIN: Final = 0.15  # of the box on each side: what the pictures that the network was trained on have
LONGEST: Final = 96  # pixels of the longer side that are kept
SIDE: Final = 64  # of what the network takes
LEAST: Final = 8  # pixels; a smaller cut shows nothing
DEVIATION: Final = 12.0  # grey levels at least, so that the noise of a plain wall does not become a pattern
OUTLINE: Final = 5  # thickness of the line around private areas, as pictures have it
NEAR: Final = 0.001  # of the picture: a box at its border, whose numbers are rounded, may end so far inside
DETAIL: Final = 30.0  # grey levels of the sharpest edges from which on a cut counts as sharp


@dataclass(frozen=True, slots=True)
class Crop:
    """One thing as it was seen at `t`: `grey` is (height, width) uint8; `quality` 0..1 grows with size and sharpness.

    `is_cut` says that it touched the border of the picture, so that a part of it may be missing.
    """

    t: Nanos
    grey: Grey
    quality: float
    is_cut: bool = False


def cut(t: Nanos, luma: Grey, box: Box, private: Sequence[Polygon] = ()) -> Crop | None:
    """Cut `box` with its margin from `luma`, (height, width) uint8; None when there is too little of it.

    What lies in a `private` area is covered.
    """
    height, width = luma.shape
    left, right = _span(box.x, box.width, width)
    top, bottom = _span(box.y, box.height, height)
    if right - left < LEAST or bottom - top < LEAST:
        return None
    part = luma[top:bottom, left:right]
    if private:
        part = _covered(part, left, top, (width, height), private)
    grey, is_cut = _shrunk(part), any(borders(box))
    return Crop(t, grey, _quality(grey, max(part.shape)) * (0.5 if is_cut else 1.0), is_cut)


def borders(box: Box) -> tuple[bool, bool, bool, bool]:
    """Which borders of the picture a box touches: left, top, right, bottom."""
    return box.x < NEAR, box.y < NEAR, box.x + box.width > 1 - NEAR, box.y + box.height > 1 - NEAR


def whole(picture: Grey) -> Crop:
    """A picture that shows one thing and nothing else, as a crop."""
    grey = _shrunk(picture)
    return Crop(0, grey, _quality(grey, max(picture.shape)))


def squared(grey: Grey) -> NDArray[np.float32]:
    """What the network takes: (1, 1, SIDE, SIDE) float32, the picture in the middle, 0 around it."""
    height, width = grey.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(grey, size, interpolation=way).astype(np.float32)
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    square = np.zeros((1, 1, SIDE, SIDE), np.float32)
    place = square[0, 0, top : top + size[1], left : left + size[0]]
    place[:] = (small - small.mean()) / max(float(small.std()), DEVIATION)
    return square


def _span(low: float, length: float, pixels: int) -> tuple[int, int]:
    margin = MARGIN * length
    return max(0, round((low - margin) * pixels)), min(pixels, round((low + length + margin) * pixels))


def _shrunk(part: Grey) -> Grey:
    """A copy of at most LONGEST pixels along its longer side."""
    scale = LONGEST / max(part.shape)
    if scale >= 1:
        return part.copy()
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _covered(part: Grey, left: int, top: int, size: tuple[int, int], private: Sequence[Polygon]) -> Grey:
    covered = part.copy()
    for area in private:
        corners = np.array(on_picture(area.points, *size), np.int32) - (np.array([left, top]) << SUBPIXEL_BITS)
        outline = [corners.astype(np.int32)]
        cv2.fillPoly(covered, outline, (COVER,), shift=SUBPIXEL_BITS)
        cv2.polylines(covered, outline, True, (COVER,), OUTLINE, shift=SUBPIXEL_BITS)
    return covered


def _quality(grey: Grey, longest: int) -> float:
    """Size and sharpness, each 0..1, multiplied. `longest` is the longer side in pixels of the full picture."""
    size = min(longest, LONGEST) / LONGEST
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    detail = min(float(edges.std()), DETAIL) / DETAIL
    return round(size * (0.2 + 0.8 * detail), 4)
