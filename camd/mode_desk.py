"""`camd mode`: shows or sets the mode at the terminal, the one place beside the web page that may leave home mode."""

from pathlib import Path

from camd import mode, owner
from camd.bell import ring
from camd.clock import SystemClock
from camd.config import load
from camd.errors import CannotWriteError
from camd.places import Places
from camd.terminal import Parser, ask_secret, print_json, say
from camd.timer import WAITS, next_change


def main(arguments: list[str]) -> int:
    """`camd mode [home / away]`: show the mode, or set it; what runs takes it up at once."""
    parser = Parser(
        prog="camd mode",
        description="Shows the mode, or sets it. home: the camera is closed, nobody is watched, nothing is recorded. "
        "away: camd watches. A camd that runs takes it up at once, one that is started later at its start. Where "
        "'camd setup' has set a passphrase, it is asked for to leave home mode; a script gives it as a line on stdin.",
        epilog="exit codes: 0 well; 64 wrong usage; 65 the passphrase cannot be read; 73 cannot write; 77 not the "
        "passphrase; 78 bad config",
    )
    parser.add_argument("mode", nargs="?", choices=mode.MODES, help="what to set; without: show what it is")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config that names the data folder")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder, instead of the config's")
    parser.add_argument("--json", action="store_true", help="JSON on stdout")
    options = parser.parse_args(arguments)
    config = load(options.config)
    places = Places.of(options.data or config.store.data)
    if options.mode:
        _set(places, options.mode)
    elif why := mode.FIRST if mode.is_first(places) else mode.trouble(places):
        say(f"camd mode: {why}")
    word = mode.read(places)
    coming = next_change(config.schedule, places, SystemClock()) if config.schedule.changes else None
    if options.json:
        print_json({"mode": word, "next_change": None if coming is None else coming[1].json()})
        return 0
    print(word)
    if config.schedule.changes:
        say(f"camd mode: {WAITS if coming is None else f'next change: {coming[0].words(coming[1])}'}")
    return 0


def _set(places: Places, word: str) -> None:
    if word == mode.AWAY and mode.read(places) == mode.HOME and owner.is_known(places):
        owner.confirm(places, ask_secret("The owner's passphrase, to leave home mode: "))
    try:
        places.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWriteError(f"{error.filename}: cannot make this folder ({error.strerror}).") from error
    if mode.read(places) != word or mode.trouble(places):  # whoever watches begins anew when it is written
        mode.write(places, word)
        ring(places.wish_bell)
