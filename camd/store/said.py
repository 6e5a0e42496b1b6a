"""What the owner said of clips goes with them: the labels that name a deleted clip.

Idea: such a line is overwritten with blanks where it stands. So nobody who appends meanwhile loses a line, nothing is
written anew, and the old bytes are gone from the file.
Rule: a blank line says nothing; whoever reads the file passes it over.
"""

import json
import os
from collections.abc import Collection
from typing import Any

from camd.places import Places
from camd.store.files import writing


def forget(places: Places, clips: Collection[int]) -> int:
    """Blank what was said of these clips and of events in them; returns how many lines. Raises CannotWriteError."""
    count = at = 0
    with writing(places.labels):
        try:
            file = places.labels.open("r+b")
        except FileNotFoundError:
            return 0
        with file:
            for line in file.read().splitlines(keepends=True):
                if _read(line).get("clip") in clips:
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
