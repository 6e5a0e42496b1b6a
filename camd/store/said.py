"""What the owner said of clips goes with them: the lines of labels and feedback that name a deleted clip.

Idea: such a line is overwritten with blanks where it stands. So nobody who appends meanwhile loses a line, nothing is
written anew, and the old bytes are gone from the file.
Rule: a blank line says nothing; whoever reads these files passes it over.
"""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from camd.model import Clip
from camd.places import Places
from camd.store.files import writing


def forget(places: Places, clips: Iterable[Clip]) -> int:
    """Blank what was said of these clips and their events; returns how many lines. Raises CannotWriteError."""
    numbers: set[int] = set()
    events: set[str] = set()
    for clip in clips:
        numbers.add(clip.id)
        events.update(clip.events)
    return _blank(places.labels, lambda line: line.get("clip") in numbers) + _blank(
        places.feedback, lambda line: line.get("event_id") in events
    )


def _blank(path: Path, is_meant: Callable[[dict[str, Any]], bool]) -> int:
    count = at = 0
    with writing(path):
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            return 0
        with file:
            for line in file.read().splitlines(keepends=True):
                if is_meant(_read(line)):
                    os.pwrite(file.fileno(), b" " * len(line.rstrip(b"\n")), at)
                    count += 1
                at += len(line)
            if count:
                os.fsync(file.fileno())
    return count


def _read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
