"""When the mode changes by itself: the days on which clocks are put forward and back, and what is never taken."""

import json
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camd import mode
from camd.__main__ import main
from camd.clock import ManualClock
from camd.config import Config, ScheduleConfig, load
from camd.errors import ConfigError
from camd.mode import AWAY, HOME
from camd.model import SECOND
from camd.places import Places
from camd.schedule import DAYS, Change, Schedule, clashes
from camd.settings_hours import zone_of
from camd.timer import WAITS, Timer, next_change
from tests.worlds import places as places_in


def unix(text: str) -> int:
    """The UNIX second of an ISO time with its offset."""
    return int(datetime.fromisoformat(text).timestamp())


def at(hours: str, to: str = HOME, *days: str) -> Change:
    """A change at that time of day."""
    hour, _, minute = hours.partition(":")
    return Change(f"{to} at {hours}", int(hour) * 60 + int(minute), to, days)


@pytest.mark.parametrize(
    ("zone", "hours", "now", "comes"),
    [
        ("Europe/Berlin", "18:00", "2026-06-01T10:00+02:00", "2026-06-01T18:00+02:00"),
        ("Europe/Berlin", "18:00", "2026-06-01T18:00+02:00", "2026-06-02T18:00+02:00"),  # it is the latest now
        ("Europe/Berlin", "02:30", "2026-03-29T01:00+01:00", "2026-03-29T03:30+02:00"),  # skipped in the spring
        ("Europe/Berlin", "02:00", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
        ("Europe/Berlin", "03:00", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
        ("Europe/Berlin", "02:30", "2026-10-25T01:00+02:00", "2026-10-25T02:30+02:00"),  # twice in autumn: the first
        ("Europe/Berlin", "02:30", "2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"),  # and not the second
        ("America/New_York", "02:30", "2026-03-08T00:00-05:00", "2026-03-08T03:30-04:00"),
        ("America/New_York", "01:30", "2026-11-01T00:00-04:00", "2026-11-01T01:30-04:00"),
        ("Australia/Sydney", "02:30", "2026-10-04T01:00+10:00", "2026-10-04T03:30+11:00"),  # the other half of the year
        ("Australia/Sydney", "02:30", "2026-04-05T01:00+11:00", "2026-04-05T02:30+11:00"),
        ("Australia/Lord_Howe", "02:15", "2026-10-04T01:00+10:30", "2026-10-04T02:45+11:00"),  # by half an hour
        ("Australia/Lord_Howe", "01:45", "2026-04-05T01:00+11:00", "2026-04-05T01:45+11:00"),
        ("Australia/Lord_Howe", "01:45", "2026-04-05T01:46+11:00", "2026-04-06T01:45+10:30"),
        ("Africa/Casablanca", "02:30", "2026-03-22T01:00+00:00", "2026-03-22T03:30+01:00"),  # the end of Ramadan
        ("America/Santiago", "00:30", "2026-09-05T23:00-04:00", "2026-09-06T01:30-03:00"),  # midnight itself is skipped
        ("Asia/Kathmandu", "06:00", "2026-01-01T00:00+05:45", "2026-01-01T06:00+05:45"),
        ("UTC", "00:00", "2026-12-31T23:59+00:00", "2027-01-01T00:00+00:00"),
    ],
)  # fmt: skip
def test_the_clock_on_the_wall_is_followed(zone: str, hours: str, now: str, comes: str) -> None:
    schedule = Schedule((at(hours),), ZoneInfo(zone))
    coming = schedule.coming(unix(now))
    assert coming is not None
    assert datetime.fromtimestamp(coming.unix, UTC) == datetime.fromisoformat(comes)
    latest = schedule.latest(unix(comes))
    assert latest is not None
    assert latest.unix == unix(comes)


def test_days_are_those_of_the_zone() -> None:
    schedule = Schedule((at("00:30", HOME, "mon"), at("22:00", AWAY, "sun")), ZoneInfo("Pacific/Auckland"))
    coming = schedule.coming(unix("2026-06-07T12:00+12:00"))  # a Sunday there
    assert coming is not None
    assert (coming.change.mode, coming.unix) == (AWAY, unix("2026-06-07T22:00+12:00"))
    coming = schedule.coming(coming.unix)
    assert coming is not None
    assert schedule.words(coming) == "home on Mon 8 Jun at 00:30 NZST"


def test_two_changes_that_a_gap_brings_together_mean_home() -> None:
    schedule = Schedule((at("02:30", AWAY), at("03:30", HOME)), ZoneInfo("Europe/Berlin"))
    coming = schedule.coming(unix("2026-03-29T01:00+01:00"))
    assert coming is not None
    assert coming.change.mode == HOME
    assert schedule.latest(coming.unix) == coming


changes = st.lists(
    st.builds(
        Change, st.just("x"), st.integers(0, 1439), st.sampled_from([HOME, AWAY]),
        st.lists(st.sampled_from(DAYS), max_size=7, unique=True).map(tuple),
    ), min_size=1, max_size=4,
)  # fmt: skip


@given(changes, st.integers(1_700_000_000, 1_900_000_000), st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe"]))
def test_the_next_change_is_the_latest_when_it_has_come(given_: list[Change], now: int, zone: str) -> None:
    schedule = Schedule(tuple(given_), ZoneInfo(zone))
    coming, latest = schedule.coming(now), schedule.latest(now)
    assert coming is not None
    assert latest is not None
    assert latest.unix <= now < coming.unix
    assert schedule.latest(coming.unix - 1) == latest
    assert schedule.latest(coming.unix) == coming
    assert schedule.coming(latest.unix) == coming


def test_clashes_are_found() -> None:
    assert len(list(clashes((at("08:00", HOME, "mon"), at("08:00", AWAY))))) == 1
    assert not list(
        clashes((at("08:00", HOME, "mon"), at("08:00", AWAY, "tue"), at("08:01", HOME), at("08:00", HOME, "mon")))
    )


def test_the_machines_own_zone_is_used_when_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert zone_of("") == ZoneInfo("Europe/Berlin")
    monkeypatch.setenv("TZ", "Nowhere/At_All")
    assert zone_of("").utcoffset(datetime(2026, 1, 1)) == UTC.utcoffset(None)
    assert zone_of("Asia/Tokyo") == ZoneInfo("Asia/Tokyo")


def test_every_fault_of_a_schedule_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "camd.yaml"
    file.write_text("""\
schedule:
  timezone: Europe/Berln
  changes:
    noon: {at: 24:00, mode: home}
    evening: {at: 18:00, mode: out, days: [mon, monday]}
    night: {mode: home}
    late: {at: 7:05}
""")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert [line.removeprefix(f"{file}:").split(". got")[0] for line in str(caught.value).splitlines()] == [
        "2: schedule.timezone: no such time zone (did you mean Europe/Berlin?)",
        "4: schedule.changes.noon.at: not a time of day",
        "5: schedule.changes.evening.days: no such day (did you mean mon?)",
        "5: schedule.changes.evening.mode: no such choice",
        "6: schedule.changes.night.at: a change that lacks something",
        "7: schedule.changes.late.mode: a change that lacks something",
    ]
    file.write_text("schedule: {changes: {a: {at: 8:00, mode: home}, b: {at: 08:00, mode: away, days: [sun]}}}")
    with pytest.raises(ConfigError, match=r"schedule.changes: two modes at once. got a and b"):
        load(file)


class Undated(ManualClock):
    """A clock whose date nobody vouches for, until somebody does."""

    is_known = False

    def synchronised(self) -> bool:
        return self.is_known


@dataclass(slots=True)
class Home:
    """A house with a schedule, in UTC: home at 18:00, away at 08:00."""

    places: Places
    clock: Undated
    settings: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig("UTC", False, (at("18:00", HOME), at("08:00", AWAY)))
    )
    timer: Timer = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """camd starts."""
        self.timer = Timer(self.settings, self.places, self.clock)

    def until(self, moment: str) -> list[str]:
        """Let it run until then, looked at each second of the last minute; what was due."""
        return [word for second in range(60) if (word := self._at(unix(moment) - 59 + second))]

    def off_until(self, moment: str) -> str:
        """The machine is off until then; what was due when it looks first."""
        self._pass_to(unix(moment) - 1)
        self.start()
        return self._at(unix(moment))

    def says(self, word: str, moment: str) -> None:
        """Somebody sets the mode."""
        mode.write(self.places, word)
        os.utime(self.places.mode, (unix(moment), unix(moment)))

    def _pass_to(self, second: int) -> None:
        self.clock.wait(self.clock.boot() + second * SECOND - self.clock.unix(), threading.Event())

    def _at(self, second: int) -> str:
        self._pass_to(second)
        return self.timer.due()


@pytest.fixture
def house(tmp_path: Path) -> Home:
    """On the first of June at noon, when camd has run for a while and everybody is away."""
    where = places_in(tmp_path)
    where.make()
    clock = Undated(unix("2026-06-01T07:00Z") * SECOND)
    clock.is_known = True
    home = Home(where, clock)
    home.says(AWAY, "2026-05-01T00:00Z")
    assert home.until("2026-06-01T07:30Z") == [HOME]  # a schedule that is new, and says home since yesterday
    home.says(HOME, "2026-06-01T07:30Z")
    assert home.until("2026-06-01T12:00Z") == [AWAY]
    home.says(AWAY, "2026-06-01T08:00Z")
    return home


def test_each_change_comes_once_at_its_second(house: Home) -> None:
    assert house.until("2026-06-01T17:59:59Z") == []
    assert house.until("2026-06-01T18:00:00Z") == [HOME]
    assert house.until("2026-06-01T18:00:30Z") == []
    assert house.until("2026-06-02T08:00:10Z") == [AWAY]
    house.start()
    assert house.until("2026-06-02T09:00:00Z") == []


def test_who_sets_the_mode_between_two_changes_has_his_way(house: Home) -> None:
    house.says(HOME, "2026-06-01T13:00Z")
    assert house.until("2026-06-01T14:00Z") == []
    house.start()
    assert house.until("2026-06-01T15:00Z") == []


def test_home_that_was_missed_is_entered_later(house: Home) -> None:
    assert house.off_until("2026-06-01T23:00Z") == HOME
    assert house.off_until("2026-06-01T23:30Z") == ""


def test_away_that_was_missed_is_taken_when_nobody_said_otherwise_since(house: Home) -> None:
    assert house.until("2026-06-01T18:00Z") == [HOME]
    house.says(HOME, "2026-06-01T18:00Z")
    assert house.off_until("2026-06-02T09:00Z") == AWAY


def test_away_that_was_missed_never_undoes_a_later_word(house: Home) -> None:
    assert house.until("2026-06-01T18:00Z") == [HOME]
    house.says(HOME, "2026-06-02T08:30Z")  # while camd was off
    assert house.off_until("2026-06-02T09:00Z") == ""
    assert house.off_until("2026-06-02T17:00Z") == ""
    assert house.until("2026-06-03T08:00Z")[-1:] == [AWAY]


def test_away_that_was_missed_is_not_taken_when_nobody_knows_when_the_mode_was_written(house: Home) -> None:
    assert house.until("2026-06-01T18:00Z") == [HOME]
    mode.write(house.places, HOME)
    os.utime(house.places.mode, (mode.UNDATED, mode.UNDATED))
    assert house.off_until("2026-06-02T09:00Z") == ""


def test_a_schedule_that_was_changed_leaves_home_mode_at_its_next_change_only(house: Home) -> None:
    house.says(HOME, "2026-06-01T12:30Z")
    house.settings = ScheduleConfig("UTC", False, (at("12:45", AWAY), at("14:00", AWAY)))
    assert house.off_until("2026-06-01T13:00Z") == ""
    assert house.until("2026-06-01T14:00Z") == [AWAY]


def test_nothing_happens_on_a_clock_that_nobody_vouches_for(house: Home, caplog: pytest.LogCaptureFixture) -> None:
    assert house.until("2026-06-01T18:00Z") == [HOME]
    house.places.dated.unlink()  # the machine was booted
    house.clock.is_known = False
    assert house.off_until("2026-06-02T08:00Z") == ""
    assert house.until("2026-06-02T18:30Z") == []
    assert next_change(house.settings, house.places, house.clock) is None
    house.clock.is_known = True
    assert house.off_until("2026-06-02T18:31Z") == HOME
    assert [record.getMessage() for record in caplog.records if "date" in record.getMessage()] == [WAITS]


def test_a_date_that_was_known_in_this_boot_is_good_enough(house: Home) -> None:
    house.clock.is_known = False  # the network has been away for hours
    house.start()
    assert house.until("2026-06-01T18:00Z") == [HOME]


def test_a_battery_clock_is_believed(house: Home) -> None:
    house.places.dated.unlink()
    house.clock.is_known = False
    house.settings = ScheduleConfig("UTC", True, house.settings.changes)
    house.start()
    assert house.until("2026-06-01T18:00Z") == [HOME]


def test_a_disk_that_refuses_enters_home_and_leaves_it_not(house: Home, caplog: pytest.LogCaptureFixture) -> None:
    house.places.scheduled.with_name("schedule.tmp").mkdir()
    assert house.until("2026-06-01T18:00Z")[0] == HOME
    with pytest.raises(Exception, match="The mode stays"):
        house.until("2026-06-02T08:00Z")


def test_the_mode_shows_the_next_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "camd.yaml"
    text = (
        f"store: {{data: {tmp_path / 'data'}}}\nschedule: {{timezone: UTC, changes: {{eve: {{at: 18:00, mode: home}}}}"
    )
    file.write_text(text + ", battery_clock: yes}\n")
    assert main(["mode", "away", "--config", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out == "away\n"
    assert err.startswith("camd mode: next change: home on ")
    assert err.endswith(" at 18:00 UTC\n")
    assert main(["mode", "--json", "--config", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["mode"], told["next_change"]["mode"], told["next_change"]["at"] % 86_400) == ("away", "home", 64_800)
    file.write_text(text + "}\n")  # nobody vouches for the clock of every machine that runs this test
    assert main(["mode", "--config", str(file)]) == 0
    assert "next change" in (told := capsys.readouterr().err) or "the date is not known yet" in told


def test_without_changes_there_is_no_schedule(tmp_path: Path) -> None:
    where = places_in(tmp_path)
    where.make()
    clock = ManualClock()
    assert Timer(Config().schedule, where, clock).due() == ""
    assert next_change(Config().schedule, where, clock) is None
