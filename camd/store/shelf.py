"""The recorder's hold of the data folder: who may write clips, where they go, and what must go for them.

Idea: a lock on the data directory itself makes one recorder. A clip is kept by its row, made last, and dropped by its
row turning into garbage, made first; whatever a crash leaves between is finished at the next start.
Rule: room is made before it is used. Footage without a row is never deleted here: `orphans` hands it to the recorder.
It does not promise room that others take: a disk filled by another program raises CannotWriteError.
"""

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from camd import mode
from camd.clock import Clock
from camd.config import MB, StoreConfig
from camd.errors import CannotWriteError, HeldError
from camd.model import Clip
from camd.places import Places
from camd.store import ring
from camd.store.files import ClipFiles, number_of, sync_folder, writing
from camd.store.index import Index

_log = logging.getLogger(__name__)

_BALLAST_BYTES = 1 * MB  # a transaction that deletes needs some tens of kilobytes of journal


class Shelf:
    """Where the recorder puts clips; one process at a time has it, and one thread uses it.

    Every method may raise CannotWriteError.
    """

    def __init__(self, places: Places, limits: StoreConfig, clock: Clock, index: Index) -> None:
        self._places = places
        self._limits = limits
        self._clock = clock
        self._index = index
        self._held = ExitStack()

    @classmethod
    def open(cls, places: Places, limits: StoreConfig, clock: Clock) -> "Shelf":
        """Take hold of the data folder, made when absent, and finish what a crash left.

        Raises HeldError, naming the other process, when another recorder has it.
        """
        with ExitStack() as held:
            held.enter_context(_hold(places))
            if not places.index.exists() and not places.mode.exists():
                mode.write(places, mode.AWAY)  # a new store is made to be used; later a missing mode means home
            shelf = cls(places, limits, clock, held.enter_context(Index.open(places)))
            shelf._recover()
            shelf._held = held.pop_all()
        return shelf

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Finish garbage and let go of the folder."""
        with self._held:
            self.tidy()

    def files(self, number: int) -> ClipFiles:
        """Every path of one clip."""
        return ClipFiles.of(self._places, number)

    def part(self, number: int) -> Path:
        """Where the clip is written until it is whole."""
        return self.files(number).part

    def mp4(self, number: int) -> Path:
        """Where the finished clip lies."""
        return self.files(number).mp4

    def sidecar(self, number: int) -> Path:
        """Where the clip's JSON lies."""
        return self.files(number).sidecar

    def thumbnail(self, number: int) -> Path:
        """Where the clip's JPEG lies."""
        return self.files(number).thumbnail

    def next_id(self) -> int:
        """A clip number that was never given out before."""
        return self._index.next_id()

    def orphans(self) -> list[Path]:
        """Recordings without a row, oldest first: to be adopted (`keep`) or, with nothing in them, to be discarded.

        To be asked before the first clip is opened: the open clip's `.part` is one of them.
        """
        rows = self._index.ids()
        found = [path for path in _ours(self._places.clips) if path.suffix in (".part", ".mp4")]
        return [path for path in found if number_of(path) not in rows]

    def keep(self, clip: Clip) -> Clip:
        """Take in a clip whose MP4, sidecar and thumbnail are durable; answers with the row, `beside` measured."""
        kept = replace(clip, beside=self.files(clip.id).bytes_beside())
        self._index.add(kept)
        self.tidy()
        return kept

    def discard(self, number: int) -> None:
        """Unlink the files of a recording that has no row, because there is nothing in it to keep."""
        if number in self._index.ids():
            raise ValueError(f"clip {number} has a row: it is dropped, not discarded")
        _log.info("recording %d discarded: nothing in it can be played", number)
        _unlink(self._places, (number,))

    def drop(self, numbers: Iterable[int], reason: str) -> None:
        """Remove these clips, starred or not."""
        self._log_gone(self._index.drop(numbers), reason)
        self.tidy()

    def make_room(self, open_bytes: int) -> None:
        """Evict until the open clip may have `open_bytes` (its `.part` and what will lie beside it).

        To be called before each fragment is written. Also drops what is older than the age limit, when the date is
        known. Raises CannotWriteError when no room can be made; then nothing was evicted for it.
        """
        self.tidy()
        self._drop_expired()
        free = _free_bytes(self._places.clips)
        while (need := self._lacking(open_bytes, free)) > 0:
            chosen = ring.choose(self._index.unstarred(), need)
            if not chosen:
                raise CannotWriteError(self._why_no_room(open_bytes, free))
            gone = self._index.evict(clip.id for clip in chosen)  # fewer, when one was starred meanwhile
            self._log_gone(gone, "the oldest, evicted to make room")
            free += sum(self._index.garbage().values())
            self.tidy()

    def tidy(self) -> None:
        """Unlink what was dropped, by whichever process; cheap when there is nothing. An idle recorder calls it too."""
        if _finish_garbage(self._places, self._index):
            _load_ballast(self._places)

    def _recover(self) -> None:
        self._index.settle()
        _finish_garbage(self._places, self._index)
        _load_ballast(self._places)
        self._remove_stray()
        self._index.pass_over(max(map(_number, _ours(self._places.clips)), default=0))

    def _remove_stray(self) -> None:
        """Temps, sidecars and thumbnails of recordings that never came to be."""
        rows = self._index.ids()  # their temps are left alone: another process may be writing a star
        found = [path for path in _ours(self._places.clips) if _number(path) not in rows]
        footage = {_number(path) for path in found if path.suffix in (".part", ".mp4")}
        _unlink(self._places, {_number(path) for path in found} - footage)
        with writing(self._places.clips):
            for path in found:
                if path.suffix == ".tmp":
                    path.unlink(missing_ok=True)

    def _drop_expired(self) -> None:
        if not self._clock.synchronised():
            return
        old = ring.expired(self._index.unstarred(), self._clock.unix(), self._limits.max_age)
        if old:
            self._log_gone(self._index.evict(clip.id for clip in old), "older than store.max_age")
            self.tidy()

    def _lacking(self, open_bytes: int, free: int) -> int:
        over = self._index.total_bytes() + open_bytes - self._limits.max_bytes
        return max(over, self._limits.keep_free - free)

    def _why_no_room(self, open_bytes: int, free: int) -> str:
        over = self._index.total_bytes() + open_bytes - self._limits.max_bytes
        starred = self._index.starred_bytes()
        if over <= 0:
            return (
                f"{self._places.clips}: the disk has {_mb(free)} MB free, store.keep_free is"
                f" {_mb(self._limits.keep_free)} MB, and evicting clips would not do. Free space on this disk."
            )
        return (
            f"{self._places.clips}: no room for {_mb(open_bytes)} MB: store.max_bytes is"
            f" {_mb(self._limits.max_bytes)} MB and starred clips hold {_mb(starred)} MB."
            " Unstar or delete clips ('camd clips unstar ID'), or raise store.max_bytes."
        )

    @staticmethod
    def _log_gone(numbers: Iterable[int], reason: str) -> None:
        for number in numbers:
            _log.info("clip %d dropped: %s", number, reason)


def finish_garbage(places: Places, index: Index) -> bool:
    """Unlink what was dropped, unless a recorder runs: False says that it will do so itself."""
    try:
        with _hold(places):
            _finish_garbage(places, index)
    except HeldError:
        return False
    return True


@contextmanager
def _hold(places: Places) -> Iterator[None]:
    with writing(places.data):
        places.make()
        handle = os.open(places.data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(places, handle)
        _write_pid(places)
        try:
            yield
        finally:
            with suppress(OSError):
                places.recorder_pid.unlink()
    finally:
        os.close(handle)


def _lock(places: Places, handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HeldError(
            f"{places.data}: another camd ({_holder(places)}) holds this folder."
            " Stop it first, or give this one another folder."
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


def _finish_garbage(places: Places, index: Index) -> bool:
    numbers = index.garbage()
    if not numbers:
        return False
    _unlink(places, numbers)
    index.forget(numbers)
    return True


def _unlink(places: Places, numbers: Iterable[int]) -> None:
    with writing(places.clips):
        for number in numbers:
            for path in ClipFiles.of(places, number).all():
                path.unlink(missing_ok=True)
    sync_folder(places.clips)


def _load_ballast(places: Places) -> None:
    """Set aside what the next transaction needs when the disk is full; without room for it, go on without."""
    if places.ballast.exists():
        return
    try:
        with places.ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, _BALLAST_BYTES)
    except OSError:
        places.ballast.unlink(missing_ok=True)


def _ours(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if number_of(path) is not None), key=_number)


def _number(path: Path) -> int:
    return number_of(path) or 0


def _free_bytes(folder: Path) -> int:
    """Bytes that this user may still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _mb(count: int) -> str:
    return f"{count / MB:.1f}"
