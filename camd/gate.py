"""Whether the cameras of this process may look, as the mode says.

Idea: the mode is one file, which others write. Whoever changes it rings a bell, but nobody counts on that: before a
picture is handed on, its camera asks the file system whether the file is still the one that said `away`. What is handed
on was therefore taken before home mode was entered, whatever else this process was busy with.
Rule: any change of the file ends every look, even one from home to away and back that nobody saw in between.
It does not close a camera: its thread does, which a driver may hold up. `overdue` tells who should have.
"""

import threading
from dataclasses import dataclass, field
from typing import Final

from camd import mode
from camd.clock import Clock
from camd.mode import AWAY, HOME
from camd.model import SECOND, Nanos
from camd.places import Places

OVERDUE: Final[Nanos] = 5 * SECOND // 4  # asked every half second, this ends the process within two, as is promised

Stamp = tuple[int, int] | None


@dataclass(slots=True)
class Gate:
    """Open while the mode is away. `may_look` is set then, `shut` is set while it is not; any thread may ask."""

    places: Places
    clock: Clock
    may_look: threading.Event = field(default_factory=threading.Event)
    shut: threading.Event = field(default_factory=threading.Event)
    _mode: str = ""
    _stamp: Stamp = None
    _is_barred: bool = False
    _looks: int = 0  # a new number whenever looks end
    _open: set[str] = field(default_factory=set)
    _shut_at: Nanos = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def now(self) -> str:
        """The mode, read again when somebody wrote it."""
        if not self._mode or self._is_changed():
            self.heed()
        return self._mode

    def heed(self) -> None:
        """Read the mode, and open or shut accordingly."""
        with self._lock:
            before, self._stamp = self._stamp, _stamp(self.places)  # first: what is changed later is seen next time
            self._is_barred = self._is_barred and self._stamp == before
            self._looks += 1
            self._mode = HOME if self._is_barred else mode.read(self.places)
            if self._mode == AWAY:
                self.shut.clear()
                self.may_look.set()
            elif not self.shut.is_set():
                self._shut_at = self.clock.boot()
                self.may_look.clear()
                self.shut.set()

    def bar(self) -> None:
        """Be in home mode although the disk takes no word of it, until the mode is written or this process ends."""
        with self._lock:
            self.heed()
            self._is_barred = True
            self.heed()

    def look(self, camera: str) -> "Look":
        """This camera is about to be opened; ask `admits` from now on."""
        with self._lock:
            self._open.add(camera)
            return Look(self, self._looks)

    def closed(self, camera: str) -> None:
        """Nothing holds this camera open any more."""
        with self._lock:
            self._open.discard(camera)

    def overdue(self) -> list[str]:
        """Cameras that are still open well after they should have been closed."""
        with self._lock:
            is_late = self.shut.is_set() and self.clock.boot() - self._shut_at > OVERDUE
            return sorted(self._open) if is_late else []

    def release(self) -> None:
        """The process ends: nobody waits here any more."""
        self.shut.set()
        self.may_look.set()

    def is_current(self, number: int) -> bool:
        """Whether looks of this number go on: the mode is away and was not written since they began."""
        if self._is_changed():
            self.heed()
        return number == self._looks and not self.shut.is_set()

    def _is_changed(self) -> bool:
        return _stamp(self.places) != self._stamp


@dataclass(frozen=True, slots=True)
class Look:
    """One time of looking of one camera."""

    _gate: Gate
    _number: int

    def admits(self) -> bool:
        """Whether a picture that is there now was taken before home mode was entered. Costs one look at a name."""
        return self._gate.is_current(self._number)


def _stamp(places: Places) -> Stamp:
    """What changes whenever the mode is written; None when it is not there."""
    try:
        found = places.mode.stat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns  # not mtime, which does not always tell
