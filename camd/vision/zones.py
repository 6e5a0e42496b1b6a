"""What the owner drew over the picture: what may not be seen, what does not count, and where things count.

Idea: private pixels are never copied into the picture that vision looks at. Ignored pixels lose their weight in the
mask of what moves. Zones are asked with a box, from their corners, so that they mean the same at every resolution.
Rule: pure; nothing is drawn after the start, a frame costs at most two array calls, and none where nothing is drawn.
It does not promise: that light knows of private areas. They are of one grey, which no lamp brightens.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.geometry import COVER, SUBPIXEL_BITS, holds, on_picture, share
from camd.model import Box, Polygon, Zone

Grey = NDArray[np.uint8]

# A pixel around for the drawing's rounding, and one for what the reducer cuts off: 1279 pixels are read as 319 times 4.
PRIVATE_MARGIN: Final = np.ones((5, 5), np.uint8)
FRAME: Final = 4  # pixels around the picture that areas are drawn on too
SOFT_EDGE: Final = 0.02  # of the picture's width, around ignored areas: what sways past the line that was drawn
AT_THE_LINE: Final = 128  # weight; a cell all of which moves just counts
IN_ZONE: Final = 0.5  # of a box


class Masks:
    """The areas of one camera, ready for pictures of `shape`: (height, width) as vision analyses them.

    `private` is None or a mask (uint8, 0 or 255) of the pixels that may hold anything of a private area. `weight` is
    None or says how much motion of a pixel counts (uint8): 0 in an ignored area, from `AT_THE_LINE` at its outline
    to 255 at `SOFT_EDGE` outside it. `watched` counts the pixels that are neither private nor of weight 0.
    """

    def __init__(
        self, shape: tuple[int, int], zones: Sequence[Zone], ignore: Sequence[Polygon], privacy: Sequence[Polygon]
    ) -> None:
        self._zones = tuple(zones)
        self.private = _private(shape, privacy) if privacy else None
        self.weight = _weight(_drawn(shape, ignore)) if ignore else None
        self._public = None if self.private is None else np.invert(self.private)
        self._covered = np.full(shape, COVER, np.uint8)
        self.watched = _watched(shape, self._public, self.weight)

    def apply_privacy(self, picture: Grey) -> Grey:
        """Return the picture without its private pixels, which are `COVER` grey; `picture` itself is only read.

        Where nothing is private that is `picture` itself, otherwise memory that the next call uses again.
        """
        if self._public is None:
            return picture
        cv2.copyTo(picture, self._public, self._covered)
        return self._covered

    def drop_ignored(self, moving: Grey, dst: Grey) -> Grey:
        """Return `moving` (a mask, uint8, 0 or 255) with each moving pixel as its weight; written to `dst`, which may
        be `moving`.

        A cell of which half must move (`blobs.MAJORITY`) then counts when the weights of its moving pixels come to
        half. So nothing counts in an ignored area; close outside it only what moves as a whole, a visitor and not a
        twig; and from the soft edge on everything as ever. Where nothing is ignored, returns `moving` untouched.
        """
        if self.weight is None:
            return moving
        return cv2.bitwise_and(moving, self.weight, dst=dst).astype(np.uint8, copy=False)

    @property
    def has_zones(self) -> bool:
        """Whether it matters where something moves."""
        return bool(self._zones)

    def inside(self, box: Box) -> bool:
        """Whether motion in this box can be an event: it is in a zone, or there are no zones."""
        return not self._zones or any(_is_in(box, zone) for zone in self._zones)

    def zones_of(self, box: Box) -> tuple[str, ...]:
        """Return the names of the zones that hold the box's foot (the middle of its lower side) or half of the box."""
        return tuple(zone.name for zone in self._zones if _is_in(box, zone))

    def sensitivity_at(self, box: Box, usual: int) -> int:
        """Return the highest sensitivity of the zones that the box is in; a zone without its own has the `usual`."""
        return max((zone.sensitivity or usual for zone in self._zones if _is_in(box, zone)), default=usual)


def _drawn(shape: tuple[int, int], areas: Sequence[Polygon]) -> Grey:
    """A mask of the areas, each with the pixels of its outline; one by one, as OpenCV cuts overlaps of one call out."""
    return _framed(shape, areas)[FRAME:-FRAME, FRAME:-FRAME].copy()


def _framed(shape: tuple[int, int], areas: Sequence[Polygon]) -> Grey:
    """The same with a frame around: OpenCV clips an outline that lies half a pixel outside, and all along it."""
    mask = np.zeros((shape[0] + 2 * FRAME, shape[1] + 2 * FRAME), np.uint8)
    for area in areas:
        corners = np.array(on_picture(area.points, shape[1], shape[0]), np.int32) + (FRAME << SUBPIXEL_BITS)
        cv2.fillPoly(mask, [corners], (255,), shift=SUBPIXEL_BITS)
    return mask


def _private(shape: tuple[int, int], areas: Sequence[Polygon]) -> Grey:
    return cv2.dilate(_framed(shape, areas), PRIVATE_MARGIN)[FRAME:-FRAME, FRAME:-FRAME].astype(np.uint8)


def _weight(ignored: Grey) -> Grey:
    away = cv2.distanceTransform(np.invert(ignored), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    rise = (255 - AT_THE_LINE) / (SOFT_EDGE * ignored.shape[1])
    weight: Grey = np.minimum(AT_THE_LINE + away * rise, 255).astype(np.uint8)
    weight[ignored > 0] = 0
    return weight


def _watched(shape: tuple[int, int], public: Grey | None, weight: Grey | None) -> int:
    watched = np.full(shape, True)
    for mask in (public, weight):
        watched &= True if mask is None else mask > 0
    return int(np.count_nonzero(watched))


def _is_in(box: Box, zone: Zone) -> bool:
    # A box is rounded: one at the lower edge of the picture may end a little below it.
    foot = (box.x + box.width / 2, min(box.y + box.height, 1.0))
    return holds(zone.points, foot) or share(zone.points, box) >= IN_ZONE
