"""What every camera promises, whatever it is: run on files, on real servers, and on the real picamera2.

Live cameras live in real time, so these are the slowest of the ordinary tests.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from camd.camera.decoder import luma
from camd.camera.frame import Frame, Veil
from camd.camera.live import STALL
from camd.camera.source import Camera
from camd.clock import SystemClock
from camd.errors import CamdError, UnavailableError
from camd.geometry import COVER
from camd.model import SECOND, Format, Packet, Polygon
from tests.camera.rigs import KINDS, rig, why_not

ALL = list(KINDS)
SIMPLE = [kind for kind in ALL if kind != "rtsp, two streams"]
LIVE = [kind for kind in SIMPLE if kind != "file"]
RESIZED = ["rtsp", "rtsp, two streams", "mjpeg"]  # a camera module never does it by itself
ENOUGH = 33  # pictures: a key picture, and another

Rig = Any
Picture = NDArray[np.uint8]


@pytest.fixture
def camera_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """The kind of camera that the test is run on."""
    if why_not(request.param):
        pytest.skip(why_not(request.param))
    with rig(request.param, tmp_path) as made:
        yield made


def every(kinds: list[str]) -> pytest.MarkDecorator:
    """Run a test on these kinds of camera."""
    return pytest.mark.parametrize("camera_rig", kinds, indirect=True)


def taken(
    camera: Camera, frames: int = ENOUGH, kept: list[tuple[Frame, Picture]] | None = None
) -> tuple[list[Packet], list[tuple[int, tuple[int, ...]]]]:
    """The packets of so many pictures, and the times and shapes of those pictures, of which only the first is kept."""
    packets: list[Packet] = []
    seen: list[tuple[int, tuple[int, ...]]] = []
    for item in camera.until(threading.Event()):
        if isinstance(item, Packet):
            packets.append(item)
        else:
            assert not item.luma.flags.writeable
            if kept is not None and not seen:
                kept.append((lasting := item.keep(), lasting.luma.copy()))
            seen.append((item.t, item.luma.shape))
        if len(seen) >= frames and len(packets) >= frames:
            break
    return packets, seen


def lost(camera: Camera) -> tuple[CamdError, int]:
    """What the camera's loss is told with, and how long it took from now, in nanoseconds."""
    clock = SystemClock()
    began = clock.boot()
    try:
        for _ in camera.until(threading.Event()):
            assert clock.boot() - began < 4 * STALL
    except CamdError as error:
        return error, clock.boot() - began
    raise AssertionError("nothing was told")


@dataclass(frozen=True)
class Sample:
    """Two seconds of a camera: what it gave, and its first picture, which somebody kept."""

    layout: Format
    rates: tuple[float, float]
    is_live: bool
    one_clock: bool
    packets: list[Packet]
    frames: list[tuple[int, tuple[int, ...]]]
    kept: Frame
    before: Picture
    ended: int


@pytest.fixture(scope="module")
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Two seconds of one kind of camera."""
    if why_not(request.param):
        pytest.skip(why_not(request.param))
    clock = SystemClock()
    with rig(request.param, tmp_path_factory.mktemp("sample")) as made, made.open() as camera:
        kept: list[tuple[Frame, Picture]] = []
        packets, frames = taken(camera, kept=kept)
        facts = (camera.format, made.rates, made.is_live, made.one_clock)
        return Sample(*facts, packets, frames, *kept[0], clock.boot())


sampled = pytest.mark.parametrize("sample", ALL, indirect=True)


@sampled
def test_what_it_gives_is_h264_from_a_key_picture_on(sample: Sample) -> None:
    packets = sample.packets
    keys = [packet for packet in packets if packet.is_key]
    assert packets[0].is_key
    assert len(keys) >= 2
    assert all({7, 8, 5} <= nal_types(packet.data) for packet in keys)
    assert all(later.t - key.t <= 2.2 * SECOND for key, later in pairwise(keys))
    assert decoded(packets) == [(sample.layout.width, sample.layout.height)] * len(packets)


@sampled
def test_its_times_rise_on_one_clock(sample: Sample) -> None:
    packets, frames = sample.packets, sample.frames
    assert all(one.dts < two.dts for one, two in pairwise(packets))
    assert all(one < two for (one, _), (two, _) in pairwise(frames))
    if sample.one_clock:
        assert {t for t, _ in frames} <= {packet.t for packet in packets}
    if sample.is_live:
        assert abs(sample.ended - frames[-1][0]) < SECOND
    rate = (len(packets) - 1) * SECOND / (packets[-1].t - packets[0].t)
    least, most = sample.rates
    assert least < rate < most


@sampled
def test_its_pictures_are_of_one_size_and_may_be_kept(sample: Sample) -> None:
    kept = sample.kept
    assert {shape for _, shape in sample.frames} == {kept.luma.shape}
    assert (kept.luma == sample.before).all()
    assert kept.picture().shape == (*kept.luma.shape, 3)
    assert kept.jpeg()[:2] == b"\xff\xd8"


@every(SIMPLE)
def test_it_opens_again_after_it_was_closed(camera_rig: Rig) -> None:
    for _ in range(2):
        with camera_rig.open() as camera:
            packets, _ = taken(camera, 5)
            assert packets[0].is_key


@every(ALL)
def test_what_is_private_is_in_no_recording_that_is_encoded(camera_rig: Rig) -> None:
    left = Polygon("left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    with camera_rig.open(Veil((left,)), encode=True) as camera:
        assert not camera.copies
        packets, _ = taken(camera, 10)
    for picture in pictures(packets):
        width = picture.shape[1]
        assert np.abs(picture[:, : width // 2 - 16].astype(int) - COVER).max() < 12
        assert (np.abs(picture[:, width // 2 + 16 :].astype(int) - COVER) > 12).mean() > 0.2


@every(LIVE)
def test_a_camera_that_gives_nothing_more_is_noticed_within_seconds(camera_rig: Rig) -> None:
    with camera_rig.open() as camera:
        taken(camera, 5)
        camera_rig.stall()
        error, took = lost(camera)
        assert isinstance(error, UnavailableError)
        assert "no picture for 5 s" in str(error)
        assert took < STALL + 2 * SECOND


@every(LIVE)
def test_it_is_closed_at_once_while_it_gives_nothing(camera_rig: Rig) -> None:
    clock, shut = SystemClock(), threading.Event()
    with camera_rig.open() as camera:
        taken(camera, 5)
        camera_rig.stall()
        threading.Timer(0.5, shut.set).start()
        for _ in camera.until(shut):
            pass
        began = clock.boot()
    assert clock.boot() - began < 2 * SECOND


@every(SIMPLE)
def test_a_camera_that_is_unplugged_is_lost_and_found_again(camera_rig: Rig) -> None:
    if not camera_rig.is_live:
        camera_rig.unplug()
    with camera_rig.open() as camera:
        if camera_rig.is_live:
            taken(camera, 5)
            camera_rig.unplug()
        error, _ = lost(camera)
        assert "\n" not in str(error)
    if camera_rig.is_live:
        with pytest.raises(UnavailableError):
            camera_rig.open()
    camera_rig.plug()
    with camera_rig.open() as camera:
        packets, _ = taken(camera, 5)
        assert packets[0].is_key


@every(RESIZED)
def test_pictures_of_another_size_end_it_and_it_opens_with_that_size(camera_rig: Rig) -> None:
    with camera_rig.open() as camera:
        taken(camera, 5)
        before = camera.format
        camera_rig.resize()
        error, _ = lost(camera)
        assert "another size" in str(error)
    with camera_rig.open() as camera:
        taken(camera, 5)
        assert (before.width, camera.format.width) == (640, 320)


def nal_types(data: bytes) -> set[int]:
    """The types of the units in Annex B."""
    return {part[0] & 31 for part in data.split(b"\0\0\1")[1:] if part}


def pictures(packets: list[Packet]) -> list[Picture]:
    """What is to be seen in a recording: the brightness of its pictures."""
    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, av.VideoCodecContext)
    frames = [frame for packet in packets for frame in context.decode(av.Packet(packet.data))]
    return [luma(frame) for frame in [*frames, *context.decode(None)]]


def decoded(packets: list[Packet]) -> list[tuple[int, int]]:
    """Width and height of each picture of a recording."""
    return [(picture.shape[1], picture.shape[0]) for picture in pictures(packets)]
