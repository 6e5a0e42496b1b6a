"""A store has one name: in its folder, in its index, and where this machine remembers it."""

import json
import shutil
from pathlib import Path

import pytest

from camd.errors import UnavailableError
from camd.places import Places
from camd.store import identity
from camd.store.index import Index
from tests.store.store_world import ids, open_shelf, places_in, record, store_of


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = places_in(tmp_path)
    store_of(places, 2)
    return places


def test_folder_and_index_carry_one_name_for_good(places: Places) -> None:
    name = identity.read(places)
    with Index.open(places) as index:
        assert index.uuid() == name
    open_shelf(places).close()
    assert identity.read(places) == name


def test_a_lost_index_gets_the_name_of_the_folder(places: Places) -> None:
    name = identity.read(places)
    places.index.unlink()
    open_shelf(places).close()
    with Index.open(places) as index:
        assert index.uuid() == name


def test_clips_of_another_store_are_refused_and_nothing_is_written(places: Places, tmp_path: Path) -> None:
    other = places_in(tmp_path / "other")
    store_of(other, 1)
    shutil.rmtree(places.clips)
    shutil.copytree(other.clips, places.clips)
    with pytest.raises(UnavailableError, match="Is the right disk mounted"):
        open_shelf(places)
    assert ids(places) == [2, 1]


def test_an_empty_folder_in_the_place_of_the_clips_is_refused(places: Places) -> None:
    shutil.rmtree(places.clips)
    with pytest.raises(UnavailableError, match="none of the 2 clips"):
        open_shelf(places)
    assert list(places.clips.iterdir()) == []


def test_a_store_of_an_earlier_camd_gets_a_name(places: Places) -> None:
    places.identity.unlink()
    with open_shelf(places) as shelf:
        record(shelf)
    assert identity.read(places) is not None
    assert ids(places) == [3, 2, 1]


@pytest.mark.parametrize("text", ["", "[]", '{"v": 1}', "{" * 9000])
def test_a_damaged_name_is_no_name(places: Places, text: str) -> None:
    places.identity.write_text(text)
    assert identity.read(places) is None


def test_a_store_that_is_remembered_and_not_there_is_waited_for(places: Places, tmp_path: Path) -> None:
    memory = tmp_path / "known.json"
    memory.write_text(json.dumps({str(places.data): "another"}))
    with pytest.raises(UnavailableError, match="the store another was here and is not"):
        identity.expect(places, memory)
    identity.forget(places, memory)
    identity.expect(places, memory)


def test_a_store_on_this_machines_own_disk_needs_no_memory(places: Places, tmp_path: Path) -> None:
    identity.remember(places, tmp_path / "state" / "known.json")
    assert not (tmp_path / "state" / "known.json").exists()
