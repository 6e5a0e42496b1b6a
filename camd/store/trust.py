"""Whether an index can be believed: a damaged SQLite file may give wrong rows and call itself whole.

Idea: each row carries a checksum of its values, and the store the sum of all of them, kept by triggers. So a changed
row is seen when it is read, and a missing or doubled one when the file is opened.
Rule: nothing here mends. What is not believed raises DamagedIndexError; the recorder then makes the index anew from
the clips and their sidecars.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from camd.errors import UnusableInputError

_SCHEMA = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")  # now: later there may be no file left
_SUMS = """
    SELECT (SELECT count(*) FROM store), store.clips, store.crcs, store.bytes, store.newest_id,
        store.uuid, store.uuid_crc, clip.count, clip.crcs, clip.bytes + (SELECT coalesce(sum(bytes), 0) FROM garbage),
        clip.newest
    FROM store, (SELECT count(*) AS count, coalesce(sum(crc), 0) AS crcs, coalesce(sum(size + beside), 0) AS bytes,
        coalesce(max(id), 0) AS newest FROM clip NOT INDEXED) AS clip
"""


class DamagedIndexError(UnusableInputError):
    """The index is not what was written. The clips are: whoever records makes a new one from them."""


def damaged(path: Path, how: str) -> DamagedIndexError:
    """The error that tells of an index that is not to be believed, and `how` that was seen."""
    return DamagedIndexError(
        f"{path}: the index is damaged ({how}). The clips are not: the next start of camd, or"
        " 'camd store check --repair', makes it anew from them."
    )


def crc(values: Sequence[object]) -> int:
    """A checksum of one row's values."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def verify(database: sqlite3.Connection, path: Path) -> None:
    """Hold schema and sums of an open index against each other; raises DamagedIndexError. Reads all of it once."""
    if database.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall() != _schema():
        raise damaged(path, "its tables are not as they were made")
    row = database.execute(_SUMS).fetchone()
    if row is None:
        raise damaged(path, "its row about the store is gone")
    stores, clips, crcs, size, newest, uuid, uuid_crc, *found, highest = row
    if stores != 1 or [clips, crcs, size] != found or newest < highest or crc((uuid,)) != uuid_crc:
        raise damaged(path, "rows and sums do not agree")


def verify_pages(database: sqlite3.Connection, path: Path) -> None:
    """Let SQLite hold every page and index entry against each other; raises DamagedIndexError."""
    (told,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if told != "ok":
        raise damaged(path, str(told).splitlines()[0])


def make(database: sqlite3.Connection) -> None:
    """Make the tables of a new index, in the transaction that the caller began."""
    for statement in _statements(_SCHEMA):
        database.execute(statement)


@cache
def _schema() -> list[tuple[str, str]]:
    database = sqlite3.connect(":memory:", isolation_level=None)
    try:
        make(database)
        return database.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    finally:
        database.close()


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit the transaction it runs in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
