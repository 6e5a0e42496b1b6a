"""Which events are told aloud: the difference between a camera that is listened to and one that is switched off.

Idea: an event is decided on once, at the first moment its owner's rules want it told (`Event.handling`). It may then be
withheld: by a snooze, by the cool-down of its label in all its zones, or because the hour is full. What a full hour
withheld is told as a number later.
Rule: pure; times are those on the values. Withholding is about the alert alone: motion, events, clips go on as ever.
It does not know of earlier starts: a camd that is started again begins with an empty hour.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from camd.model import ALERT, SECOND, Event, Nanos

HOUR: Final[Nanos] = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Limits:
    """What settings say: `cooldown`, and `per_hour` (0: no limit)."""

    cooldown: Nanos = 0
    per_hour: int = 0


@dataclass(frozen=True, slots=True)
class Excess:
    """What a full hour withheld: how many alerts of each event type, the first at `since` and the last at `until`."""

    since: Nanos
    until: Nanos
    counts: dict[str, int]


@dataclass(slots=True)
class Policy:
    """Decides for one camera."""

    limits: Limits = field(default_factory=Limits)
    snoozed_until: Nanos = 0
    _decided: set[str] = field(default_factory=set)
    _cool: dict[tuple[str, str], Nanos] = field(default_factory=dict)
    _told: deque[Nanos] = field(default_factory=deque)
    _excess: Excess | None = None

    def is_told(self, event: Event) -> bool:
        """Whether the alert of this event is to be sent now; true once for each event at most."""
        if event.id in self._decided or event.handling != ALERT:
            return False
        self._decided.add(event.id)
        now, keys = event.ended, [(event.label, zone) for zone in event.zones or ("",)]
        if now < self.snoozed_until or all(now < self._cool.get(key, now) for key in keys):
            return False
        if not self.admits(event.label, now):
            return False
        self._cool = {key: until for key, until in self._cool.items() if until > now}
        self._cool.update((key, now + self.limits.cooldown) for key in keys)
        return True

    def forget(self, event: Event) -> None:
        """The event is over."""
        self._decided.discard(event.id)

    def admits(self, kind: str, now: Nanos) -> bool:
        """Whether the hour has room for one more alert; if so it is taken, if not the alert is counted."""
        if self._has_room(now):
            self._told.append(now)
            return True
        excess = self._excess or Excess(now, now, {})
        counts = {**excess.counts, kind: excess.counts.get(kind, 0) + 1}
        self._excess = Excess(excess.since, now, counts)
        return False

    def excess(self, now: Nanos) -> Excess | None:
        """What was withheld, once an hour has gone by since the first and there is room to tell it."""
        excess = self._excess
        if excess is None or now - excess.since < HOUR or not self._has_room(now):
            return None
        self._excess = None
        self._told.append(now)
        return excess

    def _has_room(self, now: Nanos) -> bool:
        while self._told and now - self._told[0] >= HOUR:
            self._told.popleft()
        return not self.limits.per_hour or len(self._told) < self.limits.per_hour
