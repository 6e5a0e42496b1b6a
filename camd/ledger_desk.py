"""`camd ledger`: the ledger for a person to read.

Rule: it only reads. It stands apart from `camd.ledger` so that the daemon never loads what draws tables.
"""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from camd import ledger
from camd.config import load
from camd.ledger import Entry, Verdict
from camd.places import Places
from camd.terminal import Parser, print_json, say

COLUMNS = ("clip", "to", "reason")  # details with a column of their own


def main(arguments: list[str]) -> int:
    """`camd ledger [verify]`: show the entries, or check that nothing was changed or removed (exit 1 if so)."""
    parser = Parser(
        prog="camd ledger",
        description="Who got what, when (UTC) and why. 'camd ledger verify' checks that no entry was changed, moved or "
        "removed since it was written: it says 'intact', or which line is wrong and why (exit 1).",
    )
    parser.add_argument("verb", nargs="?", choices=("show", "verify"), default="show", help="show (default) or verify")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config that names the data folder")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder, instead of the config's")
    parser.add_argument(
        "--words", default="", help="verify that the entry is there whose words 'camd status' once gave for the head"
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout")
    options = parser.parse_args(arguments)
    if options.words and options.verb == "show":
        parser.error("--words belong to verify")
    places = Places.of(options.data or load(options.config).store.data)
    if options.verb == "show":
        return _lines(places) if options.json else _table(places)
    verdict = _with_words(places, ledger.verify(places), options.words)
    if options.json:
        print_json({"intact": verdict.intact, "entries": verdict.entries, "line": verdict.line, "why": verdict.why})
    else:
        print(f"intact: {verdict.entries} entries" if verdict.intact else _wrong(verdict))
    return 0 if verdict.intact else 1


def _table(places: Places) -> int:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("#", "when", "what"):
        table.add_column(name, no_wrap=True)
    for name in (*COLUMNS, "more"):
        table.add_column(name, overflow="fold")
    for entry in ledger.entries(places):
        table.add_row(*(Text(_plain(cell)) for cell in _cells(entry)))
    Console().print(table)
    return _warn(ledger.verify(places))


def _lines(places: Places) -> int:
    for entry in ledger.entries(places):
        print_json(entry.as_json())
    return _warn(ledger.verify(places))


def _with_words(places: Places, verdict: Verdict, words: str) -> Verdict:
    """The verdict, held against words for an earlier head: the entry that they are of must still be there."""
    if not words or not verdict.intact:
        return verdict
    seq = next((entry.seq for entry in ledger.entries(places) if ledger.words(entry.hash) == words.lower()), None)
    if seq is None:
        return Verdict(verdict.entries, None, f"no entry has the words {words}: it was rewritten since they were given")
    say(f"{words} are the words of entry {seq}")
    return verdict


def _warn(verdict: Verdict) -> int:
    if not verdict.intact:
        say(f"camd ledger: {_wrong(verdict)}")
    return 0 if verdict.intact else 1


def _wrong(verdict: Verdict) -> str:
    where = f"line {verdict.line}: " if verdict.line else ""
    return f"not intact: {where}{verdict.why}. {verdict.entries} entries before it are in order."


def _cells(entry: Entry) -> tuple[str, ...]:
    more = [f"{key}={value}" for key, value in sorted(entry.details.items()) if key not in COLUMNS and value != ""]
    when = entry.time_iso[:19].replace("T", " ")
    return (str(entry.seq), when, entry.what, *(str(entry.details.get(key, "")) for key in COLUMNS), " ".join(more))


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
