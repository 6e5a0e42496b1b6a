"""The camera of one capture: opened, played, closed, and opened again.

Rule: when `close` returns, nothing in this process holds the camera open.
"""

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from camd.camera.frame import Frame, Veil
from camd.camera.stream import FileCamera
from camd.clock import Clock
from camd.config import Config
from camd.model import Format, Nanos, Packet

Take = Callable[[Iterable[Packet | Frame], threading.Event], bool]  # False: stopped before all was taken


class Eye:
    """The camera: a file that is opened again at its end, when that is wanted."""

    def __init__(self, settings: Config, clock: Clock) -> None:
        self._settings, self._clock = settings.camera, clock
        self._veil = Veil(settings.vision.privacy)
        self._open: FileCamera | None = None
        self._held = ExitStack()

    def open(self) -> Format:
        """Open it, unless it is open, and return what its packets are."""
        if self._open is None:
            self._open = self._at(self._clock.boot())
        return self._open.format

    def play(self, take: Take, shut: threading.Event) -> bool:
        """Let `take` have what the camera gives until `shut` is set; True when it has no more to give."""
        while self._open is not None:
            if not take(self._open, shut):
                return False
            if not self._settings.loop:
                break
            ends = self._open.ends
            self.close()
            self._open = self._at(ends)
        return True

    def close(self) -> None:
        """Close it; nothing holds it open then."""
        self._open = None
        self._held.close()

    def _at(self, starts: Nanos) -> FileCamera:
        return self._held.enter_context(FileCamera(Path(self._settings.source), starts, self._veil))
