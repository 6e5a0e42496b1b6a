"""A rule through the whole house: what is ignored leaves no clip and no alert, and is still explained."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camd.alerts.message import Told, alerts_of
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.topics import Names
from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import AlertsConfig, Config, VisionConfig
from camd.learning import factory
from camd.model import IGNORE, RECORD, Began, Ended, Grew, Happening, Saved, Zone
from camd.pipeline import House, Pipeline
from camd.recording import Recording
from camd.vision.classify import Classifier, Guess, Head
from camd.vision.crop import Grey
from camd.vision.votes import ENOUGH
from camd.worker import AtOnce
from tests.worlds import places, shelf

PORCH = Path(__file__).parent.parent / "camd" / "fixtures" / "porch.mp4"
ALL = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
NAMES = Names("camd", "pi", "porch")


class Corrects:
    """Likely a person while he comes in and when the whole of him is there, and then surely an animal."""

    def __init__(self) -> None:
        self._asked = 0

    def guess(self, grey: Grey) -> Guess:
        """The next guess."""
        self._asked += 1
        return Guess((0.62, 0.02, 0.34, 0.02) if self._asked <= ENOUGH + 1 else (0.001, 0.001, 0.997, 0.001))

    def learn(self, head: Head) -> None:
        """It knows all."""


def live(folder: Path, settings: Config, classifier: Classifier | None = None) -> list[Happening]:
    """What happens on the porch, where somebody and then a car come by, without time around events."""
    record = replace(settings.record, pre_roll=0, post_roll=0)
    happened: list[Happening] = []
    with shelf(folder) as on, FileCamera(PORCH) as camera:
        classifier = classifier or factory.classifier(settings.vision)
        clock = ManualClock()
        recording = Recording(on, clock)
        house = House(replace(settings, record=record), clock, recording, happened.append, classifier=classifier)
        capture = Pipeline(Stream("porch", camera.format), house, AtOnce())
        capture.play(camera, threading.Event())
        capture.close()
    return happened


def ended(happened: list[Happening]) -> list[tuple[str, str]]:
    """The label of each event, and what was done about it."""
    return [(one.event.label, one.event.handling) for one in happened if isinstance(one, Ended)]


def kept(happened: list[Happening]) -> list[str]:
    return [one.clip.label for one in happened if isinstance(one, Saved)]


def aloud(happened: list[Happening]) -> list[str]:
    """The types of the alerts that the house hears."""
    told, source = Told(), Source(NAMES, Anchor("boot", 0), PictureSize(640, 480))
    alerts = [alert for one in happened for alert in alerts_of(one, source, told) if alert.topic == NAMES.event]
    return [json.loads(alert.payload)["event_type"] for alert in alerts]


def replay(config: Path) -> list[dict[str, Any]]:
    """What `camd replay` prints of the porch with these settings."""
    command = [sys.executable, "-m", "camd", "replay", str(PORCH), "--json", "--verbose", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def without_cars(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Happening]]:
    """A house where cars are ignored."""
    folder = tmp_path_factory.mktemp("rules")
    return folder, live(folder, Config(alerts=AlertsConfig(ignore=("vehicle",))))


def test_what_is_ignored_leaves_no_clip_and_no_alert(without_cars: tuple[Path, list[Happening]]) -> None:
    folder, happened = without_cars
    assert ("vehicle", IGNORE) in ended(happened)
    assert "vehicle" not in kept(happened)
    assert "vehicle" not in aloud(happened)
    assert "person" in kept(happened)
    assert len(list(places(folder).clips.glob("*.mp4"))) == len(kept(happened))
    assert not list(places(folder).clips.glob("*.part"))


def test_the_house_is_told_that_it_is_over(without_cars: tuple[Path, list[Happening]]) -> None:
    _, happened = without_cars
    told, source = Told(), Source(NAMES, Anchor("boot", 0), PictureSize(640, 480))
    states = [alert for one in happened for alert in alerts_of(one, source, told) if alert.retain]
    last = {alert.topic: alert.payload for alert in states if "classifier" not in alert.topic}
    assert set(last.values()) == {"OFF"}
    assert NAMES.label("vehicle") not in last


def test_what_is_recorded_quietly_has_a_clip_and_no_alert(tmp_path: Path) -> None:
    zone = Zone("porch", ALL, quiet=("vehicle",))
    happened = live(tmp_path, Config(vision=VisionConfig(zones=(zone,))))
    assert ("vehicle", RECORD) in ended(happened)
    assert "vehicle" in kept(happened)
    assert aloud(happened) == ["person"]


def test_what_was_told_is_kept_when_it_turns_out_to_be_ignored(tmp_path: Path) -> None:
    happened = live(tmp_path, Config(alerts=AlertsConfig(ignore=("animal",))), Corrects())
    assert ended(happened) == [("animal", RECORD), ("animal", IGNORE)]
    assert (aloud(happened), kept(happened)) == (["person"], ["animal"])


def test_nobody_is_told_of_as_motion_where_a_label_decides(tmp_path: Path) -> None:
    zone = Zone("porch", ALL, labels=("person",))
    happened = live(tmp_path, Config(vision=VisionConfig(zones=(zone,))))
    assert aloud(happened) == ["person"]
    assert kept(happened) == ["person"]
    assert {one.event.handling for one in happened if isinstance(one, Began)} == {RECORD}
    assert [one.event.handling for one in happened if isinstance(one, Grew) if one.event.label == "person"]


def test_a_replay_explains_what_is_ignored(tmp_path: Path) -> None:
    config = tmp_path / "camd.yaml"
    config.write_text("alerts: {ignore: [vehicle]}\n")
    lines = replay(config)
    assert [line["label"] for line in lines if line["type"] == "event"] == ["person"]
    assert all("handling" not in line for line in lines)  # it is told where no alert is sent
    rules = [line["reason"]["rule"] for line in lines if line["type"] == "suppressed"]
    assert "vehicle is ignored" in rules


def test_a_replay_says_what_is_recorded_without_an_alert(tmp_path: Path) -> None:
    config = tmp_path / "camd.yaml"
    config.write_text("alerts: {labels: [person]}\n")
    lines = replay(config)
    assert [(line["label"], line.get("handling")) for line in lines if line["type"] == "event"] == [
        ("person", None),
        ("vehicle", "record"),
    ]
