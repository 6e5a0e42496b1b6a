"""Whether what moves is a thing, or only light: a shadow, a cloud, a pool of light.

Idea: light has no outline. What it does to one pixel it does to the next, so the quotient of picture and background is
smooth under light, and jumps at the outline and at the texture of a thing.
Rule: pure; the quotient is made once for all that is asked about in a frame.
It does not promise: to know a shadow with a sharp edge on a plain wall, or a thing as plain as its ground.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.vision.blobs import CELL, Rect, around

Grey = NDArray[np.uint8]
Area = tuple[slice, slice]

FACTORS: Final = (0.4, 2.5)  # what a shadow or a lamp does to a surface
RESIDUAL: Final = 0.022  # of the factor; how rough the light may be beyond the noise
SMOOTH: Final = (5, 5)  # pixels within which light hardly changes
DARK: Final = np.float32(8.0)  # grey levels added to both sides of the quotient: noise in the dark is no texture
NOISE_MOST: Final = 1.0  # grey levels that a sensor's noise leaves of itself; more is what moves there
LEAST: Final = 12  # pixels; fewer cannot show a texture


class Shade(NamedTuple):
    """How many times as bright as the background a thing's pixels are, and how rough that is, as a share of it."""

    factor: float
    roughness: float

    @property
    def is_light(self) -> bool:
        """Whether nothing but light changed there."""
        return FACTORS[0] <= self.factor <= FACTORS[1] and self.roughness < RESIDUAL


UNKNOWN: Final = Shade(1.0, 1.0)  # too few pixels to tell


def shades(rects: Sequence[Rect], moving: Grey, picture: Grey, mean: NDArray[np.float32], noise: float) -> list[Shade]:
    """The shade of what moves in each of the `rects` (cells of the coarse grid).

    `picture` (uint8) and `mean` (float32) are the analysed picture and the background, `moving` a mask (0 or 255), all
    of the same height and width. `noise` is the picture's mean deviation in grey levels.
    """
    if not rects:
        return []
    whole = _pixels(around(rects))
    left, top = whole[1].start, whole[0].start
    usual = mean[whole] + DARK
    quotient = (picture[whole] + DARK) / usual
    rough = cv2.absdiff(quotient, cv2.blur(quotient, SMOOTH))
    noise = min(noise, NOISE_MOST)
    return [
        _shade(moving[whole][place], quotient[place], rough[place], usual[place], noise)
        for place in (_pixels(rect, left, top) for rect in rects)
    ]


def _shade(
    mask: Grey, quotient: NDArray[np.float32], rough: cv2.typing.MatLike, usual: NDArray[np.float32], noise: float
) -> Shade:
    if cv2.countNonZero(mask) < LEAST:
        return UNKNOWN
    factor = cv2.mean(quotient, mask)[0]
    texture = cv2.mean(rough, mask)[0] - noise / cv2.mean(usual, mask)[0]
    return Shade(factor, texture / max(factor, FACTORS[0]))


def _pixels(rect: Rect, left: int = 0, top: int = 0) -> Area:
    """The cells of `rect` as an area of the analysed picture whose corner is (`left`, `top`)."""
    x, y, width, height = (int(value) * CELL for value in rect)
    return slice(y - top, y - top + height), slice(x - left, x - left + width)
