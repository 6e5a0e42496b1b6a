"""Cameras to test against, each with what can befall it: real servers, a real file, the real picamera2."""

import importlib.util
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from camd.camera.frame import OPEN, Veil
from camd.camera.source import Camera, Optics, opened
from camd.clock import SystemClock
from camd.config import CameraConfig
from camd.model import SECOND
from camd.settings_camera import Size
from tests.worlds import film

SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).parent / "rtsp_server.py"
NEEDS = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(map(Gst.ElementFactory.find, ("x264enc", "h264parse", "rtph264pay", "videotestsrc")))
"""
FPS = 15


class Rig(Protocol):
    """A camera and what can befall it. `is_live`: its pictures come when they are taken.

    `rates`: pictures a second by the times on them, at least and at most. Where those are of arrival, or the sensor is
    played by this machine, a busy one makes them fewer.
    """

    is_live: bool
    rates: tuple[float, float]
    one_clock: bool  # each frame has the time of its packet

    def open(self, veil: Veil = OPEN, *, encode: bool = False) -> Camera:
        """Open it."""

    def stall(self) -> None:
        """It stays connected and gives nothing more."""

    def unplug(self) -> None:
        """It is gone."""

    def plug(self) -> None:
        """It is there again."""

    def resize(self) -> None:
        """It gives pictures of another size."""


class _Rig:
    is_live = True
    rates = (14.5, 15.5)
    one_clock = True

    def __init__(self) -> None:
        self.settings = CameraConfig()

    def open(self, veil: Veil = OPEN, *, encode: bool = False) -> Camera:
        clock = SystemClock()
        return opened(self.settings, Optics(veil, encode), clock.boot(), clock, threading.Event())


class FileRig(_Rig):
    """A video file; it is unplugged by being cut off."""

    is_live = False

    def __init__(self, folder: Path) -> None:
        self._whole = film("walker", folder, seconds=4, suffix=".mkv")
        self._path = folder / "camera.mkv"
        self.settings = CameraConfig(source=str(self._path))
        self.plug()

    def unplug(self) -> None:
        os.truncate(self._path, self._path.stat().st_size // 2)

    def plug(self) -> None:
        self._path.write_bytes(self._whole.read_bytes())


class RtspRig(_Rig):
    """GStreamer's RTSP server in a process of its own."""

    def __init__(self, *options: str, host: str = "127.0.0.1") -> None:
        self._options, self.host = options, host
        self.port = 0
        self.plug()
        self.settings = CameraConfig(source=f"rtsp://{host}:{self.port}/main")

    def plug(self) -> None:
        command = [SYSTEM_PYTHON, str(SERVER), "--host", self.host, "--port", str(self.port), *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def stall(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def unplug(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def resize(self) -> None:
        self.process.send_signal(signal.SIGUSR1)


class TwoStreamRig(RtspRig):
    """The same with a small stream to look at."""

    one_clock = False

    def __init__(self) -> None:
        super().__init__()
        base = f"rtsp://{self.host}:{self.port}"
        self.settings = CameraConfig(source=f"{base}/main", detect_source=f"{base}/small")


class MjpegRig(_Rig):
    """JPEGs in an endless HTTP answer."""

    rates = (13.0, 16.0)

    def __init__(self) -> None:
        self.stalls = False
        self.size = (640, 480)
        self.port = 0
        self.plug()
        self.settings = CameraConfig(source=f"http://127.0.0.1:{self.port}/video")

    def plug(self) -> None:
        self.stalls = False
        self.stops = threading.Event()
        self.server = _Server(("127.0.0.1", self.port), _Jpegs)
        self.server.rig = self
        self.port = self.server.server_port
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def stall(self) -> None:
        self.stalls = True

    def unplug(self) -> None:
        self.stops.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def resize(self) -> None:
        self.size = (320, 240)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    rig: MjpegRig


class _Jpegs(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        rig = self.server.rig
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        clock, number = SystemClock(), 0
        due = clock.boot()
        with suppress(OSError):
            while clock.wait(due, rig.stops):
                due += SECOND // FPS
                if not rig.stalls:
                    number += 1
                    jpeg = _jpeg(number, rig.size)
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")

    def log_message(self, *_: object) -> None:
        pass


def _jpeg(number: int, size: tuple[int, int]) -> bytes:
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    cv2.circle(picture, (number * 7 % size[0], size[1] // 2), size[1] // 8, (240, 240, 240), -1)
    return cv2.imencode(".jpg", picture)[1].tobytes()


class PiRig(_Rig):
    """The real picamera2 over libcamera's virtual camera."""

    rates = (5.0, 16.0)

    def __init__(self) -> None:
        self.settings = CameraConfig(source="pi", size=Size(1280, 720, FPS))
        self._pace = _virtual().PACE
        self.plug()

    def stall(self) -> None:
        self._pace.unplugged = True

    def unplug(self) -> None:
        self._pace.unplugged = True

    def plug(self) -> None:
        self._pace.unplugged = False


def _virtual() -> Any:
    return importlib.import_module("tests.pi.virtual")


KINDS = {"file": FileRig, "rtsp": RtspRig, "rtsp, two streams": TwoStreamRig, "mjpeg": MjpegRig, "pi": PiRig}


@contextmanager
def rig(kind: str, folder: Path) -> Iterator[Any]:
    """A camera of this kind until the block ends."""
    made: Any = FileRig(folder) if kind == "file" else KINDS[kind]()
    try:
        yield made
    finally:
        if kind in ("rtsp", "rtsp, two streams", "mjpeg"):
            with suppress(ValueError):  # it is unplugged already
                made.unplug()
        elif kind == "pi":
            made.plug()


@cache
def why_not(kind: str) -> str:
    """Why there is no camera of this kind here, or nothing."""
    if kind.startswith("rtsp"):
        tried = subprocess.run([SYSTEM_PYTHON, "-c", NEEDS], capture_output=True, check=False)
        return "GStreamer's RTSP server is not installed (tests/run installs it)" if tried.returncode else ""
    if kind == "pi" and importlib.util.find_spec("picamera2") is None:
        return "picamera2 is not installed (tests/pi/run brings it, and a camera for it)"
    return ""
