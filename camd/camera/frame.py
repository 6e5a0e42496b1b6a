"""The array values that a camera gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import Nanos

THUMBNAIL_WIDTH: Final = 640  # pixels at most
JPEG_QUALITY: Final = 80


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, taken at sensor time `t`.

    `luma` is a read-only (height, width) uint8 view of the decoder's own memory, valid for as long as this frame is
    held. `picture()` makes a (height, width, 3) uint8 BGR copy; colour is not touched before.
    """

    t: Nanos
    luma: NDArray[np.uint8]
    picture: Callable[[], NDArray[np.uint8]]

    def jpeg(self) -> bytes:
        """The picture as a JPEG, at most 640 pixels wide."""
        picture = self.picture()
        height, width = picture.shape[:2]
        if width > THUMBNAIL_WIDTH:
            size = (THUMBNAIL_WIDTH, round(height * THUMBNAIL_WIDTH / width))
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        _, data = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))
        return data.tobytes()
