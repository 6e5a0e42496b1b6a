"""`camd clips`: what the owner sees, takes out and deletes, and that the ledger knows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from camd import upkeep
from camd.errors import CannotWriteError, RefusedError, UnusableInputError, UsageError
from camd.places import Places
from camd.store import sidecar
from camd.store.check import violations
from camd.store.files import ClipFiles
from tests.store.store_world import footage, ids, names, open_shelf, record, sidecar_of, store_of


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return tmp_path / "data"


@pytest.fixture
def places(data: Path) -> Places:
    return Places.of(data)


def noted(places: Places) -> list[dict[str, Any]]:
    """The ledger's entries, without its chain."""
    if not places.ledger.exists():
        return []
    return [json.loads(line) for line in places.ledger.read_text(encoding="utf-8").splitlines()]


def clips(data: Path, verb: str, *arguments: object) -> int:
    return upkeep.clips([verb, "--data", str(data), *map(str, arguments)])


def test_a_store_that_is_not_there_is_not_made_by_asking(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert clips(data, "list") == 0
    assert clips(data, "list", "--json") == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"no clips yet at {data}\n" * 2)
    assert not data.exists()


def test_the_list_shows_newest_first_with_star_and_notes(
    data: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    store_of(places, 2, size=1_240_000)
    assert clips(data, "star", 2) == 0
    assert clips(data, "list") == 0
    heading, second, first = capsys.readouterr().out.splitlines()
    assert heading.split() == ["id", "when", "length", "label", "MB", "star", "notes"]
    assert (second.split()[0], second.split()[3:]) == ("2", ["12.0", "s", "person", "1.2", "*"])
    assert (first.split()[0], first.split()[3:]) == ("1", ["12.0", "s", "person", "1.2"])


def test_a_json_line_has_the_sidecars_keys_and_a_path_in_the_data_folder(
    data: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    (clip,) = store_of(places, 1)
    clips(data, "list", "--json")
    told = sidecar.to_json(sidecar_of(clip))
    told.pop("events")
    assert json.loads(capsys.readouterr().out) == {**told, "clip": "clips/000001.mp4"}


def test_the_list_is_filtered_by_label_and_limited(
    data: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    store_of(places, 3)
    for number in (1, 3):
        clips(data, "label", number, "vehicle")
    clips(data, "list", "--json", "--label", "vehicle", "--limit", 1)
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [3]
    clips(data, "list", "--label", "animal")
    assert capsys.readouterr().err == f"no clips labelled animal yet at {data}\n"
    assert violations(places) == []


def test_show_tells_the_whole_sidecar(data: Path, places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    (clip,) = store_of(places, 1)
    clips(data, "show", 1, "--json")
    assert json.loads(capsys.readouterr().out) == {**sidecar.to_json(sidecar_of(clip)), "clip": "clips/000001.mp4"}
    clips(data, "show", 1)
    out = capsys.readouterr().out
    assert "porch" in out
    assert "e1" in out


def test_an_export_is_the_clip_byte_for_byte_and_in_the_ledger(data: Path, places: Places, tmp_path: Path) -> None:
    (clip,) = store_of(places, 1)
    assert clips(data, "export", 1, tmp_path / "out.mp4") == 0
    assert clips(data, "export", 1, tmp_path) == 0
    assert (tmp_path / "out.mp4").read_bytes() == (tmp_path / "000001.mp4").read_bytes() == footage(1, 500)
    entries = noted(places)
    assert [(entry["what"], entry["clip"], entry["sha256"]) for entry in entries] == [("export", 1, clip.sha256)] * 2


def test_an_export_overwrites_nothing(data: Path, places: Places, tmp_path: Path) -> None:
    store_of(places, 1)
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    with pytest.raises(CannotWriteError, match="not overwritten"):
        clips(data, "export", 1, tmp_path / "mine.mp4")
    assert (tmp_path / "mine.mp4").read_bytes() == b"mine"
    assert noted(places) == []


def test_a_damaged_clip_is_not_exported(data: Path, places: Places, tmp_path: Path) -> None:
    store_of(places, 1)
    ClipFiles.of(places, 1).mp4.write_bytes(b"x" * 500)
    with pytest.raises(UnusableInputError, match="sha256 differs"):
        clips(data, "export", 1, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    assert noted(places) == []


def test_delete_asks_first_and_without_a_terminal_deletes_nothing(data: Path, places: Places) -> None:
    store_of(places, 1)
    command = [sys.executable, "-m", "camd", "clips", "delete", "--data", str(data), "1"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (RefusedError.exit_code, 1)
    assert ids(places) == [1]


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 77, [1]), ("", 77, [1]), ("y", 0, [])])
def test_on_a_terminal_the_answer_counts(data: Path, places: Places, answer: str, code: int, left: list[int]) -> None:
    store_of(places, 1)
    person, terminal = os.openpty()
    os.write(person, f"{answer}\n".encode())
    command = [sys.executable, "-m", "camd", "clips", "delete", "--data", str(data), "1"]
    done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, check=False)
    os.close(person)
    os.close(terminal)
    assert (done.returncode, ids(places)) == (code, left)


def test_delete_gives_a_receipt(data: Path, places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    store_of(places, 3, size=500_000)
    assert clips(data, "delete", 1, 3, 1, "--yes") == 0
    assert capsys.readouterr().err == "deleted 2 clips: 6 files gone, 1.0 MB freed\n"
    assert names(places) == ["000002.jpg", "000002.json", "000002.mp4"]
    assert [(entry["what"], entry["clip"]) for entry in noted(places)] == [("delete", 1), ("delete", 3)]
    assert violations(places) == []


def test_while_the_recorder_runs_it_removes_the_files(
    data: Path, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_shelf(places) as shelf:
        record(shelf)
        assert clips(data, "delete", 1, "--yes") == 0
        assert "the running recorder removes the 3 files" in capsys.readouterr().err
        assert (ids(places), len(names(places))) == ([], 3)
        shelf.tidy()
        assert names(places) == []


def test_without_a_screen_play_prints_the_path(data: Path, places: Places) -> None:
    store_of(places, 1)
    blind = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-m", "camd", "clips", "play", "--data", str(data), "1"]
    done = subprocess.run(command, env=blind, capture_output=True, text=True, check=True)
    assert done.stdout == f"{places.clips / '000001.mp4'}\n"
    assert [entry["what"] for entry in noted(places)] == ["view"]


@pytest.mark.parametrize("verb", ["show", "play", "star", "unstar", "delete"])
def test_a_clip_that_is_not_there_is_said_and_nothing_happens(data: Path, places: Places, verb: str) -> None:
    with pytest.raises(UsageError, match="no clips yet at"):
        clips(data, verb, 7)
    store_of(places, 1)
    with pytest.raises(UsageError, match="there is no clip 7"):
        clips(data, verb, *((1, 7) if verb in ("star", "unstar", "delete") else (7,)))
    assert ids(places) == [1]
    assert (noted(places), violations(places)) == ([], [])


@pytest.mark.parametrize("arguments", [["show", "x"], ["show", "-3"], ["show", "9" * 40], ["label", "1", "ufo"], []])
def test_a_wrong_command_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        upkeep.clips(arguments)
