"""Sees to it that a capture whose cameras no longer work ends, and tells systemd how it is.

Idea: one thread that waits for nothing but the clock. While cameras are to give pictures, the absence of all of them
has a limit. Opening one again is `camd.eye`'s business, and so is giving up in order; what is left for here is a thread
that hangs in a driver. The process then ends with the exit code of a camera that is not there, and whoever started it
starts it again.
Rule: systemd hears that we live only while pictures come, or none are wanted. One camera of several costs itself alone.
"""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from camd import systemd
from camd.camera.live import STALL
from camd.clock import Clock
from camd.errors import StuckError
from camd.eye import GIVES_UP
from camd.model import SECOND, Nanos
from camd.pulse import Pulse
from camd.worker import Crew

_log = logging.getLogger(__name__)

LOOK_EVERY: Final = SECOND
GRACE: Final = STALL + 8 * SECOND  # for the silence to be noticed, and, when the eye gave up, for clips to be finished


@dataclass(slots=True)
class _Camera:
    """`pulse` counts its pictures; None: none are wanted. A file's may take their time."""

    pulse: Pulse | None = None
    is_live: bool = False

    def silent(self, now: Nanos) -> Nanos:
        return now - self.pulse.last if self.is_live and self.pulse is not None else 0

    def words(self, now: Nanos) -> str:
        if self.pulse is None:
            return "closed"
        silent = self.silent(now)
        return f"no picture for {silent // SECOND} s" if silent > 2 * SECOND else f"{self.pulse.offered} pictures"


class Watchdog:
    """Watches over the cameras of one capture; each camera's own thread tells what is to be expected of it."""

    def __init__(self, clock: Clock, cameras: Iterable[str]) -> None:
        self._clock = clock
        self._cameras = {name: _Camera() for name in cameras}

    def opens(self, camera: str, *, is_live: bool) -> None:
        """The camera is being opened, now or again."""
        found = self._cameras[camera]
        found.is_live = is_live
        if found.pulse is None:
            found.pulse = Pulse(last=self._clock.boot())

    def awaits(self, camera: str, pulse: Pulse) -> None:
        """It is open, and its pictures are counted in `pulse`."""
        self._cameras[camera].pulse = pulse

    def rests(self, camera: str) -> None:
        """It is closed, and no picture is wanted."""
        self._cameras[camera].pulse = None

    def run(self, crew: Crew) -> None:
        """Watch until the crew stops."""
        while self._clock.wait(self._clock.boot() + LOOK_EVERY, crew.stop):
            self.look()
        systemd.tell(STOPPING=1)

    def look(self) -> None:
        """One look; ends the process when nobody else does."""
        now = self._clock.boot()
        silent = min(camera.silent(now) for camera in self._cameras.values())
        if silent > GIVES_UP + GRACE:
            _log.error("no picture for %d s, and a driver hangs; camd ends", silent // SECOND)
            os._exit(StuckError.exit_code)
        systemd.tell(STATUS=", ".join(f"{name}: {camera.words(now)}" for name, camera in self._cameras.items()))
        if silent <= GIVES_UP:
            systemd.tell(WATCHDOG=1)
