"""`camd classify`: one answer for each picture, the same as in the house."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from camd import classify
from camd.model import LABELS


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of nothing much."""
    path = tmp_path / "a b.png"
    cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 256, (70, 40, 3), np.uint8))
    return path


def run(tmp_path: Path, *arguments: object) -> int:
    """Ask with an empty data folder."""
    return classify.main([*map(str, arguments), "--data", str(tmp_path / "data")])


def test_a_picture_has_a_label_probabilities_and_ms(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, picture, picture, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 2
    for told in lines:
        assert list(told) == ["v", "image", "label", "probabilities", "ms"]
        assert (told["v"], told["image"], list(told["probabilities"])) == (1, str(picture), list(LABELS))
        assert told["label"] == max(told["probabilities"], key=told["probabilities"].get)
        assert abs(sum(told["probabilities"].values()) - 1) < 0.001
        assert told["ms"] > 0


def test_people_get_a_table(tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, picture) == 0
    assert capsys.readouterr().out.split()[:3] == ["picture", "label", "person"]


def test_of_a_long_path_the_end_is_shown(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / ("folder" * 15)
    folder.mkdir()
    for name in ("cat.png", "dog.png"):
        (folder / name).write_bytes(picture.read_bytes())
    assert run(tmp_path, folder / "cat.png", folder / "dog.png", picture) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0][-13:] for row in rows[:2]] == ["older/cat.png", "older/dog.png"]
    assert all(len(row) <= 80 for row in rows)


def test_what_is_no_picture_is_told_and_the_others_are_answered(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = tmp_path / "words.jpg"
    words.write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    assert run(tmp_path, words, tmp_path / "gone.jpg", tmp_path / "empty.jpg", picture, "--json") == 65
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert [line.partition(": ")[2] for line in err.splitlines()] == [
        "not a picture that OpenCV can read. Give a JPEG or PNG.",
        "cannot be read (No such file or directory).",
        "not a picture that OpenCV can read. Give a JPEG or PNG.",
    ]
