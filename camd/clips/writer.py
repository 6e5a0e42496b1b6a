"""One clip on its way to disk: fragmented MP4.

Idea: a fragment (2 s, or less where a group of pictures ends) is one write and one fdatasync, so a pulled plug costs at
most the open fragment. At the end the file is finished in place: FFmpeg's `hybrid_fragmented` appends an ordinary index
and patches the header, so that every player can seek; no second copy is written.
Rule: `.part` -> fsync -> header patch -> fsync -> rename -> fsync of the folder; the caller then writes the row.
It does not promise: anything after a failed fsync. The error passes on and the file is left for the next start.
"""

import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from camd.model import SECOND, Format, Nanos, Packet
from camd.store.files import sync_folder

TICKS: Final = 90_000  # a second
BASE: Final = Fraction(1, TICKS)
SHORTEST: Final[Nanos] = SECOND * 3 // 2  # of fragments: each one's last block of the disk is written twice
MUXER: Final = {
    # negative_cts_offsets: with B-frames the first picture is shown at 0 all the same.
    "movflags": "frag_keyframe+empty_moov+default_base_moof+hybrid_fragmented+negative_cts_offsets",
    "frag_duration": "2000000",  # microseconds; cuts a longer group of pictures
    "min_frag_duration": f"{SHORTEST // 1000}",  # the same
    "flush_packets": "1",
}


class Writer:
    """Writes packets to `path`. `make_room` is called before each write with the bytes the file will then have."""

    def __init__(self, path: Path, layout: Format, make_room: Callable[[int], None]) -> None:
        self._file = _SyncedFile(path, make_room)
        self._path, self._layout = path, layout
        self._container = av.open(self._file, "w", format="mp4", options=MUXER)
        self._stream = self._container.add_mux_stream("h264", width=layout.width, height=layout.height, time_base=BASE)
        self._zero: Nanos | None = None
        self._last_dts = -1
        self._head = 0  # bytes before the first fragment

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
        self._head = self._head or self._file.tell()  # FFmpeg has written it now; it goes with the first fragment
        if self._file.tell() > self._head:
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


def _ticks(nanos: Nanos) -> int:
    return round(nanos * TICKS / SECOND)
