"""A live capture on a disk that stalls: `strace` delays each fdatasync; this process tells how late its camera was.

python -m tests.faults.slow DATA RUN VIDEO
"""

import json
import sys
import threading
from pathlib import Path

from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import SystemClock
from camd.config import Config, RecordConfig, StoreConfig
from camd.model import SECOND, Happening, Nanos, Saved
from camd.pipeline import House, Pipeline
from camd.places import Places
from camd.recording import Recording
from camd.store.shelf import Shelf
from camd.worker import Crew, Threads

MEMORY = 20_000  # bytes that may wait for the disk: two seconds of this footage


class LateClock(SystemClock):
    """Notes by how much the camera was ever late."""

    def __init__(self) -> None:
        super().__init__()
        self.late: Nanos = 0

    def wait(self, until: Nanos, stop: threading.Event) -> bool:
        goes_on = super().wait(until, stop)
        self.late = max(self.late, self.boot() - until)
        return goes_on


def main(data: str, run: str, video: str) -> int:
    """Watch the video in its own time."""
    places, clock, crew = Places(Path(data), Path(run)), LateClock(), Crew()
    told: list[Happening] = []
    config = Config(record=RecordConfig(pre_roll=SECOND, post_roll=SECOND, memory=MEMORY))
    with (
        Shelf.open(places, StoreConfig(data=places.data, keep_free=0), clock) as shelf,
        FileCamera(Path(video), clock.boot()) as camera,
    ):
        recording = Recording(shelf, clock, Threads(crew), MEMORY)
        capture = Pipeline(Stream("porch", camera.format), House(config, clock, recording, told.append), Threads(crew))
        capture.play(camera, crew.stop)
        capture.close()
        recording.close()
        crew.check()
    clips = [each.clip for each in told if isinstance(each, Saved)]
    cut = sum(clip.cut_short for clip in clips)
    print(json.dumps({"late_ms": round(clock.late / SECOND * 1000), "clips": len(clips), "cut_short": cut}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
