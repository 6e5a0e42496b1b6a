"""The house as real processes: it starts, it ends in order, and nothing is lost when one of them is killed."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import pytest

from camd import ledger
from camd.__main__ import main
from camd.clock import SystemClock
from camd.model import SECOND, Clip
from camd.places import Places
from camd.store import verdicts
from camd.store.check import leftovers, violations
from camd.store.index import Index
from camd.vision.quiet import Quiet
from tests.brokers import Broker, Subscriber, broker, subscriber, until
from tests.camera.rigs import MjpegRig

FIXTURES = Path(__file__).parent.parent / "camd" / "fixtures"
SETTINGS = """\
camera: {{name: porch, source: {video}, loop: {loop}}}
store: {{data: {data}, keep_free: 1 MB}}
mqtt: {{host: 127.0.0.1, port: {port}, node: home}}
"""


class House:
    """One camd on disk, to be run by its verbs."""

    def __init__(self, folder: Path, port: int, *, video: str = "porch.mp4", loop: str = "no") -> None:
        self.places = Places.of(folder / "data")
        self.settings = folder / "camd.yaml"
        self.settings.write_text(
            SETTINGS.format(video=FIXTURES / video, loop=loop, data=self.places.data, port=port), encoding="utf-8"
        )

    @contextmanager
    def verb(self, name: str) -> Iterator["subprocess.Popen[str]"]:
        """Run `camd NAME` until the block ends."""
        command = [sys.executable, "-m", "camd", name, "--config", str(self.settings)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def clips(self) -> tuple[Clip, ...]:
        """What the index lists."""
        with Index.open(self.places) as index:
            return index.clips()

    def parts(self) -> list[Path]:
        """Clips that are being written and already hold a fragment."""
        return [path for path in self.places.clips.glob("*.part") if path.stat().st_size > 100_000]

    def capture_pid(self) -> int:
        """The process that records."""
        return int(self.places.recorder_pid.read_text())


@pytest.fixture
def real_broker(tmp_path: Path) -> Iterator[Broker]:
    """A mosquitto on loopback."""
    with broker(tmp_path / "broker") as running:
        yield running


def _decodes(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_sigterm_in_mid_clip_finishes_the_clip_and_says_goodbye(tmp_path: Path, real_broker: Broker) -> None:
    house = House(tmp_path, real_broker.port)
    with subscriber(real_broker.port) as heard, house.verb("run") as running:
        until(house.parts, seconds=20)
        told = SystemClock().boot()
        running.terminate()
        assert running.wait(10) == 0
        assert SystemClock().boot() - told < 5 * SECOND  # capture has 2 s, notify then has 2 s, and slack
        until(lambda: heard.payloads("camd/home/available")[-1:] == ["stopped"])
        assert heard.payloads("camd/home/porch/status")[-1] == "offline"
        assert heard.payloads("camd/home/porch/motion")[-1] == "OFF"
        assert len(heard.payloads("camd/home/porch/event")) == 1
        assert len(heard.payloads("camd/home/porch/clip")) == 1
    (clip,) = house.clips()
    assert Quiet.check(house.places.quiet("porch").read_bytes())  # what was learned is kept for the next start
    assert not clip.cut_short
    assert _decodes(house.places.clips / f"{clip.id:06d}.mp4") > 60
    assert violations(house.places) == []
    assert leftovers(house.places) == []


def test_a_kill_in_mid_clip_leaves_a_clip_that_the_next_start_lists_as_cut_short(
    tmp_path: Path, real_broker: Broker
) -> None:
    house = House(tmp_path, real_broker.port)
    with house.verb("capture") as capture:
        until(house.parts, seconds=20)
        capture.kill()
    assert house.clips() == ()
    with house.verb("capture") as again:
        (clip,) = until(house.clips)
        again.terminate()
        again.wait(10)
    assert clip.cut_short
    assert len(clip.events) == 1
    assert _decodes(house.places.clips / f"{clip.id:06d}.mp4") == pytest.approx(clip.duration_ns / SECOND * 15, abs=2)
    assert violations(house.places) == []


def test_a_second_recorder_is_refused_and_told_who_is_there(tmp_path: Path, real_broker: Broker) -> None:
    house = House(tmp_path, real_broker.port, loop="yes")
    with house.verb("capture") as first:
        until(house.places.recorder_pid.exists)
        with house.verb("capture") as second:
            assert second.wait(10) == 75
            assert second.stderr is not None
            assert f"pid {first.pid}" in second.stderr.read()
        assert first.poll() is None


def test_notify_is_started_again_and_capture_never_notices(tmp_path: Path, real_broker: Broker) -> None:
    house = House(tmp_path, real_broker.port, loop="yes")
    with subscriber(real_broker.port) as heard, house.verb("run") as running:
        until(lambda: "online" in heard.payloads("camd/home/porch/status"), seconds=20)
        before = house.capture_pid()
        for child in _children(running.pid):
            if child != before:
                os.kill(child, signal.SIGKILL)
        until(lambda: heard.payloads("camd/home/available").count("online") >= 2, seconds=20)
        assert house.capture_pid() == before
        running.terminate()
        assert running.wait(15) == 0


def test_with_the_broker_away_for_the_whole_event_every_alert_comes_once_and_late(
    tmp_path: Path, real_broker: Broker
) -> None:
    house = House(tmp_path, real_broker.port, video="walker.mp4")
    with house.verb("notify"), subscriber(real_broker.port) as heard:
        until(lambda: heard.payloads("camd/home/available"))
        real_broker.kill()
        with house.verb("capture") as capture:
            assert capture.wait(30) == 0
        real_broker.start()
        until(lambda: heard.payloads("camd/home/porch/clip"), seconds=60)
        (alert,) = [json.loads(payload) for payload in heard.payloads("camd/home/porch/event")]
    assert alert["delayed"] is True
    assert len(house.clips()) == 1


def test_the_demo_shows_alerts_as_they_come_back_and_that_nothing_left(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "camd", "demo", "--data", str(tmp_path / "kept")]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("camd/demo/porch/event") == 2
    assert "0 clips left this machine" in shown.stdout
    assert len(list((tmp_path / "kept" / "clips").glob("*.mp4"))) == 2


def test_without_a_camera_the_mend_is_named(tmp_path: Path) -> None:
    (tmp_path / "camd.yaml").touch()
    command = [sys.executable, "-m", "camd", "capture", "--config", str(tmp_path / "camd.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (78, 1)
    assert "camera.source" in ended.stderr


@pytest.mark.skipif(importlib.util.find_spec("picamera2") is not None, reason="picamera2 is installed")
def test_a_camera_module_without_its_library_is_told_with_its_mend(tmp_path: Path) -> None:
    house = House(tmp_path, 1)
    house.settings.write_text(house.settings.read_text().replace(str(FIXTURES / "porch.mp4"), "pi"))
    with house.verb("capture") as capture:
        _, said = capture.communicate(timeout=60)
    assert capture.returncode == 69
    assert "python3-picamera2" in said.splitlines()[-1]
    assert "Traceback" not in said


def test_no_camera_is_reached_before_home_mode_can_be_entered(tmp_path: Path) -> None:
    house = House(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as camera:
        camera.settimeout(30)
        house.settings.write_text(house.settings.read_text().replace(str(FIXTURES / "porch.mp4"), _url(camera)))
        with house.verb("capture"):
            camera.accept()[0].close()
            assert house.places.wish_bell.exists()


def test_a_camera_that_is_not_there_is_a_fault_until_it_is(
    tmp_path: Path, real_broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    house, rig = House(tmp_path, real_broker.port), MjpegRig()
    house.settings.write_text(house.settings.read_text().replace(str(FIXTURES / "porch.mp4"), rig.settings.source))
    rig.unplug()
    with subscriber(real_broker.port) as heard, house.verb("notify"):
        for _ in range(2):  # as systemd does
            with house.verb("capture") as capture:
                assert capture.wait(30) == 69
        until(lambda: _last(heard, "porch/sensor") == "closed")
        assert _last(heard, "porch/status").startswith("fault:http://127.0.0.1")
        assert len([told for told in heard.payloads("porch/event") if "camera_offline" in told]) == 1
        main(["status", "--config", str(house.settings)])
        assert "porch: fault:http://127.0.0.1" in capsys.readouterr().out
        rig.plug()
        with house.verb("capture") as capture:
            until(lambda: _last(heard, "porch/status") == "online", seconds=20)
            capture.terminate()
            until(lambda: _last(heard, "porch/status") == "offline", seconds=20)
        rig.unplug()


def _url(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/video"


def _open_videos(pid: int) -> list[str]:
    links = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            links.append(str(descriptor.readlink()))
    return [link for link in links if link.endswith(".mp4")]


def _last(heard: Subscriber, topic: str) -> str:
    return (heard.payloads(topic) or [""])[-1]


def _status(house: House, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["status", "--json", "--config", str(house.settings)]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_home_mode_closes_the_camera_and_only_the_terminal_leaves_it(
    tmp_path: Path, real_broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(tmp_path, real_broker.port, video="walker.mp4", loop="yes")
    with subscriber(real_broker.port) as heard, house.verb("notify"), house.verb("capture") as capture:
        (alert, *_) = until(lambda: heard.payloads("porch/event"), seconds=20)
        event = json.loads(alert)["event_id"]  # there is no clip of it yet
        heard.say("camd/home/porch/feedback/set",
                  f'{{"event_id":"{event}","verdict":"false_alarm","label":"animal","correlation":"fb"}}')  # fmt: skip
        assert _open_videos(capture.pid)
        told = _status(house, capsys)
        assert [told[what] for what in ("mode", "capture", "notify")] == ["away", "runs", "runs"]
        assert (told["cameras"]["porch"]["status"], told["cameras"]["porch"]["sensor"]) == ("online", "open")
        assert 0 <= told["cameras"]["porch"]["load"] < 1
        assert told["guard"] == _last(heard, "guard")
        heard.say("camd/home/mode/set", '{"value":"home","correlation":"at-home"}')
        until(lambda: _last(heard, "porch/status") == "home")
        assert _open_videos(capture.pid) == []
        assert json.loads(_last(heard, "reply/at-home")) == {"v": 1, "ok": True, "error": None}
        until(lambda: json.loads(_last(heard, "porch/event"))["event_type"] == "home_mode")
        assert [_last(heard, f"porch/{name}") for name in ("sensor", "motion")] == ["closed", "OFF"]
        assert _last(heard, "mode/state") == "home"
        until(lambda: heard.payloads("porch/clip"))  # what was recorded before is finished
        assert json.loads(_last(heard, "reply/fb")) == {"v": 1, "ok": True, "error": None}
        until(house.places.labels.exists)
        assert [(one.event, one.label) for one in verdicts.read(house.places)] == [(event, "animal")]
        assert house.parts() == []
        assert _status(house, capsys)["cameras"]["porch"]["sensor"] == "closed"
        heard.say("camd/home/mode/set", '{"value":"away","correlation":"no"}')
        heard.say("camd/home/porch/trigger/set", '{"value":5,"correlation":"neither"}')
        until(lambda: heard.payloads("reply/no") and heard.payloads("reply/neither"))
        codes = [json.loads(_last(heard, f"reply/{name}"))["error"]["code"] for name in ("no", "neither")]
        assert codes == ["forbidden", "home_mode"]
        assert house.places.mode.read_text() == "home\n"
        capture.terminate()
        assert capture.wait(10) == 0
        with house.verb("capture") as again:  # it is remembered
            until(lambda: heard.payloads("porch/status")[-2:] == ["offline", "home"])
            assert _open_videos(again.pid) == []
            assert main(["mode", "away", "--config", str(house.settings)]) == 0
            until(lambda: _last(heard, "porch/status") == "online")
            assert _open_videos(again.pid)
            again.kill()
            again.wait(10)
        told = _status(house, capsys)
        assert [told[what] for what in ("capture", "notify")] == ["stopped", "runs"]
        assert told["cameras"] == {"porch": {"status": "offline", "sensor": "unknown"}}
    assert violations(house.places) == []


def test_what_is_turned_over_mqtt_is_answered_and_remembered(tmp_path: Path, real_broker: Broker) -> None:
    house = House(tmp_path, real_broker.port, video="walker.mp4", loop="yes")
    with subscriber(real_broker.port) as heard, house.verb("notify"):
        with house.verb("capture") as capture:
            until(lambda: _last(heard, "sensitivity/state") == "5", seconds=20)
            for topic, value in (("sensitivity", "8"), ("record", '"OFF"'), ("detect", '"OFF"'), ("snooze", "30")):
                camera = "" if topic == "snooze" else "porch/"
                heard.say(f"camd/home/{camera}{topic}/set", f'{{"value":{value},"correlation":"{topic}"}}')
                until(lambda topic=topic: heard.payloads(f"reply/{topic}"))  # type: ignore[misc]
                assert json.loads(_last(heard, f"reply/{topic}"))["ok"]
            told = [_last(heard, f"{name}/state") for name in ("sensitivity", "record", "detect")]
            assert told == ["8", "OFF", "OFF"]
            assert int(_last(heard, "snooze/state")) > 1_700_000_000
            capture.terminate()
            capture.wait(10)
        assert house.clips() == ()
        shown = subprocess.run(
            [sys.executable, "-m", "camd", "check", "--config", str(house.settings)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert "sensitivity: 8".ljust(20) in shown
        assert str(house.places.settings) in shown
        with house.verb("capture") as again:
            until(lambda: heard.payloads("porch/status")[-2:] == ["offline", "online"])
            assert told == [_last(heard, f"{name}/state") for name in ("sensitivity", "record", "detect")]
            assert _last(heard, "snooze/state") != "0"
            again.terminate()
            again.wait(10)


def test_a_clip_can_be_asked_for_and_feedback_labels_it(tmp_path: Path, real_broker: Broker) -> None:
    house = House(tmp_path, real_broker.port, video="quiet.mp4", loop="yes")
    with subscriber(real_broker.port) as heard, house.verb("notify"), house.verb("capture") as capture:
        until(lambda: _last(heard, "porch/status") == "online", seconds=20)
        heard.say("camd/home/porch/trigger/set", "2")
        (told,) = until(lambda: heard.payloads("porch/clip"), seconds=20)
        assert heard.payloads("porch/event") == []  # asked for, so no news
        (event,) = json.loads(told)["event_ids"]
        heard.say("camd/home/porch/feedback/set",
                  f'{{"event_id":"{event}","verdict":"correct","label":"animal","correlation":"fb"}}')  # fmt: skip
        until(lambda: heard.payloads("reply/fb"))
        capture.terminate()
        capture.wait(10)
    (clip,) = house.clips()
    assert (clip.label, clip.duration_ns > 5 * SECOND) == ("animal", True)
    assert json.loads(house.places.labels.read_text())["event"] == event


def test_an_alert_brings_its_picture_which_goes_with_its_clip(tmp_path: Path, real_broker: Broker) -> None:
    house = House(tmp_path, real_broker.port, video="walker.mp4", loop="yes")
    house.settings.write_text(house.settings.read_text() + "alerts: {picture: kept}\n")
    with subscriber(real_broker.port) as heard, house.verb("notify"), house.verb("capture") as capture:
        until(lambda: any(heard.payloads("porch/snapshot")), seconds=20)
        until(lambda: heard.payloads("porch/clip"), seconds=30)
        capture.send_signal(signal.SIGSTOP)  # before the next event brings its own
        until(lambda: house.clips())
        assert main(["clips", "delete", str(house.clips()[0].id), "--yes", "--config", str(house.settings)]) == 0
        capture.send_signal(signal.SIGCONT)
        until(lambda: _last(heard, "porch/snapshot") == "", seconds=30)
        capture.terminate()
        capture.wait(10)
    with subscriber(real_broker.port, name="later") as later:
        later.say("end", "of it")
        until(lambda: later.payloads("end"))
        assert later.payloads("porch/snapshot") == []
    noted = [entry.details for entry in ledger.entries(house.places) if entry.what == "mqtt-pictures"]
    assert noted == [{"picture": "kept"}]


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
