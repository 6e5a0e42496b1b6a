"""A video file as a camera: packets for the clip, luma for vision.

Rule: a file cannot make camd open anything else: the container format is forced by the file's first bytes and FFmpeg
sees a stream of bytes, never a name.
It does not promise: sound (camd never records any), or more than the file's first video stream.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from camd.camera.decoder import LIMITS, UNTITLED, Copier, Looker, Shifted, is_h264, layout_of, nanos, tick_of, video_of
from camd.camera.encoder import Encoder
from camd.camera.frame import OPEN, Frame, Veil
from camd.errors import UnusableInputError
from camd.model import SECOND, Nanos, Packet

_log = logging.getLogger(__name__)

READ_AT_ONCE: Final = 256 * 1024  # bytes
MISSING_TAIL: Final = 1.0  # seconds; a file whose pictures end sooner than it declares, by more, breaks off

# What the first bytes of a file say it is: (offset, bytes) -> FFmpeg's demuxer.
CONTAINERS: Final = {(4, b"ftyp"): "mov", (4, b"moov"): "mov", (0, b"\x1aE\xdf\xa3"): "matroska", (8, b"AVI "): "avi"}


class FileCamera:
    """One pass through a video file. Iterating gives each `Packet`, then the `Frame`s that it completes.

    Times start at `starts` for the first picture; `video_start` is that picture's own presentation time in the file.
    `veil` covers what nobody may see in the pictures; with `encode` the recording is encoded anew under it, too.
    Raises `UnusableInputError` when the file cannot be used, or, at its end, when it breaks off.
    """

    def __init__(self, path: Path, starts: Nanos = 0, veil: Veil = OPEN, *, encode: bool = False) -> None:
        self._path, self._veil = path, veil
        with ExitStack() as opened:
            self._container, self._stream = _open(path, opened)
            self._opened = opened.pop_all()
        self.format = layout_of(self._stream)
        tick = tick_of(self._stream)
        self.video_start: Nanos = nanos(self._stream.start_time or 0, tick)
        self.starts = starts
        self._place = Shifted(tick, starts - self.video_start)
        self.copies = is_h264(self._stream) and not encode
        encoder = None if self.copies else Encoder(self.format, veil)
        self._looker = Looker(self._stream, str(path), self._place, veil, encoder, starts)
        if not is_h264(self._stream):
            codec = self._stream.codec_context.name
            _log.info("%s: its pictures are %s; they are encoded once to H.264 for the clips", path, codec)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing holds the file open afterwards."""
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
        return self._looker.last + round(SECOND / self.format.fps)

    def until(self, shut: threading.Event) -> Iterator[Packet | Frame]:
        """All that it gives; a file never keeps anybody waiting, so `shut` is for who takes it to heed."""
        return iter(self)

    def __iter__(self) -> Iterator[Packet | Frame]:
        copier = Copier(self._stream, str(self._path), self._place) if self.copies else None
        for packet in self._packets():
            frames = self._looker.decode(packet)  # first: the filter empties the packet that it is given
            if copier:
                yield from copier.take(packet)
            for frame in frames:
                yield from self._looker.seen(frame)
        self._check_whole()

    def _packets(self) -> Iterator["av.Packet[VideoStream]"]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is None:
                    packet.pts = packet.dts
                yield packet
        except (av.FFmpegError, OSError) as error:
            raise self._broken(f"breaks off after {self._looker.count} pictures ({error.strerror})") from error

    def _check_whole(self) -> None:
        if self._looker.count == 0:
            raise self._broken("holds no picture that can be decoded")
        missing = (self.length_s or 0) - (self.ends - self.starts) / SECOND
        if missing > MISSING_TAIL:
            raise self._broken(f"breaks off: {missing:.1f} s of the length it declares are missing")

    def _broken(self, what: str) -> UnusableInputError:
        return UnusableInputError(f"{self._path}: this video {what}. Copy it again from where it came.")


def _open(path: Path, opened: ExitStack) -> tuple[InputContainer, VideoStream]:
    demuxer = _container(path)
    file = opened.enter_context(path.open("rb"))
    try:
        options = LIMITS | {"protocol_whitelist": ""}
        container = av.open(file, "r", format=demuxer, options=options, buffer_size=READ_AT_ONCE, **UNTITLED)
    except (av.FFmpegError, OSError) as error:  # OSError: a damaged file made FFmpeg seek out of it
        raise UnusableInputError(f"{path}: this is not a readable video ({error.strerror}).") from error
    opened.callback(container.close)
    return container, video_of(container, str(path))


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
