"""What SQLite's refusals mean to the owner of the disk; our own bugs pass."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camd.errors import CamdError, CannotWriteError, DiskError
from camd.store.trust import damaged

BUSY_S = 10.0  # seconds that one process waits for another's transaction
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT: "SQLite cannot read it",
    sqlite3.SQLITE_NOTADB: "it is not a database",
    sqlite3.SQLITE_FORMAT: "it is not a database",
}


# SQLite's primary result code -> what it means to the owner
_TROUBLE: dict[int, tuple[type[CamdError], str]] = {
    sqlite3.SQLITE_FULL: (DiskError, "the disk is full. Free some space"),
    sqlite3.SQLITE_IOERR: (DiskError, "the disk is full or failing. Free some space, or look at the system log"),
    sqlite3.SQLITE_READONLY: (CannotWriteError, "it may not be written. Mend its rights, or the disk's"),
    sqlite3.SQLITE_CANTOPEN: (CannotWriteError, "it cannot be opened. Mend the rights of its folder"),
    sqlite3.SQLITE_BUSY: (CannotWriteError, f"another process kept it busy for {BUSY_S:.0f} s. Try again"),
}


@contextmanager
def trouble(path: Path) -> Iterator[None]:
    """Tell the world's trouble with the file at `path` from our bugs, which pass."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite quotes a damaged name in its message
        raise damaged(path, "SQLite cannot read it") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
        if code in _DAMAGED:
            raise damaged(path, _DAMAGED[code]) from error
        if code not in _TROUBLE:
            raise
        kind, meaning = _TROUBLE[code]
        raise kind(f"{path}: {meaning}.") from error
