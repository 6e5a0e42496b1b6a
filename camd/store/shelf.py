"""The recorder's hold of the data folder: who may write clips, where they go, and what must go for them.

Idea: a clip is kept by its row, made last, and dropped by its row turning into garbage, made first; whatever a crash
leaves between is finished at the next start. An index that is missing or damaged is made anew from the clips.
Rule: room is made before it is used. Footage without a row is never deleted here: `orphans` hands it to the recorder,
and until it has a row it counts against the limit all the same.
It does not promise room that others take: a disk filled by another program raises CannotWriteError.
"""

import logging
import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from camd import mode
from camd.clock import Clock
from camd.config import MB, StoreConfig
from camd.errors import CannotWriteError, DiskError, HeldError
from camd.model import Clip
from camd.places import Places
from camd.store import folder, identity, recovery, ring, room
from camd.store.files import ClipFiles, lies_at, number_of, size_of, temp_of, writing
from camd.store.hold import Home, hold
from camd.store.index import Index
from camd.store.trust import DamagedIndexError
from camd.store.wear import Wear

_log = logging.getLogger(__name__)

_CLIPS_AT_ONCE = 4  # to evict for inodes, of which each clip holds three


class Shelf:
    """Where the recorder puts clips; one process at a time has it, and one thread uses it.

    Every method may raise CannotWriteError or DamagedIndexError; then `let_go`, and `take_again` until that succeeds.
    """

    _home: Home

    def __init__(self, places: Places, limits: StoreConfig, clock: Clock) -> None:
        self._places, self._limits, self._clock = places, limits, clock
        self._held = ExitStack()
        self._open_index: Index | None = None  # None: the folder is not held
        self._uuid: str | None = None
        self._loose: set[int] = set()  # recordings without a row
        self._gone: dict[int, int] = {}  # garbage that is unlinked and not forgotten yet, with its bytes
        self._newest = 0  # number given out
        self._open: dict[int, int] = {}  # bytes of the clips being written, as of the last `make_room` for each
        self._has_undated = True
        self._wear = Wear(places)

    @classmethod
    def open(cls, places: Places, limits: StoreConfig, clock: Clock) -> "Shelf":
        """Take hold of the data folder, made when absent, and finish what a crash left.

        Raises HeldError, naming the other process, when another recorder has it, and UnavailableError when the store
        that belongs here is not here.
        """
        shelf = cls(places, limits, clock)
        shelf._take()
        return shelf

    @classmethod
    def open_when_possible(cls, places: Places, limits: StoreConfig, clock: Clock) -> "Shelf":
        """As `open`; but a disk that is full, failing or read-only now is taken hold of later, by `take_again`."""
        shelf = cls(places, limits, clock)
        try:
            shelf._take()
        except DiskError as error:
            if not places.clips.is_dir():
                raise
            _log.error("%s", error)
            shelf._uuid = identity.read(places)
        return shelf

    def __enter__(self) -> "Shelf":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Finish garbage and let go of the folder."""
        with self._held:
            if self._open_index is not None:
                self.tidy()

    def let_go(self) -> None:
        """Close every file after trouble, so that the disk can be unmounted, mended and mounted again."""
        self._held.close()
        self._open_index, self._gone = None, {}
        self._open.clear()

    def take_again(self) -> None:
        """Take hold of the same store again, as a start does, and try whether clips can be written.

        Raises CannotWriteError as long as they cannot, or when another store, or none, is here now.
        """
        if self._uuid is not None and identity.read(self._places) != self._uuid:
            raise CannotWriteError(f"{self._places.clips}: the store is not here. Was its disk unmounted?")
        self._take()
        self._probe()

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
        """A clip number that no clip ever had. Nothing is written: the clip's own files say that it is taken."""
        self._newest = max(self._newest, self._checked().newest_id()) + 1
        return self._newest

    def orphans(self) -> list[Path]:
        """Recordings without a row, oldest first: to be adopted (`take_in`), set aside or, when empty, discarded."""
        found = (self.files(number) for number in sorted(self._loose))
        return [files.mp4 if lies_at(files.mp4) else files.part for files in found]

    def leave(self, number: int) -> None:
        """The recording could not be finished: it stays as it is, and is an orphan from now on."""
        self._open.pop(number, None)
        if self.files(number).footage_exists():
            self._loose.add(number)
        else:
            folder.unlink(self._places, (number,))

    def keep(self, clip: Clip) -> Clip:
        """Take in a clip whose MP4, sidecar and thumbnail are durable; answers with the row, `beside` measured."""
        kept = replace(clip, beside=self.files(clip.id).bytes_beside())
        self.take_in((kept,))
        self._wear.kept(kept)
        self.tidy()
        return kept

    def take_in(self, rows: Iterable[Clip]) -> None:
        """Make rows of clips whose files are durable and measured, all at once."""
        rows = tuple(rows)
        self._index.add(*rows, forget=self._gone)
        self._gone = {}
        self._loose.difference_update(clip.id for clip in rows)
        for clip in rows:
            self._open.pop(clip.id, None)
        self._has_undated = self._has_undated or not all(clip.synchronised for clip in rows)

    def discard(self, number: int, why: str) -> None:
        """Unlink the files of a recording that has no row; `why` there is nothing in it to keep goes to the log."""
        if number in self._index.ids():
            raise ValueError(f"clip {number} has a row: it is dropped, not discarded")
        _log.info("recording %d discarded: %s", number, why)
        folder.unlink(self._places, (number,))
        self._loose.discard(number)
        self._open.pop(number, None)

    def set_aside(self, path: Path) -> Path:
        """Move what cannot be used to the folder of damaged things; returns where it lies now.

        What lies beside a recording goes with it.
        """
        target = folder.set_aside(self._places, path)
        number = number_of(path)
        if number in self._loose and not self.files(number).footage_exists():
            self._loose.discard(number)
            for beside in filter(lies_at, self.files(number).all()):
                folder.set_aside(self._places, beside)
        return target

    def drop(self, numbers: Iterable[int], reason: str) -> None:
        """Remove these clips, starred or not."""
        gone = self._index.drop(numbers)
        self.tidy()
        self._log_gone(gone, reason)

    def disown(self, number: int) -> None:
        """Take a clip's row away and leave its files to be adopted."""
        self._index.disown(number)
        if self.files(number).footage_exists():
            self._loose.add(number)

    def make_room(self, open_bytes: int, number: int | None = None) -> None:
        """Evict until the open clip `number` (None: one to come) may have `open_bytes`, and what lies beside it.

        To be called before each fragment is written. Also drops what is older than the age limit, when the date is
        known. Raises CannotWriteError when no room can be made; then nothing was evicted for it.
        """
        self._unlink_garbage()
        self._date()
        self._drop_expired()
        self._free_inodes()
        free = room.free_bytes(self._places.clips)
        while (need := self._lacking(open_bytes, number, free)) > 0:
            chosen = ring.choose(self._index.unstarred(), need)
            if not chosen:
                raise CannotWriteError(self._why_no_room(open_bytes, number, free))
            gone = self._index.evict(clip.id for clip in chosen)  # fewer, when one was starred meanwhile
            free += self._unlink_garbage()
            self._log_gone(gone, "the oldest, evicted to make room")
            self._wear.gone(len(gone))
        if number is not None:
            self._open[number] = open_bytes

    def tidy(self) -> None:
        """Unlink what was dropped, by whichever process, and date what was recorded before the date was known.

        Cheap when there is nothing, and writes nothing then. An idle recorder calls it too.
        """
        self._unlink_garbage()
        if self._gone:
            self._index.forget(self._gone)
            self._gone = {}
        self._date()

    def _unlink_garbage(self) -> int:
        """Unlink what was dropped; returns its bytes. It is forgotten with the next row, or when there is time."""
        garbage = {number: size for number, size in self._checked().garbage().items() if number not in self._gone}
        if garbage:
            folder.unlink(self._places, garbage)
            self._gone |= garbage
            room.load_ballast(self._places)
        return sum(garbage.values())

    def _probe(self) -> None:
        """Try whether clips can be written; where a quota refuses, make it the limit: no free bytes tell of it."""
        self.make_room(0)
        try:
            room.probe(temp_of(self.sidecar(0)))  # a name that a start removes
        except DiskError as error:
            if not room.is_quota(error):
                raise
            self._limits = replace(self._limits, max_bytes=max(0, self._used(None) - 2 * room.JOURNAL))
            _log.warning("%s: a quota allows no more than %s MB", self._places.clips, _mb(self._limits.max_bytes))
            self.make_room(0)
            os.sync()  # or the quota would still count what is gone
            room.probe(temp_of(self.sidecar(0)))

    def _take(self) -> None:
        with ExitStack() as held:
            self._home = held.enter_context(hold(self._places))
            if is_new(self._places):
                mode.write(self._places, mode.AWAY)  # it is made to be used; later a missing mode means home
            self._open_index = recovery.open_index(self._places)
            held.callback(self._close_index)
            try:
                self._recover()
            except DamagedIndexError as error:
                self._begin_index_anew(error)
            self._uuid = identity.read(self._places)
            self._held = held.pop_all()

    @property
    def _index(self) -> Index:
        if self._open_index is None:
            raise DiskError(f"{self._places.clips}: the disk refused, and does not yet take clips again.")
        return self._open_index

    def _checked(self) -> Index:
        """The index, of a folder that is held and is still the one that was taken hold of."""
        index = self._index
        self._home.check()
        return index

    def _close_index(self) -> None:
        if self._open_index is not None:
            self._open_index.close()
        self._open_index = None

    def _begin_index_anew(self, error: DamagedIndexError) -> None:
        """All clips are orphans then."""
        _log.error("%s", error)
        self._close_index()
        recovery.set_index_aside(self._places)
        self._open_index = recovery.open_index(self._places)
        self._recover()

    def _recover(self) -> None:
        self._loose = recovery.recover(self._places, self._index)
        self._has_undated = True

    def _date(self) -> None:
        if not self._has_undated or not self._clock.synchronised():
            return
        offset = self._clock.unix() - self._clock.boot()
        for clip in self._index.undated(self._clock.boot_id):
            self._index.date(clip.id, clip.began + offset)
            _log.info("clip %d: the date is known now", clip.id)
        self._has_undated = False

    def _drop_expired(self) -> None:
        if not self._clock.synchronised():
            return
        old = ring.expired(self._index.unstarred(), self._clock.unix(), self._limits.max_age)
        if old:
            gone = self._index.evict(clip.id for clip in old)
            self._unlink_garbage()
            self._log_gone(gone, "older than store.max_age")
            self._wear.gone(len(gone))

    def _free_inodes(self) -> None:
        """A disk can be full of files as well as of bytes."""
        if not room.lacks_inodes(self._places.clips):
            return
        oldest = [clip.id for clip, _ in zip(self._index.unstarred(), range(_CLIPS_AT_ONCE), strict=False)]
        gone = self._index.evict(oldest)
        self._unlink_garbage()
        self._log_gone(gone, "the oldest, evicted because the disk has no more files to give")
        self._wear.gone(len(gone))
        if room.lacks_inodes(self._places.clips):
            raise CannotWriteError(f"{self._places.clips}: the disk has room for no more files. Delete some on it.")

    def _lacking(self, open_bytes: int, number: int | None, free: int) -> int:
        over = self._used(number) + open_bytes - self._limits.max_bytes
        growth = max(0, open_bytes - self._open.get(number or 0, 0))
        return max(over, max(self._limits.keep_free, room.JOURNAL) + growth - free)

    def _used(self, number: int | None) -> int:
        """Bytes of everything but the open clip `number`."""
        loose = (self.files(orphan) for orphan in self._loose)
        others = sum(size for clip, size in self._open.items() if clip != number)
        held = self._index.total_bytes() - sum(self._gone.values())
        return held + others + sum(size_of(path) for files in loose for path in files.all())

    def _why_no_room(self, open_bytes: int, number: int | None, free: int) -> str:
        over = self._used(number) + open_bytes - self._limits.max_bytes
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
    """Unlink what was dropped, unless a recorder runs: False says that it will do so itself.

    Either way it stays dropped from now on, even if the index is lost.
    """
    try:
        with hold(places):
            recovery.finish_garbage(places, index)
    except HeldError:
        folder.bury(places, index.garbage())
        return False
    return True


def is_new(places: Places) -> bool:
    """As `mode.is_new`. Raises CannotWriteError."""
    with writing(places.clips):
        return mode.is_new(places)


def _mb(count: int) -> str:
    return f"{count / MB:.1f}"
