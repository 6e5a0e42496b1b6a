"""What the owner gets for a deletion: what is gone, and what of it is somewhere else, out of camd's reach.

Rule: the ledger says where a clip went. Copies that camd itself kept for an order that is over go with the clip;
those of an order that is still to be carried out are named, and stay with it.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from camd import ledger
from camd.places import Places

_EXPORT = "export"
_STATES = {  # what the ledger says last of an order -> in the owner's words, and whether the order is over
    "share-confirmed": ("ordered, not sent yet; the order keeps its copy", False),
    "share-intent": ("being sent; the order keeps its copy", False),
    "share-sent": ("sent: the copy there is out of camd's reach", True),
    "share-failed": ("not sent: it failed", True),
    "share-unknown": ("perhaps sent: nobody saw it arrive", True),
}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A share of the clip: to whom, what became of it, when (RFC 3339), and the copy that lies here."""

    to: str
    state: str
    when: str
    copy: Path
    over: bool

    def __str__(self) -> str:
        return f"shared with {self.to} on {self.when}: {self.state}"


def elsewhere(places: Places, clip: int) -> list[Elsewhere]:
    """The shares of a clip, oldest first."""
    return list(_shares(places, clip))


def exports(places: Places, clip: int) -> int:
    """How often the clip was copied out."""
    return sum(entry.what == _EXPORT and entry.details.get("clip") == clip for entry in ledger.entries(places))


def remove_copies(shares: list[Elsewhere]) -> int:
    """Unlink the copies of orders that are over; returns how many there were."""
    gone = 0
    for share in shares:
        with suppress(FileNotFoundError):
            if share.over:
                share.copy.unlink()
                gone += 1
    return gone


def _shares(places: Places, clip: int) -> Iterator[Elsewhere]:
    last = {}
    for entry in ledger.entries(places):
        if entry.what in _STATES and entry.details.get("clip") == clip:
            last[str(entry.details.get("order"))] = entry
    for order, entry in last.items():
        state, over = _STATES[entry.what]
        copy = places.orders / order / "clip.mp4"
        yield Elsewhere(str(entry.details.get("to")), state, entry.time_iso[:10], copy, over)
