"""One clip on its way to disk: fragmented MP4, and what can be saved of one that was cut off.

Idea: a fragment (a group of pictures, or 2 s of a longer one) is one write and one fdatasync, so a pulled plug costs at
most the open fragment. At the end the file is finished in place: FFmpeg's `hybrid_fragmented` appends an ordinary index
and patches the header, so that every player can seek; no second copy is written.
Rule: `.part` -> fsync -> header patch -> fsync -> rename -> fsync of the folder; the caller then writes the row.
It does not promise: anything after a failed fsync. The error passes on and the file is left for the next start.
"""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer

from camd.errors import UnusableInputError
from camd.model import SECOND, Format, Nanos, Packet
from camd.store.files import sync_folder

TICKS: Final = 90_000  # a second
BASE: Final = Fraction(1, TICKS)
MUXER: Final = {
    # negative_cts_offsets: with B-frames the first picture is shown at 0 all the same.
    "movflags": "frag_keyframe+empty_moov+default_base_moof+hybrid_fragmented+negative_cts_offsets",
    "frag_duration": "2000000",  # microseconds; cuts a longer group of pictures
    "min_frag_duration": "500000",  # a stream of key pictures alone must not sync for every one
    "flush_packets": "1",
}
# A recording is what we made, opens nothing but itself, and may be damaged.
SEALED: Final[dict[str, Any]] = {
    "format": "mov", "options": {"protocol_whitelist": ""}, "metadata_errors": "replace",
}  # fmt: skip
BOX_HEADER: Final = 8  # bytes: length and name
NOTHING: Final = b"\x00\x00\x00\x08free"  # an empty box
MOST_HEAD: Final = 16_384  # bytes; a head without pictures is under 1 KB
LONG_BOX: Final = 1  # a length that says: the true one follows the name, in 8 bytes


class Writer:
    """Writes packets to `path`. `make_room` is called before each write with the bytes the file will then have."""

    def __init__(self, path: Path, layout: Format, make_room: Callable[[int], None]) -> None:
        self._file = _SyncedFile(path, make_room)
        self._path, self._layout = path, layout
        self._container = av.open(self._file, "w", format="mp4", options=MUXER)
        self._stream = self._container.add_mux_stream("h264", width=layout.width, height=layout.height, time_base=BASE)
        self._zero: Nanos | None = None
        self._last_dts = -1

    def write(self, packet: Packet) -> None:
        """Write one packet; what it completes is on disk when this returns. Raises OSError or CannotWriteError."""
        self._zero = packet.dts if self._zero is None else self._zero
        muxed = av.Packet(packet.data)
        muxed.time_base = BASE
        self._last_dts = max(_ticks(packet.dts - self._zero), self._last_dts + 1)  # the format wants them rising
        muxed.dts = self._last_dts
        muxed.pts = max(_ticks(packet.t - self._zero), self._last_dts)
        muxed.duration = round(TICKS / self._layout.fps)
        muxed.is_keyframe = packet.is_key
        muxed.stream = self._stream
        self._container.mux(muxed)
        self._file.sync()

    def finish(self, final: Path) -> int:
        """Finish the file in place, give it its `final` name and return its size in bytes."""
        self._container.close()
        self._file.sync()
        size = self._file.close()
        self._path.rename(final)
        sync_folder(final.parent)
        return size

    def abandon(self) -> None:
        """Let go of the file as it is, after an error; its whole fragments stay readable. Safe to call twice."""
        self._container.close()  # what FFmpeg still writes is gathered and never put on disk
        self._file.close()


class _SyncedFile(io.RawIOBase):
    """Gathers what FFmpeg writes into one write and one fdatasync per fragment."""

    def __init__(self, path: Path, make_room: Callable[[int], None]) -> None:
        super().__init__()
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._make_room = make_room
        self._pieces: list[tuple[int, bytearray]] = []  # (offset, bytes), not yet on disk
        self._at = self._size = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self._pieces and self._pieces[-1][0] + len(self._pieces[-1][1]) == self._at:
            self._pieces[-1][1].extend(data)
        else:
            self._pieces.append((self._at, bytearray(data)))
        self._at += len(data)
        self._size = max(self._size, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def sync(self) -> None:
        """Put what was gathered on disk, piece by piece as it was written: a header patch comes after its data."""
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._make_room(self._size)
        for offset, data in pieces:
            _write_all(self._descriptor, data, offset)
            os.fdatasync(self._descriptor)

    def close(self) -> int:  # type: ignore[override]
        """Close the descriptor and return the size in bytes."""
        if not self.closed:
            os.close(self._descriptor)
            super().close()
        return self._size


def _write_all(descriptor: int, data: bytearray, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


@dataclass(frozen=True, slots=True)
class Salvage:
    """What a clip that was not put away in order still holds; `cut` says that something was cut off its end."""

    size: int
    duration_ns: int
    cut: bool


def salvage(path: Path) -> Salvage:
    """Cut a clip that was never finished, or lost its end, back to its last whole fragment and say what is left.

    Raises `UnusableInputError` when not even one fragment is whole; then no picture is touched.
    """
    _unwrap(path)
    boxes = list(_whole_boxes(path))
    names = [name for name, _ in boxes]
    if b"moov" not in names:
        raise UnusableInputError(f"{path}: this clip was cut off before its first fragment was whole.")
    # A header without the data that it announces is worth nothing.
    whole = max(end for name, end in boxes if name != b"moof")
    duration = _length(path, whole)
    cut = whole < path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(whole)
        os.fsync(file.fileno())
    return Salvage(whole, duration, cut)


def _unwrap(path: Path) -> None:
    """Take the header patch of a finished file back when the end that it counts on is missing.

    Finishing makes one `mdat` of all fragments; its header stands where nothing stood before.
    """
    boxes = list(_whole_boxes(path))
    start = max((end for _, end in boxes), default=0)
    if b"moov" in (name for name, _ in boxes) or start > MOST_HEAD:
        return
    with path.open("r+b") as file:
        file.seek(start)
        header = file.read(2 * BOX_HEADER)
        if header[4:8] == b"mdat":
            file.seek(start)
            file.write(NOTHING * (2 if header[:4] == LONG_BOX.to_bytes(4, "big") else 1))
            file.flush()
            os.fsync(file.fileno())


def holds_nothing(path: Path) -> bool:
    """Whether the file ends before its first picture: empty, or a head alone. Raises OSError."""
    boxes = dict(_whole_boxes(path))
    size = path.stat().st_size
    return size < MOST_HEAD and size == max(boxes.values(), default=0) and not {b"moof", b"mdat"} & boxes.keys()


def _whole_boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    """The name and end of each top-level box of an MP4 file, up to the first that is not whole."""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at + BOX_HEADER <= size:
            file.seek(at)
            header = file.read(2 * BOX_HEADER)
            length = int.from_bytes(header[:4], "big")
            if length == LONG_BOX:
                length = int.from_bytes(header[8:], "big")
            if length < BOX_HEADER or at + length > size:
                return
            at += length
            yield header[4:8], at


def _length(path: Path, whole: int) -> int:
    """Nanoseconds that the first `whole` bytes of the file last."""
    try:
        with _Head(path, whole) as file, av.open(file, "r", **SEALED) as container:
            return max(_shown_until(container))
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:  # ValueError: no picture at all
        raise UnusableInputError(f"{path}: no picture of this clip can be read.") from error


class _Head:
    """The beginning of a file, as if it ended there: nothing is cut off a file in which no picture can be read."""

    def __init__(self, path: Path, size: int) -> None:
        self._file, self._size = path.open("rb"), size

    def __enter__(self) -> "_Head":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, count: int) -> bytes:
        """Up to `count` bytes from where it stands."""
        return self._file.read(min(count, max(0, self._size - self._file.tell())))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, counted from the beginning, from here or from the end of the head."""
        if whence == os.SEEK_END:
            return self._file.seek(self._size + offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where it stands."""
        return self._file.tell()


def _shown_until(container: InputContainer) -> Iterator[int]:
    for packet in container.demux(container.streams.video[0]):
        if packet.size and packet.pts is not None and packet.time_base is not None:
            yield int((packet.pts + (packet.duration or 0)) * packet.time_base * SECOND)


def _ticks(nanos: Nanos) -> int:
    return round(nanos * TICKS / SECOND)
