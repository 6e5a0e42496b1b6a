"""The kinds of value that say when: a time of day, a time zone.

Rule: a zone is known by the system's tzdata or it is a fault; nothing is fetched and nothing is bundled.
"""

import os
import re
from dataclasses import dataclass
from datetime import UTC, tzinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from camd.settings_kinds import Scalar, Text, WrongError

LOCALTIME: Final = Path("/etc/localtime")


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """A time of day as minutes after midnight."""

    want: str = "a time of day from 00:00 to 23:59"

    def read(self, scalar: Scalar) -> int:
        """Return the minutes; what YAML takes 18:00 for (1080) does not matter, its text does."""
        found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", scalar.text)
        if not found:
            raise WrongError("not a time of day")
        return int(found[1]) * 60 + int(found[2])

    def show(self, value: int) -> str:
        """Return it in quotes, since YAML takes it for a number."""
        return f'"{value // 60:02d}:{value % 60:02d}"'


@dataclass(frozen=True, slots=True)
class TimeZone(Text):
    """The name of a time zone."""

    want: str = "a time zone such as Europe/Berlin"

    def read(self, scalar: Scalar) -> str:
        """Return the name."""
        name = Text.read(self, scalar)
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            known = available_timezones()
            near = get_close_matches(name, known, 1)
            hint = f" (did you mean {near[0]}?)" if near else "" if known else " (no zones here: apt install tzdata)"
            raise WrongError(f"no such time zone{hint}") from None
        return name


def zone_of(name: str) -> tzinfo:
    """The zone of this name; "": the machine's own, and UTC where it has none."""
    try:
        if name := name or os.environ.get("TZ", "").removeprefix(":"):
            return ZoneInfo(name)
        with LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file, key=str(LOCALTIME.resolve()).rpartition("/zoneinfo/")[2])
    except (KeyError, ValueError, OSError):  # TZ may hold anything; without tzdata there is not even a zone UTC
        return UTC
