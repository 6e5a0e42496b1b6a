"""One recorder to a data folder: a lock on the folder itself, which the kernel lets go of however its holder ends.

Rule: what the file system cannot do is said by name before anything is written: without locks two recorders would
evict each other's clips, and without fsync of a folder a kept clip would not last.
"""

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from camd.errors import CannotWriteError, DiskError, HeldError
from camd.places import Places
from camd.store.files import sync_folder, writing

_log = logging.getLogger(__name__)


@contextmanager
def hold(places: Places) -> Iterator["Home"]:
    """Hold the data folder, made when absent. Raises HeldError when another has it, CannotWriteError."""
    with writing(places.data):
        places.make()
        handle = os.open(places.data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(places, handle)
        home = Home(places, handle)
        home.check()
        sync_folder(places.data)
        _write_pid(places)
        try:
            yield home
        finally:
            with suppress(OSError):
                places.recorder_pid.unlink()
    finally:
        os.close(handle)


class Home:
    """The folder that is held, to be told from another that a mount or an unmount puts in its place."""

    def __init__(self, places: Places, handle: int) -> None:
        self._places = places
        self._data, self._clips = os.fstat(handle), places.clips.stat()

    def check(self) -> None:
        """Raise CannotWriteError when another folder lies there now, or the disk may only be read."""
        with writing(self._places.clips):
            data, clips = self._places.data.stat(), self._places.clips.stat()
            read_only = os.statvfs(self._places.clips).f_flag & os.ST_RDONLY
        if not os.path.samestat(data, self._data) or not os.path.samestat(clips, self._clips):
            raise CannotWriteError(f"{self._places.clips}: another folder lies here now. Was its disk unmounted?")
        if read_only:
            raise DiskError(f"{self._places.clips}: the disk can only be read. See the system log for why.")


def _lock(places: Places, handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HeldError(
            f"{places.data}: another camd ({_holder(places)}) holds this folder."
            " Stop it first, or give this one another folder."
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
        raise CannotWriteError(
            f"{places.data}: this file system knows no locks (flock): two recorders could evict each other's clips."
            " Give camd a folder on another one (ext4, xfs, btrfs, f2fs)."
        ) from error


def _holder(places: Places) -> str:
    try:
        return f"pid {int(places.recorder_pid.read_text(encoding='ascii'))}"
    except (OSError, ValueError):  # it is just starting, or its disk was full
        return "pid unknown"


def _write_pid(places: Places) -> None:
    try:
        places.recorder_pid.write_text(f"{os.getpid()}\n", encoding="ascii")
    except OSError as error:  # on a full disk it must start all the same: it makes the room
        _log.warning("%s: cannot be written: %s", places.recorder_pid, error.strerror)
