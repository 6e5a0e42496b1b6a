"""The array values that a camera gives, and the veil that no picture comes without.

Rule: whoever opens a camera gives it the veil once; every picture and JPEG of its frames is then covered where an
owner said so, and nobody after the camera has to think of it.
It does not promise: the luma that vision reads is not covered (it is the decoder's own memory, which must not be
written); vision covers the small picture that it makes of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.geometry import COVER, SUBPIXEL_BITS, on_picture
from camd.model import Box, Exposure, Nanos, Polygon

THUMBNAIL_WIDTH: Final = 640  # pixels at most
JPEG_QUALITY: Final = 80
MARK: Final = (0, 200, 255)  # BGR, amber: seen on grass as on asphalt
MARK_SHARE: Final = 320  # of the width is the thickness of its line
# Pixels around a private area that are covered too, at least: those that its outline touches, and one more, because
# most video has one colour for two by two pixels, so that the neighbours hold some of what is private.
VEIL_OUTLINE: Final = 5  # thickness of a line, which gives them
COVER_LUMA: Final = round(16 + COVER * 219 / 255)  # ITU-R BT.601: video has 16 for black and 235 for white
NO_COLOUR: Final = 128


@dataclass(frozen=True, slots=True)
class Veil:
    """What may not be seen in the pictures of a camera."""

    areas: tuple[Polygon, ...] = ()

    def cover(self, picture: NDArray[np.uint8]) -> None:
        """Fill the areas of a (height, width, 3) uint8 picture with one grey, in place."""
        self._fill(picture, COVER)

    def cover_planes(self, luma: NDArray[np.uint8], *chroma: NDArray[np.uint8]) -> None:
        """Fill the areas of a YUV 4:2:0 picture with that grey, in place. Rows may lie apart in memory.

        `luma` is (height, width) uint8; `chroma` is two planes of half its height and width, or one of both colours as
        (height/2, width/2, 2), as NV12 has it.
        """
        self._fill(luma, COVER_LUMA)
        for plane in chroma:
            self._fill(plane, NO_COLOUR)

    def _fill(self, plane: NDArray[np.uint8], value: int) -> None:
        height, width = plane.shape[:2]
        for area in self.areas:
            corners = [np.array(on_picture(area.points, width, height), np.int32)]
            cv2.fillPoly(plane, corners, (value, value, value), shift=SUBPIXEL_BITS)
            cv2.polylines(plane, corners, True, (value, value, value), VEIL_OUTLINE, shift=SUBPIXEL_BITS)


OPEN: Final = Veil()  # covers nothing: for recordings that are nobody's camera


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, taken at sensor time `t`.

    `luma` is a read-only (height, width) uint8 view of the decoder's own memory, valid for as long as this frame is
    held; nothing is covered in it. `uncovered` makes a (height, width, 3) uint8 BGR copy, which is for `picture`
    alone; colour is not touched before. `exposure` is what the sensor says of the picture, where it says anything.
    `lasting` stands where the memory is one of a few that the camera needs back; it makes a copy.
    """

    t: Nanos
    luma: NDArray[np.uint8]
    uncovered: Callable[[], NDArray[np.uint8]]
    veil: Veil
    exposure: Exposure | None = None
    lasting: Callable[[], "Frame"] | None = None

    def keep(self) -> "Frame":
        """Return the frame as it may be held for as long as somebody likes."""
        return self if self.lasting is None else self.lasting()

    def picture(self) -> NDArray[np.uint8]:
        """Return the (height, width, 3) uint8 BGR picture, under the veil."""
        picture = self.uncovered()
        self.veil.cover(picture)
        return picture

    def jpeg(self, marks: Sequence[Box] = ()) -> bytes:
        """Return the picture, under the veil, as a JPEG, at most 640 pixels wide; `marks` are outlined in it."""
        picture = self.picture()
        height, width = picture.shape[:2]
        for box in marks:
            left, top = round(box.x * width), round(box.y * height)
            right, bottom = round((box.x + box.width) * width), round((box.y + box.height) * height)
            cv2.rectangle(picture, (left, top), (right, bottom), MARK, max(1, width // MARK_SHARE))
        if width > THUMBNAIL_WIDTH:
            size = (THUMBNAIL_WIDTH, round(height * THUMBNAIL_WIDTH / width))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        return data.tobytes()
