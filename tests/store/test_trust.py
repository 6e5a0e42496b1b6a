"""An index that is not what was written serves nothing, and one of the first version becomes one of this."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from camd.places import Places
from camd.store.check import violations
from camd.store.index import Index
from camd.store.trust import DamagedIndexError
from tests.store.store_world import ids, open_shelf, places_in, store_of

VERSION_1 = """
PRAGMA application_id = 0x63616d64; PRAGMA user_version = 1;
CREATE TABLE store (only INTEGER PRIMARY KEY CHECK (only = 1), uuid TEXT NOT NULL, newest_id INTEGER NOT NULL,
    bytes INTEGER NOT NULL) STRICT;
CREATE TABLE clip (id INTEGER PRIMARY KEY, camera TEXT NOT NULL, boot_id TEXT NOT NULL, began INTEGER NOT NULL,
    began_unix_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL, pre_roll_ns INTEGER NOT NULL, size INTEGER NOT NULL,
    beside INTEGER NOT NULL, sha256 TEXT NOT NULL, label TEXT NOT NULL, events TEXT NOT NULL, continues INTEGER,
    cut_short INTEGER NOT NULL, starred INTEGER NOT NULL) STRICT;
CREATE INDEX clip_unstarred ON clip (id) WHERE NOT starred;
CREATE TABLE garbage (id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
CREATE TABLE rewriting (id INTEGER PRIMARY KEY) STRICT;
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = places_in(tmp_path)
    store_of(places, 3)
    return places


def change(places: Places, *statements: str) -> None:
    """Change the file behind the index's back, its triggers and checks left out."""
    with sqlite3.connect(places.index) as database:
        database.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE clip SET size = size + 1, crc = crc WHERE id = 2",
        "UPDATE clip SET starred = 1 WHERE id = 2",
        "UPDATE clip SET label = 'cat' WHERE id = 2",
        "UPDATE store SET bytes = bytes + 1",
        "UPDATE store SET newest_id = 1",
        "UPDATE store SET uuid = 'x'",
        "UPDATE store SET clips = 2",
        "DELETE FROM store",
        "DROP TRIGGER clip_added",
        "UPDATE sqlite_schema SET sql = replace(sql, '+', '-') WHERE name = 'clip_added'",
    ],
)
def test_a_change_behind_its_back_is_seen_and_the_index_made_anew(places: Places, statement: str) -> None:
    change(places, statement)
    with pytest.raises(DamagedIndexError, match="store check --repair"), Index.open(places) as index:
        index.clips()


def test_a_row_that_vanished_with_its_trigger_off_is_missed(places: Places) -> None:
    change(places, "DROP TRIGGER clip_removed", "DELETE FROM clip WHERE id = 2")
    with pytest.raises(DamagedIndexError):
        Index.open(places)


def test_garbage_is_never_believed_without_its_checksum(places: Places) -> None:
    change(places, "INSERT INTO garbage VALUES (2, 100, 0)")
    with Index.open(places) as index, pytest.raises(DamagedIndexError, match="garbage"):
        index.garbage()


@pytest.mark.logs_errors
@pytest.mark.parametrize("damage", [lambda data: data[:5000], lambda data: b"x" * len(data), lambda data: b""])
def test_the_recorder_sets_a_damaged_index_aside(places: Places, damage: Callable[[bytes], bytes]) -> None:
    whole = places.index.read_bytes()
    places.index.write_bytes(damage(whole))
    with open_shelf(places) as shelf:
        assert shelf.orphans() == [shelf.mp4(1), shelf.mp4(2), shelf.mp4(3)]
        assert shelf.next_id() == 4
    if damage(whole):
        assert (places.damaged / "index.sqlite").exists()


def test_an_index_of_version_1_becomes_one_of_this_version_in_one_step(places: Places) -> None:
    with Index.open(places) as index:
        index.star(2)
        clips, name = index.clips(), index.uuid()
    places.index.unlink()
    with sqlite3.connect(places.index) as database:
        database.executescript(VERSION_1)
        database.execute("INSERT INTO store VALUES (1, ?, 9, 0)", (name,))
        database.executemany(
            f"INSERT INTO clip VALUES ({','.join('?' * 15)})",
            [
                (c.id, c.camera, c.boot_id, c.began, c.began_unix_ns, c.duration_ns, c.pre_roll_ns, c.size, c.beside,
                 c.sha256, c.label, f'["{c.events[0]}"]', c.continues, c.cut_short, c.starred)
                for c in clips
            ],
        )  # fmt: skip
    database.close()
    with Index.open(places) as index:
        assert index.clips() == clips
        assert (index.uuid(), index.newest_id()) == (name, 9)
    assert violations(places) == []
    assert ids(places) == [3, 2, 1]


def test_what_the_recorder_dates_is_dated_in_sidecar_and_row(places: Places) -> None:
    with Index.open(places) as index:
        index.date(2, 1_800_000_000_000_000_000)
        assert index.clip(2) == replace(index.clip(2), began_unix_ns=1_800_000_000_000_000_000, synchronised=True)
    assert violations(places) == []
