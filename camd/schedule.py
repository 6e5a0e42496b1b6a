"""When the mode changes by itself: a table of changes by weekday and time of day, in a time zone.

Idea: each change happens at a moment of UNIX time on each of its days. Between two changes whoever sets the mode has
his way; a schedule is no state that is held up.
Rule: pure. What the clock on the wall skips or shows twice is RFC 5545's business (section 3.3.5): a time that is
skipped counts with the offset from before the gap, one that comes twice is the first. Of two changes at one moment the
one to home mode counts. Zones are IANA's, from the system's tzdata.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import combinations
from typing import Any, Final, NamedTuple

from camd.clock import rfc3339
from camd.mode import HOME
from camd.model import SECOND

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AROUND: Final = range(-8, 9)  # days; each weekday is there before now and after it


@dataclass(frozen=True, slots=True)
class Change:
    """To `mode` at `at` minutes after midnight on `days`, () for each day. None and "" mean that it is not said."""

    name: str
    at: int | None = None
    mode: str = ""
    days: tuple[str, ...] = ()


class Moment(NamedTuple):
    """One change when it happens, `unix` seconds: later ones come later, and home mode last of those at once."""

    unix: int
    is_home: bool
    change: Change

    def json(self) -> dict[str, Any]:
        """As JSON tells it everywhere."""
        return {"mode": self.change.mode, "at": self.unix, "at_iso": rfc3339(self.unix * SECOND)}


@dataclass(frozen=True, slots=True)
class Schedule:
    """Changes in a time zone."""

    changes: tuple[Change, ...]
    zone: tzinfo

    def latest(self, unix: int) -> Moment | None:
        """The change that counts at UNIX second `unix`; None when there is none at all."""
        return max((moment for moment in self._moments(unix) if moment.unix <= unix), key=_rank, default=None)

    def coming(self, unix: int) -> Moment | None:
        """The change after UNIX second `unix`; None when there is none at all."""
        later = [moment for moment in self._moments(unix) if moment.unix > unix]
        first = min((moment.unix for moment in later), default=0)
        return max((moment for moment in later if moment.unix == first), key=_rank, default=None)

    def words(self, moment: Moment) -> str:
        """When it is, as the clock on the wall shows it: `home on Mon 30 Nov at 18:00 CET`."""
        local = datetime.fromtimestamp(moment.unix, self.zone)
        return f"{moment.change.mode} on {local:%a} {local.day} {local:%b} at {local:%H:%M %Z}"

    def _moments(self, unix: int) -> Iterable[Moment]:
        today = datetime.fromtimestamp(unix, self.zone).date()
        for offset in AROUND:
            day = today + timedelta(days=offset)
            for change in self.changes:
                if not change.days or DAYS[day.weekday()] in change.days:
                    yield Moment(_unix(day, change.at or 0, self.zone), change.mode == HOME, change)


def clashes(changes: Iterable[Change]) -> Iterator[tuple[Change, Change]]:
    """Changes to different modes at one time of one day."""
    for one, other in combinations(changes, 2):
        days = set(one.days or DAYS) & set(other.days or DAYS)
        if one.at == other.at is not None and one.mode != other.mode and days:
            yield one, other


def _rank(moment: Moment) -> tuple[int, bool]:
    return moment.unix, moment.is_home


def _unix(day: date, minutes: int, zone: tzinfo) -> int:
    """The UNIX second of a time of day; fold 0 is what RFC 5545 says of gaps and of what comes twice."""
    local = datetime.combine(day, time(minutes // 60, minutes % 60), zone)
    return int(local.astimezone(UTC).timestamp())
