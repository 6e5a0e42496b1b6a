"""When a camera's pictures were taken, on the machine's boot clock.

Idea: a camera stamps its pictures with a clock of its own, which starts anywhere and runs a little too fast or slow;
what we know for sure is when each arrived. A picture cannot arrive before it was taken, and the one that was least late
tells best how the clocks differ. That difference is learned anew every few seconds.
Rule: pure. A camera on this machine stamps with the boot clock itself, and is believed.
It does not promise: the delay of the network and of the camera's encoder, which nobody can see from here.
"""

from typing import Final

from camd.model import SECOND, Nanos

WINDOW: Final = 10 * SECOND  # in which the least late picture is looked for; two clocks drift by 1 ms in it at most
BACK: Final = SECOND  # pictures come in another order than they were taken (B-frames), but never by so much
OWN_LATE: Final = 2 * SECOND  # an encoder on this machine is never later


class Timeline:
    """Puts the times of one stream on the boot clock.

    `is_local`: the stream's clock may be the boot clock itself; it is believed if its first picture agrees.
    """

    def __init__(self, *, is_local: bool = False) -> None:
        self._is_local = is_local
        self._difference: Nanos | None = None  # boot clock less the camera's
        self._least: Nanos | None = None  # lateness in this window
        self._window_ends: Nanos = 0
        self._last: Nanos = 0

    def arrive(self, stamp: Nanos, now: Nanos) -> None:
        """A picture of this stamp arrived now."""
        if self._difference is None:
            self._is_local = self._is_local and 0 <= now - stamp <= OWN_LATE
            self._difference = 0 if self._is_local else now - stamp
            self._begin_window(now)
        elif not self._is_local:
            self._adjust(stamp, now - stamp - self._difference, now)
        self._last = stamp

    def _adjust(self, stamp: Nanos, late: Nanos, now: Nanos) -> None:
        assert self._difference is not None
        was_set_back = stamp < self._last - BACK
        self._least = late if self._least is None else min(self._least, late)
        if was_set_back or late < 0:
            self._difference += late
            self._begin_window(now)
        elif now >= self._window_ends:
            self._difference += self._least
            self._begin_window(now)

    def place(self, stamp: Nanos) -> Nanos:
        """Boot time of this stamp; to be asked after the first arrival."""
        return stamp + (self._difference or 0)

    def _begin_window(self, now: Nanos) -> None:
        self._least, self._window_ends = None, now + WINDOW
