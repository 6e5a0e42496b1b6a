"""The clips folder as a whole: what lies in it, what is taken out of it, and what is set aside.

Rule: one pass over the names, no file opened: 100,000 clips are looked over in half a second. Whatever is not an
ordinary file (a FIFO, a link, a folder) is never opened and never followed; it is set aside under its name.
"""

import logging
import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from camd.places import Places
from camd.store.files import ClipFiles, number_of, sync_folder, writing

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listing:
    """Numbers of the clips of which there are files, by suffix: `mp4`, `part`, `gone`, `json`, `jpg` and temps."""

    numbers: dict[str, set[int]]

    def recordings(self) -> set[int]:
        """Those with a recording, finished or not."""
        return self.numbers["mp4"] | self.numbers["part"]

    def all(self) -> set[int]:
        """Those with any file."""
        return set().union(*self.numbers.values())


def scan(places: Places) -> Listing:
    """What belongs to clips by its name. Raises CannotWriteError."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    with writing(places.clips), os.scandir(places.clips) as entries:
        for entry in entries:
            number = number_of(entry)
            if number is not None:
                found[entry.name.partition(".")[2]].add(number)
    return Listing(found)


def unlink(places: Places, numbers: Iterable[int]) -> None:
    """Take away all files of these clips, for good on return. Raises CannotWriteError."""
    with writing(places.clips):
        for number in numbers:
            for path in ClipFiles.of(places, number).all():
                _remove(places, path)
    sync_folder(places.clips)


def bury(places: Places, numbers: Iterable[int]) -> None:
    """Let the folder itself say that these clips are deleted, for good on return; somebody else unlinks them.

    Raises CannotWriteError.
    """
    with writing(places.clips):
        for files in (ClipFiles.of(places, number) for number in numbers):
            with suppress(FileNotFoundError):  # it is unlinked already
                files.mp4.rename(files.gone)
    sync_folder(places.clips)


def set_aside(places: Places, path: Path) -> Path:
    """Move what cannot be used to the folder of damaged things, where nothing is overwritten; returns where it lies."""
    with writing(path):
        places.damaged.mkdir(mode=0o700, exist_ok=True)
        taken = {entry.name for entry in places.damaged.iterdir()}
        names = (path.name, *(f"{path.name}.{number}" for number in range(1, len(taken) + 2)))
        target = places.damaged / next(name for name in names if name not in taken)
        path.rename(target)
    sync_folder(places.damaged)
    sync_folder(path.parent)
    return target


def _remove(places: Places, path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except IsADirectoryError:
        _log.warning("%s: a folder in the place of a clip; set aside as %s", path, set_aside(places, path))
