"""Small real stores for the tests: real SQLite, real files, clips of dummy bytes with the right size and digest."""

import hashlib
from pathlib import Path

from camd.clock import ManualClock
from camd.config import StoreConfig
from camd.model import SECOND, Box, Clip, Event, Reason
from camd.places import Places
from camd.store import sidecar
from camd.store.files import ClipFiles
from camd.store.index import Index
from camd.store.shelf import Shelf
from camd.store.sidecar import RecordedEvent, Sidecar

BEGAN_UNIX_NS = 1_767_225_600 * SECOND
REASON = Reason("motion", 900, 300, 4, 3.5, 1.0, Box(0.1, 0.2, 0.3, 0.4))


class UnsetClock(ManualClock):
    """The clock of a Pi that has not yet heard from a time server."""

    def synchronised(self) -> bool:
        return False


def places_in(folder: Path) -> Places:
    return Places(folder / "data", folder / "run")


def limits(places: Places, max_bytes: int = 1_000_000_000, keep_free: int = 0) -> StoreConfig:
    return StoreConfig(data=places.data, max_bytes=max_bytes, keep_free=keep_free)


def open_shelf(places: Places, max_bytes: int = 1_000_000_000, keep_free: int = 0) -> Shelf:
    return Shelf.open(places, limits(places, max_bytes, keep_free), ManualClock())


def footage(number: int, size: int) -> bytes:
    return f"{number:06d}".encode().ljust(size, b".")[:size]


def clip_row(number: int, size: int = 500) -> Clip:
    return Clip(
        id=number,
        camera="porch",
        boot_id="11111111-1111-4111-8111-111111111111",
        began=number * 60 * SECOND,
        began_unix_ns=BEGAN_UNIX_NS + number * 60 * SECOND,
        duration_ns=12 * SECOND,
        pre_roll_ns=5 * SECOND,
        size=size,
        beside=0,
        sha256=hashlib.sha256(footage(number, size)).hexdigest(),
        label="person",
        events=(f"e{number}",),
    )


def sidecar_of(clip: Clip) -> Sidecar:
    began = clip.began + 5 * SECOND
    event = Event(clip.events[0], clip.label, 0.9, began, began + 4 * SECOND, REASON)
    return Sidecar(clip, (RecordedEvent(event, ((began, Box(0.1, 0.2, 0.3, 0.4)),)),))


def write_files(files: ClipFiles, clip: Clip) -> None:
    files.mp4.write_bytes(footage(clip.id, clip.size))
    files.thumbnail.write_bytes(b"jpeg")
    sidecar.write(files.sidecar, sidecar_of(clip))


def record(shelf: Shelf, size: int = 500) -> Clip:
    """A clip as the recorder makes one, without asking for room."""
    clip = clip_row(shelf.next_id(), size)
    write_files(shelf.files(clip.id), clip)
    return shelf.keep(clip)


def store_of(places: Places, count: int, size: int = 500) -> list[Clip]:
    """A store with clips 1..count, closed in order."""
    with open_shelf(places) as shelf:
        return [record(shelf, size) for _ in range(count)]


def ids(places: Places) -> list[int]:
    with Index.open(places) as index:
        return [clip.id for clip in index.clips()]


def names(places: Places) -> list[str]:
    return sorted(path.name for path in places.clips.iterdir() if path != places.identity)
