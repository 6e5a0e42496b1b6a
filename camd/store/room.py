"""What the disk has left, in bytes and in files, and what is set aside for the moment when it has nothing."""

import errno
import os
from pathlib import Path

from camd.config import MB
from camd.errors import CannotWriteError
from camd.places import Places
from camd.store.files import writing

_BALLAST_BYTES = 1 * MB  # a transaction that deletes needs some tens of kilobytes of journal
JOURNAL = 256_000  # bytes of a full disk that are left to the index
_INODES = 12  # free ones that are left for the next clip, its temps and the index's journal


def load_ballast(places: Places) -> None:
    """Set aside what the next transaction needs when the disk is full; without room for it, go on without."""
    if places.ballast.exists():
        return
    try:
        with places.ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _BALLAST_BYTES)
    except OSError:
        places.ballast.unlink(missing_ok=True)


def probe(path: Path) -> None:
    """Write as much as a transaction may need, and take it away again. Raises CannotWriteError."""
    with writing(path):
        try:
            with path.open("wb") as file:
                file.write(bytes(JOURNAL))
                file.flush()
                os.fsync(file.fileno())
        finally:
            path.unlink(missing_ok=True)


def is_quota(error: CannotWriteError) -> bool:
    """Whether a quota refused, and not the disk."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EDQUOT


def free_bytes(clips: Path) -> int:
    """Bytes that this user may still write there."""
    with writing(clips):
        found = os.statvfs(clips)
    return found.f_bavail * found.f_frsize


def lacks_inodes(clips: Path) -> bool:
    """Whether there is no room for the files of another clip."""
    with writing(clips):
        found = os.statvfs(clips)
    return found.f_files > 0 and found.f_favail < _INODES  # 0: a file system without a limit
