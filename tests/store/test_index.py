"""The index: its total is never wrong, its numbers never come twice, and it overwrites nothing that is not its own."""

import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from camd.errors import CannotWriteError, UnusableInputError, UsageError
from camd.model import Clip
from camd.places import Places
from camd.store import sidecar
from camd.store.check import violations
from camd.store.files import ClipFiles
from camd.store.index import Index
from tests.store.store_world import clip_row, ids, names, open_shelf, places_in, store_of, write_files

IN_MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_in(tmp_path)


class Bookkeeping(RuleBasedStateMachine):
    """Any order of changes leaves the running total equal to the sum of what there is, and stars untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=IN_MEMORY)
        self.places = places_in(Path(self.folder.name))
        self.index = Index.open(self.places)
        self.clips: dict[int, Clip] = {}
        self.garbage: dict[int, int] = {}
        self.newest = 0

    def teardown(self) -> None:
        self.index.close()
        self.folder.cleanup()

    @rule(size=st.integers(0, 10_000))
    def add(self, size: int) -> None:
        number = self.index.newest_id() + 1
        assert number > self.newest
        self.newest = number
        files = ClipFiles.of(self.places, number)
        write_files(files, clip_row(number, size))
        self.clips[number] = replace(clip_row(number, size), beside=files.bytes_beside())
        self.index.add(self.clips[number])

    @rule(pick=st.integers(0, 100))
    def star(self, pick: int) -> None:
        self._marked(pick, True)

    @rule(pick=st.integers(0, 100))
    def unstar(self, pick: int) -> None:
        self._marked(pick, False)

    def _marked(self, pick: int, starred: bool) -> None:
        if number := self._one(pick):
            (self.index.star if starred else self.index.unstar)(number)
            beside = ClipFiles.of(self.places, number).bytes_beside()
            self.clips[number] = replace(self.clips[number], starred=starred, beside=beside)

    @rule(pick=st.integers(0, 100), label=st.sampled_from(["vehicle", "animal", "motion"]))
    def label(self, pick: int, label: str) -> None:
        if number := self._one(pick):
            self.index.label(number, label)
            beside = ClipFiles.of(self.places, number).bytes_beside()
            self.clips[number] = replace(self.clips[number], label=label, beside=beside)

    @rule(pick=st.integers(0, 100))
    def drop(self, pick: int) -> None:
        if number := self._one(pick):
            assert self.index.drop([number, 10**9]) == (number,)
            self._gone(number)

    @rule(picks=st.lists(st.integers(0, 100), max_size=4))
    def evict(self, picks: list[int]) -> None:
        wanted = {number for pick in picks if (number := self._one(pick))}
        gone = self.index.evict(sorted(wanted))
        assert set(gone) == {number for number in wanted if not self.clips[number].starred}
        for number in gone:
            self._gone(number)

    @rule()
    def forget(self) -> None:
        self.index.forget(self.index.garbage())
        self.garbage.clear()

    @rule()
    def reopen(self) -> None:
        self.index.close()
        self.index = Index.open(self.places)

    @invariant()
    def total_is_the_sum(self) -> None:
        kept = {clip.id: clip.size + clip.beside for clip in self.clips.values()}
        assert self.index.total_bytes() == sum(kept.values()) + sum(self.garbage.values())
        assert self.index.starred_bytes() == sum(kept[clip.id] for clip in self.clips.values() if clip.starred)

    @invariant()
    def rows_are_the_clips(self) -> None:
        assert self.index.clips() == tuple(sorted(self.clips.values(), key=lambda clip: -clip.id))
        assert [clip.id for clip in self.index.unstarred()] == [n for n, clip in self.clips.items() if not clip.starred]
        assert self.index.garbage() == self.garbage

    def _one(self, pick: int) -> int | None:
        return list(self.clips)[pick % len(self.clips)] if self.clips else None

    def _gone(self, number: int) -> None:
        clip = self.clips.pop(number)
        self.garbage[number] = clip.size + clip.beside


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_a_number_is_never_given_twice_even_when_the_newest_is_deleted(places: Places) -> None:
    store_of(places, 3)
    with Index.open(places) as index:
        index.drop([3])
        index.forget([3])
        assert index.newest_id() == 3
    with open_shelf(places) as shelf:
        assert [shelf.next_id(), shelf.next_id()] == [4, 5]


def test_a_star_is_in_the_sidecar_and_in_the_row(places: Places) -> None:
    store_of(places, 1)
    with Index.open(places) as index:
        index.star(1)
        index.label(1, "vehicle")
        assert (index.clip(1).starred, index.clip(1).label) == (True, "vehicle")
    told = sidecar.read(ClipFiles.of(places, 1).sidecar).clip
    assert (told.starred, told.label) == (True, "vehicle")
    assert violations(places) == []


def test_rows_are_filtered_and_limited_newest_first(places: Places) -> None:
    store_of(places, 5)
    with Index.open(places) as index:
        index.label(2, "animal")
        index.label(4, "animal")
        assert [clip.id for clip in index.clips(limit=2)] == [5, 4]
        assert [clip.id for clip in index.clips(label="animal")] == [4, 2]
        assert [clip.id for clip in index.clips(limit=1, label="animal")] == [4]


def test_a_clip_that_is_not_there_is_a_wrong_command(places: Places) -> None:
    store_of(places, 1)
    with Index.open(places) as index:
        for act in (index.clip, index.star, index.unstar):
            with pytest.raises(UsageError, match="there is no clip 7"):
                act(7)


def test_a_star_on_a_clip_without_sidecar_changes_nothing(places: Places) -> None:
    store_of(places, 1)
    ClipFiles.of(places, 1).sidecar.unlink()
    with Index.open(places) as index:
        with pytest.raises(UnusableInputError, match="sidecar"):
            index.star(1)
        assert not index.clip(1).starred


def test_more_clips_than_a_page_are_walked_in_order(places: Places) -> None:
    with Index.open(places) as index:
        for number in range(1, 101):
            index.add(clip_row(number))
        assert [clip.id for clip in index.unstarred()] == list(range(1, 101))


def test_a_newer_schema_is_refused_and_left_as_it_is(places: Places) -> None:
    store_of(places, 1)
    with sqlite3.connect(places.index) as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    before = places.index.read_bytes()
    with pytest.raises(CannotWriteError, match=r"schema version 7, this camd knows 2"):
        Index.open(places)
    assert places.index.read_bytes() == before


def test_what_is_not_a_database_is_refused_and_left_as_it_is(places: Places) -> None:
    places.make()
    places.index.write_bytes(b"not a database, but somebody's text\n" * 100)
    before = places.index.read_bytes()
    with pytest.raises(UnusableInputError, match="not a database"):
        Index.open(places)
    assert places.index.read_bytes() == before


def test_another_programs_database_is_refused_and_left_as_it_is(places: Places) -> None:
    places.make()
    with sqlite3.connect(places.index) as database:
        database.execute("CREATE TABLE holiday (photo)")
    database.close()
    before = places.index.read_bytes()
    with pytest.raises(UnusableInputError, match="another program's"):
        Index.open(places)
    assert places.index.read_bytes() == before


def test_the_journal_stays_bounded(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        places = places_in(Path(folder))
        with Index.open(places) as index:
            for number in range(1500):
                index.pass_over(number)
            assert places.index.with_name("index.sqlite-wal").stat().st_size < 2_000_000


def test_a_crash_between_sidecar_and_row_is_settled_in_favour_of_the_sidecar(places: Places) -> None:
    store_of(places, 2)
    path = ClipFiles.of(places, 1).sidecar
    with sqlite3.connect(places.index) as database:
        database.execute("INSERT INTO rewriting VALUES (1)")
    database.close()
    told = sidecar.read(path)
    sidecar.write(path, replace(told, clip=replace(told.clip, starred=True, label="other")))
    path.with_name("000001.json.tmp").write_bytes(b"half")
    with Index.open(places) as index:
        index.settle()
        assert (index.clip(1).starred, index.clip(1).label) == (True, "other")
    assert violations(places) == []
    assert "000001.json.tmp" not in names(places)
    assert ids(places) == [2, 1]
