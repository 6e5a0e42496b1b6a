"""One demuxed stream made into packets for the clip and pictures for vision.

Idea: `Copier` hands H.264 on as it is (as Annex B, parameter sets before every key picture); `Looker` decodes and gives
vision a view of the decoder's luma plane, without a colour conversion. What is not H.264, or must be covered, `Looker`
encodes once.
Rule: a picture too large is refused before it is decoded, so memory stays bounded; what is damaged is skipped.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from camd.camera.encoder import Encoder, rows
from camd.camera.frame import Frame, Veil
from camd.errors import UnusableInputError
from camd.model import SECOND, Format, Nanos, Packet

_log = logging.getLogger(__name__)

MAX_PIXELS: Final = 4096 * 2304  # a 198 kB file of 8192x8192 took 524 MiB to decode
LIMITS: Final = {"max_pixels": str(MAX_PIXELS)}
# PyAV 19 reads nobody's titles unless asked; before, one that is not UTF-8 was an error.
UNTITLED: Final[dict[str, Any]] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
LUMA_FIRST: Final = ("yuv4", "yuvj4", "nv12", "nv21", "gray")  # 8-bit formats whose first plane is luma
START: Final = b"\0\0\1"  # of a unit in Annex B
UNIT_TYPE: Final = 31  # the bits of its first byte that hold its type (ITU-T H.264, 7.3.1)
SEQUENCE: Final = 7  # a sequence parameter set
USUAL_FPS: Final = 25.0  # of a stream that does not say

Place = Callable[[int], Nanos]  # from a stream's own ticks to boot time


def video_of(container: InputContainer, name: str) -> VideoStream:
    """The first video stream, made ready to be decoded; raises UnusableInputError when it cannot be."""
    if not container.streams.video:
        raise UnusableInputError(f"{name}: there is no video in it. Give something with pictures.")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise UnusableInputError(f"{name}: its pictures are of a kind that cannot be read.")
    width, height = stream.codec_context.width, stream.codec_context.height
    if not 0 < width * height <= MAX_PIXELS:
        found = f"{width}x{height}" if width else "damaged or larger ones"
        raise UnusableInputError(f"{name}: its pictures cannot be used. got {found}. want at most 4096x2304 pixels.")
    options = dict(LIMITS)
    stream.codec_context.thread_count = 1  # two threads saved no CPU here, and cost memory
    if is_h264(stream):  # the clip gets the packets, vision does not miss the deblocking
        options["skip_loop_filter"] = "all"
    stream.codec_context.options = options
    return stream


def is_h264(stream: VideoStream) -> bool:
    """Whether its packets can go into a clip as they are."""
    return stream.codec_context.name == "h264"


def layout_of(stream: VideoStream) -> Format:
    """What the stream's pictures are."""
    context = stream.codec_context
    return Format(context.width, context.height, float(stream.average_rate or stream.guessed_rate or USUAL_FPS))


def tick_of(stream: VideoStream) -> tuple[int, int]:
    """Nanoseconds of a tick, as a fraction; asked once, since each packet's own makes a new Fraction."""
    base = stream.time_base
    assert base is not None
    return base.numerator * SECOND, base.denominator


@dataclass(frozen=True, slots=True)
class Shifted:
    """A place for a stream whose clock is off by `shift`. It knows nobody: what would know its camera would keep it."""

    tick: tuple[int, int]
    shift: Nanos

    def __call__(self, ticks: int) -> Nanos:
        """Boot time of a stream's own."""
        return nanos(ticks, self.tick) + self.shift


def nanos(ticks: int, tick: tuple[int, int]) -> Nanos:
    """A stream's own time in nanoseconds."""
    return ticks * tick[0] // tick[1]


class Copier:
    """H.264 packets as they are, as Annex B. Raises UnusableInputError when the stream's parameters are damaged."""

    def __init__(self, stream: VideoStream, name: str, place: Place) -> None:
        self._name, self._place = name, place
        try:
            self._annex_b = av.BitStreamFilterContext("h264_mp4toannexb,dump_extra", stream)
        except av.FFmpegError as error:
            raise UnusableInputError(f"{name}: its video has damaged parameters ({error.strerror}).") from error

    def take(self, packet: "av.Packet[VideoStream]") -> list[Packet]:
        """What goes into the clip. The packet is empty afterwards."""
        try:
            return [self._copied(copy) for copy in self._annex_b.filter(packet) if copy.size]
        except av.FFmpegError as error:
            _log.debug("%s: a damaged packet was skipped (%s)", self._name, error.strerror)
            return []

    def _copied(self, packet: "av.Packet[VideoStream]") -> Packet:
        t = self._place(packet.pts or 0)
        dts = t if packet.dts is None else self._place(packet.dts)
        return Packet(t, dts, packet.is_keyframe, bytes(packet))


class SameSize:
    """Whether the pictures of a stream that nobody decodes are still of one kind: by its sequence parameter sets."""

    def __init__(self) -> None:
        self._first: frozenset[bytes] = frozenset()

    def look(self, packet: "av.Packet[VideoStream]") -> bool:
        """False when a key picture (Annex B) brings others than the first that brought any."""
        if not packet.is_keyframe:
            return True
        units = bytes(packet).split(START)
        found = frozenset(unit.rstrip(b"\0") for unit in units if unit and unit[0] & UNIT_TYPE == SEQUENCE)
        self._first = self._first or found
        return not found or found == self._first


class Looker:
    """Pictures for vision, under `veil`; with an `encoder` each one's packet comes before it.

    `size` (width, height) is that of the first picture, and all others are given in it; `has_changed` says that one was
    not. `last` is the time of the last picture.
    """

    def __init__(
        self, stream: VideoStream, name: str, place: Place, veil: Veil, encoder: Encoder | None, last: Nanos
    ) -> None:
        self._context, self._name, self._place = stream.codec_context, name, place
        self._veil, self._encoder = veil, encoder
        self.size = (self._context.width, self._context.height)
        self.has_changed = False
        self.last, self.count = last, 0

    def decode(self, packet: "av.Packet[VideoStream]") -> list[VideoFrame]:
        """The pictures that the packet completes."""
        try:
            return self._context.decode(packet if packet.size else None)
        except av.FFmpegError as error:
            _log.debug("%s: a damaged picture was skipped (%s)", self._name, error.strerror)
            return []

    def seen(self, frame: VideoFrame) -> Iterator[Packet | Frame]:
        """What the house is given of one picture."""
        if (frame.width, frame.height) != self.size:
            self.has_changed = True
            pts, base = frame.pts, frame.time_base
            frame = frame.reformat(*self.size)
            frame.pts, frame.time_base = pts, base
        if frame.pts is not None:
            self.last = max(self.last, self._place(frame.pts))
        self.count += 1
        if self._encoder:
            yield from self._encoder(self.last, frame)
        yield Frame(self.last, luma(frame), partial(_bgr, frame), self._veil)


def luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """The brightness as read-only (height, width) uint8: the decoder's own memory wherever that is possible."""
    if not frame.format.name.startswith(LUMA_FIRST) or frame.format.components[0].bits != 8:
        frame = frame.reformat(format="gray")
    seen = rows(frame.planes[0])
    seen.flags.writeable = False
    return seen


def _bgr(frame: VideoFrame) -> NDArray[np.uint8]:
    return frame.to_ndarray(format="bgr24")  # type: ignore[return-value]
