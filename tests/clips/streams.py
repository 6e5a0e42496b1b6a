"""Streams as cameras give them when they are not at their best: times that wrap, step or are missing, B-pictures ..."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from camd.camera.stream import FileCamera
from camd.clips.recorder import Following, Recorder
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import RecordConfig
from camd.model import SECOND, Began, Clip, Ended, Faulted, Packet, Saved
from camd.store.shelf import Shelf
from tests.worlds import Reel, event

WRAP = 2**33 * SECOND // 90_000  # where 33-bit times of 90 kHz begin again: 26.5 hours


def with_b_pictures(folder: Path) -> Reel:
    """Pictures that are not shown in the order in which they are decoded."""
    path = folder / "b.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=15, options={"bf": "3", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 160, 120, "yuv420p", 30
        for number in range(120):
            picture = np.roll(np.tile(np.arange(160, dtype=np.uint8), (120, 1)), 2 * number, 1)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.dstack([picture] * 3), format="bgr24")))
        out.mux(stream.encode(None))
    return read(path)


def read(path: Path) -> Reel:
    """The packets of a video."""
    with FileCamera(path) as camera:
        return Reel(camera.format, [item for item in camera if isinstance(item, Packet)])


def timed(reel: Reel, time: Callable[[int], int], count: int = 0) -> Reel:
    """The same pictures, over again as often as needed, at other times: `time` of their number."""
    total = count or len(reel.packets)
    packets = (reel.packets[number % len(reel.packets)] for number in range(total))
    return Reel(reel.layout, [replace(p, t=time(n), dts=time(n)) for n, p in enumerate(packets)])


def strange(reel: Reel, folder: Path) -> dict[str, Reel]:
    """All of them by name; each must come out as clips that play."""
    frame = SECOND // 15
    return {
        "b-pictures": with_b_pictures(folder),
        "variable rate": timed(reel, lambda n: n * frame + (n % 7) * frame // 8 + (n // 60) * SECOND),
        "all at one time": timed(reel, lambda n: n // 2 * 2 * frame),
        "small steps back": timed(reel, lambda n: n * frame - (n % 5 == 4) * 2 * frame),
        "far from zero": timed(reel, lambda n: WRAP - 4 * SECOND + n * frame),
        "wraps": timed(reel, lambda n: (WRAP - 6 * SECOND + n * frame) % WRAP),
        "steps back an hour": timed(reel, lambda n: n * frame + (n < 90) * 3600 * SECOND),
        "twelve hours": timed(reel, lambda n: n * 8 * SECOND, 5400),
    }


def recorded(reel: Reel, on: Shelf, settings: RecordConfig) -> list[Clip]:
    """Record all of a stream as one event that never stops."""
    told: list[Saved | Faulted] = []
    recorder = Recorder(on, ManualClock()).follow(Stream("porch", reel.layout), settings, told.append)
    first, *rest = reel.packets
    recorder.take(first)
    recorder.take(Began(event("a", first.t / SECOND, first.t / SECOND)))
    _take(recorder, rest)
    recorder.take(Ended(event("a", first.t / SECOND, rest[-1].t / SECOND)))
    recorder.close()
    return [each.clip for each in told if isinstance(each, Saved)]


def _take(recorder: Following, packets: Iterable[Packet]) -> None:
    for packet in packets:
        recorder.take(packet)
