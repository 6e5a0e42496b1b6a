"""Alerts on their way to the broker, safe from the moment they are put until the broker has acknowledged them.

Idea: two SQLite files. The one in RAM holds every alert that is not acknowledged: it costs no disk write, survives
any kill and works beside a full disk. `spill` copies what has waited for a second to the one on disk, which survives
a power cut. A RAM file that is new (the machine was booted) starts with the disk's rows and carries on their ids.

Rule: RAM holds all that the disk holds, less what is acknowledged, so that readers ask RAM alone, and nobody waits for
the disk with the RAM file locked. An id that must still be deleted from the disk stands in the RAM table `gone`; only
`spill`, of which there is one (capture's), copies, so it alone may strike off an id whose copy it did not find.

It does not promise: the last second through a power cut; that an alert is sent only once (a kill between sending and
acknowledgement sends it again, under the same event id); old states (once the broker has been away for a second, a
retained message replaces its predecessors: nobody wants last night's motion ON in the morning).
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from camd.model import SECOND, Alert, Nanos
from camd.places import Places

_log = logging.getLogger(__name__)
T = TypeVar("T")
U = TypeVar("U")
Row = tuple[Any, ...]
Work = Callable[[sqlite3.Connection], T]

SPILL_AFTER: Nanos = SECOND
MOST = 10_000  # alerts; at 1 KiB each 10 MB of RAM
_SPILL_AT_ONCE = 1000
_PATIENCE_S = 2.0  # for another process's transaction; those in RAM take well under a millisecond
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_COLUMNS = "id, topic, payload, retain, since, boot_id, put_at, put_unix_ns"
_TYPES = """topic TEXT NOT NULL, payload TEXT NOT NULL, retain INTEGER NOT NULL,
    since INTEGER,                 -- ns on the boot clock: what the alert tells of; NULL for states
    boot_id TEXT NOT NULL,         -- the boot that since and put_at count from
    put_at INTEGER NOT NULL,       -- ns on the boot clock
    put_unix_ns INTEGER NOT NULL   -- ns since 1970 UTC, as far as the machine knew
    """
# copied: 0 not on disk, 1 perhaps (being copied, or a kill cut the copying off), 2 on disk
_RAM_ALERT = f"CREATE TABLE alert (id INTEGER PRIMARY KEY AUTOINCREMENT, {_TYPES}, copied INTEGER NOT NULL DEFAULT 0)"
_RAM_GONE = "CREATE TABLE gone (id INTEGER PRIMARY KEY)"
_DISK_ALERT = f"CREATE TABLE alert (id INTEGER PRIMARY KEY, {_TYPES})"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert in the outbox. `put_at` counts from the boot `boot_id`."""

    id: int
    alert: Alert
    boot_id: str
    put_at: Nanos
    put_unix_ns: int


class Outbox:
    """The outbox of one camd, for one thread at a time; every process or thread opens its own.

    Nothing here raises for a full, read-only or missing disk: the trouble is logged once and the work goes on in RAM.
    `spill` takes as long as the disk takes: who must put while it runs needs an `Outbox` of its own.
    """

    def __init__(self, places: Places) -> None:
        self._bell = places.bell
        self._disk = _Database(places.outbox, "FULL", self._make_disk)
        self._ram = _Database(places.outbox_ram, "OFF", self._make_ram)
        self._owed: set[int] = set()  # acknowledged, but RAM could not be written
        self._disk_is_new = False
        self.dropped = 0
        """Alerts given up by this object because there was no room."""

    def close(self) -> None:
        """Close both files."""
        self._ram.close()
        self._disk.close()

    def put(self, alerts: Iterable[Alert], boot_id: str, now: Nanos, unix_ns: int) -> None:
        """Take in `alerts`, at boot time `now` of the boot `boot_id`, and wake notify. Never touches the disk.

        Beyond `MOST` rows the oldest that are not states are dropped.
        """
        rows = [(a.topic, a.payload, a.retain, a.since, boot_id, now, unix_ns) for a in alerts]
        dropped = self._ram.change(lambda ram: _insert(ram, rows), otherwise=len(rows))
        if dropped and not self.dropped:
            _log.error("%d alerts dropped: the outbox has no room. Is the broker away for long?", dropped)
        self.dropped += dropped
        _ring(self._bell)

    def spill(self, now: Nanos) -> None:
        """Copy to disk what has waited for a second at boot time `now`, for capture to call about once a second."""
        rows = self._ram.change(lambda ram: _choose(ram, now), otherwise=())
        if rows:
            stored = self._disk.change(lambda disk: _store(disk, rows), otherwise=False)
            if self._disk_is_new:  # and empty, whatever RAM thinks
                self._ram.change(lambda ram: ram.execute("UPDATE alert SET copied = 0"), otherwise=None)
                self._disk_is_new = False
            settle = _settle if stored else _take_back
            self._ram.change(lambda ram: settle(ram, rows), otherwise=None)
        self._sweep()

    def pending(self, limit: int) -> list[Waiting]:
        """Return the first `limit` alerts that are not acknowledged, oldest first."""
        self.done(())
        rows = self._ram.read(lambda ram: _first(ram, limit + len(self._owed)), otherwise=())
        return [_waiting(row) for row in rows if row[0] not in self._owed][:limit]

    def done(self, ids: Iterable[int]) -> None:
        """Forget alerts that the broker has acknowledged."""
        self._owed.update(ids)
        if not self._owed:
            return
        owed = sorted(self._owed)
        on_disk = self._ram.change(lambda ram: _retire(ram, owed), otherwise=None)
        if on_disk is None:
            return
        self._owed.clear()
        self._strike_off(self._erase(on_disk) or [])

    def withdraw(self, is_meant: Callable[[Alert], bool]) -> int:
        """Forget alerts that wait and are no longer to be sent; returns how many."""
        ids = [waiting.id for waiting in self.pending(MOST) if is_meant(waiting.alert)]
        self.done(ids)
        return len(ids)

    def _sweep(self) -> None:
        """Delete from disk what was acknowledged while it was being copied, or while the disk refused."""
        gone = self._ram.read(_gone, otherwise=())
        if self._erase(gone) is not None:
            self._strike_off(gone)

    def _erase(self, ids: Sequence[int]) -> list[int] | None:
        """Delete rows from disk and return those that were there; None when the disk refuses."""
        if not ids:
            return []
        return self._disk.change(lambda disk: [id_ for id_ in ids if _delete(disk, id_)], otherwise=None)

    def _strike_off(self, ids: Sequence[int]) -> None:
        if ids:
            self._ram.change(lambda ram: _many(ram, "DELETE FROM gone WHERE id = ?", ids), otherwise=None)

    def _make_ram(self, ram: sqlite3.Connection) -> None:
        ram.execute(_RAM_ALERT)
        ram.execute(_RAM_GONE)
        rows = self._disk.read(lambda disk: _first(disk, MOST), otherwise=())
        ram.executemany(f"INSERT INTO alert ({_COLUMNS}, copied) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 2)", rows)

    def _make_disk(self, disk: sqlite3.Connection) -> None:
        disk.execute(_DISK_ALERT)
        self._disk_is_new = True


class _Database:
    """One SQLite file: opened late, reopened when another process replaced it, set aside when damaged.

    `make` makes the tables of a new file, inside a transaction. Trouble that is the world's is logged when it begins
    and when it ends, and the caller gets its `otherwise`. The journal is a rollback journal: a WAL cannot be read on a
    read-only disk, and closing one after the file was replaced deletes the new file's.
    """

    def __init__(self, path: Path, synchronous: str, make: Callable[[sqlite3.Connection], object]) -> None:
        self._path = path
        self._synchronous = synchronous
        self._make = make
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._in_trouble = False

    def read(self, work: Work[T], otherwise: U) -> T | U:
        """Run `work` on one state of the file."""
        return self._attempt("BEGIN", work, otherwise)

    def change(self, work: Work[T], otherwise: U) -> T | U:
        """Run `work` as one transaction: all of it, or nothing and `otherwise`."""
        return self._attempt("BEGIN IMMEDIATE", work, otherwise)

    def close(self) -> None:
        """Close the file; it is opened again when it is used again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _attempt(self, begin: str, work: Work[T], otherwise: U) -> T | U:
        try:
            result = self._run(begin, work)
        except (sqlite3.OperationalError, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # our SQL is wrong
                raise
            self._note(error)
            return otherwise
        self._note(None)
        return result

    def _run(self, begin: str, work: Work[T]) -> T:
        try:
            return self._transaction(begin, work)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
            self._set_aside(error)
        return self._transaction(begin, work)

    def _transaction(self, begin: str, work: Work[T]) -> T:
        with self._current() as connection:
            connection.execute(begin)
            return work(connection)

    def _current(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode == _inode(self._path):
            return self._connection
        self.close()
        self._inode = _inode(self._path)
        connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._inode = _inode(self._path)
        self._connection = connection
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        if _is_new(connection):
            self._fill(connection)

    def _fill(self, connection: sqlite3.Connection) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            if _is_new(connection):  # still: another process may have been first
                self._make(connection)
                connection.execute("PRAGMA user_version = 1")

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        self.close()
        if self._inode != _inode(self._path):
            return  # another process did it
        _log.error("%s is damaged (%s). Kept as %s.damaged; going on with a new one.", self._path, error, self._path)
        for name in (f"{self._path}-journal", str(self._path)):  # the journal first: it must not meet the new file
            with suppress(FileNotFoundError):
                Path(name).replace(f"{name}.damaged")

    def _note(self, trouble: Exception | None) -> None:
        if trouble is not None and not self._in_trouble:
            _log.warning("%s cannot be used (%s). Going on without it until it can.", self._path, trouble)
        if trouble is None and self._in_trouble:
            _log.warning("%s can be used again.", self._path)
        self._in_trouble = trouble is not None


def _insert(ram: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Insert `rows` and return how many old ones had to go."""
    ram.executemany(
        "INSERT INTO alert (topic, payload, retain, since, boot_id, put_at, put_unix_ns) VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    (count,) = ram.execute("SELECT count(*) FROM alert").fetchone()
    if count <= MOST:
        return 0
    oldest = ram.execute("SELECT id FROM alert WHERE NOT retain ORDER BY id LIMIT ?", (count - MOST,))
    ids = [id_ for (id_,) in oldest]
    _retire(ram, ids)
    return len(ids)


def _choose(ram: sqlite3.Connection, now: Nanos) -> Sequence[Row]:
    """Return rows to copy, marked as perhaps on disk, each with its mark from before."""
    # A run folder that is not in RAM keeps rows of an earlier boot, whose times may lie ahead of ours: old as well.
    old = (now - SPILL_AFTER + 1, now)
    replaced = ram.execute(
        """SELECT id FROM alert AS old WHERE retain AND put_at NOT BETWEEN ? AND ? AND EXISTS
           (SELECT 1 FROM alert AS new WHERE new.retain AND new.topic = old.topic AND new.id > old.id)""",
        old,
    )
    _retire(ram, [id_ for (id_,) in replaced])
    rows: list[Row] = ram.execute(
        f"""SELECT {_COLUMNS}, copied FROM alert WHERE copied < 2 AND put_at NOT BETWEEN ? AND ?
            ORDER BY id LIMIT ?""",
        (*old, _SPILL_AT_ONCE),
    ).fetchall()
    _many(ram, "UPDATE alert SET copied = 1 WHERE id = ?", [row[0] for row in rows])
    return rows


def _store(disk: sqlite3.Connection, rows: Sequence[Row]) -> bool:
    disk.executemany(
        f"INSERT OR REPLACE INTO alert ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [row[:-1] for row in rows],
    )
    return True


def _settle(ram: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Note that `rows` are on disk; those acknowledged meanwhile must leave it again."""
    ids = [row[0] for row in rows]
    _many(ram, "UPDATE alert SET copied = 2 WHERE id = ?", ids)
    waiting = {id_ for (id_,) in ram.execute("SELECT id FROM alert")}
    _many(ram, "INSERT OR IGNORE INTO gone VALUES (?)", [id_ for id_ in ids if id_ not in waiting])


def _take_back(ram: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Note that `rows` could not be copied; those from an attempt that was cut off may still be on disk."""
    _many(ram, "UPDATE alert SET copied = 0 WHERE id = ?", [row[0] for row in rows if row[-1] == 0])


def _retire(ram: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    """Delete rows from RAM and return those whose copies must leave the disk."""
    on_disk = [id_ for id_ in ids if ram.execute("SELECT 1 FROM alert WHERE id = ? AND copied", (id_,)).fetchone()]
    _many(ram, "INSERT OR IGNORE INTO gone VALUES (?)", on_disk)
    _many(ram, "DELETE FROM alert WHERE id = ?", ids)
    return on_disk


def _gone(ram: sqlite3.Connection) -> Sequence[int]:
    return [id_ for (id_,) in ram.execute("SELECT id FROM gone")]


def _first(database: sqlite3.Connection, limit: int) -> Sequence[Row]:
    return database.execute(f"SELECT {_COLUMNS} FROM alert ORDER BY id LIMIT ?", (limit,)).fetchall()


def _waiting(row: Row) -> Waiting:
    id_, topic, payload, retain, since, boot_id, put_at, put_unix_ns = row
    return Waiting(id_, Alert(topic, payload, bool(retain), since), boot_id, put_at, put_unix_ns)


def _delete(disk: sqlite3.Connection, id_: int) -> bool:
    return disk.execute("DELETE FROM alert WHERE id = ?", (id_,)).rowcount > 0


def _many(database: sqlite3.Connection, statement: str, ids: Iterable[int]) -> None:
    database.executemany(statement, [(id_,) for id_ in ids])


def _is_new(connection: sqlite3.Connection) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version == 0)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _ring(bell: Path) -> None:
    """Wake notify at once. No bell, nobody listening or a full pipe is well: notify looks every second anyway."""
    with suppress(OSError):
        descriptor = os.open(bell, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(descriptor, b"\0")
        finally:
            os.close(descriptor)
