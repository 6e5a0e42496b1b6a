"""When motion becomes an event, and when the event is over: one literal table of states.

Idea: a frame with motion may be noise, two of four are not. An event lasts while motion goes on with gaps of less than
the merge gap. Cool-down mutes the alert of an event that follows too soon on the last one, never the event.
Rule: pure; time comes with the frames.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from camd.model import SECOND, Began, Ended, Event, Finding, Grew, Nanos, Reason, Suppressed

CONFIRM: Final = 2  # frames with motion ...
WINDOW: Final = 4  # ... of the last so many: 98 ms from onset to decision at 15 frames a second
GREW_EVERY: Final = SECOND // 5


class State(Enum):
    """What the episode believes."""

    QUIET = auto()
    MAYBE = auto()
    EVENT = auto()


class Signal(Enum):
    """What a frame says, given the frames before it."""

    STILL = auto()  # nothing moved, and nothing is settled by that
    MOVED = auto()  # something moved, unconfirmed
    CONFIRMED = auto()  # something moved, and often enough
    EXPIRED = auto()  # nothing moved for too long


@dataclass(frozen=True, slots=True)
class Limits:
    """The times that settings give: `merge_gap` joins motion into one event, `cooldown` mutes alerts."""

    merge_gap: Nanos
    cooldown: Nanos


class Episode:
    """Follows the frames of one camera. Event ids are `<salt>-<n>`, unique as long as `salt` is."""

    def __init__(self, limits: Limits, salt: str) -> None:
        self._limits, self._salt = limits, salt
        self._state = State.QUIET
        self._recent: deque[bool] = deque(maxlen=WINDOW)
        self._began: Nanos = 0
        self._last_moved: Nanos = 0
        self._reason: Reason | None = None
        self._event: Event | None = None
        self._last_grew: Nanos = 0
        self._muted_until: Nanos = 0
        self._count = 0

    def look(self, t: Nanos, reason: Reason | None) -> list[Finding]:
        """Take one frame's motion (None: nothing moved) and return what follows from it."""
        self._recent.append(reason is not None)
        signal = self._signal(t, reason is not None)
        if reason is not None:
            self._last_moved, self._reason = t, reason
        self._state, action = TABLE[self._state, signal]
        return action(self, t)

    def close(self) -> list[Finding]:
        """The camera has stopped: end what is open."""
        self._state, action = TABLE[self._state, Signal.EXPIRED]
        self._recent.clear()
        return action(self, self._last_moved)

    def _signal(self, t: Nanos, moved: bool) -> Signal:
        if moved:
            return Signal.CONFIRMED if sum(self._recent) >= CONFIRM else Signal.MOVED
        if self._state is State.MAYBE:
            return Signal.STILL if any(self._recent) else Signal.EXPIRED
        return Signal.EXPIRED if t - self._last_moved > self._limits.merge_gap else Signal.STILL

    def _nothing(self, t: Nanos) -> list[Finding]:
        return []

    def _suspect(self, t: Nanos) -> list[Finding]:
        self._began = t
        return []

    def _begin(self, t: Nanos) -> list[Finding]:
        assert self._reason is not None
        self._count += 1
        reason = replace(self._reason, rule=f"{CONFIRM} of {WINDOW} frames moved")
        self._event = Event(f"{self._salt}-{self._count}", "motion", 0.0, self._began, t, reason)
        self._last_grew = t
        return [Began(self._event, muted=t < self._muted_until)]

    def _grow(self, t: Nanos) -> list[Finding]:
        event = self._updated()
        if t - self._last_grew < GREW_EVERY:
            return []
        self._last_grew = t
        return [Grew(event)]

    def _end(self, t: Nanos) -> list[Finding]:
        event = self._updated()
        self._event = None
        self._muted_until = self._last_moved + self._limits.cooldown
        return [Ended(event)]

    def _dismiss(self, t: Nanos) -> list[Finding]:
        assert self._reason is not None
        reason = replace(self._reason, rule=f"fewer than {CONFIRM} of {WINDOW} frames moved")
        return [Suppressed(self._began, self._last_moved, reason)]

    def _updated(self) -> Event:
        """The open event with its last moving frame; its reason keeps the rule and figures of the onset."""
        assert self._event is not None
        assert self._reason is not None
        reason = replace(self._event.reason, box=self._reason.box)
        self._event = replace(self._event, ended=self._last_moved, reason=reason)
        return self._event


TABLE: Final[dict[tuple[State, Signal], tuple[State, Callable[[Episode, Nanos], list[Finding]]]]] = {
    (State.QUIET, Signal.STILL): (State.QUIET, Episode._nothing),
    (State.QUIET, Signal.MOVED): (State.MAYBE, Episode._suspect),
    (State.QUIET, Signal.CONFIRMED): (State.MAYBE, Episode._suspect),  # the window still holds the last event's end
    (State.QUIET, Signal.EXPIRED): (State.QUIET, Episode._nothing),
    (State.MAYBE, Signal.STILL): (State.MAYBE, Episode._nothing),
    (State.MAYBE, Signal.MOVED): (State.MAYBE, Episode._nothing),
    (State.MAYBE, Signal.CONFIRMED): (State.EVENT, Episode._begin),
    (State.MAYBE, Signal.EXPIRED): (State.QUIET, Episode._dismiss),
    (State.EVENT, Signal.STILL): (State.EVENT, Episode._nothing),
    (State.EVENT, Signal.MOVED): (State.EVENT, Episode._grow),
    (State.EVENT, Signal.CONFIRMED): (State.EVENT, Episode._grow),
    (State.EVENT, Signal.EXPIRED): (State.QUIET, Episode._end),
}
assert set(TABLE) == {(state, signal) for state in State for signal in Signal}, "the table must be complete"
