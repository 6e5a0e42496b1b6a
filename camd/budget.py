"""What is done more seldom when looking takes too long: first the classifier, then the analysis, the recording never.

Idea: a camera's watcher tells how long each look took. When looking fills more than most of the time, the next step of
a literal table is taken; when there has been room for the step before for a while, that one is taken back.
Rule: pure; time is what the caller says, so that a replay, in which looking takes none, never steps. What is recorded
does not pass by here.
It does not promise: to help where decoding alone is too much. A smaller stream is looked at instead, which is for the
settings to say.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from camd.model import SECOND, Nanos


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things are done, as shares of what the settings want."""

    classifier: float
    analysis: float


STEPS: Final = (Pace(1, 1), Pace(1 / 2, 1), Pace(1 / 4, 1), Pace(1 / 4, 1 / 2), Pace(1 / 4, 1 / 3))
FULL: Final = STEPS[0]
WINDOW: Final[Nanos] = 5 * SECOND  # that a load is the mean of
TOO_MUCH: Final = 0.8  # of the time: what comes on top, such as an event, must still fit
ROOM: Final = 0.5  # of the time, as looking would take with the step taken back
PATIENCE: Final[Nanos] = 30 * SECOND  # with room, before a step is taken back,
MOST_PATIENCE: Final[Nanos] = 600 * SECOND  # doubled each time that this was soon regretted, up to here
assert all(
    (after.classifier < before.classifier and after.analysis == before.analysis == 1)
    or (after.classifier == before.classifier and after.analysis < before.analysis)
    for before, after in pairwise(STEPS)
), "the classifier first, then the analysis"


class Budget:
    """The load of one camera's watcher, and the step that it has led to: `load` is a share of the time, 0 to 1."""

    def __init__(self) -> None:
        self.step, self.load = 0, 0.0
        self._began: Nanos | None = None
        self._busy: Nanos = 0
        self._has_room_since: Nanos | None = None
        self._eased_at: Nanos = 0  # a step was taken back then
        self._patience = PATIENCE

    @property
    def pace(self) -> Pace:
        """How often things are done now."""
        return STEPS[self.step]

    def spent(self, now: Nanos, busy: Nanos) -> bool:
        """A look took `busy` and ended at `now`; whether the step is another one from now on."""
        if self._began is None:
            self._began = now - busy
        self._busy += busy
        if now - self._began < WINDOW:
            return False
        self.load = min(1.0, self._busy / (now - self._began))
        self._began, self._busy = now, 0
        return self._judge(now)

    def _judge(self, now: Nanos) -> bool:
        if self.load > TOO_MUCH:
            self._has_room_since = None
            return self.step + 1 < len(STEPS) and self._harden(now)
        if self.step == 0 or self.load * self._more() > ROOM:
            self._has_room_since = None
            return False
        if self._has_room_since is None:
            self._has_room_since = now
        return now - self._has_room_since >= self._patience and self._ease(now)

    def _more(self) -> float:
        """How much longer looking takes at most with the last step taken back."""
        before, after = STEPS[self.step - 1], STEPS[self.step]
        return before.analysis / after.analysis

    def _harden(self, now: Nanos) -> bool:
        if self._eased_at and now - self._eased_at < self._patience:
            self._patience = min(2 * self._patience, MOST_PATIENCE)
        else:
            self._patience = PATIENCE
        self.step += 1
        return True

    def _ease(self, now: Nanos) -> bool:
        self.step -= 1
        self._has_room_since, self._eased_at = None, now
        return True
