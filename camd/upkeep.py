"""`camd store` and `camd wipe`: the store for its owner to look over, mend and empty.

Rule: a check changes nothing and says what a repair would do; a repair holds the store like a recorder and deletes no
footage; a wipe is asked for by the word WIPE.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from camd import config
from camd.alerts.outbox import SPILL_AFTER, Outbox
from camd.alerts.states import state
from camd.alerts.topics import Names
from camd.clips.adopt import adopt
from camd.clock import SystemClock, rfc3339
from camd.config import MB, Config
from camd.errors import RefusedError, UsageError
from camd.model import Alert, Box, Clip, Event, Reason
from camd.places import Places, known_stores
from camd.store import check, desk, identity, ring, sidecar, wear
from camd.store import wipe as wiping
from camd.store.check import Mend, Violation
from camd.store.files import lies_at, sync_folder
from camd.store.index import Index
from camd.store.room import free_bytes
from camd.store.shelf import Shelf
from camd.store.sidecar import RecordedEvent, Sidecar
from camd.terminal import Parser, print_json, say

_NEXT = 10  # clips that a plan shows
_UNKNOWN = Reason("lost with the sidecar", 0, 0, 0, 0.0, 1.0, Box(0.0, 0.0, 1.0, 1.0))


def main(arguments: list[str]) -> int:
    """`camd store check` (exit 1 on damage), `camd store plan` and `camd store wear`."""
    options = _parser().parse_args(arguments)
    settings = config.load(options.config)
    places = Places.of(options.data or settings.store.data)
    identity.expect(places, known_stores())
    if not places.clips.exists():
        raise UsageError(f"camd store {options.verb}: nothing was recorded yet at {places.data}.")
    return _VERBS[options.verb](places, settings, options)


def wipe(arguments: list[str]) -> int:
    """`camd wipe`: delete everything that was recorded and learned, after the word WIPE was typed."""
    parser = Parser(
        prog="camd wipe",
        description="Delete all clips, thumbnails, stars and labels, share orders, waiting alerts and what was learned."
        " Stop capture first. The ledger stays, with one line about it. Interrupted, it is finished at the next start.",
    )
    _add_places(parser)
    options = parser.parse_args(arguments)
    settings = config.load(options.config)
    places = Places.of(options.data or settings.store.data)
    if not places.data.exists():
        raise UsageError(f"camd wipe: there is nothing at {places.data}.")
    _confirm_wipe(places)
    wiping.begin(places)
    wiping.finish(places, SystemClock(), known_stores())
    _clear_picture(places, settings)
    say(f"everything that camd recorded and learned at {places.data} is gone")
    say("the broker forgets the last picture as soon as notify tells it: at once if it runs, else when it starts")
    return 0


def _clear_picture(places: Places, settings: Config) -> None:
    """Tell the broker to forget each camera's last picture; of a wipe cut off, the next start of capture does."""
    clock = SystemClock()
    mqtt, cameras = settings.mqtt, [each.camera.name for each in settings.each()]
    empty = [state(Names(mqtt.prefix, mqtt.node, camera).snapshot, "") for camera in cameras]
    with closing(Outbox(places)) as outbox:
        outbox.put(empty, clock.boot_id, clock.boot(), clock.unix())
        outbox.spill(clock.boot() + SPILL_AFTER)  # at once: it may be long until notify runs


def clips(arguments: list[str]) -> int:
    """`camd clips`: what is deleted is no longer told of either."""
    return desk.main(arguments, _withdraw)


def _withdraw(places: Places, deleted: Sequence[Clip]) -> int:
    """Take back what waits for the broker about clips that are gone."""
    about = {f'"id":{clip.id},' for clip in deleted}

    def is_about_them(alert: Alert) -> bool:
        return alert.topic.endswith("/clip") and any(words in str(alert.payload) for words in about)

    with closing(Outbox(places)) as outbox:
        return outbox.withdraw(is_about_them)


def _check(places: Places, settings: Config, options: argparse.Namespace) -> int:
    look = _deep if options.deep else check.quick
    found = look(places, settings.store)
    for violation in found:
        _show(violation, options)
    if found and options.repair:
        _repair(places, settings, found)
        left = look(places, settings.store)
        say(f"{_count(len(found), 'violation')}, {len(found) - len(left)} mended")
        return 1 if left else 0
    say(f"{places.data}: {_count(len(found), 'violation') if found else 'whole'}")
    return 1 if found else 0


def _deep(places: Places, limits: config.StoreConfig) -> list[Violation]:
    def shown(clips: Sequence[Clip]) -> Iterable[Clip]:
        console = Console(stderr=True)
        return track(clips, "reading clips", console=console, transient=True, disable=not console.is_terminal)

    return check.deep(places, limits, shown)


def _show(violation: Violation, options: argparse.Namespace) -> None:
    if options.json:
        told = {"violation": violation.what, "clip": violation.clip, "repair": violation.mend.value}
        print_json({"type": "violation", **told})
    else:
        print(f"{violation.what}\n    --repair would: {violation.mend.value}")


def _repair(places: Places, settings: Config, found: Sequence[Violation]) -> None:
    clock = SystemClock()
    with Shelf.open(places, settings.store, clock) as shelf:
        for violation in found:
            _MENDS[violation.mend](places, shelf, violation)
        adopt(shelf, settings.camera.name)
        shelf.make_room(0)


def _by_opening(places: Places, shelf: Shelf, violation: Violation) -> None:
    """Taking hold of the store mended it, or the last steps will."""


def _take_again(places: Places, shelf: Shelf, violation: Violation) -> None:
    if violation.clip is not None:
        shelf.disown(violation.clip)


def _aside(places: Places, shelf: Shelf, violation: Violation) -> None:
    if violation.path is None or not lies_at(violation.path):
        return
    if violation.clip is not None:
        shelf.disown(violation.clip)
    say(f"set aside as {shelf.set_aside(violation.path)}")


def _write_sidecar(places: Places, shelf: Shelf, violation: Violation) -> None:
    assert violation.clip is not None, "a sidecar is a clip's"
    path = shelf.sidecar(violation.clip)
    if path.exists():
        say(f"set aside as {shelf.set_aside(path)}")
    with Index.open(places) as index:
        clip = index.clip(violation.clip)
    began, ended = clip.began + clip.pre_roll_ns, clip.began + clip.duration_ns
    events = (Event(id_, clip.label, 0.0, began, ended, _UNKNOWN) for id_ in clip.events)
    sidecar.write(path, Sidecar(clip, tuple(map(RecordedEvent, events))))
    sync_folder(path.parent)
    shelf.disown(violation.clip)


_MENDS: dict[Mend, Callable[[Places, Shelf, Violation], None]] = {
    Mend.INDEX: _by_opening,
    Mend.AGAIN: _take_again,
    Mend.SIDECAR: _write_sidecar,
    Mend.FORGET: _by_opening,
    Mend.ASIDE: _aside,
    Mend.START: _by_opening,
    Mend.ROOM: _by_opening,
    Mend.NOTHING: _by_opening,
}
assert _MENDS.keys() == set(Mend), "each violation has its mend"


def _plan(places: Places, settings: Config, options: argparse.Namespace) -> int:
    limits, clock = settings.store, SystemClock()
    with Index.open(places) as index:
        used, starred = index.total_bytes(), index.starred_bytes()
        left = min(limits.max_bytes - used, free_bytes(places.clips) - limits.keep_free)
        known = clock.synchronised()
        expired = ring.expired(index.unstarred(), clock.unix(), limits.max_age) if known else ()
        going = ring.plan(index.unstarred(), max(0, left), _NEXT)
    if options.json:
        facts = {"used_bytes": used, "starred_bytes": starred, "left_bytes": left, "date_known": known}
        print_json({"type": "store", **facts})
        for clip, after in going:
            print_json({"type": "next", "clip": clip.id, "after_bytes": after, "expired": clip in expired})
        return 0
    say(f"{_mb(used)} of {_mb(limits.max_bytes)} MB used, {_mb(starred)} MB of it starred and never taken")
    say(f"{_mb(left)} MB can be recorded before the first clip must go" if left > 0 else "the next clip makes one go")
    if not known:
        say("the date is not known for sure: no clip goes for its age")
    Console().print(_table(going, set(expired)))
    return 0


def _table(going: Iterable[tuple[Clip, int]], expired: set[Clip]) -> Table:
    table = Table("clip", "recorded", "MB", "goes", "why", box=None, pad_edge=False)
    for clip, after in going:
        when = "now" if clip in expired else f"after {_mb(after)} MB more"
        why = "older than store.max_age" if clip in expired else "the oldest without a star"
        date = rfc3339(clip.began_unix_ns)[:16] if clip.synchronised else "date unknown"
        table.add_row(str(clip.id), date, _mb(clip.size + clip.beside), when, why)
    return table


def _confirm_wipe(places: Places) -> None:
    print(f"This deletes everything that camd recorded and learned at {places.data}, and cannot be undone.")
    try:
        answer = input("To go on, type WIPE: ")
    except (EOFError, UnicodeDecodeError):
        answer = ""
    if answer.strip() != "WIPE":
        raise RefusedError("nothing was deleted: that was not WIPE.")


def _wear(places: Places, settings: Config, options: argparse.Namespace) -> int:
    told = wear.read(places)
    if told is None:
        say("nothing was recorded since this machine was booted")
    elif options.json:
        print_json({"type": "wear", **told})
    else:
        kept, written = told["recorded_bytes"], told["written_bytes"]
        say(f"since capture began: {_count(told['clips'], 'clip')} kept, {told['cut_short']} of them cut short")
        say(f"{_count(told['evicted'], 'clip')} evicted; {_mb(kept)} MB kept")
        if written is not None and kept:
            say(f"{_mb(written)} MB written to clips and index for them, {written / kept:.2f} bytes for each one kept")
    return 0


_Verb = Callable[[Places, Config, argparse.Namespace], int]
_VERBS: dict[str, _Verb] = {"check": _check, "plan": _plan, "wear": _wear}


def _parser() -> Parser:
    parser = Parser(prog="camd store", description="Look over the store, mend it, and see what would go next.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    checking = verbs.add_parser(
        "check",
        help="hold the store against its invariants (exit 1 on damage)",
        description="Hold the store against its invariants. Each violation is told with what --repair would do about"
        " it; footage is never deleted. Exit 1 when there was damage that is not mended.",
    )
    checking.add_argument("--repair", action="store_true", help="mend what can be mended; stop camd first")
    checking.add_argument("--deep", action="store_true", help="read every recording and compare its sha256")
    planning = verbs.add_parser("plan", help="show which clips would go next, and why")
    wearing = verbs.add_parser("wear", help="show how much was written to the disk for what was recorded")
    for each in (checking, planning, wearing):
        each.add_argument("--json", action="store_true", help="JSON Lines on stdout")
        _add_places(each)
    return parser


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config file (default: where it usually lies)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder (default: store.data of the config)")


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _mb(count: int) -> str:
    return f"{count / MB:.1f}"
