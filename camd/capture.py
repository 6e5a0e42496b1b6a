"""The camera process: frames to vision, packets to the recorder, findings to both recorder and house.

Idea: one `Capture` is one camera's way through the house. How its parts hand over (at once, or through threads) and
which clock it lives on are given from outside, so that a replay and a live camera run through the very same objects.
Rule: no network in this process, ever. The watcher never waits for a disk, the camera for nobody.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from camd.camera.frame import Frame
from camd.clips.recorder import Recorder, Stream
from camd.clock import Clock
from camd.config import Config, VisionConfig
from camd.model import SECOND, Began, Finding, Footage, Gap, Glimpse, Grew, Happening, Nanos, Packet
from camd.store.shelf import Shelf
from camd.vision.episode import Limits
from camd.vision.sight import Settings, Sight
from camd.worker import Lane, Lanes

EARLY: Final = 0.85  # of the analysis interval: a frame that comes so early still counts as due
Tell = Callable[[Happening], object]


@dataclass(frozen=True, slots=True)
class House:
    """What a camera's footage runs through: the settings, the time, the store, and who hears of it."""

    config: Config
    clock: Clock
    shelf: Shelf
    tell: Tell


class Capture:
    """One camera's way through the house."""

    def __init__(self, stream: Stream, house: House, lanes: Lanes) -> None:
        config, clock = house.config, house.clock
        self._clock = clock
        self._recorder = Recorder(stream, config.record, house.shelf, clock, house.tell)
        self._recording: Lane[Footage] = lanes.every("recorder", self._recorder.take, _weigh, config.record.memory)
        salt = _salt(clock, stream.camera)
        self._watcher = Watcher(config.vision, salt, self._recording.put, house.tell)
        self._watching: Lane[Frame] = lanes.newest("watcher", self._watcher.look)
        self._lost = False

    def play(self, items: Iterable[Packet | Frame], stop: threading.Event) -> None:
        """Take a camera's packets and frames at their times until there are no more, or `stop` is set."""
        for item in items:
            match item:
                case Packet():
                    if not self._clock.wait(item.dts, stop):
                        return
                    self._record(item)
                case Frame():
                    self._watching.put(item)

    def close(self) -> None:
        """The camera has stopped: end what is open and finish the clip."""
        self._watching.close()
        self._watcher.close()
        self._recording.close()
        self._recorder.close()

    def _record(self, packet: Packet) -> None:
        """Hand a packet over; when the recorder cannot keep up, go on at the next key picture that it has room for."""
        if self._lost and packet.is_key and self._recording.put(Gap()):
            self._lost = False
        if not self._lost:
            self._lost = not self._recording.put(packet)


class Watcher:
    """Looks at frames, no more often than wanted, and passes on what it finds."""

    def __init__(
        self, settings: VisionConfig, salt: str, record: Callable[[Footage], object], tell: Callable[[Finding], object]
    ) -> None:
        limits = Limits(settings.merge_gap, settings.cooldown)
        self._settings = Settings(settings.sensitivity, limits, salt)
        self._interval: Nanos = round(EARLY * SECOND / settings.fps)
        self._record, self._tell = record, tell
        self._sight: Sight | None = None
        self._due: Nanos | None = None

    def look(self, frame: Frame) -> None:
        """Look at one frame, if one is due."""
        if self._due is not None and frame.t < self._due:
            return
        self._due = frame.t + self._interval
        if self._sight is None:
            height, width = frame.luma.shape
            self._sight = Sight(width, height, self._settings)
        for finding in self._sight.look(frame.t, frame.luma):
            self._pass_on(finding)
            if isinstance(finding, Began | Grew):
                box = finding.event.reason.box
                self._record(Glimpse(frame.t, box.width * box.height, frame.jpeg))

    def close(self) -> None:
        """The camera has stopped."""
        if self._sight is not None:
            for finding in self._sight.close():
                self._pass_on(finding)

    def _pass_on(self, finding: Finding) -> None:
        self._record(finding)
        self._tell(finding)


def _weigh(item: Footage) -> int:
    return len(item.data) if isinstance(item, Packet) else 0


def _salt(clock: Clock, camera: str) -> str:
    """Makes event ids unique: no camera starts twice at one time of one boot."""
    return hashlib.sha256(f"{clock.boot_id} {clock.boot()} {camera}".encode()).hexdigest()[:8]
