"""The whole house on a network camera: it is missed within seconds, and found again."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camd.clock import SystemClock
from camd.model import SECOND
from tests.brokers import Subscriber, broker, subscriber, until
from tests.camera.rigs import RtspRig, why_not

pytestmark = pytest.mark.skipif(bool(why_not("rtsp")), reason=why_not("rtsp"))
SETTINGS = """\
camera: {{name: porch, source: {source}}}
store: {{data: {data}, keep_free: 1 MB}}
mqtt: {{host: 127.0.0.1, port: {port}, node: home}}
"""


@pytest.fixture
def rig() -> Iterator[RtspRig]:
    """A network camera."""
    made = RtspRig()
    yield made
    if made.process.poll() is None:
        made.unplug()


@contextmanager
def house(folder: Path, rig: RtspRig, verb: str) -> Iterator[tuple["subprocess.Popen[bytes]", Subscriber]]:
    """`camd VERB` on the camera, with a broker and somebody who listens; the camera is there when this begins."""
    with broker(folder / "broker") as it, subscriber(it.port) as heard:
        config = folder / "camd.yaml"
        config.write_text(SETTINGS.format(source=rig.settings.source, data=folder / "data", port=it.port))
        process = subprocess.Popen([sys.executable, "-m", "camd", verb, "--config", str(config)])
        try:
            until(lambda: status(heard)[-1:] == ["online"], seconds=20)
            yield process, heard
        finally:
            process.terminate()
            process.wait()


def status(heard: Subscriber) -> list[str]:
    """What the house was told of the camera, in order, without repetitions."""
    told: list[str] = []
    for payload in heard.payloads("/porch/status"):
        if told[-1:] != [payload]:
            told.append(payload)
    return told


def test_a_camera_that_stands_still_is_told_within_ten_seconds_and_found_again(tmp_path: Path, rig: RtspRig) -> None:
    clock = SystemClock()
    with house(tmp_path, rig, "run") as (_, heard):
        rig.stall()
        began = clock.boot()
        until(lambda: status(heard)[-1].startswith("fault:"))
        assert clock.boot() - began < 10 * SECOND
        why = status(heard)[-1]
        rig.process.send_signal(signal.SIGCONT)
        until(lambda: status(heard)[-1] == "online", seconds=20)
    assert why.startswith("fault:rtsp://127.0.0.1")
    assert "no picture for 5 s" in why


@pytest.mark.battery
def test_a_house_whose_camera_is_away_for_long_finds_it_again(tmp_path: Path, rig: RtspRig) -> None:
    with house(tmp_path, rig, "run") as (process, heard):
        until(lambda: bool(heard.payloads("/stats")), seconds=70)
        rig.unplug()
        until(lambda: heard.payloads("porch/sensor")[-1] == "closed", seconds=60)  # capture has given up, with code 69
        assert status(heard)[-1].startswith("fault:")
        rig.plug()
        until(lambda: status(heard)[-1] == "online", seconds=60)
        assert process.poll() is None
