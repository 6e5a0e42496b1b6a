"""Takes recordings without a row into the store: what a pulled plug, a kill or a lost index left.

Idea: a finished recording whose sidecar has its digest is taken in as the sidecar tells it, unread, so that an index
is made anew from 100,000 clips in seconds; any other is read, cut back to its last whole fragment and given a digest.
Rule: footage is never deleted because an index or a sidecar is missing. What cannot be read at all is set aside in the
folder `damaged` beside the clips, and the log says so; a file in which no picture ever was is removed.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from camd.clips.salvage import Salvage, holds_nothing, salvage
from camd.errors import UnusableInputError
from camd.model import SECOND, Clip
from camd.store import sidecar
from camd.store.files import is_plain, number_of, open_plain, size_of, sync_folder
from camd.store.shelf import Shelf
from camd.store.sidecar import Sidecar

_log = logging.getLogger(__name__)

_AT_ONCE = 1000  # rows in one transaction


def adopt(shelf: Shelf, camera: str) -> list[Clip]:
    """Give every orphan of the clips folder a row; returns the clips that had to be read, cut short where they were.

    `camera` names what has no sidecar that tells. To be called while no clip is open. May raise what the shelf raises;
    a recording that cannot be read now, for the disk's sake, is left for the next time.
    """
    orphans, read, count = iter(shelf.orphans()), list[Clip](), 0
    while paths := list(islice(orphans, _AT_ONCE)):
        rows = list(_rows(shelf, paths, camera, read))
        shelf.take_in(rows)
        count += len(rows)
    if count:
        _log.warning("%d recordings without a row were taken in", count)
    return read


def _rows(shelf: Shelf, paths: list[Path], camera: str, read: list[Clip]) -> Iterator[Clip]:
    for path in paths:
        try:
            row = _told(shelf, path)
            if row is None:
                row = _read(shelf, path, camera)
                read += filter(None, [row])
        except OSError as error:
            _log.error("%s: cannot be taken in now: %s", path, error.strerror)
            continue
        if row is not None:
            yield row


def _told(shelf: Shelf, path: Path) -> Clip | None:
    """What the sidecar of a finished recording says; None when it does not say all of it."""
    number = number_of(path)
    if path.suffix != ".mp4" or not is_plain(path):
        return None
    try:
        clip = sidecar.read(shelf.sidecar(number or 0)).clip
    except UnusableInputError:
        return None
    return clip if (clip.id, clip.size) == (number, size_of(path)) and clip.sha256 else None


def _read(shelf: Shelf, path: Path, camera: str) -> Clip | None:
    """What the recording itself still holds; None when it is nothing."""
    if not is_plain(path):
        _set_aside(shelf, path, "not an ordinary file")
        return None
    if holds_nothing(path):
        shelf.discard(number_of(path) or 0, "nothing in it can be played")
        return None
    try:
        saved = salvage(path)
    except UnusableInputError as error:
        _set_aside(shelf, path, str(error))
        return None
    return _take_in(shelf, path, saved, _known(shelf, path, camera))


def _take_in(shelf: Shelf, path: Path, saved: Salvage, known: Sidecar) -> Clip:
    final = shelf.mp4(known.clip.id)
    with open_plain(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    cut = known.clip.cut_short or saved.cut or path != final
    row = replace(known.clip, size=saved.size, sha256=digest, duration_ns=saved.duration_ns, cut_short=cut)
    sidecar.write(shelf.sidecar(row.id), Sidecar(row, known.events))  # first: a finished name means a finished sidecar
    sync_folder(final.parent)
    path.rename(final)
    sync_folder(final.parent)
    _log.warning("%s: taken in, %.1f s long", final, row.duration_ns / SECOND)
    return replace(row, beside=shelf.files(row.id).bytes_beside())


def _known(shelf: Shelf, path: Path, camera: str) -> Sidecar:
    """What the sidecar tells of the recording at `path`; without a readable one, as much as can be said."""
    number = number_of(path) or 0
    try:
        known = sidecar.read(shelf.sidecar(number))
        return replace(known, clip=replace(known.clip, id=number))
    except UnusableInputError as error:
        _log.warning("%s", error)
    written_ns = path.stat().st_mtime_ns // 1_000_000 * 1_000_000
    clip = Clip(number, camera, "unknown", 0, written_ns, 0, 0, 0, 0, "", "motion", (), synchronised=False)
    return Sidecar(clip, ())


def _set_aside(shelf: Shelf, path: Path, why: str) -> None:
    _log.error("%s It was set aside as %s.", why, shelf.set_aside(path))
