"""A YUV 4:2:0 picture in one piece of memory, as an image processor writes it: its parts, without copying.

Rule: rows may be longer than the picture is wide (the stride); every part here is a view, but for `packed` and `bgr`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Planes:
    """How a picture lies in memory: `is_nv12` has both colours in one plane, else they are two (I420).

    The height is a multiple of four, so that a plane of colour fills whole rows.
    """

    width: int
    height: int
    stride: int
    is_nv12: bool

    def luma(self, picture: Bytes) -> Bytes:
        """The brightness, (height, width)."""
        return self._flat(picture)[: self.height, : self.width]

    def chroma(self, picture: Bytes) -> tuple[Bytes, ...]:
        """The colours: one plane of (height/2, width/2, 2), or two of (height/2, width/2)."""
        rows, columns = self.height // 2, self.width // 2
        rest = self._flat(picture)[self.height :]
        if self.is_nv12:
            return (rest[:rows, : columns * 2].reshape(rows, columns, 2),)  # a view: it splits the last axis
        blue, red = rest[: rows // 2], rest[rows // 2 : rows]
        return tuple(half.reshape(rows, self.stride // 2)[:, :columns] for half in (blue, red))

    def packed(self, picture: Bytes) -> Bytes:
        """A copy without the bytes that only fill rows, (height * 3/2, width)."""
        parts = (self.luma(picture), *self.chroma(picture))
        return np.concatenate([part.ravel() for part in parts]).reshape(self.height * 3 // 2, self.width)

    def bgr(self, packed: Bytes) -> Bytes:
        """A packed picture as (height, width, 3) BGR."""
        way = cv2.COLOR_YUV2BGR_NV12 if self.is_nv12 else cv2.COLOR_YUV2BGR_I420
        return np.asarray(cv2.cvtColor(packed, way), np.uint8)

    def _flat(self, picture: Bytes) -> Bytes:
        """As rows of the whole stride; picamera2 cuts NV12's off already."""
        return picture if picture.shape[1] < self.stride else picture.reshape(-1, self.stride)
