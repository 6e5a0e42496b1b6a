"""What a clip is on disk: the names of its files, and the steps that make a change last through a power cut.

Rule: a file appears under its name only when it is whole (temp, fsync, rename), and a name is safe only when its
folder was fsynced. Temps end in `.tmp`; whoever starts the recorder removes those that a crash left.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from camd.errors import CannotWriteError, DiskError
from camd.places import Places

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})  # what the disk may cease to say
_NAME = re.compile(r"(\d{6,18})\.(mp4|part|gone|json|jpg|json\.tmp|jpg\.tmp)", re.ASCII)


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
    def gone(self) -> Path:
        """The recording from its deletion on until it is unlinked: no index made anew takes it in again."""
        return self._named("gone")

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
        present = (self.mp4, self.part, self.gone, self.sidecar, self.thumbnail)
        return (*present, temp_of(self.sidecar), temp_of(self.thumbnail))

    def footage_exists(self) -> bool:
        """Whether there is a recording, finished or not."""
        return lies_at(self.mp4) or lies_at(self.part)

    def bytes_beside(self) -> int:
        """Bytes of sidecar and thumbnail, as far as they are there."""
        return size_of(self.sidecar) + size_of(self.thumbnail)

    def _named(self, suffix: str) -> Path:
        return self.folder / f"{self.number:06d}.{suffix}"


def number_of(path: Path | os.DirEntry[str]) -> int | None:
    """The id of the clip that `path` belongs to by its name, None when it is not a name of ours."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def size_of(path: Path) -> int:
    """Bytes of the file, 0 when it is not there; a link counts as itself."""
    try:
        return path.lstat().st_size
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
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTSUP):
                raise CannotWriteError(
                    f"{folder}: this file system cannot make names last (fsync of a folder): clips would be lost in a"
                    " power cut. Give camd a folder on another one (ext4, xfs, btrfs, f2fs)."
                ) from error
            raise
        finally:
            os.close(handle)


def open_plain(path: Path) -> BufferedReader:
    """Open an ordinary file to read; raises OSError for anything else, which is not followed and not waited for."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))
    return os.fdopen(handle, "rb")


def lies_at(path: Path) -> bool:
    """Whether anything at all has this name, a link to nothing included."""
    return os.path.lexists(path)


def is_plain(path: Path) -> bool:
    """Whether an ordinary file lies there; a link is none."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the disk's refusals while writing `path` into a CannotWriteError; a DiskError if they may pass."""
    try:
        yield
    except OSError as error:
        kind = DiskError if error.errno in _DISK else CannotWriteError
        raise kind(
            f"{path}: cannot be written: {error.strerror}. Free some space or mend the folder's rights."
        ) from error
