"""A camera that is lost is opened again, with patience that has an end."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from camd.camera.frame import Frame
from camd.clock import ManualClock, SystemClock
from camd.config import CameraConfig, Config, RecordConfig, VisionConfig
from camd.errors import ConfigError, UnavailableError
from camd.eye import GIVES_UP, Eye
from camd.model import SECOND, Polygon
from tests.camera.rigs import MjpegRig
from tests.worlds import film

NEVER = threading.Event()
SECRET = VisionConfig(privacy=(Polygon("door", ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))),))


@pytest.fixture
def rig() -> Iterator[MjpegRig]:
    """A real camera."""
    made = MjpegRig()
    yield made
    if not made.stops.is_set():
        made.unplug()


def plays(eye: Eye, frames: int) -> bool:
    """Let the eye play until so many frames came; what `Eye.play` says."""
    left = [frames]

    def take(items: object, shut: threading.Event) -> bool:
        for item in items:  # type: ignore[attr-defined]
            left[0] -= isinstance(item, Frame)
            if left[0] <= 0:
                return False
        return True

    return eye.play(take, NEVER)


def test_a_camera_that_was_never_there_is_told_at_once(rig: MjpegRig) -> None:
    rig.unplug()
    clock = ManualClock()
    with pytest.raises(UnavailableError, match="Is it on, is this its address"):
        Eye(Config(camera=rig.settings), clock).open(NEVER)
    assert clock.boot() == 0


def test_a_camera_that_is_lost_is_tried_for_half_a_minute(rig: MjpegRig, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    eye = Eye(Config(camera=rig.settings), clock)
    eye.open(NEVER)
    rig.unplug()
    assert not plays(eye, 10_000)
    assert eye.trouble
    lost = clock.boot()
    with pytest.raises(UnavailableError, match="tried again for 30 s"):
        eye.open(NEVER)
    assert GIVES_UP <= clock.boot() - lost <= GIVES_UP + SECOND
    assert 4 <= sum("tried again" in record.message for record in caplog.records) <= 10


def test_a_camera_that_has_become_mute_is_given_up_no_later(rig: MjpegRig) -> None:
    clock = ManualClock()
    eye = Eye(Config(camera=rig.settings), clock)
    eye.open(NEVER)
    rig.unplug()
    assert not plays(eye, 10_000)
    lost = clock.boot()
    rig.plug()
    rig.stall()
    for number, seconds in enumerate((11, 23, 31, 37), 1):  # each ends one opening, as long as it may take
        threading.Timer(0.4 * number, clock.wait, (lost + seconds * SECOND, NEVER)).start()
    with pytest.raises(UnavailableError, match="tried again for 30 s"):
        eye.open(NEVER)
    assert clock.boot() - lost <= 31 * SECOND


def test_a_camera_that_comes_back_is_played_on(rig: MjpegRig) -> None:
    eye = Eye(Config(camera=rig.settings), SystemClock())
    assert eye.open(NEVER) is not None
    assert not plays(eye, 3)
    rig.unplug()
    assert not plays(eye, 10_000)
    rig.plug()
    assert eye.open(NEVER) is not None
    assert eye.trouble == ""
    assert not plays(eye, 3)
    eye.close()


def test_home_mode_ends_the_patience(rig: MjpegRig) -> None:
    eye, shut = Eye(Config(camera=rig.settings), SystemClock()), threading.Event()
    eye.open(NEVER)
    rig.unplug()
    plays(eye, 10_000)
    shut.set()
    assert eye.open(shut) is None


def test_a_copied_recording_that_would_show_what_is_private_is_a_config_error(tmp_path: Path) -> None:
    camera = CameraConfig(source=str(film("walker", tmp_path, seconds=1)))
    with pytest.raises(ConfigError, match=r"want record\.encode: yes"):
        Eye(Config(camera=camera, vision=SECRET), ManualClock()).open(NEVER)
    eye = Eye(Config(camera=camera, vision=SECRET, record=RecordConfig(encode=True)), ManualClock())
    assert eye.open(NEVER) is not None
    eye.close()


def test_what_has_to_be_encoded_anyway_needs_no_setting(rig: MjpegRig) -> None:
    eye = Eye(Config(camera=rig.settings, vision=SECRET), SystemClock())
    assert eye.open(NEVER) is not None
    eye.close()
