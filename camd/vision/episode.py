"""When motion becomes an event, and when the event is over: one literal table of states.

Idea: an event begins with the first frame of the first confirmed track, and lasts while a visitor moves, or stands
still and is still there, with gaps shorter than the merge gap. Which events are told aloud is for `camd.alerts`.
Rule: pure; time comes with the frames.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from camd.model import SECOND, Began, Box, Ended, Event, Finding, Grew, Nanos, Reason
from camd.vision.votes import NOBODY, Verdict

GREW_EVERY: Final = SECOND // 5


class State(Enum):
    """Whether there is an event."""

    QUIET = auto()
    EVENT = auto()


class Signal(Enum):
    """What a frame says, given the frames before it."""

    MOVED = auto()  # a visitor moved
    HELD = auto()  # a visitor stands still, and is still there
    STILL = auto()  # nobody is seen, not for long
    EXPIRED = auto()  # nobody was seen for the merge gap


@dataclass(frozen=True, slots=True)
class Limits:
    """The times that settings give: `merge_gap` joins motion into one event."""

    merge_gap: Nanos


@dataclass(frozen=True, slots=True)
class Presence:
    """What the tracks of one frame say: where the largest visitor moves (None: nobody does), or that one stands still.

    `reason` and `began` are told while there is no event yet, which keeps those of its onset. `is_parked` says that
    what stood still was given up: the event ended when it last moved. `verdict` is what the visitors are.
    """

    box: Box | None = None
    reason: Reason | None = None
    began: Nanos = 0
    zones: tuple[str, ...] = ()
    is_held: bool = False
    is_parked: bool = False
    verdict: Verdict = NOBODY


def _nobody() -> Verdict:
    return NOBODY


class Episode:
    """Follows the frames of one camera. Event ids are `<salt>-<n>`, unique as long as `salt` is.

    `last_verdict` says what the visitors were, when an event is over and no more of them will be seen.
    """

    def __init__(self, limits: Limits, salt: str, last_verdict: Callable[[], Verdict] = _nobody) -> None:
        self._limits, self._salt, self._last_verdict = limits, salt, last_verdict
        self._state = State.QUIET
        self._event: Event | None = None
        self._presence = Presence()
        self._verdict = NOBODY
        self._last_moved: Nanos = 0
        self._last_there: Nanos = 0
        self._last_grew: Nanos = 0
        self._over_at: Nanos = 0
        self._count = 0

    def look(self, t: Nanos, presence: Presence) -> list[Finding]:
        """Take what one frame says and return what follows from it."""
        signal, self._verdict = self._signal(t, presence), presence.verdict
        if presence.box is not None:
            self._presence, self._last_moved = presence, t
        if signal in (Signal.MOVED, Signal.HELD):
            self._last_there = t
        if presence.is_parked:
            self._last_there = self._last_moved
        self._state, action = TABLE[self._state, signal]
        return action(self, t)

    @property
    def is_event(self) -> bool:
        """Whether an event is open."""
        return self._state is State.EVENT

    def close(self) -> list[Finding]:
        """The camera has stopped: end what is open."""
        self._state, action = TABLE[self._state, Signal.EXPIRED]
        return action(self, self._last_there)

    def _signal(self, t: Nanos, presence: Presence) -> Signal:
        if presence.box is not None:
            return Signal.MOVED
        if presence.is_held:
            return Signal.HELD
        return Signal.EXPIRED if t - self._last_there > self._limits.merge_gap else Signal.STILL

    def _nothing(self, t: Nanos) -> list[Finding]:
        return []

    def _begin(self, t: Nanos) -> list[Finding]:
        assert self._presence.reason is not None
        self._count += 1
        name, began = f"{self._salt}-{self._count}", max(self._presence.began, self._over_at)
        self._event = self._labelled(Event(name, "motion", 0.0, began, t, self._presence.reason, self._presence.zones))
        self._last_grew = t
        return [Began(self._event)]

    def _grow(self, t: Nanos) -> list[Finding]:
        if t - self._last_grew < GREW_EVERY:
            return []
        self._last_grew = t
        return [Grew(self._updated())]

    def _end(self, t: Nanos) -> list[Finding]:
        self._verdict = self._last_verdict()
        event = self._updated()
        self._event, self._over_at = None, event.ended
        return [Ended(event)]

    def _updated(self) -> Event:
        """The open event as it is now; its reason keeps the rule and figures of the onset."""
        assert self._event is not None
        assert self._presence.box is not None
        reason = replace(self._event.reason, box=self._presence.box)
        zones = tuple(dict.fromkeys((*self._event.zones, *self._presence.zones)))  # of all the way
        self._event = self._labelled(replace(self._event, ended=self._last_there, reason=reason, zones=zones))
        return self._event

    def _labelled(self, event: Event) -> Event:
        verdict = self._verdict
        return replace(
            event, label=verdict.label, confidence=verdict.confidence, embeddings=verdict.embeddings,
            is_learned=verdict.is_learned, is_person=verdict.is_person,
        )  # fmt: skip


TABLE: Final[dict[tuple[State, Signal], tuple[State, Callable[[Episode, Nanos], list[Finding]]]]] = {
    (State.QUIET, Signal.MOVED): (State.EVENT, Episode._begin),
    (State.QUIET, Signal.HELD): (State.QUIET, Episode._nothing),
    (State.QUIET, Signal.STILL): (State.QUIET, Episode._nothing),
    (State.QUIET, Signal.EXPIRED): (State.QUIET, Episode._nothing),
    (State.EVENT, Signal.MOVED): (State.EVENT, Episode._grow),
    (State.EVENT, Signal.HELD): (State.EVENT, Episode._nothing),
    (State.EVENT, Signal.STILL): (State.EVENT, Episode._nothing),
    (State.EVENT, Signal.EXPIRED): (State.QUIET, Episode._end),
}
assert set(TABLE) == {(state, signal) for state in State for signal in Signal}, "the table must be complete"
