"""Holds a store against its invariants (the ring's, that a starred clip is never taken, leaves no trace to check).

1. A clip's row has an MP4 of exactly its size and digest, and a sidecar that says the same.
2. Every file in the clips folder is a clip's, a garbage row's, or a recording newer than all rows.
3. The bytes of clips, sidecars, thumbnails, garbage and open recordings keep the limit, and the running total is right.
5. After an orderly stop there is no garbage and no open recording (`leftovers`).

Rule: it looks and says, and mends nothing. It reads every byte of every clip.
"""

import hashlib
from collections.abc import Iterator

from camd.config import StoreConfig
from camd.errors import UnusableInputError
from camd.model import Clip
from camd.places import Places
from camd.store import sidecar
from camd.store.files import ClipFiles, number_of, size_of
from camd.store.index import Index


def violations(places: Places, limits: StoreConfig | None = None) -> list[str]:
    """One line for each fault; with `limits` also whether `max_bytes` is kept. Wants a store that nobody changes."""
    with Index.open(places) as index:
        clips, garbage, total = index.clips(), index.garbage(), index.total_bytes()
    found = [fault for clip in clips for fault in _of_clip(places, clip)]
    found += _of_folder(places, {clip.id for clip in clips}, set(garbage))
    counted = sum(clip.size + clip.beside for clip in clips) + sum(garbage.values())
    if total != counted:
        found.append(f"the running total says {total} bytes, the rows {counted}")
    used = total + sum(path.stat().st_size for path in places.clips.glob("*.part"))
    if limits is not None and used > limits.max_bytes:
        found.append(f"clips take {used} bytes, more than store.max_bytes, {limits.max_bytes}")
    return found


def leftovers(places: Places) -> list[str]:
    """What an orderly stop leaves nothing of: garbage and open recordings, one line each."""
    with Index.open(places) as index:
        garbage = [f"garbage: clip {number}" for number in index.garbage()]
    return garbage + [f"{path.name}: not finished" for path in sorted(places.clips.glob("*.part"))]


def _of_clip(places: Places, clip: Clip) -> Iterator[str]:
    files = ClipFiles.of(places, clip.id)
    if not files.mp4.exists():
        yield f"clip {clip.id}: {files.mp4.name} is missing"
        return
    if size_of(files.mp4) != clip.size:
        yield f"clip {clip.id}: {files.mp4.name} has {size_of(files.mp4)} bytes, the index says {clip.size}"
    with files.mp4.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != clip.sha256:
            yield f"clip {clip.id}: {files.mp4.name} is not what was recorded: its sha256 differs"
    yield from _of_sidecar(files, clip)


def _of_sidecar(files: ClipFiles, clip: Clip) -> Iterator[str]:
    try:
        told = sidecar.read(files.sidecar).clip
    except UnusableInputError as error:
        yield f"clip {clip.id}: {error}"
        return
    if told.beside != clip.beside:
        yield f"clip {clip.id}: {told.beside} bytes lie beside it, the index says {clip.beside}"
    if sidecar.clip_json(told) != sidecar.clip_json(clip):
        yield f"clip {clip.id}: its sidecar does not say what the index says"


def _of_folder(places: Places, rows: set[int], garbage: set[int]) -> Iterator[str]:
    newest = max(rows, default=0)
    for path in sorted(places.clips.iterdir()):
        number = number_of(path)
        if number is None:
            yield f"{path.name}: not a file of camd"
        elif number not in rows | garbage and not _is_open(places, number, newest):
            yield f"{path.name}: belongs to no clip"
        elif number in rows and path.suffix in (".part", ".tmp"):
            yield f"{path.name}: left over from a clip that is kept"


def _is_open(places: Places, number: int, newest: int) -> bool:
    return number > newest and ClipFiles.of(places, number).part.exists()
