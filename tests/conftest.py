"""What every test is held to: no thread left, no ERROR logged, no connection that leaves loopback.

Real recordings are found through CAMD_TEST_DATA; where they are absent the tests that need them are skipped.
"""

import ipaddress
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from camd.camera.stream import FileCamera
from camd.model import Packet
from tests.worlds import Reel, film

settings.register_profile("camd", deadline=None)  # how fast a machine is, is not what the tests are about
settings.load_profile("camd")

DATA = Path(os.environ.get("CAMD_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session", autouse=True)
def a_home_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What this machine remembers is not changed by its tests, nor do they go by it."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(scope="session")
def videos() -> Path:
    """The folder of real recordings."""
    folder = DATA / "videos"
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder} (set CAMD_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """Twelve seconds of a drawn walker."""
    with FileCamera(film("walker", tmp_path_factory.mktemp("film"), seconds=12)) as camera:
        return Reel(camera.format, [item for item in camera if isinstance(item, Packet)])


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Fail a test that leaves a thread alive."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    for thread in left:
        thread.join(2)
    assert not [thread.name for thread in left if thread.is_alive()], "threads left alive"


@pytest.fixture(autouse=True)
def no_error_is_logged(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test in which an ERROR was logged, unless it is marked to expect one."""
    yield
    if request.node.get_closest_marker("logs_errors") is None:
        errors = [record.getMessage() for when in ("setup", "call") for record in caplog.get_records(when)
                  if record.levelno >= logging.ERROR]  # fmt: skip
        assert not errors, f"ERROR was logged: {errors}"


_strangers: list[str] = []


def _tripwire(event: str, arguments: tuple[Any, ...]) -> None:
    """Note connections to anywhere but loopback. Python's own code only: the wall is tested with strace."""
    if event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if not _is_loopback(host):
            _strangers.append(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


sys.addaudithook(_tripwire)


@pytest.fixture(autouse=True)
def nothing_leaves_loopback() -> Iterator[None]:
    """Fail a test whose process connects to a stranger."""
    _strangers.clear()
    yield
    assert not _strangers, f"connections left loopback: {_strangers}"
