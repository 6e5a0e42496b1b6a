"""When a camera's pictures were taken, on the machine's boot clock.

Idea: a camera stamps its pictures with a clock of its own, which starts anywhere and runs a little too fast or slow;
what we know for sure is when each arrived. A picture cannot arrive before it was taken, and the one that was least late
tells best how the clocks differ. That difference is learned anew every few seconds.
Rule: pure. A camera on this machine stamps with the boot clock itself, and is believed.
It does not promise: the delay of the network and of the camera's encoder, which nobody can see from here.
"""

from collections.abc import Sequence
from typing import Final

from camd.model import SECOND, Nanos

WINDOW: Final = 10 * SECOND  # in which the least late picture is looked for; two clocks drift by 1 ms in it at most
BACK: Final = SECOND  # pictures come in another order than they were taken (B-frames), but never by so much
AHEAD: Final = SECOND  # no network makes up for so much: the camera's clock was set
SLEW: Final = SECOND // 200  # by which the difference may change with each picture, so that times always rise
OWN_LATE: Final = 2 * SECOND  # an encoder on this machine is never later


class Timeline:
    """Puts the times of one stream on the boot clock.

    `is_local`: the stream's clock may be the boot clock itself; it is believed if its first picture agrees.
    """

    def __init__(self, *, is_local: bool = False) -> None:
        self._is_local = is_local
        self._difference: Nanos | None = None  # boot clock less the camera's
        self._owed: Nanos = 0  # what of it is still to be made good
        self._least: Nanos | None = None  # lateness in this window
        self._window_ends: Nanos = 0
        self._last: Nanos = 0

    def begin(self, arrivals: Sequence[tuple[Nanos, Nanos]]) -> None:
        """The first pictures, as (stamp, time of arrival): a camera sends what it had kept at once."""
        stamp, now = arrivals[-1]
        self._is_local = self._is_local and 0 <= now - stamp <= OWN_LATE
        self._set(0 if self._is_local else min(came - taken for taken, came in arrivals), now)
        self._last = stamp

    def arrive(self, stamp: Nanos, now: Nanos) -> None:
        """A picture of this stamp arrived now."""
        if self._difference is None:
            self.begin([(stamp, now)])
        elif not self._is_local:
            self._adjust(self._difference, stamp, now)
        self._last = stamp

    def place(self, stamp: Nanos) -> Nanos:
        """Boot time of this stamp; to be asked after the first arrival."""
        return stamp + (self._difference or 0)

    def _adjust(self, difference: Nanos, stamp: Nanos, now: Nanos) -> None:
        late = now - stamp - difference
        if stamp < self._last - BACK or late < -AHEAD:
            self._set(now - stamp, now)
            return
        self._least = late if self._least is None else min(self._least, late)
        if late < 0 or now >= self._window_ends:
            self._owed, self._least, self._window_ends = self._least, None, now + WINDOW
        step = max(-SLEW, min(SLEW, self._owed))
        self._difference = difference + step
        self._owed -= step

    def _set(self, difference: Nanos, now: Nanos) -> None:
        self._difference, self._owed, self._least, self._window_ends = difference, 0, None, now + WINDOW
