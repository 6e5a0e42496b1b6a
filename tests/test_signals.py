"""Signals: two at once, and one while a camera is being opened."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camd.store.check import leftovers
from tests.leaks.homes import Home

LINGERS = """
import threading
from camd.signals import heeded
lock, stop = threading.Lock(), threading.Event()
def linger():
    with lock:
        print("heeds", flush=True)
        stop.wait(0.2)
        stop.set()
with heeded(linger):
    print("up", flush=True)
    stop.wait()
"""


@contextmanager
def started(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """A Python that does not outlive the block."""
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_second_signal_while_the_first_is_heeded_holds_nobody_up() -> None:
    with started("-c", LINGERS) as process:
        assert process.stdout
        for line, number in ("up", signal.SIGTERM), ("heeds", signal.SIGINT):
            assert process.stdout.readline() == f"{line}\n"
            process.send_signal(number)
        assert process.wait(10) == 0


def test_capture_ends_while_its_camera_keeps_it_waiting(tmp_path: Path) -> None:
    home = Home(tmp_path).build()
    with socket.create_server(("127.0.0.1", 0)) as camera:
        source = f"rtsp://127.0.0.1:{camera.getsockname()[1]}/main"
        with started("-m", "camd", "capture", *home.options, "--camera", source) as process:
            side, _ = camera.accept()
            with side:
                side.recv(1)  # it has asked, and nobody answers
                process.send_signal(signal.SIGTERM)
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0
    assert leftovers(home.places) == []
