"""Deletes everything that was recorded and learned, for good, however often it is interrupted.

Idea: a mark in the data folder says from the confirmation on that a wipe is under way; whoever starts next finishes it
before anything else, so that nothing wiped is ever seen again.
Rule: only what camd made is touched (`Places.wiped`). The ledger stays, with one line that tells of the wipe.
It does not promise that a flash card forgets the bytes: only the card's own secure erase does that.
"""

import shutil
from pathlib import Path
from uuid import uuid4

from camd import ledger
from camd.clock import Clock
from camd.places import Places
from camd.store import identity
from camd.store.files import lies_at, replace_whole, sync_folder, writing
from camd.store.hold import hold


def begin(places: Places) -> None:
    """From now on there is no way back. Raises HeldError while a recorder runs, CannotWriteError."""
    with hold(places):
        replace_whole(places.wiping, uuid4().hex.encode())
        sync_folder(places.data)


def finish(places: Places, clock: Clock, memory: Path) -> bool:
    """Finish a wipe that was begun, if one was; True when there was one. `memory` is what this machine remembers."""
    if not lies_at(places.wiping):
        return False
    with hold(places):
        mark = places.wiping.read_text(encoding="ascii", errors="replace")
        with writing(places.data):
            for path in places.wiped():
                _remove(path)
        sync_folder(places.data)
        identity.forget(places, memory)
        if not any(entry.details.get("mark") == mark for entry in ledger.entries(places)):
            ledger.append(places, clock, "wipe", mark=mark)
        with writing(places.wiping):
            places.wiping.unlink()
        sync_folder(places.data)
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
