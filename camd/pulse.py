"""How a camera is, as whoever watches over it sees it: written by its own thread, read by others."""

from dataclasses import dataclass, field

from camd.budget import Budget
from camd.model import Nanos


@dataclass(slots=True)
class Pulse:
    """What the camera gives: `offered` frames, the last at `last` (boot time), `looked` at so many of them.

    `budget` says how much of the time that took, and what is done more seldom for it.
    """

    budget: Budget = field(default_factory=Budget)
    offered: int = 0
    looked: int = 0
    last: Nanos = 0
    is_open: bool = False

    def opened(self, now: Nanos) -> None:
        """Frames are to come from now on."""
        self.last, self.is_open = now, True

    def closed(self) -> None:
        """No more frames."""
        self.is_open = False

    def frame(self, now: Nanos) -> None:
        """The camera gave one."""
        self.offered += 1
        self.last = now
