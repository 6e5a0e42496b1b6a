"""Labels through the whole house: from the picture to the event, the clip and what is said when nobody can tell."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import yaml

from camd import learn, mode
from camd.camera.frame import OPEN, Frame
from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import Config, VisionConfig
from camd.errors import SaidNoError, UnusableInputError
from camd.gate import Gate
from camd.labelling import SMALLER, Renewed
from camd.learning import factory, home
from camd.model import LABELS, SECOND, Degraded, Ended, Grew, Happening, Saved
from camd.pipeline import House, Pipeline, always
from camd.places import Places
from camd.recording import Recording
from camd.scene import Car, Route, Scene, encode, front_garden
from camd.store import heads, sidecar, verdicts
from camd.store.check import violations
from camd.store.files import ClipFiles
from camd.store.index import Index
from camd.store.verdicts import Verdict
from camd.vision.classify import Centre, Classifier, Guess, Head, unpacked
from camd.vision.crop import Grey
from camd.vision.episode import Limits
from camd.vision.label import Labeller
from camd.vision.sight import Settings, Sight
from camd.vision.votes import ENOUGH
from camd.worker import AtOnce
from tests.worlds import events, places, shelf

PORCH = Path(__file__).parent.parent / "camd" / "fixtures" / "porch.mp4"


class Broken:
    """A model that fails when it is asked."""

    def guess(self, grey: Grey) -> Guess:
        """Fail."""
        raise UnusableInputError("the model does not take (1, 1, 64, 64).")

    def learn(self, head: Head) -> None:
        """It learns nothing."""


class Recovering:
    """camd's own, which fails when it is first asked."""

    def __init__(self) -> None:
        self._own, self._asked = factory.classifier(VisionConfig()), 0

    def guess(self, grey: Grey) -> Guess:
        """Fail once."""
        self._asked += 1
        if self._asked == 1:
            raise UnusableInputError("the model is not well.")
        return self._own.guess(grey)

    def learn(self, head: Head) -> None:
        """It learns nothing."""


def live(
    folder: Path,
    classifier: Classifier,
    video: Path = PORCH,
    detector: Path | None = None,
    admits: Callable[[], bool] = always,
) -> list[Happening]:
    """Play a video through a house in `folder`."""
    happened: list[Happening] = []
    with shelf(folder) as on, FileCamera(video) as camera:
        clock = ManualClock()
        house = House(
            Config(vision=VisionConfig(detector=detector)),
            clock,
            Recording(on, clock),
            happened.append,
            classifier=classifier,
            admits=admits,
        )
        capture = Pipeline(Stream("porch", camera.format), house, AtOnce())
        capture.play(camera, threading.Event())
        capture.close()
    return happened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a house was."""
    return tmp_path_factory.mktemp("labels")


@pytest.fixture(scope="module")
def lived(folder: Path) -> list[Happening]:
    """What happened in it."""
    return live(folder, factory.classifier(VisionConfig()))


def test_somebody_and_a_car_come_by(lived: list[Happening]) -> None:
    assert [event.label for event in events(lived)] == ["person", "vehicle"]
    assert all(0.5 < event.confidence <= 1 for event in events(lived))


def test_a_label_comes_while_the_event_lasts_and_stays(lived: list[Happening]) -> None:
    for event in events(lived):
        told = [one.event.label for one in lived if isinstance(one, Grew) and one.event.id == event.id]
        named = told.index(event.label)
        assert set(told[:named]) <= {"motion"}
        assert set(told[named:]) == {event.label}
        assert named <= 5


def test_what_was_seen_lies_beside_the_clip_and_nowhere_else(lived: list[Happening], folder: Path) -> None:
    with Index.open(places(folder)) as index:
        assert [clip.label for clip in index.clips()] == ["vehicle", "person"]
    for number in (1, 2):
        (recorded,) = sidecar.read(ClipFiles.of(places(folder), number).sidecar).events
        assert 1 <= len(unpacked(recorded.event.embeddings, factory.factory_head())) <= 3


def test_what_another_network_saw_is_seen_again(
    lived: list[Happening], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    there, head = places(tmp_path), factory.factory_head()
    with Index.open(there) as index:
        for clip in index.clips():
            verdicts.give(there, index, Verdict(clip.id, clip.label, "terminal", clip.id))
        before = [one.embeddings.mean(axis=0) for one in home.labelled(there, head)]
        for clip in index.clips():
            index.see(clip.id, {clip.events[0]: bytes.fromhex("ab" * 300)})
    assert (len(before), home.labelled(there, head)) == (2, [])
    with pytest.raises(SaidNoError, match="there are fewer than 5 labels"):
        learn.main(["--data", str(there.data)])
    assert "another network than this camd's saw: 2. They are looked at again" in capsys.readouterr().err
    assert home.outdated(there, head) == []
    after = [one.embeddings.mean(axis=0) for one in home.labelled(there, head)]
    for one, other in zip(before, after, strict=True):
        assert one @ other > 0.9 * np.linalg.norm(one) * np.linalg.norm(other)
    assert violations(there) == []


def test_what_is_learned_and_forgotten_is_heeded_while_it_looks(tmp_path: Path) -> None:
    there, size = places(tmp_path), factory.factory_head().weights.shape[1]
    there.make()
    own, nothing = factory.classifier(VisionConfig()), np.zeros((64, 64), np.uint8)
    sight = Sight(320, 240, Settings(5, Limits(SECOND), "x"), Labeller(own, (), lambda: 0))
    renewed = Renewed(there.heads)
    everywhere = Centre(np.zeros(size, np.float32), 1e9, LABELS.index("vehicle"), (1, 2, 3))
    head = replace(factory.factory_head(), centres=(everywhere,), metric=np.eye(size, dtype=np.float32))
    frames = (Frame(second * SECOND, nothing, lambda: nothing, OPEN) for second in (0, 10, 20))
    before = own.guess(nothing).label
    assert before != "vehicle"
    for change, label in (
        (lambda: None, before),
        (lambda: heads.add(there, head.to_json()), "vehicle"),
        (lambda: heads.forget(there, [2]), before),
    ):
        change()
        renewed.look(next(frames), sight)
        assert own.guess(nothing).label == label


class Asked:
    """camd's own classifier, which counts how often it is asked."""

    def __init__(self) -> None:
        self._own, self.times = factory.classifier(VisionConfig()), 0

    def guess(self, grey: Grey) -> Guess:
        """Say what the picture shows."""
        self.times += 1
        return self._own.guess(grey)

    def learn(self, head: Head) -> None:
        """It learns nothing."""


def test_who_was_coming_in_when_his_camera_stopped_is_asked_about_but_not_in_home_mode(tmp_path: Path) -> None:
    video, asked, times = tmp_path / "coming.mp4", (Asked(), Asked()), (count(), count(1))
    car = Car(Route(((1.0, -90, 200), (3.0, 130, 200))), 180)
    encode(Scene(320, 240, 15, 2.0, 1, 2.0, front_garden, (car,)), video)
    (event,) = events(live(tmp_path / "away", asked[0], video, admits=lambda: next(times[0]) >= 0))
    assert (event.label, asked[0].times) == ("vehicle", ENOUGH)
    last = next(times[0])
    (event,) = events(live(tmp_path / "home", asked[1], video, admits=lambda: next(times[1]) < last))
    assert (event.label, asked[1].times) == ("motion", 0)


class HomeComing:
    """camd's own classifier; its owner comes home while it is asked for the first time."""

    def __init__(self, there: Places) -> None:
        self._own, self._there, self.asked = factory.classifier(VisionConfig()), there, 0

    def guess(self, grey: Grey) -> Guess:
        """Say what the picture shows."""
        self.asked += 1
        mode.write(self._there, mode.HOME)
        return self._own.guess(grey)

    def learn(self, head: Head) -> None:
        """It learns nothing."""


def test_nobody_is_looked_at_in_home_mode(tmp_path: Path) -> None:
    there = places(tmp_path)
    there.make()
    mode.write(there, mode.AWAY)
    classifier, gate = HomeComing(there), Gate(there, ManualClock())
    gate.heed()
    live(tmp_path, classifier, admits=gate.look("porch").admits)
    assert classifier.asked == 1
    (path,) = there.clips.glob("0*.json")
    assert b"embeddings" not in path.read_bytes()


@pytest.mark.parametrize(
    ("video", "label", "count"), [("car-detection.mp4", "vehicle", 3), ("one-by-one-person-detection.mp4", "person", 6)]
)
def test_real_visitors_are_told_apart(tmp_path: Path, videos: Path, video: str, label: str, count: int) -> None:
    found = events(live(tmp_path, factory.classifier(VisionConfig()), videos / video))
    assert [event.label for event in found] == [label] * count


def test_a_model_that_fails_costs_the_labels_and_nothing_else(tmp_path: Path) -> None:
    happened = live(tmp_path, Broken(), detector=Path("/mine.onnx"))
    assert [one.why for one in happened if isinstance(one, Degraded)] == [
        f"/mine.onnx: the model does not take (1, 1, 64, 64). {SMALLER}"
    ]
    assert [one.event.label for one in happened if isinstance(one, Ended)] == ["motion", "motion"]
    assert len([one for one in happened if isinstance(one, Saved)]) == 2


def test_a_model_that_recovers_is_asked_again_and_that_is_told(tmp_path: Path, videos: Path) -> None:
    happened = live(tmp_path, Recovering(), videos / "one-by-one-person-detection.mp4")
    assert [(one.on, one.why) for one in happened if isinstance(one, Degraded)] == [
        (True, "the model is not well."), (False, ""),
    ]  # fmt: skip
    assert [event.label for event in events(happened)] == ["motion"] * 2 + ["person"] * 4


def test_with_a_missing_detector_capture_records_without_labels(tmp_path: Path) -> None:
    model, settings = tmp_path / "gone.onnx", tmp_path / "camd.yaml"
    wanted = {"camera": {"source": str(PORCH)}, "vision": {"detector": str(model)}, "store": {"keep_free": "1 MB"}}
    settings.write_text(yaml.safe_dump(wanted))
    data = tmp_path / "data"
    command = [sys.executable, "-m", "camd", "capture", "--config", str(settings), "--data", str(data)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "events have no labels from now on" in ended.stderr
    assert f"{model}: cannot be read" in ended.stderr
    assert "leave vision.detector empty" in ended.stderr
    with Index.open(Places.of(data)) as index:
        assert {clip.label for clip in index.clips()} == {"motion"}
