"""A bell between processes: a FIFO that one of them sleeps on and the others ring.

Rule: ringing never waits and never fails. A bell that is not there, or that nobody hears, is well: who sleeps on one
looks every second anyway.
"""

import fcntl
import os
import select
from contextlib import suppress
from pathlib import Path

from camd.errors import HeldError
from camd.model import SECOND, Nanos


class Bell:
    """The FIFO that wakes one process, which alone may hold it; raises HeldError when another does, called `whose`."""

    def __init__(self, path: Path, whose: str) -> None:
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # its own writer too, so that it never reads as ended
        try:
            fcntl.flock(self._pipe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._pipe)
            raise HeldError(f"{path.parent}: another '{whose}' serves this camd. Stop that one first.") from None

    def ring(self) -> None:
        """Wake the one that waits; safe in a signal handler and in any thread."""
        with suppress(OSError):  # full: it rings already; closed: nobody sleeps any more
            os.write(self._pipe, b"\0")

    def wait(self, most: Nanos) -> None:
        """Sleep until the bell rings, at most so long."""
        if select.select([self._pipe], [], [], max(0, most) / SECOND)[0]:
            os.read(self._pipe, 65_536)

    def close(self) -> None:
        """Let go of the FIFO; it stays, for the next one."""
        pipe, self._pipe = self._pipe, -1
        os.close(pipe)


def ring(path: Path) -> None:
    """Wake the process that sleeps on the bell at `path`, if there is one."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(descriptor, b"\0")
        finally:
            os.close(descriptor)
