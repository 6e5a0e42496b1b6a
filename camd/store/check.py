"""Holds a store against its invariants (the ring's, that a starred clip is never taken, leaves no trace to check).

1. A clip's row has an MP4 of exactly its size and digest, and a sidecar that says the same.
2. Every file in the clips folder is a clip's, a garbage row's, or a recording newer than all rows.
3. The bytes of clips, sidecars, thumbnails, garbage and open recordings keep the limit, and the running total is right.
5. After an orderly stop there is no garbage and no open recording (`leftovers`).

Rule: it looks and says, and mends nothing; each violation names what would mend it, which never deletes footage.
`quick` trusts sizes, `deep` reads every byte of every clip.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from camd.config import StoreConfig
from camd.errors import UnusableInputError
from camd.model import Clip
from camd.places import Places
from camd.store import identity, sidecar
from camd.store.files import ClipFiles, is_plain, number_of, open_plain, size_of
from camd.store.index import Index
from camd.store.trust import DamagedIndexError


class Mend(Enum):
    """What `--repair` does about a violation, in the owner's words."""

    INDEX = "make the index anew from the clips"
    AGAIN = "take the clip in again as it lies there"
    SIDECAR = "write the sidecar again from the index"
    FORGET = "forget the row: the recording is gone"
    ASIDE = "set the file aside in the folder 'damaged'"
    START = "finish it as every start of camd does"
    ROOM = "evict the oldest clips"
    NOTHING = "nothing: mount the right disk"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: `what` is one line; `clip` and `path` say whose and where, as far as there is one."""

    what: str
    mend: Mend
    clip: int | None = None
    path: Path | None = None


Track = Callable[[Sequence[Clip]], Iterable[Clip]]
_Look = Callable[[ClipFiles, Clip], Iterator[Violation]]


def quick(places: Places, limits: StoreConfig | None = None) -> list[Violation]:
    """What can be seen without reading footage; with `limits` also whether `max_bytes` is kept.

    Wants a store that nobody changes.
    """
    return _violations(places, limits, _by_size, iter)


def deep(places: Places, limits: StoreConfig | None = None, track: Track = iter) -> list[Violation]:
    """As `quick`, and every recording is read and held against its sha256; `track` may show how far it is."""
    return _violations(places, limits, _by_digest, track)


def violations(places: Places, limits: StoreConfig | None = None) -> list[str]:
    """What `deep` finds, in words."""
    return [found.what for found in deep(places, limits)]


def leftovers(places: Places) -> list[str]:
    """What an orderly stop leaves nothing of: garbage and open recordings, one line each."""
    with Index.open(places) as index:
        garbage = [f"garbage: clip {number}" for number in index.garbage()]
    return garbage + [f"{path.name}: not finished" for path in sorted(places.clips.glob("*.part"))]


def _violations(places: Places, limits: StoreConfig | None, look: _Look, track: Track) -> list[Violation]:
    try:
        with Index.open(places) as index:
            uuid, clips, garbage, total = index.uuid(), index.clips(), index.garbage(), index.total_bytes()
            index.verify_pages()
    except DamagedIndexError as error:
        return [Violation(str(error), Mend.INDEX, path=places.index)]
    if (clips or garbage) and identity.read(places) != uuid:
        return [Violation(f"{places.clips}: these are not the clips of this index", Mend.NOTHING, path=places.clips)]
    found = [fault for clip in track(clips) for fault in _of_clip(places, clip, look)]
    found += _of_folder(places, {clip.id for clip in clips}, set(garbage))
    counted = sum(clip.size + clip.beside for clip in clips) + sum(garbage.values())
    if total != counted:
        found.append(Violation(f"the running total says {total} bytes, the rows {counted}", Mend.INDEX))
    used = total + sum(size_of(path) for path in places.clips.glob("*.part"))
    if limits is not None and used > limits.max_bytes:
        told = f"clips take {used} bytes, more than store.max_bytes, {limits.max_bytes}"
        found.append(Violation(told, Mend.ROOM))
    return found


def _of_clip(places: Places, clip: Clip, look: _Look) -> Iterator[Violation]:
    files = ClipFiles.of(places, clip.id)
    name = f"clip {clip.id}: {files.mp4.name}"
    if not is_plain(files.mp4):
        if files.footage_exists():
            yield Violation(f"{name} is not an ordinary file", Mend.ASIDE, clip.id, files.mp4)
        else:
            yield Violation(f"{name} is missing", Mend.FORGET, clip.id, files.mp4)
        return
    size = size_of(files.mp4)
    if size != clip.size:
        yield Violation(f"{name} has {size} bytes, the index says {clip.size}", Mend.AGAIN, clip.id, files.mp4)
    yield from look(files, clip)
    yield from _of_sidecar(files, clip)


def _by_size(files: ClipFiles, clip: Clip) -> Iterator[Violation]:
    """Trust the recording."""
    return iter(())


def _by_digest(files: ClipFiles, clip: Clip) -> Iterator[Violation]:
    what = f"clip {clip.id}: {files.mp4.name} is not what was recorded"
    mend = Mend.ASIDE if size_of(files.mp4) == clip.size else Mend.AGAIN
    try:
        with open_plain(files.mp4) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != clip.sha256:
                yield Violation(f"{what}: its sha256 differs", mend, clip.id, files.mp4)
    except OSError as error:
        yield Violation(f"{what}: it cannot be read ({error.strerror})", Mend.ASIDE, clip.id, files.mp4)


def _of_sidecar(files: ClipFiles, clip: Clip) -> Iterator[Violation]:
    try:
        told = sidecar.read(files.sidecar).clip
    except UnusableInputError as error:
        yield Violation(f"clip {clip.id}: {error}", Mend.SIDECAR, clip.id, files.sidecar)
        return
    if told.beside != clip.beside:
        what = f"clip {clip.id}: {told.beside} bytes lie beside it, the index says {clip.beside}"
        yield Violation(what, Mend.AGAIN, clip.id, files.sidecar)
    if sidecar.clip_json(told) != sidecar.clip_json(clip):
        what = f"clip {clip.id}: its sidecar does not say what the index says"
        yield Violation(what, Mend.AGAIN, clip.id, files.sidecar)


def _of_folder(places: Places, rows: set[int], garbage: set[int]) -> Iterator[Violation]:
    newest = max(rows, default=0)
    for path in sorted(places.clips.iterdir()):
        number = number_of(path)
        if number is None:
            if path != places.identity:
                yield Violation(f"{path.name}: not a file of camd", Mend.ASIDE, path=path)
        elif number not in rows | garbage and not _is_open(places, number, newest):
            yield Violation(f"{path.name}: belongs to no clip", Mend.START, path=path)
        elif number in rows and path.suffix in (".part", ".tmp"):
            yield Violation(f"{path.name}: left over from a clip that is kept", Mend.ASIDE, path=path)


def _is_open(places: Places, number: int, newest: int) -> bool:
    """Whether it is being written, or was when the power went: with several cameras a later one may be kept before."""
    files = ClipFiles.of(places, number)
    return files.part.exists() and (number > newest or _is_unfinished(files))


def _is_unfinished(files: ClipFiles) -> bool:
    try:
        return sidecar.read(files.sidecar).clip.sha256 == ""
    except UnusableInputError:
        return False
