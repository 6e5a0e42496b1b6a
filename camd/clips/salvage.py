"""What can be saved of a recording that was not put away in order: its whole fragments.

Rule: pictures are never touched. What is cut off is the rest of a fragment that was not whole, and a file in which no
picture can be read is left as it is.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
from av.container import InputContainer

from camd.errors import UnusableInputError
from camd.model import SECOND

# A recording is what we made, opens nothing but itself, and may be damaged.
SEALED: Final[dict[str, Any]] = {"format": "mov", "options": {"protocol_whitelist": ""}}
if int(av.__version__.split(".")[0]) < 19:  # later ones read nobody's titles unless asked
    SEALED["metadata_errors"] = "replace"
BOX_HEADER: Final = 8  # bytes: length and name
NOTHING: Final = b"\x00\x00\x00\x08free"  # an empty box
MOST_HEAD: Final = 16_384  # bytes; a head without pictures is under 1 KB
LONG_BOX: Final = 1  # a length that says: the true one follows the name, in 8 bytes


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
