"""What systemd hears, and how a capture ends that nobody else ends."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from camd.clock import ManualClock
from camd.model import SECOND
from camd.pulse import Pulse
from camd.watchdog import Watchdog

NEVER = threading.Event()


class Listener:
    """Takes systemd's place at the other end of its socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """What was said since the last time, a line each."""
        lines: list[str] = []
        while True:
            try:
                lines += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return lines


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Systemd's ear."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    made = Listener(tmp_path / "notify")
    yield made
    made.socket.close()


def test_systemd_hears_that_we_live_while_pictures_come_and_no_longer(listener: Listener) -> None:
    clock = ManualClock()
    watchdog, pulse = Watchdog(clock, ["porch"]), Pulse()
    watchdog.opens("porch", is_live=True)
    watchdog.awaits("porch", pulse)
    pulse.frame(clock.boot())
    watchdog.look()
    assert listener.heard() == ["STATUS=porch: 1 pictures", "WATCHDOG=1"]
    clock.wait(31 * SECOND, NEVER)
    watchdog.look()
    assert listener.heard() == ["STATUS=porch: no picture for 31 s"]


def test_home_mode_is_well(listener: Listener) -> None:
    clock = ManualClock()
    watchdog = Watchdog(clock, ["porch"])
    watchdog.opens("porch", is_live=True)
    watchdog.rests("porch")
    clock.wait(3600 * SECOND, NEVER)
    watchdog.look()
    assert listener.heard() == ["STATUS=porch: closed", "WATCHDOG=1"]


def test_one_camera_of_several_costs_itself_alone(listener: Listener) -> None:
    clock, well = ManualClock(), Pulse()
    watchdog = Watchdog(clock, ["porch", "yard"])
    for name, pulse in (("porch", well), ("yard", Pulse())):
        watchdog.opens(name, is_live=True)
        watchdog.awaits(name, pulse)
    clock.wait(3600 * SECOND, NEVER)
    well.frame(clock.boot())
    watchdog.look()
    assert listener.heard() == ["STATUS=porch: 1 pictures, yard: no picture for 3600 s", "WATCHDOG=1"]


HANGS = """
import threading
from camd.clock import ManualClock
from camd.pulse import Pulse
from camd.watchdog import Watchdog
clock = ManualClock()
watchdog = Watchdog(clock, ["porch"])
watchdog.opens("porch", is_live={is_live})
watchdog.awaits("porch", Pulse())
clock.wait(44 * 10**9, threading.Event())
watchdog.look()
"""


@pytest.mark.parametrize(("is_live", "code"), [(True, 69), (False, 0)])
def test_a_driver_that_hangs_ends_the_process_with_the_code_of_a_missing_camera(is_live: bool, code: int) -> None:
    command = [sys.executable, "-c", HANGS.format(is_live=is_live)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, "driver hangs" in ended.stderr) == (code, is_live)
