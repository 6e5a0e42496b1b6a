"""When the disk refuses: it is told once, tried again by itself, and what goes on is recorded from the pre-roll."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camd.alerts.message import Told, alerts_of
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.topics import Names
from camd.clips.adopt import adopt
from camd.clips.recorder import Following, Recorder
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import MB, RecordConfig, StoreConfig
from camd.model import SECOND, Began, Clip, Ended, Faulted, Packet, Saved
from camd.places import Places
from camd.store.check import violations
from camd.store.files import ClipFiles
from camd.store.index import Index
from tests.worlds import Reel, event, places, shelf

SETTINGS = RecordConfig(pre_roll=2 * SECOND, post_roll=SECOND)
pytestmark = pytest.mark.logs_errors


@contextmanager
def gone(folder: Path) -> Iterator[None]:
    """The data folder is somewhere else for a while, as when its disk is unmounted."""
    away = folder.with_name("away")
    folder.rename(away)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        away.rename(folder)


class Camera:
    """A recorder that is given the reel bit by bit."""

    def __init__(self, reel: Reel, recorder: Following, clock: ManualClock) -> None:
        self._left, self._recorder, self._clock = list(reel.packets), recorder, clock

    def until(self, seconds: float) -> None:
        """Go on to that second of the footage."""
        while self._left and self._left[0].t < seconds * SECOND:
            packet: Packet = self._left.pop(0)
            self._clock.wait(packet.t, threading.Event())
            self._recorder.take(packet)


@contextmanager
def recording(reel: Reel, folder: Path) -> Iterator[tuple[Camera, Following, list[Saved | Faulted]]]:
    told: list[Saved | Faulted] = []
    clock = ManualClock()
    with shelf(folder, StoreConfig(max_bytes=500 * MB, keep_free=0)) as on:
        recorder = Recorder(on, clock).follow(Stream("porch", reel.layout), SETTINGS, told.append)
        yield Camera(reel, recorder, clock), recorder, told
        recorder.close()


def listed(where: Places) -> list[Clip]:
    with Index.open(where) as index:
        return list(reversed(index.clips()))


def test_a_visit_during_the_trouble_is_recorded_after_it(reel: Reel, tmp_path: Path) -> None:
    with recording(reel, tmp_path) as (camera, recorder, told):
        camera.until(4)
        with gone(tmp_path / "data"):
            recorder.take(Began(event("a", 3.9, 4.0)))
            camera.until(5)
            recorder.take(Ended(event("a", 3.9, 4.9)))
        assert told == [Faulted("storage", on=True)]
        camera.until(12)
    assert told[1] == Faulted("storage", on=False)
    (clip,) = listed(places(tmp_path))
    assert (clip.events, clip.began, clip.cut_short) == (("a",), 2 * SECOND, False)  # its pre-roll was kept in RAM
    assert violations(places(tmp_path)) == []


def test_a_visit_that_goes_on_through_the_trouble_is_two_clips(reel: Reel, tmp_path: Path) -> None:
    with recording(reel, tmp_path) as (camera, recorder, told):
        camera.until(2.5)
        recorder.take(Began(event("a", 2.4, 2.5)))
        camera.until(5)
        with gone(tmp_path / "data"):
            camera.until(7)
        camera.until(11)
        recorder.take(Ended(event("a", 2.4, 10.5)))
        camera.until(12)
    first, second = listed(places(tmp_path))
    assert (first.cut_short, second.continues, second.events) == (True, first.id, ("a",))
    assert second.began <= first.began + first.duration_ns  # nothing between them is lost
    assert [each.on for each in told if isinstance(each, Faulted)] == [True, False]
    assert [each.clip.id for each in told if isinstance(each, Saved)] == [first.id, second.id]
    assert violations(places(tmp_path)) == []


def test_trouble_is_a_fault_of_the_camera_until_it_is_over() -> None:
    source = Source(Names("camd", "home", "porch"), Anchor("boot", 0), PictureSize(320, 240))
    said = [alerts_of(Faulted("storage", on), source, Told())[0] for on in (True, False)]
    assert [(alert.topic, alert.payload, alert.retain) for alert in said] == [
        ("camd/home/porch/status", "fault:storage", True),
        ("camd/home/porch/status", "online", True),
    ]


def test_an_index_of_finished_clips_is_made_anew_without_reading_them(reel: Reel, tmp_path: Path) -> None:
    with recording(reel, tmp_path) as (camera, recorder, _):
        camera.until(3)
        recorder.take(Began(event("a", 2.9, 3.0)))
        camera.until(4)
        recorder.take(Ended(event("a", 2.9, 3.9)))
        camera.until(12)
    before = listed(places(tmp_path))
    places(tmp_path).index.unlink()
    file = ClipFiles.of(places(tmp_path), 1).mp4
    file.write_bytes(bytes(file.stat().st_size))  # what it holds is for `store check --deep` to see
    os.utime(file, ns=(0, 0))
    with shelf(tmp_path) as on:
        assert adopt(on, "porch") == []
    assert listed(places(tmp_path)) == before
