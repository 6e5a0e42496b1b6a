"""Alerts on their way to the broker, safe from the moment they are put until the broker has acknowledged them.

Idea: two SQLite files. The one in RAM holds every alert that is not acknowledged: it costs no disk write, survives
any kill and works beside a full disk. `spill` copies what has waited for a second to the one on disk, which survives
a power cut. A RAM file that is new (the machine was booted) starts with the disk's rows and carries on their ids.

Rule: RAM holds all that the disk holds, less what is acknowledged, so that readers ask RAM alone, and nobody waits for
the disk with the RAM file locked. An id that must still be deleted from the disk stands in the RAM table `gone`; only
`spill`, of which there is one (capture's), copies, so it alone may strike off an id whose copy it did not find.

It does not promise: the last second through a power cut; that an alert is sent only once (a kill between sending and
acknowledgement sends it again, under the same event id); what was overtaken (once the broker has been away for a
second, a message replaces its predecessors with the same key: nobody wants last night's motion ON in the morning);
pictures through a power cut (they never leave RAM); more than a bounded number, size and age of messages. What alerts
are given up for that, one message counts.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from camd.alerts.database import Database
from camd.alerts.missed import SUFFIX, missed
from camd.bell import ring
from camd.model import SECOND, Alert, Nanos
from camd.places import Places

_log = logging.getLogger(__name__)
Row = tuple[Any, ...]

SPILL_AFTER: Nanos = SECOND
MOST = 10_000  # messages; at 1 KiB each 10 MB of RAM
MOST_BYTES = 16_000_000  # of payload
OLDEST: Nanos = 7 * 86_400 * SECOND  # that a message may wait; one of an earlier boot waits since this one began
MARGIN = 100  # more are given up than must be, so that it is not done for each message anew
_SPILL_AT_ONCE = 1000

_COLUMNS = "id, topic, payload, retain, since, key, boot_id, put_at, put_unix_ns"
_TYPES = """topic TEXT NOT NULL, payload TEXT NOT NULL, retain INTEGER NOT NULL,
    since INTEGER,                 -- ns on the boot clock: what the alert tells of; NULL for states
    key TEXT,                      -- a newer row with the same key is enough; NULL: none is like it
    boot_id TEXT NOT NULL,         -- the boot that since and put_at count from
    put_at INTEGER NOT NULL,       -- ns on the boot clock
    put_unix_ns INTEGER NOT NULL   -- ns since 1970 UTC, as far as the machine knew
    """
# copied: 0 not on disk, 1 perhaps (being copied, or a kill cut the copying off), 2 on disk
_RAM_ALERT = f"CREATE TABLE alert (id INTEGER PRIMARY KEY AUTOINCREMENT, {_TYPES}, copied INTEGER NOT NULL DEFAULT 0)"
_RAM_KEY = "CREATE INDEX alert_key ON alert (key)"
_RAM_GONE = "CREATE TABLE gone (id INTEGER PRIMARY KEY)"
# what every state was last said to be, acknowledged or not: for a broker that forgot them
_RAM_STATE = "CREATE TABLE state (topic TEXT PRIMARY KEY, payload TEXT NOT NULL)"
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
        self._disk = Database(places.outbox, "FULL", self._make_disk)
        self._ram = Database(places.outbox_ram, "OFF", self._make_ram)
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

        Beyond `MOST` rows the oldest that are not states are given up.
        """
        rows = [(*_fields(alert), boot_id, now, unix_ns) for alert in alerts]
        dropped = self._ram.change(lambda ram: _insert(ram, rows), otherwise=len(rows))
        if dropped and not self.dropped:
            _log.error("%d alerts dropped: the outbox has no room. Is the broker away for long?", dropped)
        self.dropped += dropped
        ring(self._bell)

    def states(self) -> list[Alert]:
        """Return what every state is, as last put, but for those that still wait to be told."""
        rows = self._ram.read(_states, otherwise=())
        return [Alert(topic, payload, retain=True) for topic, payload in rows]

    def state_of(self, topic: str) -> str | None:
        """Return what the state on `topic` is, as last put; None when it was not, since the machine was booted."""
        query = "SELECT payload FROM state WHERE topic = ?"
        row = self._ram.read(lambda ram: ram.execute(query, (topic,)).fetchone(), otherwise=None)
        return None if row is None else str(row[0])

    def count(self) -> int:
        """Return how many messages are not acknowledged."""
        row = self._ram.read(lambda ram: ram.execute("SELECT count(*) FROM alert").fetchone(), otherwise=(0,))
        return int(row[0])

    def thin_out(self, boot_id: str, now: Nanos, unix_ns: int) -> None:
        """Give up what has waited for too long, or is more bytes than may wait; for capture, once in a while."""
        when = (boot_id, now, unix_ns)
        self._ram.change(lambda ram: _give_up(ram, _too_much(ram, when), when), otherwise=None)

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
        ram.execute(_RAM_KEY)
        ram.execute(_RAM_GONE)
        ram.execute(_RAM_STATE)
        rows = self._disk.read(lambda disk: _first(disk, MOST), otherwise=())
        ram.executemany(f"INSERT INTO alert ({_COLUMNS}, copied) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 2)", rows)

    def _make_disk(self, disk: sqlite3.Connection) -> None:
        disk.execute(_DISK_ALERT)
        self._disk_is_new = True


def _insert(ram: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Insert `rows` and return how many old ones had to go."""
    ram.executemany(f"INSERT INTO alert ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    for topic, payload, retain, *_ in rows:
        if retain and isinstance(payload, str):
            ram.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (topic, payload))
    (count,) = ram.execute("SELECT count(*) FROM alert").fetchone()
    if count <= MOST:
        return 0
    return _give_up(ram, _oldest(ram, count - MOST + MARGIN), rows[-1][-3:])


def _fields(alert: Alert) -> Row:
    """The part of a row that is the alert's."""
    key = alert.key or (alert.topic if alert.retain else None)
    return alert.topic, alert.payload, alert.retain, alert.since, key


def _oldest(ram: sqlite3.Connection, count: int) -> list[int]:
    oldest = ram.execute("SELECT id FROM alert WHERE NOT retain ORDER BY id LIMIT ?", (count,))
    return [id_ for (id_,) in oldest]


def _too_much(ram: sqlite3.Connection, when: Row) -> list[int]:
    """What waits for too long, and what is more than may be: the oldest of it, states aside."""
    boot_id, now, _ = when
    old = ram.execute(
        "SELECT id FROM alert WHERE NOT retain AND iif(boot_id = ?, put_at, 0) < ?", (boot_id, now - OLDEST)
    )
    found = [id_ for (id_,) in old]
    sizes = ram.execute("SELECT count(*), total(length(CAST(payload AS BLOB))) FROM alert").fetchone()
    if sizes[1] > MOST_BYTES:
        found += _oldest(ram, sizes[0] // 2)
    return found


def _give_up(ram: sqlite3.Connection, ids: Sequence[int], when: Row) -> int:
    """Let these go, count the alerts among them in one message on each topic, and return how many rows went."""
    if not ids:
        return 0
    counted = [id_ for (id_,) in ram.execute("SELECT id FROM alert WHERE key LIKE ?", (f"%{SUFFIX}",))]
    gone = sorted({*ids, *counted})
    alerts = [_waiting(_row(ram, id_)).alert for id_ in gone]
    _retire(ram, gone)
    ram.executemany(
        f"INSERT INTO alert ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*_fields(alert), *when) for alert in missed(alerts)],
    )
    return len(ids)


def _row(ram: sqlite3.Connection, id_: int) -> Row:
    row: Row = ram.execute(f"SELECT {_COLUMNS} FROM alert WHERE id = ?", (id_,)).fetchone()
    return row


def _states(ram: sqlite3.Connection) -> Sequence[Row]:
    return ram.execute(
        """SELECT topic, payload FROM state
           WHERE topic NOT IN (SELECT key FROM alert WHERE key IS NOT NULL) ORDER BY topic"""
    ).fetchall()


def _choose(ram: sqlite3.Connection, now: Nanos) -> Sequence[Row]:
    """Return rows to copy, marked as perhaps on disk, each with its mark from before."""
    # A run folder that is not in RAM keeps rows of an earlier boot, whose times may lie ahead of ours: old as well.
    old = (now - SPILL_AFTER + 1, now)
    replaced = ram.execute(
        """SELECT id FROM alert AS old WHERE key IS NOT NULL AND put_at NOT BETWEEN ? AND ? AND EXISTS
           (SELECT 1 FROM alert AS new WHERE new.key = old.key AND new.id > old.id)""",
        old,
    )
    _retire(ram, [id_ for (id_,) in replaced])
    rows: list[Row] = ram.execute(
        f"""SELECT {_COLUMNS}, copied FROM alert
            WHERE copied < 2 AND typeof(payload) = 'text' AND put_at NOT BETWEEN ? AND ? ORDER BY id LIMIT ?""",
        (*old, _SPILL_AT_ONCE),
    ).fetchall()
    _many(ram, "UPDATE alert SET copied = 1 WHERE id = ?", [row[0] for row in rows])
    return rows


def _store(disk: sqlite3.Connection, rows: Sequence[Row]) -> bool:
    disk.executemany(
        f"INSERT OR REPLACE INTO alert ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    id_, topic, payload, retain, since, key, boot_id, put_at, put_unix_ns = row
    alert = Alert(topic, payload, bool(retain), since, "" if retain else key or "")
    return Waiting(id_, alert, boot_id, put_at, put_unix_ns)


def _delete(disk: sqlite3.Connection, id_: int) -> bool:
    return disk.execute("DELETE FROM alert WHERE id = ?", (id_,)).rowcount > 0


def _many(database: sqlite3.Connection, statement: str, ids: Iterable[int]) -> None:
    database.executemany(statement, [(id_,) for id_ in ids])
