"""What a check found: how it is, in words for the owner, and what mends it.

Rule: `says` and `mend` may name files, hosts and cameras; they are for the owner's own eyes. `plain` is what strangers
may read as well, in a bundle: figures and words of ours, never a name, a path or an address.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from camd import mode
from camd.config import Config
from camd.places import Places

UNITS: Final = "etc/systemd/system"
NOTIFY: Final = f"{UNITS}/camd-notify.service"


class Health(Enum):
    """How something is."""

    WELL = "well"
    WORRY = "worry"  # works, and will not for long, or not in every case
    ILL = "ill"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about `what`."""

    what: str
    health: Health
    says: str
    mend: str = ""
    plain: str = ""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        told = {"what": self.what, "health": self.health.value, "says": self.says, "mend": self.mend or None}
        return {"type": "finding", **told}


@dataclass(frozen=True, slots=True)
class Patient:
    """The camd that is looked at; `system` is the root of the files that the kernel and the machine tell it by."""

    config: Config
    places: Places
    system: Path = Path("/")

    @property
    def is_service(self) -> bool:
        """Whether camd's units are installed here."""
        return (self.system / NOTIFY).exists()

    def is_watched(self) -> bool:
        """Whether cameras may be opened: the mode is away, or would be so from the first start on."""
        return mode.read(self.places) == mode.AWAY or mode.is_first(self.places)

    def read(self, path: str) -> str:
        """Return what a file below `system` says, "" where it does not exist or cannot be read."""
        try:
            return (self.system / path).read_text(encoding="utf-8", errors="replace").strip("\0\n ")
        except OSError:
            return ""


Check = Callable[[Patient], list[Finding]]


def well(what: str, says: str, plain: str = "") -> list[Finding]:
    """A finding that needs no mend."""
    return [Finding(what, Health.WELL, says, plain=plain)]


def worry(what: str, says: str, mend: str, plain: str = "") -> list[Finding]:
    """A finding that should be looked after."""
    return [Finding(what, Health.WORRY, says, mend, plain)]


def ill(what: str, says: str, mend: str, plain: str = "") -> list[Finding]:
    """A finding because of which camd does not do what it is for."""
    return [Finding(what, Health.ILL, says, mend, plain)]
