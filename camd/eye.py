"""The camera of one capture: opened, played, closed, and opened again when it was lost.

Idea: a camera that cannot be opened at the start is told at once, since most likely it was set up wrongly; one that
has given pictures and is lost is tried again, more and more seldom, until it has given none for half a minute.
Rule: when `close` returns, nothing in this process holds the camera open.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Final

from camd.camera.frame import Frame, Veil
from camd.camera.live import OPENS_WITHIN
from camd.camera.source import Camera, Optics, is_live, opened
from camd.clock import Clock
from camd.config import Config
from camd.errors import ConfigError, UnavailableError
from camd.model import SECOND, Format, Nanos, Packet
from camd.settings_camera import UNMASKED

_log = logging.getLogger(__name__)

PATIENCE: Final = (0, SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND)  # before it is tried again, and again
GIVES_UP: Final = 30 * SECOND  # after it was lost: another process may get what this one does not
A_MOMENT: Final = SECOND

Take = Callable[[Iterable[Packet | Frame], threading.Event], bool]  # False: stopped before all was taken


class Eye:
    """The camera. `trouble` says why it was lost, while it is."""

    def __init__(self, settings: Config, clock: Clock) -> None:
        self._settings, self._clock = settings.camera, clock
        self._optics = Optics(Veil(settings.vision.privacy), settings.record.encode)
        self._open: Camera | None = None
        self._held = ExitStack()
        self._was_open = False
        self._lost: Nanos = 0  # since when there is no picture
        self.trouble = ""

    def open(self, shut: threading.Event) -> Format | None:
        """Open it, unless it is open, and return what its packets are; None when `shut` was set before that worked.

        Raises UnavailableError when it cannot be opened and never was, or gave no picture for too long.
        """
        tries = 0
        while self._open is None:
            patience = min(PATIENCE[min(tries, len(PATIENCE) - 1)], self._left())
            if not self._clock.wait(self._clock.boot() + patience, shut):
                return None
            try:
                self._open = self._at(self._clock.boot(), shut)
            except UnavailableError as error:
                if shut.is_set():
                    return None
                self._endure(error)
                tries += 1
        self._was_open, self.trouble = True, ""
        return self._open.format

    def play(self, take: Take, shut: threading.Event) -> bool:
        """Let `take` have what the camera gives until `shut` is set or it is lost; True when it has no more to give."""
        while self._open is not None:
            try:
                if not take(self._open.until(shut), shut) or is_live(self._settings):
                    return False
            except UnavailableError as error:
                self._lose(error)
                return False
            if not self._settings.loop:
                break
            ends = self._open.ends
            self.close()
            self._open = self._at(ends, shut)
        return True

    def close(self) -> None:
        """Close it; nothing holds it open then. Raises StuckError when that cannot be had."""
        self._open = None
        self._held.close()

    def _lose(self, error: UnavailableError) -> None:
        _log.warning("%s It is opened again.", error)
        self.trouble, self._lost = str(error), self._clock.boot()
        self.close()

    def _endure(self, error: UnavailableError) -> None:
        """Go on trying, unless this camera never worked, or has not for too long."""
        if not self._was_open:
            raise error
        if not self.trouble:  # it was closed in good order
            self.trouble, self._lost = str(error), self._clock.boot()
        if self._clock.boot() - self._lost >= GIVES_UP:
            raise UnavailableError(f"{error} It was tried again for {GIVES_UP // SECOND} s.") from error
        _log.warning("%s It is tried again.", error)

    def _left(self) -> Nanos:
        """For how long it is still waited for, a moment at least."""
        return max(self._lost + GIVES_UP - self._clock.boot(), A_MOMENT) if self.trouble else GIVES_UP

    def _at(self, starts: Nanos, shut: threading.Event) -> Camera:
        within = min(OPENS_WITHIN, self._left())
        camera = self._held.enter_context(opened(self._settings, self._optics, starts, self._clock, shut, within))
        if camera.copies and self._optics.veil.areas:
            self._held.close()
            raise ConfigError("record.encode: {}. got {}. want {}.".format(*UNMASKED))
        return camera
