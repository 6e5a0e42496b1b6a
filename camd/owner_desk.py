"""`camd setup`: the owner's passphrase, set at the terminal, and the code with which the page takes one.

Rule: nothing that is typed is shown, and a script types a line on stdin for each question. Who may run this can write
the data folder, and so needs no permission for the first passphrase; for another one the old one is asked, or a code.
"""

from pathlib import Path

from camd import owner
from camd.clock import SystemClock
from camd.config import load
from camd.errors import RefusedError
from camd.model import SECOND
from camd.places import Places
from camd.terminal import Parser, ask_secret, say


def main(arguments: list[str]) -> int:
    """`camd setup`: set the passphrase, or make a set-up code; raises RefusedError."""
    options = _parser().parse_args(arguments)
    places = Places.of(options.data or load(options.config).store.data)
    if options.code:
        _give_code(places)
    elif owner.is_known(places):
        _change(places)
    else:
        owner.begin(places, SystemClock(), _asked_twice())
        say("the passphrase is set. From now on it is asked for when home mode is left.")
    return 0


def _give_code(places: Places) -> None:
    print(owner.new_code(places, SystemClock()))
    say(f"With this code the owner's passphrase is set, once, within {owner.VALID // SECOND // 60} minutes and before")
    say(f"the machine is started again. {owner.TRIES} wrong tries end it; 'sudo camd setup --code' makes another.")


def _change(places: Places) -> None:
    proof = ask_secret("The passphrase so far, or a set-up code: ")
    if owner.is_code(proof):
        owner.redeem(places, SystemClock(), proof, _asked_twice())
    else:
        owner.confirm(places, proof)  # before the new one is asked for
        owner.change(places, SystemClock(), proof, _asked_twice())
    say("the passphrase is another one now.")


def _asked_twice() -> str:
    new = ask_secret(f"A passphrase of {owner.LEAST} characters or more: ")
    if ask_secret("The same again: ") != new:
        raise RefusedError("those were two different ones. Nothing was changed.")
    return new


def _parser() -> Parser:
    parser = Parser(
        prog="camd setup",
        description="Set the owner's passphrase, which is asked for when home mode is left, or another one in place "
        "of it. Who has forgotten it makes a set-up code and gives that instead.",
        epilog="exit codes: 0 well; 64 wrong usage; 65 what is kept cannot be read; 73 cannot write; 77 refused; "
        "78 bad config",
    )
    parser.add_argument(
        "--code", action="store_true", help="print a code, good once, with which somebody sets the passphrase"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config that names the data folder")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder, instead of the config's")
    return parser
