"""How the terminal verbs look: parsers that end with code 64, and JSON Lines.

Rule: what a script reads goes to stdout, what a person must know goes to stderr, one line each.
"""

import argparse
import json
import sys
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
