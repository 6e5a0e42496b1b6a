"""A camera that answers too slowly is given up in time, and closed at once, whatever is waited for."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from camd.camera.frame import OPEN
from camd.camera.live import OPENS_WITHIN
from camd.camera.source import Optics, opened
from camd.clock import Clock, ManualClock, SystemClock
from camd.config import CameraConfig
from camd.errors import UnavailableError
from tests.camera.hostile import CAMERA, full, trickling

NEVER = threading.Event()


@contextmanager
def unresolved() -> Iterator[int]:
    """A resolver that does not answer."""
    over = threading.Event()

    def ask(*_: object, **__: object) -> object:
        over.wait(10)
        raise socket.gaierror("nobody answers")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", ask)
        yield 80
        over.set()


SLOW: dict[str, tuple[str, Callable[[], AbstractContextManager[int]]]] = {
    "http, its header": ("http", lambda: trickling(b"HTTP/1.1 200 OK\r\nX: ")),
    "rtsp, its header": ("rtsp", lambda: trickling(b"RTSP/1.0 200 OK\r\nX: ")),
    "http, its connection": ("http", full),
    "rtsp, its connection": ("rtsp", full),
    "its name": ("rtsp", unresolved),
}


@pytest.fixture(params=SLOW)
def settings(request: pytest.FixtureRequest) -> Iterator[CameraConfig]:
    """A camera of which this is waited for."""
    scheme, slow = SLOW[request.param]
    with slow() as port:
        yield CameraConfig(source=f"{scheme}://{CAMERA}:{port}/main")


def given_up(settings: CameraConfig, clock: Clock, shut: threading.Event) -> str:
    """What is said of it; a camera whose threads do not end within two seconds raises another error."""
    with pytest.raises(UnavailableError) as error:
        opened(settings, Optics(OPEN, False), 0, clock, shut)
    return str(error.value)


def test_it_is_told_when_no_picture_came_in_time(settings: CameraConfig) -> None:
    clock = ManualClock()
    threading.Timer(0.3, clock.wait, (OPENS_WITHIN + 1, NEVER)).start()
    assert "no picture within 10 s" in given_up(settings, clock, NEVER)


def test_home_mode_does_not_wait_for_it(settings: CameraConfig) -> None:
    shut = threading.Event()
    threading.Timer(0.3, shut.set).start()
    assert "no picture within 10 s" in given_up(settings, SystemClock(), shut)
