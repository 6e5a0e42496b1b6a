"""One SQLite file of several processes: opened late, followed when it is replaced, set aside when it is damaged.

Rule: the world's trouble with the file (a full or read-only disk, a lock that is held too long) is logged when it
begins and when it ends, and the caller gets its `otherwise`; wrong SQL is ours and passes through.
"""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

_log = logging.getLogger(__name__)
T = TypeVar("T")
U = TypeVar("U")
Work = Callable[[sqlite3.Connection], T]

_PATIENCE_S = 5.0  # for another process's transaction; those in RAM take well under a millisecond
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
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


def _is_new(connection: sqlite3.Connection) -> bool:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return bool(version == 0)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
