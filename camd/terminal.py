"""How the terminal verbs look: parsers that end with code 64, and JSON Lines.

Rule: what a script reads goes to stdout, what a person must know goes to stderr, one line each.
"""

import argparse
import json
import sys
from getpass import getpass
from typing import Any, NoReturn

from camd.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` of one verb whose mistakes are `UsageError`s (exit code 64)."""

    def error(self, message: str) -> NoReturn:
        """Raise the mistake with the way to the help text."""
        raise UsageError(f"{self.prog}: {message}. See '{self.prog} --help'.")


def print_json(value: dict[str, Any]) -> None:
    """Print one object as one line of JSON, `"v": 1` first."""
    print(json.dumps({"v": 1, **value}, ensure_ascii=False, separators=(",", ":")))


def say(line: str) -> None:
    """Tell the person at the terminal something that is not part of the output."""
    print(line, file=sys.stderr)


def ask_secret(question: str) -> str:
    """Return what is typed without showing it; a script gives a line on stdin. "" when there is none."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().removesuffix("\n")
    try:
        return getpass(question)
    except EOFError:
        return ""
