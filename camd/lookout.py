"""One camera of the process, in a thread of its own: opened, watched, closed for home mode, tried again.

Rule: a camera that cannot be used costs itself alone. It is told as a fault and tried again after a while that grows,
for as long as others look; the only one ends the process with its error, so that whoever started it hears of it.
"""

import logging
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Final

from camd import habits
from camd.alerts.payload import PictureSize
from camd.camera.source import is_live
from camd.clips.track import Stream
from camd.clock import Clock
from camd.errors import CamdError
from camd.eye import Eye
from camd.model import SECOND, Nanos
from camd.pipeline import House, Pipeline
from camd.places import Places
from camd.telling import Herald
from camd.watchdog import Watchdog
from camd.worker import Crew, Threads

_log = logging.getLogger(__name__)

PATIENCE: Final[tuple[Nanos, ...]] = (1 * SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND)
STEADY: Final[Nanos] = 60 * SECOND  # a camera that looked for so long had its trouble mended


@dataclass(slots=True)
class Lookout:
    """One camera. `is_alone`: there is no other, so that its trouble is the process's."""

    eye: Eye
    house: House
    herald: Herald
    watchdog: Watchdog
    places: Places
    crew: Crew
    is_alone: bool
    _failures: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        """The camera's."""
        return self.house.config.camera.name

    @property
    def clock(self) -> Clock:
        """The house's."""
        return self.house.clock

    def run(self) -> None:
        """Look until the crew stops or the camera has no more to give."""
        with closing(self.eye):
            while not self.crew.stop.is_set() and self._try():
                pass
        if not self.crew.stop.is_set() and not self.is_alone:
            _log.info("%s: this camera has no more to give", self.name)
            self.herald.ended()
            self.watchdog.rests(self.name)

    def _try(self) -> bool:
        """As `_look`; what the camera does not give is tried again."""
        began = self.clock.boot()
        try:
            return self._look()
        except CamdError as error:
            self.eye.close()
            if self.is_alone:
                self.herald.gives_up(str(error))
                raise
            if self.clock.boot() - began > STEADY:
                self._failures = 0
            self._wait(str(error))
        return True

    def _wait(self, why: str) -> None:
        patience = PATIENCE[min(self._failures, len(PATIENCE) - 1)]
        _log.warning("%s: %s Tried again in %d s.", self.name, why, patience // SECOND)
        if not self._failures:
            self.herald.fault(why)
        self._failures += 1
        self.clock.wait(self.clock.boot() + patience, self.herald.gate.shut)

    def _look(self) -> bool:
        """One time of looking, or of being at home; False when the camera has no more to give."""
        gate = self.herald.gate
        if not gate.may_look.is_set():
            self._be_at_home()
            gate.may_look.wait()
            return True
        look = gate.look(self.name)
        self.watchdog.opens(self.name, is_live=is_live(self.house.config.camera))
        layout = self.eye.open(gate.shut)
        if layout is None:
            return True
        house = replace(self.house, learned=habits.recall(self.places.quiet(self.name)), admits=look.admits)
        pipeline = Pipeline(Stream(self.name, layout), house, Threads(self.crew))
        if house.classifier is not None:  # a new pipeline asks it again, also after it was asked no more
            self.herald.classifies()
        self.herald.opened(pipeline.watcher, pipeline.pulse, PictureSize(layout.width, layout.height))
        self.watchdog.awaits(self.name, pipeline.pulse)
        try:
            has_ended = self.eye.play(pipeline.play, gate.shut)
        finally:
            self.eye.close()  # first: a clip may take longer to finish than a camera may stay open in home mode
            gate.closed(self.name)
            self.herald.closed(pipeline.pulse)
            if self.eye.trouble:
                self.herald.fault(self.eye.trouble)
            pipeline.close()
            habits.remember(self.places.quiet(self.name), pipeline.learned())
        self._failures = 0
        return not has_ended

    def _be_at_home(self) -> None:
        self.eye.close()
        self.herald.gate.closed(self.name)
        self._failures = 0
        self.herald.home()
        self.watchdog.rests(self.name)
