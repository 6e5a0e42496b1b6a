"""Which store this is: a name in the clips folder, the same in the index, and in what this machine remembers.

Idea: a card that was pulled, swapped or not mounted leaves an empty folder or another store under the same path. Index
and clips folder carry one name; where the data folder lies on a disk of its own, this machine remembers it as well.
Rule: names that do not agree are refused and nothing is written: no new store is ever begun over a missing one.
"""

import json
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from camd.errors import CannotWriteError, UnavailableError
from camd.places import Places
from camd.store.files import ClipFiles, open_plain, replace_whole, sync_folder
from camd.store.index import Index

_MOST = 1_000_000  # bytes of a file that holds names


def agree(places: Places, index: Index) -> None:
    """Give index and clips folder one name, or raise UnavailableError when they are of different stores."""
    written = read(places)
    if written is None:
        _begin(places, index)
    elif written != index.uuid():
        if index.ids() or index.garbage():
            raise UnavailableError(
                f"{places.clips}: these are the clips of store {written}, the index is of store {index.uuid()}."
                " Is the right disk mounted? To list these clips instead, move index.sqlite aside."
            )
        index.name(written)


def expect(places: Places, memory: Path) -> None:
    """Raise UnavailableError when this machine knows a store at this path and it is not there."""
    name = _remembered(memory).get(str(places.data))
    if name is not None and read(places) != name:
        raise UnavailableError(
            f"{places.data}: the store {name} was here and is not. Is its disk mounted?"
            f" To begin a new store here, take its line out of {memory}."
        )


def remember(places: Places, memory: Path) -> None:
    """Remember the store at this path, if it lies on a disk of its own and is not there for a while only."""
    name = read(places)
    known = _remembered(memory)
    with suppress(CannotWriteError, OSError):  # a memory that cannot be kept protects nothing and harms nothing
        memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if name is None or known.get(str(places.data)) == name or _same_disk(places.data, memory.parent):
            return
        replace_whole(memory, json.dumps({**known, str(places.data): name}, indent=1).encode() + b"\n")
        sync_folder(memory.parent)


def forget(places: Places, memory: Path) -> None:
    """Forget the store at this path: its owner wiped it. Raises CannotWriteError."""
    known = _remembered(memory)
    if known.pop(str(places.data), None) is not None:
        replace_whole(memory, json.dumps(known, indent=1).encode() + b"\n")
        sync_folder(memory.parent)


def read(places: Places) -> str | None:
    """The name in the clips folder; None when there is none that can be read."""
    try:
        with open_plain(places.identity) as file:
            found = json.loads(file.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return None
    name = found.get("uuid") if isinstance(found, dict) else None
    return name if isinstance(name, str) else None


def _begin(places: Places, index: Index) -> None:
    """Name a clips folder that has no name: a new one, or one that an earlier camd filled."""
    rows = index.ids()
    if rows and not any(ClipFiles.of(places, number).mp4.exists() for number in rows):
        raise UnavailableError(
            f"{places.clips}: none of the {len(rows)} clips of the index is here. Is the right disk mounted?"
            " To begin anew without them, move index.sqlite aside."
        )
    name = index.uuid() if rows else uuid4().hex
    replace_whole(places.identity, json.dumps({"v": 1, "uuid": name}).encode() + b"\n")
    sync_folder(places.clips)
    index.name(name)


def _remembered(memory: Path) -> dict[str, str]:
    try:
        with open_plain(memory) as file:
            found = json.loads(file.read(_MOST))
    except (OSError, ValueError, RecursionError):
        return {}
    return {path: name for path, name in found.items() if isinstance(name, str)} if isinstance(found, dict) else {}


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev
