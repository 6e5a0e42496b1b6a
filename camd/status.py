"""`camd status`: what camd is doing, for its owner at a terminal.

Rule: it says what the processes said of themselves: in the run folder, in the outbox's states (which the house hears
too) and in the ledger. It tries nothing and mends nothing; `camd doctor` does the one and tells of the other.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from camd import guard, ledger, mode, owner
from camd.alerts.outbox import Outbox
from camd.alerts.states import has_given_up
from camd.alive import is_alive
from camd.checkups.capture import RUNS, STOPPED, Said, capture_is, said
from camd.clock import SystemClock
from camd.config import MB, Config, load
from camd.errors import UnusableInputError
from camd.housekeeper import clips, disk
from camd.places import Places
from camd.terminal import Parser, print_json
from camd.timer import WAITS, next_change

PASSPHRASE: Final = {
    "set": "set; it is asked for when home mode is left",
    "none": "none yet: 'camd setup' sets it",
    "unknown": "cannot be read: 'camd setup' tells why",
}


def main(arguments: list[str]) -> int:
    """`camd status`: show it; 0 whatever it is."""
    options = _parser().parse_args(arguments)
    settings = load(options.config)
    places = Places.of(options.data or settings.store.data)
    told = status(settings, places)
    if options.json:
        print_json(told)
        return 0
    for what, says in _lines(told, settings, places):
        print(f"{what:10} {says}")
    return 0


def status(settings: Config, places: Places) -> dict[str, Any]:
    """Return all of it, as `--json` prints it."""
    capture, figures = capture_is(places)
    coming = next_change(settings.schedule, places, SystemClock()) if settings.schedule.changes else None
    holes = guard.said(places)
    return {
        "mode": mode.read(places),
        "next_change": None if coming is None else coming[1].json(),
        "capture": capture,
        "notify": RUNS if is_alive(places.notify_lock) else STOPPED,
        "guard": guard.state(holes) if holes else "unknown",
        **_house(settings, places, capture, figures),
        "store": {**clips(places.clips), "max_bytes": settings.store.max_bytes, "disk": disk(places.data)},
        "ledger": _ledger(places),
        "passphrase": _passphrase(places),
    }


def _house(settings: Config, places: Places, capture: str, figures: dict[str, Any]) -> dict[str, Any]:
    """What the house has heard, or will when the broker is there."""
    told = said(settings, places)
    cameras = {name: _camera(capture, told[name], figures.get(name, {})) for name in told}
    return {"cameras": cameras, "waiting": _waiting(places)}


def _waiting(places: Places) -> int:
    """How many messages wait for the broker; asking makes no outbox."""
    if not places.outbox_ram.exists():
        return 0
    with closing(Outbox(places)) as outbox:
        return outbox.count()


def _camera(capture: str, told: Said, figures: dict[str, Any]) -> dict[str, Any]:
    """One camera; what a capture that was killed said last is true no more."""
    status, sensor = told.status, told.sensor
    if capture == STOPPED and status != "offline" and not has_given_up(status, sensor):
        status, sensor = "offline", "unknown"
    return {"status": status or "unknown", "sensor": sensor or "unknown", **figures}


def _ledger(places: Places) -> dict[str, Any]:
    verdict, entries = ledger.verify(places), ledger.entries(places)
    digest = entries[-1].hash if entries else ledger.GENESIS
    return {"entries": verdict.entries, "intact": verdict.intact, "hash": digest, "words": ledger.words(digest)}


def _passphrase(places: Places) -> str:
    try:
        return "set" if owner.is_known(places) else "none"
    except UnusableInputError:
        return "unknown"


def _lines(told: dict[str, Any], settings: Config, places: Places) -> Iterator[tuple[str, str]]:
    yield "mode", told["mode"]
    if settings.schedule.changes:
        coming = next_change(settings.schedule, places, SystemClock())
        yield "next", WAITS if coming is None else coming[0].words(coming[1])
    yield "capture", told["capture"]
    yield "notify", f"{told['notify']}, {told['waiting']} messages wait for the broker"
    yield "guard", told["guard"]
    for name, camera in told["cameras"].items():
        pace = f", {camera['fps']} pictures a second, {camera['load']:.0%} busy" if "fps" in camera else ""
        yield "camera", f"{name}: {camera['status']}, sensor {camera['sensor']}{pace}"
    yield "store", _room(told["store"])
    book = told["ledger"]
    intact = "intact" if book["intact"] else "NOT intact, see 'camd ledger verify'"
    yield "ledger", f"{book['entries']} entries, {intact}; head {book['words']}"
    yield "passphrase", PASSPHRASE[told["passphrase"]]


def _room(store: dict[str, Any]) -> str:
    kept = f"{store.get('clips', 0)} clips, {store.get('clip_bytes', 0) / MB:.0f} of {store['max_bytes'] / MB:.0f} MB"
    return kept if store["disk"] is None else f"{kept}; {store['disk']['free'] / MB:.0f} MB of the disk are free"


def _parser() -> Parser:
    parser = Parser(
        prog="camd status",
        description="Show what runs, the mode and its next change, the guard, each camera and its sensor, the store, "
        "and the head of the ledger in words, for 'camd ledger verify --words' later. 'camd doctor' looks deeper.",
        epilog="exit codes: 0 well; 64 wrong usage; 65 what is kept cannot be read; 78 bad config",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings; default: where they usually lie")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder, instead of the config's")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    return parser
