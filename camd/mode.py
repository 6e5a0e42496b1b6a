"""Home mode: whether anybody is to be watched at all.

Idea: one word in one file of the data folder, `home` or `away`, written whole and synced before anybody acts on it.
Rule: in doubt nobody is watched: a file that is missing or cannot be read means home. Whoever makes a new store writes
`away`, so that a first start works. Who may ask for which mode is `camd.wishes`' business.
It does not close a camera: capture does, which looks here first.
"""

import os
from pathlib import Path
from typing import Final

from camd.clock import SystemClock
from camd.errors import CannotWriteError
from camd.places import Places

HOME: Final = "home"
AWAY: Final = "away"
MODES: Final = (HOME, AWAY)
FIRST: Final = (
    "camd has not run here yet. Its first start watches, unless 'camd mode home' or the schedule says otherwise before."
)
MEND: Final = "'camd mode away' mends it."
UNDATED: Final = 2**31 - 1  # UNIX seconds, the last that every file system knows


def read(places: Places) -> str:
    """Return the mode, `home` where it cannot be known."""
    try:
        word = _word(places)
    except OSError:
        return HOME
    return word if word in MODES else HOME


def is_new(places: Places) -> bool:
    """Whether nothing was ever kept here, and nobody ever said whether cameras may look. Raises OSError."""
    return not (places.index.exists() or places.mode.exists() or any(places.clips.glob("*.mp4")))


def is_first(places: Places) -> bool:
    """Whether the next start is the first, which watches; False when nobody can tell."""
    try:
        return is_new(places)
    except OSError:
        return False


def trouble(places: Places) -> str:
    """Why the mode cannot be known, in one line; "" when it can."""
    try:
        word = _word(places)
    except OSError as error:
        return f"{places.mode}: cannot be read ({error.strerror}), so nobody is watched. {MEND}"
    return "" if word in MODES else f"{places.mode}: holds neither home nor away, so nobody is watched. {MEND}"


def _word(places: Places) -> str:
    return places.mode.read_text(encoding="ascii", errors="replace").strip()


def write(places: Places, mode: str) -> None:
    """Set the mode; it lasts through a power cut when this returns. Raises CannotWriteError.

    A disk that takes no file, and lets the old one go, is in home mode too: a missing file means that.
    """
    assert mode in MODES
    try:
        write_whole(places.mode, f"{mode}\n")
    except OSError as error:
        if mode == HOME and _is_removed(places):
            return
        raise CannotWriteError(
            f"{places.mode}: cannot be written ({error.strerror}). The mode is as it was."
        ) from error


def written(places: Places) -> int | None:
    """The UNIX second at which the mode was written; None when nobody knows it."""
    try:
        at = places.mode.stat().st_mtime
    except OSError:
        return None
    return None if at >= UNDATED else int(at)


def write_whole(path: Path, text: str) -> None:
    """Put a line of ASCII at `path`, whole or not at all, to last through a power cut. Raises OSError.

    It is its owner's alone to read. Where the machine does not know the date, the file does not tell one either.
    """
    temp = path.with_name(f"{path.name}.tmp")
    with open(temp, "w", encoding="ascii", opener=_private) as file:
        file.write(text)
        file.flush()
        if not SystemClock().synchronised():
            os.utime(file.fileno(), (UNDATED, UNDATED))
        os.fsync(file.fileno())
    temp.replace(path)
    _sync(path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_removed(places: Places) -> bool:
    try:
        places.mode.unlink(missing_ok=True)
        _sync(places.mode.parent)
    except OSError:
        return False
    return True


def _sync(parent: Path) -> None:
    folder = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
