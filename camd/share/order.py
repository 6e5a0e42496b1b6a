"""Share orders: one clip, one recipient, one reason, confirmed by a person.

Idea: `orders/<id>/` holds `clip.mp4` (the copy, until the order is over) and `order.json`. What was confirmed stands in
the ledger as well, and the ledger decides: an order that it does not know, or knows otherwise, is never carried out.
Rule: nothing here can send. `camd send`, a process of its own, reads an order and may refuse it.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from camd import ledger
from camd.clock import Clock, rfc3339
from camd.config import Destination
from camd.errors import HeldError, RefusedError, UsageError
from camd.model import SECOND
from camd.places import Places
from camd.share.artefact import Seal, open_plain
from camd.store.files import replace_whole, sync_folder, writing

CONFIRMED, SENDING, SENT, FAILED, UNKNOWN = "confirmed", "sending", "sent", "failed", "unknown"

# What the ledger says when an order enters a state.
ENTRY_OF = {
    CONFIRMED: "share-confirmed",
    SENDING: "share-intent",
    SENT: "share-sent",
    FAILED: "share-failed",
    UNKNOWN: "share-unknown",
}
STATE_AFTER = {what: state for state, what in ENTRY_OF.items()}

# The states that may follow each state. What ended stays ended: nothing is sent twice, least of all what may have
# arrived (unknown).
NEXT: dict[str | None, frozenset[str]] = {
    None: frozenset({CONFIRMED}),
    CONFIRMED: frozenset({SENDING}),
    SENDING: frozenset({SENT, FAILED, UNKNOWN}),
    SENT: frozenset(),
    FAILED: frozenset(),
    UNKNOWN: frozenset(),
}
assert set(NEXT) == {None, *ENTRY_OF}, "every state has its row"

_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_TYPES = {"v": int, "id": str, "clip": int, "to": str, "folder": str, "url": str, "reason": str, "bytes": int}
_TYPES |= {"sha256": str, "state": str, "made": float, "made_iso": str, "changed": float, "changed_iso": str}


@dataclass(frozen=True, slots=True)
class Order:
    """An order: `to` names the recipient, `folder` or `url` (the other is empty) is where that was when confirmed.

    `made` and `changed` are UNIX times in seconds; `changed` is when `state` was entered.
    """

    id: str
    clip: int
    to: str
    folder: str
    url: str
    reason: str
    seal: Seal
    state: str
    made: float
    changed: float

    def facts(self) -> dict[str, Any]:
        """Return what was confirmed, as it stands in the ledger."""
        return {
            "order": self.id,
            "clip": self.clip,
            "to": self.to,
            "folder": self.folder,
            "url": self.url,
            "reason": self.reason,
            "bytes": self.seal.size,
            "sha256": self.seal.sha256,
        }

    def goes_to(self, to: Destination) -> bool:
        """Whether `to` is exactly the recipient that was confirmed."""
        return (self.to, self.folder, self.url) == (to.name, str(to.folder or ""), to.url)

    def as_json(self) -> dict[str, Any]:
        """Return the object that stands in order.json."""
        facts = self.facts()
        times = {
            "made": self.made,
            "made_iso": _iso(self.made),
            "changed": self.changed,
            "changed_iso": _iso(self.changed),
        }
        return {"v": 1, "id": facts.pop("order"), **facts, "state": self.state, **times}


@dataclass(frozen=True, slots=True)
class Record:
    """What the ledger knows of an order: the facts that were confirmed, and the state it reached."""

    facts: dict[str, Any]
    state: str


def folder_of(places: Places, order_id: str) -> Path:
    """Return the folder of an order; raises UsageError for what is not an order's id."""
    if not _ID.fullmatch(order_id):
        raise UsageError(f"{order_id!r} is not an order: want 16 characters of 0-9 a-f. See 'camd share list'.")
    return places.orders / order_id


def artefact_of(places: Places, order_id: str) -> Path:
    """Return the path of an order's copy of the clip."""
    return folder_of(places, order_id) / "clip.mp4"


@contextmanager
def draft(places: Places) -> Iterator[str]:
    """Make and hold the folder of a new order and give its id; the folder goes unless the order was confirmed."""
    order_id = secrets.token_hex(8)
    folder = folder_of(places, order_id)
    with writing(folder):
        places.make()
        folder.mkdir(mode=0o700)
    with locked(places, order_id):
        try:
            yield order_id
        finally:
            _remove_unconfirmed(folder)


def confirm(places: Places, clock: Clock, order: Order) -> None:
    """Keep an order that a person confirmed, in the ledger and on disk; its draft must be held."""
    assert order.state == CONFIRMED, "only a confirmed order is kept"
    ledger.append(places, clock, ENTRY_OF[CONFIRMED], **order.facts())
    _write(places, order)
    sync_folder(places.orders)


@contextmanager
def locked(places: Places, order_id: str) -> Iterator[None]:
    """Hold an order, so that one process at a time acts on it; raises HeldError, UsageError when there is none."""
    try:
        folder = os.open(folder_of(places, order_id), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise UsageError(f"there is no order {order_id}. See 'camd share list'.") from error
    try:
        _lock(folder, order_id)
        yield
    finally:
        os.close(folder)


def read(places: Places, order_id: str) -> Order:
    """Return an order as order.json has it; raises UsageError when there is none, RefusedError when it is damaged."""
    try:
        with open_plain(folder_of(places, order_id) / "order.json") as file:
            value = json.loads(file.read(1_000_000))
    except FileNotFoundError as error:
        raise UsageError(f"there is no order {order_id}. See 'camd share list'.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RefusedError(f"order {order_id}: its order.json is damaged. Order the clip anew.") from error
    if not _is_order(value, order_id):
        raise RefusedError(f"order {order_id}: its order.json is not an order's. Order the clip anew.")
    own = {key: value[key] for key in ("id", "clip", "to", "folder", "url", "reason", "state", "made", "changed")}
    return Order(**own, seal=Seal(value["bytes"], value["sha256"]))


def all_orders(places: Places, clock: Clock) -> list[Order]:
    """Return every order that can be read, oldest first, settled; what was never confirmed is cleared away."""
    found = [look(places, clock, folder.name) for folder in places.orders.glob("*") if _ID.fullmatch(folder.name)]
    return sorted((order for order in found if order), key=lambda order: (order.made, order.id))


def recorded(places: Places, order_id: str) -> Record | None:
    """Return what the ledger knows of an order; entries that cannot follow the ones before them count for nothing."""
    facts: dict[str, Any] = {}
    state: str | None = None
    for entry in ledger.entries(places):
        after = STATE_AFTER.get(entry.what)
        if entry.details.get("order") == order_id and after in NEXT[state]:
            facts, state = facts or entry.details, after
    return Record(facts, state) if state else None


def settle(places: Places, clock: Clock, order: Order) -> Order:
    """Bring a held order in line with the ledger: a sending that nobody finished may have arrived, and is `unknown`."""
    if not NEXT[order.state]:
        return order
    record = recorded(places, order.id)
    if record is None or record.state == CONFIRMED:
        return order
    if record.state == SENDING:
        why = "the sending process ended without an outcome: the clip may have arrived"
        return move(places, clock, replace(order, state=SENDING), UNKNOWN, error=why)
    if record.state != order.state:
        order = replace(order, state=record.state)
        _write(places, order)
    return order


def move(places: Places, clock: Clock, order: Order, state: str, **details: Any) -> Order:
    """Take a held order to `state`: first in the ledger, then on disk, both durable on return."""
    assert state in NEXT[order.state], "the table of states allows no other way"
    entry = ledger.append(places, clock, ENTRY_OF[state], **order.facts(), **details)
    order = replace(order, state=state, changed=entry.time)
    _write(places, order)
    return order


def look(places: Places, clock: Clock, order_id: str) -> Order | None:
    """Return one order, settled unless somebody holds it; None when it is damaged or was never confirmed."""
    try:
        with locked(places, order_id):
            _remove_unconfirmed(folder_of(places, order_id))
            return settle(places, clock, read(places, order_id))
    except HeldError:
        return _as_it_stands(places, order_id)
    except (UsageError, RefusedError):
        return None


def _lock(folder: int, order_id: str) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HeldError(f"order {order_id} is being made or sent by another camd.") from error


def _as_it_stands(places: Places, order_id: str) -> Order | None:
    try:
        return read(places, order_id)
    except (UsageError, RefusedError):
        return None


def _remove_unconfirmed(folder: Path) -> None:
    if not (folder / "order.json").exists():
        shutil.rmtree(folder)


def _write(places: Places, order: Order) -> None:
    """Put the order on disk; of one that is over, which is never carried out again, the copy goes first."""
    if not NEXT[order.state]:
        with writing(places.orders):
            artefact_of(places, order.id).unlink(missing_ok=True)
    path = folder_of(places, order.id) / "order.json"
    replace_whole(path, json.dumps(order.as_json(), indent=2).encode())
    sync_folder(path.parent)


def _is_order(value: Any, order_id: str) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == _TYPES.keys()
        and all(type(value[key]) is kind for key, kind in _TYPES.items())
        and value["id"] == order_id
        and value["state"] in ENTRY_OF
    )


def _iso(unix: float) -> str:
    return rfc3339(round(unix * SECOND))
