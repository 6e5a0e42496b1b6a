"""Several cameras in one house: each by itself, one recorder, one store, and one camera's failure its own."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camd import settings_check
from camd.__main__ import main
from camd.clips.adopt import adopt
from camd.clips.recorder import Following, Recorder
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import MB, Config, RecordConfig, StoreConfig, load, overlaid, read
from camd.controls import overlay
from camd.dials import Dials
from camd.errors import ConfigError
from camd.model import SECOND, Began, Clip, Ended, Faulted, Saved
from camd.places import Places
from camd.store.check import leftovers, violations
from camd.store.index import Index
from tests.brokers import Subscriber, broker, subscriber, until
from tests.worlds import Reel, event, film, places, shelf

FIXTURES = Path(__file__).parent.parent / "camd" / "fixtures"
SETTINGS = f"""\
vision: {{sensitivity: 4, zones: {{path: {{points: [[0, 0], [1, 0], [1, 1], [0, 1]]}}}}}}
cameras:
  porch:
    source: {FIXTURES / "walker.mp4"}
    loop: yes
    vision: {{sensitivity: 6}}
  "garden.2":
    source: GARDEN
    vision: {{zones: {{}}}}
  shed:
    source: /srv/nothing.mp4
store: {{data: DATA, keep_free: 1 MB}}
mqtt: {{host: 127.0.0.1, port: PORT, node: home}}
"""


def settled(folder: Path, port: int = 1883, garden: Path = FIXTURES / "porch.mp4") -> Path:
    """A file with the settings of a house with three cameras."""
    file = folder / "camd.yaml"
    words = {"DATA": folder / "data", "PORT": port, "GARDEN": garden}
    text = SETTINGS
    for word, meant in words.items():
        text = text.replace(word, str(meant))
    file.write_text(text, encoding="utf-8")
    return file


def config(text: str, folder: Path) -> Config:
    """The settings that `text` says."""
    file = folder / "camd.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def faults(text: str, folder: Path) -> list[str]:
    """What is wrong with them, each with its line and key."""
    with pytest.raises(ConfigError) as caught:
        config(text, folder)
    return [line.removeprefix(f"{folder / 'camd.yaml'}:").split(". got")[0] for line in str(caught.value).splitlines()]


def test_each_camera_has_what_is_its_own_and_the_rest_in_common(tmp_path: Path) -> None:
    settings = load(settled(tmp_path))
    porch, garden, shed = settings.each()
    assert [one.camera.name for one in settings.each()] == ["porch", "garden.2", "shed"]
    assert [one.vision.sensitivity for one in settings.each()] == [6, 4, 4]
    assert [len(one.vision.zones) for one in settings.each()] == [1, 0, 1]
    assert (porch.camera.loop, garden.camera.loop, shed.record) == (True, False, settings.record)
    assert porch.each() == (porch,)


def test_one_camera_is_as_it_was(tmp_path: Path) -> None:
    settings = config("camera: {name: porch, source: /srv/a.mp4}", tmp_path)
    assert settings.each() == (settings,)


def test_every_fault_is_told_at_once_with_its_camera(tmp_path: Path) -> None:
    text = """\
camera: {name: porch, loop: yes}
cameras:
  a/b: {source: /srv/a.mp4}
  garden:
    source: /srv/b.mp4
    vision:
      sensitivty: 3
      zones: {door: {points: [[0, 0], [2, 0], [1, 1]]}}
  shed: {loop: yes}
  reply: {source: /srv/c.mp4}
  attic: {source: /srv/d.mp4, record: {max_length: 2 s}}
  attic: {source: /srv/e.mp4}
"""
    assert faults(text, tmp_path) == [
        "1: camera.name: one camera beside several",
        "3: cameras.a/b: / + # mean something else in MQTT topics",
        "7: cameras.garden.vision.sensitivty: no such key (did you mean sensitivity?)",
        "8: cameras.garden.vision.zones.door.points: point 2: outside the picture",
        "9: cameras.shed: a camera without a source",
        "10: cameras.reply.name: answers to commands have this name in topics",
        "11: cameras.attic.record.max_length: no room for an event",
        "12: cameras.attic: set twice, on lines 11 and 12",
    ]


def test_a_fault_of_what_is_in_common_is_told_once(tmp_path: Path) -> None:
    text = "record: {max_length: 2 s}\ncameras: {a: {source: /srv/a.mp4}, b: {source: /srv/b.mp4}}\n"
    assert faults(text, tmp_path) == ["1: record.max_length: no room for an event"]


def test_what_check_prints_reads_as_the_same_settings(tmp_path: Path) -> None:
    settings = load(settled(tmp_path))
    printed = "\n".join(settings_check.report(read(tmp_path / "camd.yaml")))
    assert config(printed, tmp_path) == settings
    assert f"sensitivity: 4                      # from {tmp_path / 'camd.yaml'}:1" in printed


def test_what_was_turned_is_one_cameras_and_outlives_its_neighbours(tmp_path: Path) -> None:
    text = "cameras: {a: {source: /srv/a.mp4}, b: {source: /srv/b.mp4, vision: {sensitivity: 2}}}"
    config(text, tmp_path)
    over = tmp_path / "settings.yaml"
    over.write_text(overlay({"a": Dials(9), "gone": Dials(1), "b": Dials(2, clips=False)}, has_names=True))
    turned = overlaid(read(tmp_path / "camd.yaml"), over).config
    assert [(one.camera.name, one.camera.source, Dials.of(one)) for one in turned.each()] == [
        ("a", "/srv/a.mp4", Dials(9)),
        ("b", "/srv/b.mp4", Dials(2, clips=False)),
    ]


RECORD = RecordConfig(pre_roll=2 * SECOND, post_roll=SECOND)


class Two:
    """Two cameras that give the same reel, and one recorder."""

    def __init__(self, reel: Reel, folder: Path) -> None:
        self.clock, self.places, self._reel = ManualClock(), places(folder), reel
        self.told: dict[str, list[Saved | Faulted]] = {"porch": [], "garden": []}
        self._left = list(reel.packets)

    @contextmanager
    def recording(self, folder: Path) -> Iterator[dict[str, Following]]:
        """Both are followed until the block ends."""
        with shelf(folder, StoreConfig(max_bytes=500 * MB, keep_free=0)) as on:
            recorder = Recorder(on, self.clock)
            both = {
                name: recorder.follow(Stream(name, self._reel.layout), RECORD, told.append)
                for name, told in self.told.items()
            }
            yield both
            for each in both.values():
                each.close()

    def until(self, seconds: float, both: dict[str, Following]) -> None:
        """Go on to that second, by turns."""
        while self._left and self._left[0].t < seconds * SECOND:
            packet = self._left.pop(0)
            self.clock.wait(packet.t, threading.Event())
            for each in both.values():
                each.take(packet)

    def clips(self) -> dict[str, list[Clip]]:
        """What the index lists of each."""
        with Index.open(self.places) as index:
            return {name: list(reversed(index.clips(camera=name))) for name in self.told}


def test_two_clips_are_written_at_once_and_name_their_cameras(reel: Reel, tmp_path: Path) -> None:
    two = Two(reel, tmp_path)
    with two.recording(tmp_path) as both:
        two.until(4, both)
        both["porch"].take(Began(event("a", 3.9, 4.0)))
        two.until(5, both)
        both["garden"].take(Began(event("b", 4.9, 5.0)))
        assert len(list(two.places.clips.glob("*.part"))) == 2
        two.until(6, both)
        both["garden"].take(Ended(event("b", 4.9, 5.5)))
        two.until(9, both)
        assert violations(two.places) == []  # the earlier one is still being written, the later one is kept
        both["porch"].take(Ended(event("a", 3.9, 8.5)))
        two.until(12, both)
    clips = two.clips()
    assert [[clip.events for clip in clips[name]] for name in ("porch", "garden")] == [[("a",)], [("b",)]]
    assert [clips[name][0].id for name in ("porch", "garden")] == [1, 2]
    assert (violations(two.places), leftovers(two.places)) == ([], [])


def test_a_kill_while_both_record_leaves_both(reel: Reel, tmp_path: Path) -> None:
    two = Two(reel, tmp_path / "live")
    with two.recording(tmp_path / "live") as both:
        two.until(4, both)
        both["porch"].take(Began(event("a", 3.9, 4.0)))
        both["garden"].take(Began(event("b", 3.9, 4.0)))
        two.until(9, both)
        shutil.copytree(tmp_path / "live" / "data", tmp_path / "data")
    with shelf(tmp_path) as on:
        found = adopt(on, "unknown")
    assert [(clip.camera, clip.events, clip.cut_short) for clip in found] == [
        ("porch", ("a",), True),
        ("garden", ("b",), True),
    ]
    assert violations(places(tmp_path)) == []


@pytest.mark.logs_errors
def test_trouble_with_the_disk_is_both_cameras_trouble_and_neither_loses_a_visit(reel: Reel, tmp_path: Path) -> None:
    two = Two(reel, tmp_path)
    with two.recording(tmp_path) as both:
        two.until(2.5, both)
        both["porch"].take(Began(event("a", 2.4, 2.5)))
        two.until(5, both)
        two.places.data.rename(tmp_path / "away")
        two.until(5.5, both)
        both["garden"].take(Began(event("b", 5.4, 5.5)))
        two.until(7, both)
        shutil.rmtree(two.places.data, ignore_errors=True)
        (tmp_path / "away").rename(two.places.data)
        two.until(10, both)
        both["porch"].take(Ended(event("a", 2.4, 9.9)))
        both["garden"].take(Ended(event("b", 5.4, 9.9)))
        two.until(12, both)
    clips = two.clips()
    first, second = clips["porch"]
    (late,) = clips["garden"]
    assert (first.cut_short, second.continues, second.events, late.events) == (True, first.id, ("a",), ("b",))
    assert late.began <= 4 * SECOND  # its pre-roll was kept in RAM
    for told in two.told.values():
        assert [each.on for each in told if isinstance(each, Faulted)] == [True, False]
    assert violations(two.places) == []


def _last(heard: Subscriber, topic: str) -> str:
    return (heard.payloads(topic) or [""])[-1]


def test_a_camera_that_cannot_be_opened_and_one_that_ends_leave_the_third_alone(tmp_path: Path) -> None:
    where = Places.of(tmp_path / "data")
    with broker(tmp_path / "broker") as mosquitto, subscriber(mosquitto.port) as heard:
        file = settled(tmp_path, mosquitto.port, film("walker", tmp_path, seconds=8))
        with _verb("notify", file) as notify, _verb("capture", file) as capture:
            until(lambda: heard.payloads("garden.2/clip") and heard.payloads("porch/clip"), seconds=40)
            assert _last(heard, "camd/home/shed/status") == "fault:/srv/nothing.mp4: there is no such file."
            assert [_last(heard, f"{name}/sensor") for name in ("porch", "shed")] == ["open", "unknown"]
            assert heard.payloads("porch/zone/path/motion")
            assert not heard.payloads("garden.2/zone/path/motion")
            heard.say("camd/home/garden.2/sensitivity/set", '{"value":9,"correlation":"one"}')
            until(lambda: heard.payloads("reply/one"))
            assert [_last(heard, f"{name}/sensitivity/state") for name in ("porch", "garden.2")] == ["6", "9"]
            until(lambda: _last(heard, "camd/home/garden.2/status") == "offline", seconds=40)
            until(lambda: json.loads(where.status.read_text())["cameras"]["garden.2"]["fps"] == 0)
            assert json.loads(where.status.read_text())["cameras"]["porch"]["fps"] > 5  # it goes on
            heard.say("camd/home/mode/set", "home")
            until(lambda: _last(heard, "camd/home/porch/status") == "home")
            until(lambda: _last(heard, "camd/home/shed/status") == "home")
            until(lambda: any("home_mode" in told for told in heard.payloads("event")))
            capture.terminate()
            assert capture.wait(10) == 0
            told = [json.loads(payload)["event_type"] for payload in heard.payloads("event")]
            assert (told.count("home_mode"), told.count("camera_offline")) == (1, 1)
            notify.terminate()
            notify.wait(10)
    with Index.open(where) as index:
        assert {clip.camera for clip in index.clips()} == {"porch", "garden.2"}
        assert {clip.camera for clip in index.clips(camera="porch")} == {"porch"}
    assert sorted(path.name for path in where.habits.iterdir()) == ["garden.2.json", "porch.json"]
    assert main(["clips", "list", "--camera", "porch", "--config", str(file)]) == 0
    assert (violations(where), leftovers(where)) == ([], [])


def test_every_camera_is_a_device_of_its_own(tmp_path: Path) -> None:
    with broker(tmp_path / "broker") as mosquitto, subscriber(mosquitto.port, "homeassistant/#") as heard:
        with _verb("notify", settled(tmp_path, mosquitto.port)) as notify:
            until(lambda: len({told.topic for told in heard.heard()}) == 4)
            notify.terminate()
            notify.wait(10)
        found = {json.loads(told.payload)["device"]["name"] for told in heard.heard()}
    assert found == {"camd home", "porch", "garden.2", "shed"}


@contextmanager
def _verb(name: str, settings: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "camd", name, "--config", str(settings)]
    with subprocess.Popen(command, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
