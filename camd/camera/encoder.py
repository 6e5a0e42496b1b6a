"""Pictures made H.264 once, where a camera gives none: with what an owner covered covered before.

Rule: a picture of a decoder is never written to; what is covered is covered in a copy.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from camd.camera.frame import OPEN, Veil
from camd.model import SECOND, Format, Nanos, Packet

KEY_EVERY: Final = 2 * SECOND  # bounds what a power cut can take
TICKS: Final = 90_000  # a second


class Encoder:
    """Encodes pictures once to H.264: libx264, ultrafast, a key picture every two seconds, no B-frames."""

    def __init__(self, layout: Format, veil: Veil = OPEN) -> None:
        self._context = av.CodecContext.create("libx264", "w")
        assert isinstance(self._context, av.VideoCodecContext)
        self._context.width, self._context.height = layout.width // 2 * 2, layout.height // 2 * 2
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = Fraction(1, TICKS)
        self._context.framerate = Fraction(layout.fps).limit_denominator(1001)
        self._context.thread_count = 1
        self._context.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23", "forced-idr": "1"}
        self._veil = veil
        self._next_key: Nanos | None = None

    def __call__(self, t: Nanos, frame: VideoFrame) -> Iterator[Packet]:
        """Encode the picture of time `t`; zerolatency gives its packet at once."""
        picture = frame.reformat(self._context.width, self._context.height, "yuv420p")
        if self._veil.areas:
            picture = _covered(picture, frame, self._veil)
        picture.pts, picture.time_base = t * TICKS // SECOND, Fraction(1, TICKS)
        is_key = self._next_key is None or t >= self._next_key
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self._next_key = t + KEY_EVERY if is_key else self._next_key
        for packet in self._context.encode(picture):
            yield Packet(t, t, packet.is_keyframe, bytes(packet))


def _covered(picture: VideoFrame, decoded: VideoFrame, veil: Veil) -> VideoFrame:
    """The picture under the veil; a copy where it is the decoder's own (nothing had to be converted)."""
    if picture is decoded:
        picture = VideoFrame(decoded.width, decoded.height, "yuv420p")
        for mine, theirs in zip(picture.planes, decoded.planes, strict=True):
            rows(mine)[:] = rows(theirs)
    luma, *chroma = map(rows, picture.planes)
    veil.cover_planes(luma, *chroma)
    return picture


def rows(plane: "av.video.plane.VideoPlane") -> NDArray[np.uint8]:
    """A plane of bytes as (height, width) uint8, without the bytes that only fill its rows."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
