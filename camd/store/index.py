"""The index of the clips: the SQL of the store, but for what holds the file against itself (`trust.py`).

Idea: one SQLite file (WAL, synchronous=FULL) that several processes may open: the recorder, the terminal verbs, later
the page. Rule: every change is one transaction, and the running total changes in it (by triggers, see schema.sql).
A star, a label or what a classifier sees is written to the sidecar inside the transaction, so that nobody evicts the
clip meanwhile. It unlinks no clip: `drop` makes garbage, and the recorder takes it away. A row that is not as it was
written is never served: DamagedIndexError is raised instead.

An `Index` may be made in one thread and used in another, but never by two at once.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any
from uuid import uuid4

from camd.errors import CannotWriteError, DiskError, UnusableInputError, UsageError
from camd.model import Clip
from camd.places import Places
from camd.store import sidecar, trust
from camd.store.files import ClipFiles, sync_folder, temp_of, writing
from camd.store.sidecar import Sidecar
from camd.store.trouble import BUSY_S, trouble
from camd.store.trust import crc, damaged

_log = logging.getLogger(__name__)

_APPLICATION_ID = 0x63616D64
_VERSION = 2
_JOURNAL = 1 << 20  # bytes that it may have
_PAGE_BYTES = 1024  # a commit writes whole pages: three to five of them for a clip
_PAGE = 32  # clips fetched at a time when walking from the oldest
_FIELDS = (
    "id, camera, boot_id, began, began_unix_ns, duration_ns, pre_roll_ns, size, beside, sha256, label, events,"
    " continues, cut_short, starred, synchronised, crc"
)
_OLD_FIELDS = _FIELDS.removesuffix(", synchronised, crc")  # of version 1


class Index:
    """The clips of one data folder. Every method may raise CannotWriteError or, on a damaged file, DamagedIndexError.

    A method that names one clip raises UsageError when there is none of that number.
    """

    def __init__(self, places: Places, database: sqlite3.Connection) -> None:
        self._places = places
        self._database = database

    @classmethod
    def open(cls, places: Places) -> "Index":
        """Open the index, created when absent; a file that is not ours, or newer than this camd, is left as it is."""
        with writing(places.data):
            places.make()
        try:
            return cls._open(places)
        except DiskError:  # it needs a few kilobytes beside itself while it is open
            _throw_ballast(places)
            return cls._open(places)

    @classmethod
    def _open(cls, places: Places) -> "Index":
        with trouble(places.index):
            database = sqlite3.connect(places.index, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            database.text_factory = _text
        index = cls(places, database)
        try:
            index._prepare()
        except BaseException:
            database.close()
            raise
        return index

    def __enter__(self) -> "Index":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the last process to do so leaves one file without journal."""
        self._database.close()

    def uuid(self) -> str:
        """What names this store."""
        (name,) = self._rows("SELECT uuid FROM store")[0]
        return str(name)

    def name(self, uuid: str) -> None:
        """Be the index of the store of that name."""
        with self._change():
            self._database.execute("UPDATE store SET uuid = ?, uuid_crc = ?", (uuid, crc((uuid,))))

    def verify_pages(self) -> None:
        """Read all of the file and hold it against itself; for who is about to change it."""
        with trouble(self._places.index):
            trust.verify_pages(self._database, self._places.index)

    def clip(self, number: int) -> Clip:
        """The clip of that number."""
        rows = self._rows(f"SELECT {_FIELDS} FROM clip WHERE id = ?", number)
        if not rows:
            raise UsageError(f"there is no clip {number}. 'camd clips list' shows which there are.")
        return self._clip(rows[0])

    def clips(self, limit: int | None = None, label: str | None = None, camera: str | None = None) -> tuple[Clip, ...]:
        """The newest `limit` clips (None: all), newest first; only those of `label` and `camera` when given."""
        rows = self._rows(
            f"""SELECT {_FIELDS} FROM clip WHERE (?1 IS NULL OR label = ?1) AND (?2 IS NULL OR camera = ?2)
                ORDER BY id DESC LIMIT ?3""",
            label,
            camera,
            -1 if limit is None else limit,
        )
        return tuple(map(self._clip, rows))

    def unstarred(self) -> Iterator[Clip]:
        """Clips that may be evicted, oldest first, fetched as they are asked for."""
        last = 0
        while rows := self._rows(
            f"SELECT {_FIELDS} FROM clip WHERE NOT starred AND id > ? ORDER BY id LIMIT {_PAGE}", last
        ):
            yield from map(self._clip, rows)
            last = rows[-1][0]

    def ids(self) -> frozenset[int]:
        """Numbers of all clips."""
        return frozenset(number for (number,) in self._rows("SELECT id FROM clip"))

    def total_bytes(self) -> int:
        """Bytes of all clips, sidecars, thumbnails and garbage."""
        return self._number("SELECT bytes FROM store")

    def starred_bytes(self) -> int:
        """Bytes of the starred clips with their sidecars and thumbnails."""
        return self._number("SELECT coalesce(sum(size + beside), 0) FROM clip WHERE starred")

    def newest_id(self) -> int:
        """The highest number that a clip here ever had."""
        return self._number("SELECT newest_id FROM store")

    def pass_over(self, number: int) -> None:
        """Let no later clip have `number` or a lower one."""
        if number > self.newest_id():
            with self._change():
                self._database.execute("UPDATE store SET newest_id = ?", (number,))

    def add(self, *clips: Clip, forget: Iterable[int] = ()) -> None:
        """Take in clips whose files are durable, all or none, and in the same step `forget` garbage that is gone."""
        with self._change():
            self._insert(clips)
            self._forget(forget)

    def disown(self, number: int) -> None:
        """Forget the row and leave the files, which can be taken in again."""
        with self._change():
            self._database.execute("DELETE FROM clip WHERE id = ?", (number,))

    def undated(self, boot_id: str) -> tuple[Clip, ...]:
        """Clips of that boot that were recorded before the machine knew the date."""
        rows = self._rows(f"SELECT {_FIELDS} FROM clip WHERE NOT synchronised AND boot_id = ? ORDER BY id", boot_id)
        return tuple(map(self._clip, rows))

    def star(self, number: int) -> None:
        """Keep this clip for good."""
        self._say(number, starred=True)

    def unstar(self, number: int) -> None:
        """Let this clip be evicted in its turn."""
        self._say(number, starred=False)

    def label(self, number: int, label: str) -> None:
        """Say what the clip shows."""
        self._say(number, label=label)

    def date(self, number: int, began_unix_ns: int) -> None:
        """Give a clip its right date, now that it is known."""
        self._say(number, began_unix_ns=began_unix_ns, synchronised=True)

    def see(self, number: int, seen: Mapping[str, bytes]) -> None:
        """Note what a classifier sees in events of this clip, packed, by their ids."""
        self._mark(number, lambda told: sidecar.with_embeddings(told, seen))

    def drop(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Turn these clips into garbage, all in one transaction; answers with those that were there."""
        return self._to_garbage(numbers, "SELECT id, size + beside FROM clip WHERE id = ?")

    def evict(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """As `drop`, but leaves those that were starred meanwhile."""
        return self._to_garbage(numbers, "SELECT id, size + beside FROM clip WHERE id = ? AND NOT starred")

    def garbage(self) -> dict[int, int]:
        """Clips whose files must go: number -> bytes."""
        rows = self._rows("SELECT id, bytes, crc FROM garbage ORDER BY id")
        if any(crc((number, size)) != told for number, size, told in rows):
            raise damaged(self._places.index, "garbage is not as it was written")
        return {number: size for number, size, _ in rows}

    def forget(self, numbers: Iterable[int]) -> None:
        """Forget garbage whose files are gone for good."""
        with self._change():
            self._forget(numbers)

    def forget_traces(self) -> None:
        """Leave nothing of deleted rows in the journal either, if nobody else is reading just now."""
        self._rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def settle(self) -> None:
        """Finish what a crash interrupted between a sidecar and its row: the row follows the sidecar."""
        for (number,) in self._rows("SELECT id FROM rewriting"):
            with self._change():
                temp_of(ClipFiles.of(self._places, number).sidecar).unlink(missing_ok=True)
                try:
                    self._follow_sidecar(number)
                except UnusableInputError as error:
                    _log.warning("%s", error)
                self._database.execute("DELETE FROM rewriting WHERE id = ?", (number,))

    def _say(self, number: int, **words: Any) -> None:
        """Say something else of the clip as a whole."""
        self._mark(number, lambda told: replace(told, clip=replace(told.clip, **words)))

    def _mark(self, number: int, change: Callable[[Sidecar], Sidecar]) -> None:
        with self._change():
            self.clip(number)
            self._database.execute("INSERT OR IGNORE INTO rewriting VALUES (?)", (number,))
        with self._change():
            self.clip(number)  # still there?
            path = ClipFiles.of(self._places, number).sidecar
            sidecar.write(path, change(sidecar.read(path)))
            sync_folder(path.parent)
            self._follow_sidecar(number)
            self._database.execute("DELETE FROM rewriting WHERE id = ?", (number,))

    def _follow_sidecar(self, number: int) -> None:
        told = sidecar.read(ClipFiles.of(self._places, number).sidecar).clip
        row = _row(
            replace(
                self.clip(number),
                starred=told.starred,
                label=told.label,
                beside=told.beside,
                began_unix_ns=told.began_unix_ns,
                synchronised=told.synchronised,
            )
        )
        self._database.execute(f"UPDATE clip SET ({_FIELDS}) = ({_marks(row)}) WHERE id = ?", (*row, number))

    def _forget(self, numbers: Iterable[int]) -> None:
        self._database.executemany("DELETE FROM garbage WHERE id = ?", [(number,) for number in numbers])

    def _insert(self, clips: Iterable[Clip]) -> None:
        rows = list(map(_row, clips))
        if rows:
            self._database.executemany(f"INSERT INTO clip ({_FIELDS}) VALUES ({_marks(rows[0])})", rows)

    def _clip(self, row: Sequence[Any]) -> Clip:
        *values, told = row
        if crc(values) != told:
            raise damaged(self._places.index, "a row is not as it was written")
        return _clip(values)

    def _to_garbage(self, numbers: Iterable[int], select: str) -> tuple[int, ...]:
        wanted = tuple(numbers)
        try:
            return self._move(wanted, select)
        except DiskError:  # SQLite needs room even to delete
            _throw_ballast(self._places)
            return self._move(wanted, select)

    def _move(self, numbers: tuple[int, ...], select: str) -> tuple[int, ...]:
        moved = []
        with self._change():
            for number in numbers:
                for row in self._rows(select, number):
                    self._database.execute("INSERT INTO garbage VALUES (?, ?, ?)", (*row, crc(row)))
                    self._database.execute("DELETE FROM clip WHERE id = ?", (number,))
                    moved.append(number)
        return tuple(moved)

    def _prepare(self) -> None:
        with trouble(self._places.index):
            self._refuse_foreign()
            self._database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new file
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
            self._database.execute(f"PRAGMA wal_autocheckpoint = {_JOURNAL // self._number('PRAGMA page_size')}")
            self._database.execute(f"PRAGMA journal_size_limit = {_JOURNAL}")
        if self._version() != _VERSION:
            with self._change():
                _MIGRATIONS[self._version()](self)  # asked again: another process may have done it meanwhile
            sync_folder(self._places.data)
        with trouble(self._places.index):
            trust.verify(self._database, self._places.index)

    def _create(self) -> None:
        trust.make(self._database)
        name = uuid4().hex
        self._database.execute("INSERT INTO store VALUES (1, ?, 0, 0, 0, 0, ?)", (name, crc((name,))))

    def _from_1(self) -> None:
        """Version 1 had no checksums, and did not say whether the date was known."""
        ((name, newest),) = self._rows("SELECT uuid, newest_id FROM store")
        clips = [_clip([*row, True]) for row in self._rows(f"SELECT {_OLD_FIELDS} FROM clip")]
        garbage = self._rows("SELECT id, bytes FROM garbage")
        rewriting = self._rows("SELECT id FROM rewriting")
        for table in ("clip", "garbage", "rewriting", "store"):
            self._database.execute(f"DROP TABLE {table}")
        trust.make(self._database)
        self._database.execute("INSERT INTO store VALUES (1, ?, ?, 0, 0, 0, ?)", (name, newest, crc((name,))))
        self._insert(clips)
        self._database.executemany("INSERT INTO garbage VALUES (?, ?, ?)", [(*row, crc(row)) for row in garbage])
        self._database.executemany("INSERT INTO rewriting VALUES (?)", rewriting)

    def _stay(self) -> None:
        """It is of this version already."""

    def _refuse_foreign(self) -> None:
        if self._number("SELECT count(*) FROM sqlite_schema") == 0:
            return
        if self._number("PRAGMA application_id") != _APPLICATION_ID:
            raise UnusableInputError(f"{self._places.index}: another program's database. Move it aside.")
        if self._version() not in _MIGRATIONS:
            raise CannotWriteError(
                f"{self._places.index}: has schema version {self._version()}, this camd knows {_VERSION}:"
                " it is left as it is. Use the camd that wrote it, or a newer one."
            )

    def _version(self) -> int:
        return self._number("PRAGMA user_version")

    def _number(self, query: str) -> int:
        number: int = self._rows(query)[0][0]
        return number

    def _rows(self, query: str, *values: object) -> list[Any]:
        with trouble(self._places.index):
            return self._database.execute(query, values).fetchall()

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: all of it, or nothing when anything is raised."""
        with trouble(self._places.index):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")


# What brings an index of each version to this one, in one transaction; 0 is an empty file.
_MIGRATIONS: Mapping[int, Callable[[Index], None]] = {0: Index._create, 1: Index._from_1, _VERSION: Index._stay}


def _throw_ballast(places: Places) -> None:
    """Free the bytes that the recorder set aside for the moment when the disk is full."""
    with writing(places.ballast):
        places.ballast.unlink(missing_ok=True)


def _row(clip: Clip) -> tuple[object, ...]:
    values = (
        clip.id,
        clip.camera,
        clip.boot_id,
        clip.began,
        clip.began_unix_ns,
        clip.duration_ns,
        clip.pre_roll_ns,
        clip.size,
        clip.beside,
        clip.sha256,
        clip.label,
        json.dumps(clip.events),
        clip.continues,
        int(clip.cut_short),
        int(clip.starred),
        int(clip.synchronised),
    )
    return (*values, crc(values))


def _clip(values: Sequence[Any]) -> Clip:
    *plain, events, continues, cut_short, starred, synchronised = values
    flags = map(bool, (cut_short, starred, synchronised))
    return Clip(*(*plain, tuple(json.loads(events)), continues, *flags))


def _marks(row: Sequence[object]) -> str:
    return ",".join("?" * len(row))


def _text(data: bytes) -> str:
    """Text of a damaged file need not be text: then its checksum does not fit."""
    return data.decode("utf-8", "replace")
