"""camd's own classifier and one that is brought answer alike; what is no model is said to be none."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from camd.config import VisionConfig
from camd.errors import UnusableInputError
from camd.learning import factory
from camd.model import LABELS, SECOND
from camd.vision.classify import Centre, Classifier, Guess, Head, packed, unpacked
from camd.vision.crop import Grey, whole
from camd.vision.detector import COCO, Description, Detector
from tests.conftest import DATA

BROUGHT = DATA / "models" / "FastestDet.onnx"
ABOUT = {"layout": "fastestdet", "width": 352, "height": 352, "classes": "coco.names"}
MODELS = ("own", "brought")


def bring(folder: Path, about: dict[str, object] | None = None, onnx: bytes | None = None) -> VisionConfig:
    """A detector and its description in `folder`, as settings."""
    if not BROUGHT.exists():
        pytest.skip(f"no {BROUGHT} (set CAMD_TEST_DATA)")
    path = folder / "mine.onnx"
    path.write_bytes(BROUGHT.read_bytes() if onnx is None else onnx)
    (folder / "coco.names").write_bytes((BROUGHT.parent / "coco.names").read_bytes())
    path.with_suffix(".yaml").write_text(yaml.safe_dump(ABOUT if about is None else about))
    return VisionConfig(detector=path)


@pytest.fixture(params=MODELS)
def classifier(request: pytest.FixtureRequest, tmp_path: Path) -> Classifier:
    """Each of the two."""
    return factory.classifier(VisionConfig() if request.param == "own" else bring(tmp_path))


def photograph(name: str) -> Grey:
    """One of the photographs that models are tried on."""
    path = DATA / "models" / "test_images" / name
    if not path.exists():
        pytest.skip(f"no {path} (set CAMD_TEST_DATA)")
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return whole(picture.astype(np.uint8)).grey


def test_probabilities_are_a_distribution(classifier: Classifier) -> None:
    for size in ((64, 64), (96, 20), (8, 90), (200, 300)):
        guess = classifier.guess(np.random.default_rng(1).integers(0, 256, size, np.uint8))
        assert len(guess.probabilities) == len(LABELS)
        assert abs(sum(guess.probabilities) - 1) < 1e-5
        assert min(guess.probabilities) >= 0
        assert guess.label in LABELS


def test_the_same_picture_gives_the_same_answer(classifier: Classifier) -> None:
    grey = np.random.default_rng(2).integers(0, 256, (80, 50), np.uint8)
    assert classifier.guess(grey).probabilities == classifier.guess(grey.copy()).probabilities


def test_a_cat_is_an_animal(classifier: Classifier) -> None:
    assert classifier.guess(photograph("cat_0.jpg")).label == "animal"


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({**ABOUT, "layout": "yolov8"}, "the detector's output has the shape"),
        ({**ABOUT, "layout": "yolo"}, "layout is 'yolo', want one of yolov5, yolov8, fastestdet"),
        ({**ABOUT, "width": 320}, "the model does not take (1, 3, 352, 320)"),
        ({**ABOUT, "height": "tall"}, "height is 'tall', want pixels from 1 to 2048"),
        ({**ABOUT, "classes": ["cup", "fork"]}, "none of its classes is a person"),
        ({**ABOUT, "colours": "rgb"}, "there is no key 'colours'"),
        ({**ABOUT, "layout": ["yolov8"]}, "layout is '['yolov8']', want one of yolov5, yolov8, fastestdet"),
        ({**ABOUT, "white": math.nan}, "white is 'nan', want a number above 0"),
        ({**ABOUT, "white": 0}, "white is '0', want a number above 0"),
        ({**ABOUT, "white": "bright"}, "white is 'bright', want a number above 0"),
        ({**ABOUT, "labels": ["person"]}, "labels is '['person']', want names of classes by label"),
        ({**ABOUT, "labels": {"person": 3}}, "labels.person is '3', want a list of names"),
        ({**ABOUT, "labels": {"human": ["person"]}}, "labels has the key 'human', want person, vehicle, animal, other"),
        ({**ABOUT, "labels": {"person": ["human"]}}, "labels.person names 'human', want names that stand in classes"),
        ({**ABOUT, "classes": "gone.names"}, "gone.names: cannot be read"),
        ({}, "layout is 'None'"),
    ],
)
def test_a_wrong_description_is_told_with_the_way_to_mend_it(
    tmp_path: Path, about: dict[str, object], says: str
) -> None:
    settings = bring(tmp_path, about)
    with pytest.raises(UnusableInputError) as told:
        factory.classifier(settings)
    assert says in str(told.value)
    assert "leave vision.detector empty" in str(told.value)
    assert str(tmp_path) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("onnx", [b"", b"garbage", b"\x08\x07" * 500])
def test_a_damaged_model_is_told(tmp_path: Path, onnx: bytes) -> None:
    settings = bring(tmp_path, None, onnx)
    with pytest.raises(UnusableInputError, match=r"mine\.onnx: not an ONNX model"):
        factory.classifier(settings)


def test_a_model_that_is_too_slow_for_a_first_picture_is_refused(tmp_path: Path) -> None:
    path = bring(tmp_path).detector
    assert path is not None
    about = Description(352, 352, "fastestdet", tuple((tmp_path / "coco.names").read_text().splitlines()), COCO)
    Detector(path.read_bytes(), about, iter([SECOND, 3 * SECOND]).__next__)
    with pytest.raises(UnusableInputError, match=r"it took 13\.0 s for one picture, 2 s is the most"):
        Detector(path.read_bytes(), about, iter([SECOND, 14 * SECOND]).__next__)


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match=r"gone\.onnx: cannot be read \(No such file"):
        factory.classifier(VisionConfig(detector=tmp_path / "gone.onnx"))


def test_the_head_is_the_networks() -> None:
    onnx = (Path(factory.__file__).parent / "model" / "network.onnx").read_bytes()
    assert factory.factory_head().network == hashlib.sha256(onnx).hexdigest() == factory.network_id()
    assert len(onnx) <= 1_000_000


def test_a_head_survives_its_file() -> None:
    head = factory.factory_head()
    again = Head.from_json(json.dumps(head.to_json()).encode())
    seen = factory.summary().test
    assert np.array_equal(head.probabilities(seen), again.probabilities(seen))


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[1]", b'{"v":2}', b'{"v":1,"labels":["person","vehicle","animal","other"],"weights":[[1]]}']
)
def test_what_is_no_head_is_refused(text: bytes) -> None:
    with pytest.raises(UnusableInputError, match="not a head"):
        Head.from_json(text)


@pytest.mark.parametrize("radius", ["NaN", "Infinity", "0", "-1"])
def test_a_centre_reaches_somewhere(radius: str) -> None:
    head = factory.factory_head()
    size = head.weights.shape[1]
    centre = Centre(np.zeros(size, np.float32), 2.5, 0)
    whole = json.dumps(replace(head, centres=(centre,), metric=np.eye(size, dtype=np.float32)).to_json())
    assert len(Head.from_json(whole.encode()).centres) == 1
    with pytest.raises(UnusableInputError, match="a centre has the radius"):
        Head.from_json(whole.replace('"radius": 2.5', f'"radius": {radius}').encode())


@given(st.integers(0, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_embeddings_come_back_as_they_were_kept(count: int, seed: int) -> None:
    head = factory.factory_head()
    rows = np.random.default_rng(seed).random((count, head.weights.shape[1]), np.float32)
    kept = packed(Guess((1.0, 0.0, 0.0, 0.0), row, head.network) for row in rows)
    assert np.allclose(unpacked(kept, head), rows, atol=1e-3)
    other = Head(head.weights, head.bias, head.temperature, "00" * 32)
    assert len(unpacked(kept, other)) == 0
