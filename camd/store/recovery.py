"""What a start does before anything is recorded: finish what a crash left, and hold index and folder name against name.

Rule: to be called by who holds the data folder. No footage is deleted here: recordings without a row are handed back,
and an index that cannot be believed is set aside, after which every clip is such a recording.
"""

import logging
from collections.abc import Iterable, Set

from camd.places import Places
from camd.store import folder, identity, room
from camd.store.files import ClipFiles, writing
from camd.store.folder import Listing
from camd.store.index import Index
from camd.store.trust import DamagedIndexError

_log = logging.getLogger(__name__)


def open_index(places: Places) -> Index:
    """The index, made anew when it cannot be believed."""
    try:
        return Index.open(places)
    except DamagedIndexError as error:
        _log.error("%s", error)
        set_index_aside(places)
        return Index.open(places)


def set_index_aside(places: Places) -> None:
    """Move a closed index to the damaged things."""
    for suffix in ("", "-wal", "-shm"):
        path = places.index.with_name(places.index.name + suffix)
        if path.exists():
            folder.set_aside(places, path)


def recover(places: Places, index: Index) -> set[int]:
    """Finish what was begun, and return the numbers of recordings without a row. Raises DamagedIndexError."""
    index.verify_pages()
    identity.agree(places, index)
    index.settle()
    finish_garbage(places, index)
    room.load_ballast(places)
    found, rows = folder.scan(places), index.ids()
    _remove_stray(places, found, rows)
    _drop_missing(places, index, rows - found.numbers["mp4"])
    index.pass_over(max(found.all(), default=0))
    return found.recordings() - rows


def finish_garbage(places: Places, index: Index) -> None:
    """Unlink what was dropped, and forget it."""
    numbers = index.garbage()
    if numbers:
        folder.unlink(places, numbers)
        index.forget(numbers)


def _remove_stray(places: Places, found: Listing, rows: frozenset[int]) -> None:
    """Temps, sidecars and thumbnails of recordings that never came to be, and recordings that were deleted."""
    # The temps of clips with a row are left alone: another process may be writing a star.
    empty = found.all() - found.recordings() - rows
    if empty:
        folder.unlink(places, empty)
    with writing(places.clips):
        for suffix in ("json.tmp", "jpg.tmp"):
            for number in found.numbers[suffix] - rows:
                ClipFiles.of(places, number).part.with_suffix(f".{suffix}").unlink(missing_ok=True)


def _drop_missing(places: Places, index: Index, numbers: Set[int]) -> None:
    """Rows whose recording somebody took away: this is the right folder, so it will not come back."""
    if numbers:
        _log.warning("%s: %d recordings are gone: %s", places.clips, len(numbers), _some(numbers))
        index.drop(numbers)
        finish_garbage(places, index)


def _some(numbers: Iterable[int]) -> str:
    numbers = sorted(numbers)
    return ", ".join(map(str, numbers[:10])) + (" ..." if len(numbers) > 10 else "")
