"""The check sees each broken invariant and nothing else."""

from pathlib import Path

import pytest

from camd.places import Places
from camd.store.check import leftovers, violations
from camd.store.files import ClipFiles
from tests.store.store_world import limits, places_in, store_of


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = places_in(tmp_path)
    store_of(places, 2)
    return places


def test_a_whole_store_has_no_faults(places: Places) -> None:
    assert violations(places, limits(places)) == []
    assert leftovers(places) == []


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("000001.mp4", None, "000001.mp4 is missing"),
        ("000001.mp4", b"short", "000001.mp4 has 5 bytes, the index says 500"),
        ("000001.mp4", b"x" * 500, "its sha256 differs"),
        ("000001.json", None, "cannot be read"),
        ("000001.json", b"{}", "not a clip's sidecar"),
        ("000001.jpg", b"longer than it was", "lie beside it"),
        ("000001.part", b"", "left over"),
        ("notes.txt", b"", "not a file of camd"),
        ("000009.mp4", b"", "belongs to no clip"),
    ],
)
def test_each_fault_is_named(places: Places, name: str, data: bytes | None, fault: str) -> None:
    path = places.clips / name
    path.unlink() if data is None else path.write_bytes(data)
    assert any(fault in line for line in violations(places))


def test_a_sidecar_that_disagrees_with_its_row_is_named(places: Places) -> None:
    path = ClipFiles.of(places, 1).sidecar
    path.write_bytes(path.read_bytes().replace(b'"label":"person","starred"', b'"label":"animal","starred"'))
    assert violations(places) == ["clip 1: its sidecar does not say what the index says"]


def test_an_open_recording_is_no_fault_but_a_leftover(places: Places) -> None:
    ClipFiles.of(places, 3).part.write_bytes(b"fragments")
    assert violations(places) == []
    assert leftovers(places) == ["000003.part: not finished"]


def test_a_store_over_its_limit_is_named(places: Places) -> None:
    assert any("store.max_bytes" in line for line in violations(places, limits(places, max_bytes=100)))
