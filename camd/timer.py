"""Changes the mode when the schedule says so, whatever the machine did meanwhile.

Idea: the newest change that was taken is remembered, so that one that was missed (no power, no camd) is taken later and
none twice.
Rule: home mode is never left on a doubt. Nothing happens until the date is known in this boot; a change to away that
was missed is not taken when the mode was written after it, or nobody knows when, or the schedule is another one by now.
What enters home mode is taken in any of these cases.
It does not promise the second: it is asked once a second.
"""

import hashlib
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from camd import mode
from camd.clock import Clock
from camd.config import ScheduleConfig
from camd.errors import CannotWriteError
from camd.model import SECOND
from camd.places import Places
from camd.schedule import Moment, Schedule
from camd.settings_hours import zone_of

_log = logging.getLogger(__name__)

LIVE_S: Final = 5  # so long after its moment a change is no missed one: somebody looks every second
WAITS: Final = (
    "the schedule waits: the date is not known yet. A time server mends it ('timedatectl set-ntp true'), or, where a "
    "battery keeps the clock, schedule.battery_clock: yes"
)


def next_change(settings: ScheduleConfig, places: Places, clock: Clock) -> tuple[Schedule, Moment] | None:
    """The change that comes next; None when there is none, or nobody knows the date."""
    schedule = Schedule(settings.changes, zone_of(settings.timezone))
    if not date_is_known(settings, places, clock):
        return None
    coming = schedule.coming(clock.unix() // SECOND)
    return None if coming is None else (schedule, coming)


def date_is_known(settings: ScheduleConfig, places: Places, clock: Clock) -> bool:
    """Whether it is now, or was once in this boot: a clock that was right goes on well enough."""
    if settings.battery_clock:
        return True
    if clock.synchronised():
        return True
    with suppress(OSError, UnicodeDecodeError):
        return places.dated.read_text(encoding="ascii") == clock.boot_id
    return False


@dataclass(slots=True)
class Timer:
    """One schedule, for one thread."""

    settings: ScheduleConfig
    places: Places
    clock: Clock
    _schedule: Schedule = field(init=False)
    _waits: bool = False
    _looked: int = 0  # UNIX second
    _next: int = 0  # the same, of the change that comes next

    def __post_init__(self) -> None:
        self._schedule = Schedule(self.settings.changes, zone_of(self.settings.timezone))

    def due(self) -> str:
        """The mode that is to be set now, each time once; "" when there is none."""
        if not self.settings.changes or not self._date_is_known():
            return ""
        now = self.clock.unix() // SECOND
        before, self._looked = self._looked, now
        if before and before <= now < self._next:
            return ""
        latest = self._schedule.latest(now)
        self._look_ahead(now)
        taken, is_ours = self._taken()
        if latest is None or (is_ours and latest.unix <= taken):
            return ""
        is_live = 0 < before < latest.unix <= now <= latest.unix + LIVE_S
        return self._take(latest, is_live or (is_ours and self._is_older(latest)))

    def _take(self, moment: Moment, may_leave: bool) -> str:
        """Note that the change is taken, whether it is or not: what was not taken at its time stays undone."""
        self._note(moment)
        if moment.is_home or may_leave:
            _log.info("schedule: %s: %s", moment.change.name, moment.change.mode)
        else:
            _log.warning("schedule: %s is not made up for: the mode stays until the next change", moment.change.name)
        return moment.change.mode if moment.is_home or may_leave else ""

    def _is_older(self, moment: Moment) -> bool:
        """Whether the mode was written before that change, for certain."""
        written = mode.written(self.places)
        return written is not None and written < moment.unix

    def _date_is_known(self) -> bool:
        known = date_is_known(self.settings, self.places, self.clock)
        if known and self.clock.synchronised() and not self._looked:
            with suppress(OSError):
                self.places.dated.write_text(self.clock.boot_id, encoding="ascii")
        if known == self._waits:  # it was not so the last time
            self._waits = not known
            _log.warning("%s", WAITS if not known else "the date is known")
        return known

    def _look_ahead(self, now: int) -> None:
        coming = self._schedule.coming(now)
        if coming is not None and coming.unix != self._next:
            self._next = coming.unix
            _log.info("next change: %s", self._schedule.words(coming))

    def _taken(self) -> tuple[int, bool]:
        """The UNIX second of the newest change that was taken, and whether it was one of this schedule."""
        try:
            said = json.loads(self.places.scheduled.read_bytes())
            return int(said["taken"]), said["of"] == self._name()
        except (OSError, ValueError, KeyError, TypeError):
            return 0, False

    def _note(self, moment: Moment) -> None:
        """Keep it; a disk that refuses costs a change to home mode that is taken twice, which does no harm."""
        said = json.dumps({"v": 1, "taken": moment.unix, "of": self._name()})
        try:
            mode.write_whole(self.places.scheduled, said)
        except OSError as error:
            if not moment.is_home:
                raise CannotWriteError(f"{self.places.scheduled}: {error.strerror}. The mode stays.") from error
            _log.warning("%s: cannot be written: %s", self.places.scheduled, error.strerror)

    def _name(self) -> str:
        """Names this schedule."""
        return hashlib.sha256(repr(self.settings).encode()).hexdigest()[:16]
