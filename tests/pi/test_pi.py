"""The camera module's own: memory that goes back, two modules, settings; real picamera2, run by tests/pi/run."""

import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from camd.camera.frame import OPEN, Frame
from camd.camera.source import Camera, Optics, opened
from camd.clock import SystemClock
from camd.config import CameraConfig
from camd.errors import UnavailableError
from camd.model import SECOND
from camd.settings_camera import Size
from tests.camera.rigs import PiRig, why_not

pytestmark = pytest.mark.skipif(bool(why_not("pi")), reason=why_not("pi"))
MANY = 30  # pictures; the camera has memory for six


def camera(**settings: object) -> Camera:
    """An open camera module."""
    PiRig().plug()
    clock = SystemClock()
    wanted = CameraConfig(**{"source": "pi", "size": Size(1280, 720, 15)} | settings)  # type: ignore[arg-type]
    return opened(wanted, Optics(OPEN, False), 0, clock, threading.Event())


def frames(of: Camera, count: int) -> list[Frame]:
    """So many frames, one after another; each is kept, and none is held."""
    return list(islice(looked_at(of), count))


def looked_at(of: Camera) -> Iterator[Frame]:
    """Its frames, each kept."""
    return (item.keep() for item in of.until(threading.Event()) if isinstance(item, Frame))


def test_brightness_is_the_cameras_own_memory() -> None:
    with camera() as module:
        seen = (item for item in module.until(threading.Event()) if isinstance(item, Frame))
        first = next(seen)
        assert not first.luma.flags.owndata
        assert not first.luma.flags.writeable
        assert first.luma.shape == (720, 1280)  # the virtual camera gives both streams in one size


def test_kept_frames_take_no_memory_from_the_camera() -> None:
    with camera() as module:
        kept = frames(module, MANY)
    assert len({frame.t for frame in kept}) == MANY
    assert kept[0].picture().shape == (720, 1280, 3)


def test_a_frame_may_be_let_go_of_after_its_camera_was_closed() -> None:
    module = camera()
    held = next(item for item in module.until(threading.Event()) if isinstance(item, Frame))
    module.close()
    del held
    with camera() as again:
        assert len(frames(again, MANY)) == MANY


def test_two_modules_look_at_once() -> None:
    with camera(source="pi:0") as bars, camera(source="pi:1") as lines:
        pairs = list(islice(zip(looked_at(bars), looked_at(lines), strict=False), MANY))  # by turns
    assert all(abs(one.t - two.t) < SECOND for one, two in pairs)
    assert pairs[-1][0].t - pairs[0][0].t > SECOND
    shapes = {(one.luma.shape, two.luma.shape) for one, two in pairs}
    assert shapes == {((720, 1280), (1080, 1920))}  # whatever it is asked for, a virtual camera gives its own size


def test_a_module_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UnavailableError, match=r"There are pi:0 \(Virtual"):
        camera(source="pi:7")


def test_what_a_sensor_does_not_have_is_left_alone(tmp_path: Path) -> None:
    with camera(focus=2.0, tuning="infrared", rotation="0") as module:
        assert frames(module, 1)[0].exposure is None
