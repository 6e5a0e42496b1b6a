"""A video file as a camera: packets for the clip, luma for vision.

Idea: H.264 packets are handed on as they are (as Annex B, parameter sets before every key picture); a picture in any
other codec is encoded once to H.264. Vision gets a view of the decoder's luma plane, without a colour conversion.
Rule: a file cannot make camd open anything else: the container format is forced by the file's first bytes and FFmpeg
sees a stream of bytes, never a name. A picture too large is refused before it is decoded, so memory stays bounded.
It does not promise: sound (camd never records any), or more than the file's first video stream.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from camd.camera.frame import OPEN, Frame, Veil
from camd.errors import UnusableInputError
from camd.model import SECOND, Format, Nanos, Packet

_log = logging.getLogger(__name__)

MAX_PIXELS: Final = 4096 * 2304  # a 198 kB file of 8192x8192 took 524 MiB to decode
KEY_EVERY: Final = 2 * SECOND  # of what is encoded here; bounds what a power cut can take
TICKS: Final = 90_000  # a second, of what is encoded here
LUMA_FIRST: Final = ("yuv4", "yuvj4", "nv12", "nv21", "gray")  # 8-bit formats whose first plane is luma
READ_AT_ONCE: Final = 256 * 1024  # bytes
MISSING_TAIL: Final = 1.0  # seconds; a file whose pictures end sooner than it declares, by more, breaks off

# What the first bytes of a file say it is: (offset, bytes) -> FFmpeg's demuxer.
CONTAINERS: Final = {(4, b"ftyp"): "mov", (4, b"moov"): "mov", (0, b"\x1aE\xdf\xa3"): "matroska", (8, b"AVI "): "avi"}


class FileCamera:
    """One pass through a video file. Iterating gives each `Packet`, then the `Frame`s that it completes.

    Times start at `starts` for the first picture; `video_start` is that picture's own presentation time in the file.
    `veil` covers what nobody may see in the pictures.
    Raises `UnusableInputError` when the file cannot be used, or, at its end, when it breaks off.
    """

    def __init__(self, path: Path, starts: Nanos = 0, veil: Veil = OPEN) -> None:
        self._path, self._veil = path, veil
        with ExitStack() as opened:
            self._container, self._stream = _open(path, opened)
            self._opened = opened.pop_all()
        context = self._stream.codec_context
        fps = float(self._stream.average_rate or self._stream.guessed_rate or 25)
        self.format = Format(context.width, context.height, fps)
        base = self._stream.time_base
        assert base is not None
        self._tick = base.numerator * SECOND, base.denominator  # once: each packet's own makes a new Fraction
        self.video_start: Nanos = self._nanos(self._stream.start_time or 0)
        self.starts = starts
        self._offset = starts - self.video_start
        self._last: Nanos = starts
        self._frames = 0
        self._recode = None if context.name == "h264" else Encoder(self.format)
        if self._recode:
            _log.info("%s: its pictures are %s; they are encoded once to H.264 for the clips", path, context.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    @property
    def length_s(self) -> float | None:
        """Seconds that the file says it lasts, None when it does not say."""
        stream, whole = self._stream, self._container.duration
        told = [float(stream.duration * stream.time_base)] if stream.duration and stream.time_base else []
        if stream.frames and stream.average_rate:  # the length of a cut-off AVI is only what is left of it
            told.append(float(stream.frames / stream.average_rate))
        if whole and not told:
            told.append(whole / av.time_base)
        return max(told, default=None)

    @property
    def ends(self) -> Nanos:
        """Where the next pass would start: one picture after the last."""
        return self._last + round(SECOND / self.format.fps)

    def __iter__(self) -> Iterator[Packet | Frame]:
        annex_b = None if self._recode else self._annex_b()
        for packet in self._packets():
            frames = self._decoded(packet)  # first: the filter empties the packet that it is given
            if annex_b:
                yield from self._copies(annex_b, packet)
            for frame in frames:
                yield from self._seen(frame)
        self._check_whole()

    def _packets(self) -> Iterator["av.Packet[VideoStream]"]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is None:
                    packet.pts = packet.dts
                yield packet
        except (av.FFmpegError, OSError) as error:
            raise self._broken(f"breaks off after {self._frames} pictures ({error.strerror})") from error

    def _annex_b(self) -> av.BitStreamFilterContext:
        try:
            return av.BitStreamFilterContext("h264_mp4toannexb,dump_extra", self._stream)
        except av.FFmpegError as error:
            raise self._broken(f"has damaged parameters ({error.strerror})") from error

    def _copies(self, annex_b: av.BitStreamFilterContext, packet: "av.Packet[VideoStream]") -> list[Packet]:
        try:
            return [self._copied(copy) for copy in annex_b.filter(packet) if copy.size]
        except av.FFmpegError as error:
            _log.debug("%s: a damaged packet was skipped (%s)", self._path, error.strerror)
            return []

    def _copied(self, packet: "av.Packet[VideoStream]") -> Packet:
        t = self._offset + self._nanos(packet.pts or 0)
        dts = t if packet.dts is None else self._offset + self._nanos(packet.dts)
        return Packet(t, dts, packet.is_keyframe, bytes(packet))

    def _decoded(self, packet: "av.Packet[VideoStream]") -> list[VideoFrame]:
        try:
            return self._stream.codec_context.decode(packet if packet.size else None)
        except av.FFmpegError as error:
            _log.debug("%s: a damaged picture was skipped (%s)", self._path, error.strerror)
            return []

    def _seen(self, frame: VideoFrame) -> Iterator[Packet | Frame]:
        if frame.pts is not None:
            self._last = max(self._last, self._offset + self._nanos(frame.pts))
        self._frames += 1
        if self._recode:
            yield from self._recode(self._last, frame)
        yield Frame(self._last, _luma(frame), partial(_bgr, frame), self._veil)

    def _nanos(self, ticks: int) -> Nanos:
        return ticks * self._tick[0] // self._tick[1]

    def _check_whole(self) -> None:
        if self._frames == 0:
            raise self._broken("holds no picture that can be decoded")
        missing = (self.length_s or 0) - (self.ends - self.starts) / SECOND
        if missing > MISSING_TAIL:
            raise self._broken(f"breaks off: {missing:.1f} s of the length it declares are missing")

    def _broken(self, what: str) -> UnusableInputError:
        return UnusableInputError(f"{self._path}: this video {what}. Copy it again from where it came.")


class Encoder:
    """Encodes pictures once to H.264: libx264, ultrafast, a key picture every two seconds, no B-frames."""

    def __init__(self, layout: Format) -> None:
        self._context = av.CodecContext.create("libx264", "w")
        assert isinstance(self._context, av.VideoCodecContext)
        self._context.width, self._context.height = layout.width // 2 * 2, layout.height // 2 * 2
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = Fraction(1, TICKS)
        self._context.framerate = Fraction(layout.fps).limit_denominator(1001)
        self._context.thread_count = 1
        self._context.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23", "forced-idr": "1"}
        self._next_key: Nanos | None = None

    def __call__(self, t: Nanos, frame: VideoFrame) -> Iterator[Packet]:
        """Encode the picture of time `t`; zerolatency gives its packet at once."""
        picture = frame.reformat(self._context.width, self._context.height, "yuv420p")
        picture.pts, picture.time_base = t * TICKS // SECOND, Fraction(1, TICKS)
        is_key = self._next_key is None or t >= self._next_key
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self._next_key = t + KEY_EVERY if is_key else self._next_key
        for packet in self._context.encode(picture):
            yield Packet(t, t, packet.is_keyframe, bytes(packet))


def _open(path: Path, opened: ExitStack) -> tuple[InputContainer, VideoStream]:
    limits = {"max_pixels": str(MAX_PIXELS)}
    demuxer = _container(path)
    file = opened.enter_context(path.open("rb"))
    try:
        options = limits | {"protocol_whitelist": ""}
        container = av.open(
            file, "r", format=demuxer, options=options, buffer_size=READ_AT_ONCE, metadata_errors="replace"
        )
    except (av.FFmpegError, OSError) as error:  # OSError: a damaged file made FFmpeg seek out of it
        raise UnusableInputError(f"{path}: this is not a readable video ({error.strerror}).") from error
    opened.callback(container.close)
    if not container.streams.video:
        raise UnusableInputError(f"{path}: there is no video in this file. Give a file with pictures.")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise UnusableInputError(f"{path}: its pictures are of a kind that cannot be read.")
    width, height = stream.codec_context.width, stream.codec_context.height
    if not 0 < width * height <= MAX_PIXELS:
        found = f"{width}x{height}" if width else "damaged or larger ones"
        raise UnusableInputError(f"{path}: its pictures cannot be used. got {found}. want at most 4096x2304 pixels.")
    stream.codec_context.thread_count = 1  # two threads saved no CPU here, and cost memory
    if stream.codec_context.name == "h264":  # the clip gets the packets, vision does not miss the deblocking
        limits["skip_loop_filter"] = "all"
    stream.codec_context.options = limits
    return container, stream


def _container(path: Path) -> str:
    try:
        if not path.is_file():
            raise UnusableInputError(f"{path}: there is no such file." if not path.exists() else f"{path}: not a file.")
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise UnusableInputError(f"{path}: cannot be read ({error.strerror}).") from error
    for (offset, magic), name in CONTAINERS.items():
        if head[offset : offset + len(magic)] == magic:
            return name
    what = "is empty" if not head else "is not an MP4, MKV or AVI file"
    raise UnusableInputError(f"{path}: this file {what}. Give a video.")


def _luma(frame: VideoFrame) -> NDArray[np.uint8]:
    if not frame.format.name.startswith(LUMA_FIRST) or frame.format.components[0].bits != 8:
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    luma: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
        : frame.height, : frame.width
    ]
    luma.flags.writeable = False
    return luma


def _bgr(frame: VideoFrame) -> NDArray[np.uint8]:
    return frame.to_ndarray(format="bgr24")  # type: ignore[return-value]
