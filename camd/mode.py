"""Home mode: whether anybody is to be watched at all.

Idea: one word in one file of the data folder, `home` or `away`, written whole and synced before anybody acts on it.
Rule: in doubt nobody is watched: a file that is missing or cannot be read means home. Whoever makes a new store writes
`away`, so that a first start works. Who may ask for which mode is `camd.wishes`' business.
It does not close a camera: capture does, which looks here first.
"""

import os
from typing import Final

from camd.errors import CannotWriteError
from camd.places import Places

HOME: Final = "home"
AWAY: Final = "away"
MODES: Final = (HOME, AWAY)


def read(places: Places) -> str:
    """Return the mode, `home` where it cannot be known."""
    try:
        word = places.mode.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return HOME
    return word if word in MODES else HOME


def trouble(places: Places) -> str:
    """Why the mode cannot be known, in one line; "" when it can."""
    try:
        word = places.mode.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        return f"{places.mode}: cannot be read ({error}), so nobody is watched. 'camd mode away' mends it."
    if word not in MODES:
        return f"{places.mode}: holds neither home nor away, so nobody is watched. 'camd mode away' mends it."
    return ""


def write(places: Places, mode: str) -> None:
    """Set the mode; it lasts through a power cut when this returns. Raises CannotWriteError."""
    assert mode in MODES
    temp = places.mode.with_name("mode.tmp")
    try:
        with temp.open("w", encoding="ascii") as file:
            file.write(f"{mode}\n")
            file.flush()
            os.fsync(file.fileno())
        temp.replace(places.mode)
        _sync(places)
    except OSError as error:
        raise CannotWriteError(
            f"{places.mode}: cannot be written ({error.strerror}). The mode is as it was."
        ) from error


def _sync(places: Places) -> None:
    folder = os.open(places.mode.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
