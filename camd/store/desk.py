"""`camd clips`: the owner's clips on the terminal.

Rule: who views, takes out or deletes a clip leaves a line in the ledger. Nothing is overwritten, and nothing is
deleted unasked. A clip is deleted while the recorder runs by making it garbage; the recorder unlinks it.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from camd import config, ledger
from camd.clock import SystemClock
from camd.config import MB
from camd.errors import CannotWriteError, RefusedError, UnusableInputError, UsageError
from camd.model import SECOND, Clip
from camd.places import Places
from camd.store import heads, receipt, said, sidecar, verdicts
from camd.store.files import ClipFiles, lies_at, open_plain, sync_folder, writing
from camd.store.index import Index
from camd.store.shelf import finish_garbage
from camd.store.verdicts import Verdict
from camd.terminal import Parser, print_json, say

LABELS = ("person", "vehicle", "animal", "other", "motion")
_PLAYERS = ("xdg-open", "mpv", "ffplay")
_CHUNK = 1 << 20


Withdraw = Callable[[Places, Sequence[Clip]], int]


def main(arguments: list[str], withdraw: Withdraw) -> int:
    """Run one `camd clips` verb; raises UsageError for a clip that is not there.

    `withdraw` takes back what still waits to be told of deleted clips, and says how many messages that were.
    """
    options = _parser().parse_args(arguments)
    options.withdraw = withdraw
    places = Places.of(options.data or config.load(options.config).store.data)
    if not places.index.exists():  # asking must not make a store
        return _no_store(places, options)
    with Index.open(places) as index:
        return _VERBS[options.verb](places, index, options)


def _no_store(places: Places, options: argparse.Namespace) -> int:
    if any(places.clips.glob("*.mp4")):
        raise UnusableInputError(
            f"{places.index}: the index is missing, the clips are not. The next start of camd, or"
            " 'camd store check --repair', makes it anew from them."
        )
    if options.verb != "list":
        raise UsageError(f"camd clips {options.verb}: no clips yet at {places.data}.")
    say(f"no clips yet at {places.data}")
    return 0


def _list(places: Places, index: Index, options: argparse.Namespace) -> int:
    clips = index.clips(options.limit, options.label, options.camera)
    if options.json:
        for clip in clips:
            print_json(_row_json(places, clip))
    elif clips:
        Console().print(_table(clips))
    else:
        which = [f" labelled {options.label}"] if options.label else []
        which += [f" of a camera called {options.camera}"] if options.camera else []
        say(f"no clips{''.join(which)} yet at {places.data}")
    return 0


def _show(places: Places, index: Index, options: argparse.Namespace) -> int:
    clip = index.clip(options.id)
    recorded = sidecar.read(ClipFiles.of(places, clip.id).sidecar)
    if options.json:
        print_json({**sidecar.to_json(recorded), "clip": _relative(places, clip)})
        return 0
    console = Console()
    console.print(_details(places, clip))
    console.print(_events(recorded))
    return 0


def _play(places: Places, index: Index, options: argparse.Namespace) -> int:
    clip = index.clip(options.id)
    path = ClipFiles.of(places, clip.id).mp4
    _note(places, "view", clip)
    player = next(filter(None, map(shutil.which, _PLAYERS)), None) if _has_screen() else None
    if player is None or subprocess.run([player, str(path)], check=False).returncode != 0:
        print(path)
    return 0


def _export(places: Places, index: Index, options: argparse.Namespace) -> int:
    clip = index.clip(options.id)
    source = ClipFiles.of(places, clip.id).mp4
    target: Path = options.to / source.name if options.to.is_dir() else options.to
    with _opened(source) as footage, _created(target) as copy:
        try:
            _copy(footage, copy, clip)
            _note(places, "export", clip)
        except BaseException:
            target.unlink()
            raise
    sync_folder(target.absolute().parent)
    say(f"clip {clip.id} exported to {target} ({_megabytes(clip.size)} MB, sha256 {clip.sha256})")
    return 0


def _star(places: Places, index: Index, options: argparse.Namespace) -> int:
    return _each(index, options.id, index.star, "starred: the ring never takes it")


def _unstar(places: Places, index: Index, options: argparse.Namespace) -> int:
    return _each(index, options.id, index.unstar, "no longer starred")


def _label(places: Places, index: Index, options: argparse.Namespace) -> int:
    number, label, events = options.id, options.label, index.clip(options.id).events
    if options.event and options.event not in events:
        raise UsageError(f"clip {number} holds no event {options.event}. 'camd clips show {number}' tells its events.")
    given = Verdict(number, label, "terminal", SystemClock().unix() // SECOND, options.event)
    counts = verdicts.give(places, index, given)
    if options.event:
        say(f"clip {number}: event {options.event} is labelled {label}")
    else:
        all_of_it = f", and with it all of its {len(events)} events; --event labels one" if len(events) > 1 else ""
        say(f"clip {number}: labelled {label}{all_of_it}")
    if not counts:
        say(f"clip {number}: {verdicts.UNCOUNTED}")
    return 0


def _delete(places: Places, index: Index, options: argparse.Namespace) -> int:
    clips = [index.clip(number) for number in dict.fromkeys(options.id)]
    if not options.yes:
        _confirm(clips)
    there = [path for clip in clips for path in ClipFiles.of(places, clip.id).all() if lies_at(path)]
    followed = _forget(places, [clip.id for clip in clips])  # first: what is cut off here can be said again
    gone = index.drop(clip.id for clip in clips)
    deleted = [clip for clip in clips if clip.id in gone]  # the ring may have been faster
    for clip in deleted:
        _note(places, "delete", clip)
    freed = _megabytes(sum(clip.size + clip.beside for clip in deleted))
    if finish_garbage(places, index):
        index.forget_traces()
        say(f"deleted {_count(deleted)}: {len(there)} files gone, {freed} MB freed")
    else:
        say(f"deleted {_count(deleted)}: the running recorder removes the {len(there)} files and frees {freed} MB")
    _tell_rest(places, deleted, options.withdraw(places, deleted), followed)
    return 0


def _forget(places: Places, clips: list[int]) -> list[str]:
    """Forget what was said of these clips, then what was learned from them; return in words what that was."""
    them = "it" if len(clips) == 1 else "them"
    unsaid, unlearned = said.forget(places, clips), heads.forget(places, clips)
    words = [f"what was said of {them} is gone as well ({unsaid} labels)"] if unsaid else []
    words += [f"what was learned from {them} is gone as well ({lesson})" for lesson in unlearned]
    return [*words, "'camd learn' learns anew from the labels that are left"] if unlearned else words


def _tell_rest(places: Places, deleted: list[Clip], withdrawn: int, followed: list[str]) -> None:
    """Say what else went, and where these clips still are."""
    for words in followed:
        say(words)
    if withdrawn:
        about = (
            "message about it, which waited for the broker, is"
            if withdrawn == 1
            else ("messages about them, which waited for the broker, are")
        )
        say(f"{withdrawn} {about} withdrawn")
    for clip in deleted:
        shares = receipt.elsewhere(places, clip.id)
        for share in shares:
            say(f"clip {clip.id}: {share}")
        if copies := receipt.remove_copies(shares):
            say(f"clip {clip.id}: what was copied for these shares is gone as well ({copies} of {len(shares)})")
        if exported := receipt.exports(places, clip.id):
            times = "1 time" if exported == 1 else f"{exported} times"
            say(f"clip {clip.id}: exported {times}; what was taken out is out of camd's reach")


_Verb = Callable[[Places, Index, argparse.Namespace], int]
_VERBS: dict[str, _Verb] = {
    "list": _list,
    "show": _show,
    "play": _play,
    "export": _export,
    "star": _star,
    "unstar": _unstar,
    "label": _label,
    "delete": _delete,
}


def _parser() -> Parser:
    parser = Parser(prog="camd clips", description="List, show, play, export, star, label and delete your clips.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    common = Parser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="the config file (default: where it usually lies)")
    common.add_argument("--data", type=Path, metavar="DIR", help="the data folder (default: store.data of the config)")

    def verb(name: str, what: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, parents=[common], help=what, description=what[0].upper() + what[1:] + ".")

    listing = verb("list", "list the clips, newest first")
    listing.add_argument("--json", action="store_true", help="one JSON object per clip")
    listing.add_argument("--limit", type=_positive, metavar="N", help="only the newest N")
    listing.add_argument("--label", choices=LABELS, help="only clips of this label")
    listing.add_argument("--camera", metavar="NAME", help="only clips of this camera")
    showing = verb("show", "show one clip and its events")
    _add_id(showing)
    showing.add_argument("--json", action="store_true", help="the clip's sidecar as one JSON object")
    _add_id(verb("play", "open one clip in a player, or print its path where there is none"))
    exporting = verb("export", "copy one clip out, checked against its sha256; nothing is overwritten")
    _add_id(exporting)
    exporting.add_argument("to", type=Path, metavar="TO", help="a new file, or a folder")
    _add_ids(verb("star", "star clips: the ring never takes them"))
    _add_ids(verb("unstar", "take the star away: the clips go in their turn"))
    labelling = verb("label", "say what a clip shows, or one event of it; 'motion': nobody can tell")
    _add_id(labelling)
    labelling.add_argument("label", choices=LABELS, metavar="LABEL", help=", ".join(LABELS))
    labelling.add_argument("--event", default="", metavar="EVENT", help="say it of one event; 'show' tells which")
    deleting = verb("delete", "delete clips for good")
    _add_ids(deleting)
    deleting.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=_positive, metavar="ID", help="the clip's number")


def _add_ids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=_positive, nargs="+", metavar="ID", help="numbers of clips")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:19]) < 10**18:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 up")
    return int(text)


def _each(index: Index, numbers: Iterable[int], act: Callable[[int], None], done: str) -> int:
    numbers = tuple(dict.fromkeys(numbers))
    for number in numbers:
        index.clip(number)  # all or none: a wrong number is told before anything changes
    for number in numbers:
        act(number)
        say(f"clip {number}: {done}")
    return 0


def _note(places: Places, what: str, clip: Clip) -> None:
    ledger.append(places, SystemClock(), what, clip=clip.id, sha256=clip.sha256)


def _opened(source: Path) -> BinaryIO:
    try:
        return open_plain(source)
    except OSError as error:
        raise UnusableInputError(f"{source}: the clip's recording cannot be read: {error.strerror}.") from error


def _created(target: Path) -> BinaryIO:
    if target.exists():
        raise CannotWriteError(f"{target}: is there already and is not overwritten. Choose another name.")
    with writing(target):
        return target.open("xb")


def _copy(footage: BinaryIO, copy: BinaryIO, clip: Clip) -> None:
    digest = hashlib.sha256()
    with writing(Path(copy.name)):
        while chunk := footage.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    if digest.hexdigest() != clip.sha256:
        raise UnusableInputError(f"{footage.name}: is not the clip as it was recorded (its sha256 differs).")


def _confirm(clips: list[Clip]) -> None:
    if not sys.stdin.isatty():
        raise RefusedError("camd clips delete: nothing was deleted. Without a terminal to ask on, it needs --yes.")
    starred = sum(clip.starred for clip in clips)
    note = f", {starred} of them starred" if starred else ""
    if input(f"Delete {_count(clips)}{note} for good? [y/N] ").strip().lower() not in ("y", "yes"):
        raise RefusedError("nothing was deleted.")


def _count(clips: list[Clip]) -> str:
    return "1 clip" if len(clips) == 1 else f"{len(clips)} clips"


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _row_json(places: Places, clip: Clip) -> dict[str, Any]:
    return {**sidecar.clip_json(clip), "clip": _relative(places, clip)}


def _relative(places: Places, clip: Clip) -> str:
    return str(ClipFiles.of(places, clip.id).mp4.relative_to(places.data))


def _table(clips: Collection[Clip]) -> Table:
    table = Table(box=None, pad_edge=False)
    has_several = len({clip.camera for clip in clips}) > 1
    for heading in ("id", "when", *(["camera"] if has_several else []), "length", "label", "MB", "star", "notes"):
        table.add_column(heading, justify="right" if heading in ("id", "length", "MB") else "left")
    for clip in clips:
        star = "*" if clip.starred else ""
        length, size = f"{clip.duration_ns / SECOND:.1f} s", _megabytes(clip.size)
        camera = [escape(clip.camera)] if has_several else []
        table.add_row(str(clip.id), _when(clip), *camera, length, escape(clip.label), size, star, _notes(clip))
    return table


def _details(places: Places, clip: Clip) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    rows = {
        "clip": f"{clip.id}{', starred' if clip.starred else ''}",
        "camera": clip.camera,
        "when": _when(clip),
        "length": f"{clip.duration_ns / SECOND:.1f} s, {clip.pre_roll_ns / SECOND:.1f} s of it before the event",
        "label": clip.label,
        "file": str(ClipFiles.of(places, clip.id).mp4),
        "size": f"{_megabytes(clip.size)} MB",
        "sha256": clip.sha256,
        "notes": _notes(clip),
    }
    for name, text in rows.items():
        if text:
            table.add_row(name, escape(text))
    return table


def _events(recorded: sidecar.Sidecar) -> Table:
    table = Table("event", "from", "to", "label", "why", box=None, pad_edge=False)
    began = recorded.clip.began
    for event in (each.event for each in recorded.events):
        span = [f"{(t - began) / SECOND:.1f} s" for t in (event.began, event.ended)]
        label = f"{event.label} {event.confidence:.0%}" if event.confidence else event.label
        table.add_row(escape(event.id), *span, escape(label), escape(event.reason.rule))
    return table


def _notes(clip: Clip) -> str:
    continues = f"continues {clip.continues}" if clip.continues is not None else ""
    undated = "" if clip.synchronised else "date unknown"
    return ", ".join(filter(None, (continues, "cut short" if clip.cut_short else "", undated)))


def _when(clip: Clip) -> str:
    """The clip's date as the clock on the wall showed it."""
    return f"{datetime.fromtimestamp(clip.began_unix_ns / SECOND):%Y-%m-%d %H:%M:%S}"


def _megabytes(count: int) -> str:
    return f"{count / MB:.1f}"
