"""Sees to it that a capture that no longer works ends, and tells systemd how it is.

Idea: one thread that waits for nothing but the clock. While a camera is to give pictures, their absence has a limit;
opening it again is `camd.eye`'s business, and so is giving up in order. What is left for here is a main thread that
hangs in a driver: it is ended with the exit code of a camera that is not there, and started again by who started it.
Rule: systemd hears that we live only while pictures come, or none are wanted.
"""

import logging
import os
from typing import Final

from camd import systemd
from camd.clock import Clock
from camd.errors import StuckError
from camd.eye import GIVES_UP
from camd.housekeeper import Pulse
from camd.model import SECOND, Nanos
from camd.worker import Crew

_log = logging.getLogger(__name__)

LOOK_EVERY: Final = SECOND
GRACE: Final = 8 * SECOND  # after the eye should have given up, for clips to be finished


class Watchdog:
    """Watches over one capture."""

    def __init__(self, clock: Clock, camera: str) -> None:
        self._clock, self._camera = clock, camera
        self._pulse: Pulse | None = None
        self._awaits = False

    def opens(self, *, is_live: bool) -> None:
        """The camera is being opened, now or again; a file's pictures may take their time."""
        if self._pulse is None:
            self._pulse = Pulse(last=self._clock.boot())
        self._awaits = is_live

    def awaits(self, pulse: Pulse) -> None:
        """It is open, and its pictures are counted in `pulse`."""
        self._pulse = pulse
        systemd.tell(READY=1)

    def rests(self) -> None:
        """The camera is closed because its people are at home."""
        self._pulse, self._awaits = None, False
        systemd.tell(READY=1, STATUS="home: the camera is closed", WATCHDOG=1)

    def run(self, crew: Crew) -> None:
        """Watch until the crew stops."""
        while self._clock.wait(self._clock.boot() + LOOK_EVERY, crew.stop):
            self.look()
        systemd.tell(STOPPING=1)

    def look(self) -> None:
        """One look; ends the process when nobody else does."""
        silent = self._silent()
        if silent > GIVES_UP + GRACE:
            _log.error("%s: no picture for %d s, and its driver hangs; camd ends", self._camera, silent // SECOND)
            os._exit(StuckError.exit_code)
        if self._pulse is not None:
            counted = f"{self._camera}: {self._pulse.offered} pictures"
            systemd.tell(STATUS=f"{self._camera}: no picture for {silent // SECOND} s" if silent > SECOND else counted)
        if silent <= GIVES_UP:
            systemd.tell(WATCHDOG=1)

    def _silent(self) -> Nanos:
        return self._clock.boot() - self._pulse.last if self._awaits and self._pulse is not None else 0
