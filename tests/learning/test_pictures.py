"""What the classifier is trained on: free pictures alone, each label and source as often as it should."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from camd.errors import UnusableInputError
from camd.harvest import of_world
from camd.learning import pictures
from camd.learning.augment import spoil, view
from camd.learning.calibrate import calibration_error, evenly, report, temperature
from camd.model import LABELS
from camd.vision.classify import Head
from camd.vision.crop import LONGEST

GREY = np.random.default_rng(3).integers(0, 256, (60, 30), np.uint8)


def catalogue(folder: Path, *rows: tuple[str, str, str, str]) -> Path:
    """A folder of pictures: class, split, source and licence of each."""
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "class", "split", "source", "license"])
        for number, row in enumerate(rows):
            cv2.imwrite(str(folder / f"{number}.png"), GREY)
            table.writerow([f"{number}.png", *row])
    return folder


def test_only_free_pictures_are_read(tmp_path: Path) -> None:
    licences = ["CC BY 4.0", "CC BY-NC 4.0", "CC BY-SA 4.0", "research only", "", "MIT", "drawn", "CC BY 2.0"]
    found = pictures.read([catalogue(tmp_path, *[("person", "train", "a", licence) for licence in licences])])
    assert sorted(set(found.licences.tolist())) == ["CC BY 2.0", "CC BY 4.0", "MIT", "drawn"]


def test_labels_come_alike_and_sources_by_the_root_of_their_size(tmp_path: Path) -> None:
    rows = [("person", "train", "a:1.jpg", "MIT")] * 16 + [("person", "train", "b frame 7", "MIT")] * 4
    rows += [("animal", "train", "c", "MIT"), ("animal", "val", "d", "MIT")]
    found = pictures.read([catalogue(tmp_path, *rows)])
    chances = pictures.chances(found, ~found.is_test)
    of = {name: float(chances[found.sources == name].sum()) for name in "abcd"}
    assert of["c"] == pytest.approx(of["a"] + of["b"])
    assert of["a"] == pytest.approx(2 * of["b"])
    assert of["d"] == 0


def test_what_nobody_labelled_has_its_own_share_and_is_never_tested_on(tmp_path: Path) -> None:
    rows = [("person", "train", "a", "MIT"), ("animal", "train", "b", "MIT"), ("animal", "val", "b", "MIT")]
    rows += [("unlabelled", "train", "a", "MIT")] * 9 + [("unlabelled", "val", "a", "MIT")]
    found = pictures.read([catalogue(tmp_path, *rows)])
    chances = pictures.chances(found, ~found.is_test)
    assert len(found) == 12
    assert chances[~found.is_labelled].sum() == pytest.approx(pictures.UNSAID_SHARE)
    assert chances[found.labels == 0].sum() == pytest.approx((1 - pictures.UNSAID_SHARE) / 2)
    assert found.is_labelled[found.is_test].all()


def test_a_class_that_is_no_label_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=r"class of 0\.png: got cat\. want one of person, .*, unlabelled\."):
        pictures.read([catalogue(tmp_path, ("cat", "train", "a", "MIT"))])


def test_a_folder_without_a_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=r"manifest\.csv: cannot be read"):
        pictures.read([tmp_path])


@pytest.mark.parametrize("seed", range(20))
def test_the_same_chance_makes_the_same_picture(seed: int) -> None:
    made = []
    for _ in range(2):
        chance = np.random.default_rng(seed)
        made.append(spoil(view(GREY, LABELS[seed % len(LABELS)], chance, [GREY]), chance))
    assert np.array_equal(made[0], made[1])
    assert made[0].dtype == np.uint8
    assert min(made[0].shape) >= 6


def test_what_a_detector_finds_in_a_drawn_world_is_what_was_drawn() -> None:
    found = list(of_world("cat", (320, 240), 3))
    assert len(found) > 10
    assert {find.label for find in found} == {"animal"}
    assert all(max(find.crop.grey.shape) <= LONGEST for find in found)


def test_a_temperature_makes_it_as_sure_as_it_is_right() -> None:
    chance = np.random.default_rng(5)
    seen, labels = chance.normal(size=(4000, 4)).astype(np.float32), chance.integers(0, 4, 4000)
    seen[np.arange(4000), labels] += 1.0
    boastful = Head(np.eye(4, dtype=np.float32) * 5, np.zeros(4, np.float32), 1.0, "")
    honest = Head(boastful.weights, boastful.bias, temperature(boastful, seen, labels, evenly(labels)), "")
    before, after = (calibration_error(head.probabilities(seen), labels) for head in (boastful, honest))
    assert before > 0.2
    assert after < 0.05
    told = report(honest.probabilities(seen), labels)
    assert told.balanced == pytest.approx(np.mean(list(told.recall.values())))
