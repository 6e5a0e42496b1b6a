"""One camera's way through the house: frames to vision, packets to the recorder, findings to both recorder and house.

Idea: how the parts hand over (at once, or through threads) and which clock they live on are given from outside, so that
a replay and a live camera run through the very same objects.
Rule: the watcher never waits for a disk, the camera for nobody.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from camd.budget import Budget
from camd.camera.frame import Frame
from camd.clips.track import Stream
from camd.clock import Clock
from camd.config import Config
from camd.model import SECOND, Happening, Nanos, Packet
from camd.pulse import Pulse
from camd.recording import Recording
from camd.vision.classify import Classifier
from camd.vision.label import Labeller
from camd.vision.rules import Rules
from camd.watcher import Observe, Show, Watcher, unobserved, unshown
from camd.worker import Lane, Lanes

_log = logging.getLogger(__name__)

KEEP_EVERY: Final = 3600 * SECOND  # what was learned of quiet places; a file of some ten kilobytes

Tell = Callable[[Happening], object]


def unkept(learned: bytes) -> None:
    """What is learned of a recording is nobody's habit."""


def always() -> bool:
    """A recording may be looked at at any time."""
    return True


@dataclass(frozen=True, slots=True)
class House:
    """What a camera's footage runs through: the settings, the time, the recorder, and who hears of it.

    `observe` gets each frame that vision looked at, after everybody was told of what it found. `learned` is what vision
    learned before of places that are quiet by habit, and `keep` gets what it has learned since, once an hour, and must
    not wait. `show` gets the frame of what is about to be told. `classifier` tells visitors apart; None: nobody does.
    `admits` is asked once a picture is there: without its yes nobody gets it, and no other.
    """

    config: Config
    clock: Clock
    recording: Recording
    tell: Tell
    observe: Observe = unobserved
    learned: bytes = b""
    keep: Callable[[bytes], None] = unkept
    show: Show = unshown
    classifier: Classifier | None = None
    admits: Callable[[], bool] = always


class Pipeline:
    """One camera's way through the house."""

    def __init__(self, stream: Stream, house: House, lanes: Lanes) -> None:
        config, clock = house.config, house.clock
        self._clock, self._admits, self._keep = clock, house.admits, house.keep
        self._camera = stream.camera
        self._reel = house.recording.follow(stream, config.record, house.tell)
        salt = _salt(clock, stream.camera)
        labeller = Labeller(house.classifier, config.vision.privacy, clock.boot) if house.classifier else None
        rules = Rules(config.vision.zones, config.alerts.labels, config.alerts.ignore)
        record = self._reel.put
        self.watcher = Watcher(
            config.vision, salt, record, house.tell, house.observe, house.learned, house.show, labeller, rules
        )
        self._watching: Lane[Frame] = lanes.newest(f"watcher {stream.camera}", self._look)
        self._kept: Nanos | None = None
        self.pulse = Pulse()

    def play(self, items: Iterable[Packet | Frame], stop: threading.Event) -> bool:
        """Take a camera's packets and frames at their times; False when stopped before there were no more."""
        for item in items:
            if isinstance(item, Packet) and not self._clock.wait(item.dts, stop):
                return False
            if not self._admits():
                return False
            match item:
                case Packet():
                    self._reel.packet(item)
                case Frame():
                    self.pulse.frame(self._clock.boot())
                    self._watching.put(item)
        return True

    def close(self) -> None:
        """The camera has stopped: end what is open and finish the clip; whom it saw nobody looks at in home mode."""
        self._watching.close()
        if not self._admits():
            self.watcher.look_away()
        self.watcher.close()
        self._reel.close()

    def learned(self) -> bytes:
        """What vision knows of places that are quiet by habit, for the next start. To be asked once it is closed."""
        return self.watcher.learned()

    def _look(self, frame: Frame) -> None:
        self.pulse.looked += 1
        began = self._clock.boot()
        self.watcher.look(frame)
        now = self._clock.boot()
        if self.pulse.budget.spent(now, now - began):
            self._slow_down(self.pulse.budget)
        if self._kept is None:
            self._kept = frame.t
        elif frame.t - self._kept >= KEEP_EVERY:  # so a pulled plug costs an hour of what was learned
            self._keep(self.watcher.learned())
            self._kept = frame.t

    def _slow_down(self, budget: Budget) -> None:
        self.watcher.slow_down(budget.pace)
        words = (self._camera, budget.load * 100, budget.pace.classifier * 100, budget.pace.analysis * 100)
        _log.warning("%s: looking takes %.0f %% of the time: classifier at %.0f %%, analysis at %.0f %%", *words)


def _salt(clock: Clock, camera: str) -> str:
    """Makes event ids unique: no camera starts twice at one time of one boot."""
    return hashlib.sha256(f"{clock.boot_id} {clock.boot()} {camera}".encode()).hexdigest()[:8]
