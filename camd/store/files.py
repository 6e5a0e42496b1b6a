"""What a clip is on disk: the names of its files, and the steps that make a change last through a power cut.

Rule: a file appears under its name only when it is whole (temp, fsync, rename), and a name is safe only when its
folder was fsynced. Temps end in `.tmp`; whoever starts the recorder removes those that a crash left.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from camd.errors import CannotWriteError
from camd.places import Places

_NAME = re.compile(r"(\d{6,18})\.(mp4|part|json|jpg|json\.tmp|jpg\.tmp)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """The files of clip `number` in `folder`; any of them may be absent."""

    folder: Path
    number: int

    @classmethod
    def of(cls, places: Places, number: int) -> "ClipFiles":
        """The files of clip `number` of the camd at `places`."""
        return cls(places.clips, number)

    @property
    def mp4(self) -> Path:
        """The finished recording."""
        return self._named("mp4")

    @property
    def part(self) -> Path:
        """The recording while it is written."""
        return self._named("part")

    @property
    def sidecar(self) -> Path:
        """The JSON that tells what the recording holds."""
        return self._named("json")

    @property
    def thumbnail(self) -> Path:
        """The JPEG of its best picture."""
        return self._named("jpg")

    def all(self) -> tuple[Path, ...]:
        """Every path that may belong to this clip."""
        present = (self.mp4, self.part, self.sidecar, self.thumbnail)
        return (*present, temp_of(self.sidecar), temp_of(self.thumbnail))

    def bytes_beside(self) -> int:
        """Bytes of sidecar and thumbnail, as far as they are there."""
        return size_of(self.sidecar) + size_of(self.thumbnail)

    def _named(self, suffix: str) -> Path:
        return self.folder / f"{self.number:06d}.{suffix}"


def number_of(path: Path) -> int | None:
    """The id of the clip that `path` belongs to by its name, None when it is not a name of ours."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def size_of(path: Path) -> int:
    """Bytes of the file, 0 when it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def temp_of(path: Path) -> Path:
    """Where `replace_whole` writes before it renames to `path`."""
    return path.with_name(path.name + ".tmp")


def replace_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all; the caller syncs the folder. Raises CannotWriteError."""
    temp = temp_of(path)
    with writing(path):
        try:
            with temp.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temp.replace(path)
        except OSError:
            temp.unlink(missing_ok=True)
            raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` last through a power cut. Raises CannotWriteError."""
    with writing(folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the disk's refusals while writing `path` into a CannotWriteError."""
    try:
        yield
    except OSError as error:
        raise CannotWriteError(
            f"{path}: cannot be written: {error.strerror}. Free some space or mend the folder's rights."
        ) from error
