"""`camd share`: the owner orders one clip to be sent to one recipient, and sees what was ordered before.

Rule: a person sees exactly what will leave, and types a part of its sha256; nothing else makes an order. The sending
is a process of its own (`camd send`).
"""

import argparse
import subprocess
import sys
import threading
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from camd.clock import Clock, SystemClock, rfc3339
from camd.config import Config, Destination, load
from camd.errors import RefusedError, UnavailableError, UsageError
from camd.model import SECOND, Clip
from camd.places import Places
from camd.share import artefact, order
from camd.share.order import Order
from camd.store.index import Index
from camd.terminal import Parser, print_json, say

MAX_REASON = 300  # characters
_CODES = {order.SENT: 0, order.FAILED: UnavailableError.exit_code, order.UNKNOWN: UnavailableError.exit_code}


def main(arguments: list[str]) -> int:
    """`camd share CLIP --to NAME --reason TEXT`, and `camd share list`."""
    if arguments[:1] == ["list"]:
        return _list(arguments[1:])
    return _order(arguments)


def _list(arguments: list[str]) -> int:
    parser = Parser(prog="camd share list", description="Show the share orders and what became of each.")
    _add_places(parser)
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")
    options = parser.parse_args(arguments)
    places = Places.of(options.data or load(options.config).store.data)
    show = _print_json if options.json else _print_line
    for one in order.all_orders(places, SystemClock()):
        show(one)
    return 0


def _order(arguments: list[str]) -> int:
    parser = Parser(
        prog="camd share",
        description="Send one clip to one recipient of the config's share.to. Shows what will leave and asks for the "
        "first four characters of its sha256; nothing leaves without them. 'camd share list' shows earlier orders.",
    )
    parser.add_argument("clip", type=int, metavar="CLIP", help="the clip's number, see 'camd clips list'")
    parser.add_argument("--to", required=True, metavar="NAME", help="a recipient of the config's share.to")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it stands in the ledger")
    _add_places(parser)
    options = parser.parse_args(arguments)
    config = load(options.config)
    places = Places.of(options.data or config.store.data)
    to = _recipient(config, options.to)
    with Index.open(places) as index:
        clip = index.clip(options.clip)
    return _send(_ordered(places, SystemClock(), clip, to, _reason(options.reason)), places, options)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder, instead of the config's")


def _recipient(config: Config, name: str) -> Destination:
    known = {to.name: to for to in config.share.to}
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UsageError(
            f"no recipient {name!r} in share.to of the config{hint}. There: {', '.join(known) or 'nobody'}."
        )
    return known[name]


def _reason(text: str) -> str:
    text = text.strip()
    if not text or len(text) > MAX_REASON or not text.isprintable():
        raise UsageError(f"--reason: want one line of 1 to {MAX_REASON} characters.")
    return text


def _ordered(places: Places, clock: Clock, clip: Clip, to: Destination, reason: str) -> Order:
    """Make the copy, let a person confirm it, and return the order; raises RefusedError and leaves nothing then."""
    with order.draft(places) as order_id:
        seal = artefact.make(places, clip, order.artefact_of(places, order_id))
        now = round(clock.unix() / SECOND, 3)
        made = Order(
            order_id,
            clip.id,
            to.name,
            str(to.folder or ""),
            to.url,
            reason,
            seal,
            order.CONFIRMED,
            made=now,
            changed=now,
        )
        _preview(clip, made)
        _ask(made)
        order.confirm(places, clock, made)
        return made


def _preview(clip: Clip, made: Order) -> None:
    print(f"clip       {clip.id}")
    print(f"camera     {clip.camera}")
    print(f"when       {rfc3339(clip.began_unix_ns)}")
    print(f"length     {clip.duration_ns / SECOND:.1f} s")
    print(f"recipient  {made.to}: {_where(made)}")
    print(f"reason     {made.reason}")
    print(f"bytes      {made.seal.size}")
    print(f"sha256     {made.seal.sha256}")
    print("A person at the other end may watch this.")


def _where(made: Order) -> str:
    return made.folder or str(urlsplit(made.url).netloc)


def _ask(made: Order) -> None:
    try:
        answer = input("To send it, type the first four characters of the sha256: ")
    except (EOFError, RuntimeError, UnicodeDecodeError):  # no more input, no stdin at all, not text
        answer = ""
    if answer.strip().lower() != made.seal.sha256[:4]:
        raise RefusedError("not confirmed: those are not the first four characters of the sha256. Nothing was sent.")


def _send(made: Order, places: Places, options: argparse.Namespace) -> int:
    is_usual = not (options.config or options.data)  # the unit knows no other settings
    code = _by_systemd(made, places) if is_usual and _is_watched(places) else _by_child(made, places, options.config)
    print(f"order {made.id}: {_state(made, places)}")
    return code


def _state(made: Order, places: Places) -> str:
    now = order.look(places, SystemClock(), made.id)
    return now.state if now else "damaged"


def _by_child(made: Order, places: Places, config: Path | None) -> int:
    command = [sys.executable, "-m", "camd", "send", made.id, "--data", str(places.data)]
    code = subprocess.run([*command, *(("--config", str(config)) if config else ())], check=False).returncode
    return code if code >= 0 else UnavailableError.exit_code  # killed: what arrived is not known


def _is_watched(places: Places) -> bool:
    """Whether systemd sends what lies ready, in a unit that reaches the recipients alone."""
    asked = ("systemctl", "is-active", "-q", "camd-send.path")
    return places.sending.is_dir() and subprocess.run(asked, check=False).returncode == 0


def _by_systemd(made: Order, places: Places) -> int:
    """Lay the order ready and wait until its sending is over; the code that `camd send` ended with, but for details."""
    clock, never = SystemClock(), threading.Event()
    ready = places.sending / made.id
    ready.touch()
    while ready.exists():
        clock.wait(clock.boot() + SECOND // 10, never)
    say("camd-send.service did it: 'journalctl -u camd-send' has its words. It knows recipients that 'camd units' saw.")
    return _CODES.get(_state(made, places), RefusedError.exit_code)


def _print_line(one: Order) -> None:
    print(f"{one.id}  {rfc3339(round(one.made * SECOND))}  {one.state:9}  clip {one.clip} to {one.to}: {one.reason}")


def _print_json(one: Order) -> None:
    print_json(one.as_json())
