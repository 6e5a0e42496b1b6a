"""The recipe from pictures to a model that camd runs, in small; and how models are held beside each other."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from camd.errors import UnusableInputError
from camd.learning import judge
from camd.model import LABELS
from camd.vision.classify import Head, Network

EACH = 6  # pictures of each label and split


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures, all of which are noise of another grain for each label."""
    folder, chance = tmp_path_factory.mktemp("crops"), np.random.default_rng(5)
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "class", "split", "source", "license"])
        for number in range(3 * EACH * len(LABELS)):
            label, split = number % len(LABELS), ("train", "train", "val")[number % 3]
            small = chance.integers(0, 256, (4 << label, 3 << label), np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(small, (48, 64)))
            source = f"{split} {number % 5}: {number}"
            table.writerow([f"{number}.png", LABELS[label], split, source, "MIT"])
            if split == "train":
                table.writerow([f"{number}.png", "unlabelled", split, source, "MIT"])
    return folder


@pytest.fixture
def models(videos: Path) -> Path:
    """The folder of models to hold beside ours."""
    return videos.parent / "models"


def test_a_model_is_made_rehearsed_calibrated_and_recorded(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = pytest.importorskip("camd.learning.train", reason="torch is an extra")
    detector = pytest.importorskip("tests.learning.detector")
    monkeypatch.setattr(train, "EPOCH", train.BATCH * 10)
    teacher, out = tmp_path / "detector.tflite", tmp_path / "model"
    detector.write(teacher)
    asked = [crops, "--teacher", teacher, "--out", out, "--epochs", 2, "--leave-out", "train 0", "train 1"]
    assert train.main(list(map(str, asked))) == 0
    record = json.loads((out / "record.json").read_text())
    head = Head.from_json((out / "head.json").read_bytes())
    assert head.network == record["sha256"]
    assert head.temperature == record["left_out"]["temperature"]
    assert record["bytes"] == (out / "network.onnx").stat().st_size < 1_000_000
    taught = [source["taught"] for source in record["sources"].values()]
    for label in (*LABELS, "unlabelled"):
        assert sum(each.get(label, 0) for each in taught) == 2 * EACH * (len(LABELS) if label == "unlabelled" else 1)
    assert set(record["left_out"]["recall"]) <= set(LABELS)
    assert sum(Network((out / "network.onnx").read_bytes(), head).guess(np.zeros((40, 30), np.uint8)).probabilities)
    with np.load(out / "summary.npz") as summary:
        assert set(summary["test_labels"].tolist()) == set(range(len(LABELS)))
    assert "left-out sources: balanced accuracy" in capsys.readouterr().err


def test_others_are_held_beside_it_on_the_same_pictures(
    crops: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FastestDet.onnx", "coco.names"):
        (tmp_path / name).symlink_to(models / name)
    (tmp_path / "FastestDet.yaml").write_text("{layout: fastestdet, width: 352, height: 352, classes: coco.names}")
    beside = ["--detector", tmp_path / "FastestDet.onnx", "--vww", models / "vww_96_float.tflite"]
    assert judge.main(list(map(str, [crops, *beside, "--json"]))) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["model"] for line in lines] == ["camd", "FastestDet.onnx", "vww_96_float.tflite"]
    assert all(0 <= line["person_or_not"] <= line["person_or_not_best"] <= 1 for line in lines)
    assert ["balanced_accuracy" in line for line in lines] == [True, True, False]


def test_without_a_test_split_there_is_nothing_to_judge(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,class,split,source,license\na.png,person,train,a,MIT\n")
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20), np.uint8))
    with pytest.raises(UnusableInputError, match="none of these pictures is of a test split"):
        judge.main([str(tmp_path)])


def test_what_is_no_network_is_told(crops: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tflite").write_bytes(b"nothing")
    with pytest.raises(UnusableInputError, match=r"a\.tflite: not a TFLite model"):
        judge.main([str(crops), "--vww", str(tmp_path / "a.tflite")])


def test_what_is_no_teacher_is_told_before_anything_is_made(crops: Path, models: Path) -> None:
    train = pytest.importorskip("camd.learning.train", reason="torch is an extra")
    for other in ("FastestDet.onnx", "vww_96_float.tflite"):
        with pytest.raises(UnusableInputError, match=f"{other}: not MediaPipe's detector as TFLite"):
            train.main([str(crops), "--teacher", str(models / other)])
