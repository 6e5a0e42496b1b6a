"""Takes recordings without a row into the store: what a pulled plug or a kill left of a clip.

Rule: footage is never deleted because an index or a sidecar is missing. What cannot be read at all is set aside in the
folder `damaged` beside the clips, and the log says so.
"""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

from camd.clips.writer import Salvage, salvage
from camd.clock import Clock
from camd.errors import UnusableInputError
from camd.model import SECOND, Clip
from camd.store import sidecar
from camd.store.files import number_of, sync_folder
from camd.store.shelf import Shelf
from camd.store.sidecar import Sidecar

_log = logging.getLogger(__name__)


def adopt(shelf: Shelf, clock: Clock, camera: str) -> list[Clip]:
    """Give every orphan of the clips folder a row, cut short where it was; returns the clips taken in.

    `camera` names what has no sidecar that tells. To be called before the recorder opens its first clip.
    """
    adopted = []
    for path in shelf.orphans():
        try:
            saved = salvage(path)
        except UnusableInputError as error:
            _set_aside(path, error)
            continue
        adopted.append(_take_in(shelf, path, saved, _known(shelf, path, camera, clock)))
    return adopted


def _take_in(shelf: Shelf, path: Path, saved: Salvage, known: Sidecar) -> Clip:
    final = shelf.mp4(known.clip.id)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    is_whole = known.clip.sha256 == digest  # only the row was missing
    cut = replace(known.clip, size=saved.size, sha256=digest, duration_ns=saved.duration_ns, cut_short=True)
    row = known.clip if is_whole else cut
    path.rename(final)
    sidecar.write(shelf.sidecar(row.id), Sidecar(row, known.events))
    sync_folder(final.parent)
    _log.warning("%s: a recording without a row was taken in, %.1f s long", final, row.duration_ns / SECOND)
    return shelf.keep(row)


def _known(shelf: Shelf, path: Path, camera: str, clock: Clock) -> Sidecar:
    """What the sidecar tells of the recording at `path`; without a readable one, as much as can be said."""
    number = number_of(path) or 0
    try:
        return sidecar.read(shelf.sidecar(number))
    except UnusableInputError as error:
        _log.warning("%s", error)
    written_ns = path.stat().st_mtime_ns
    return Sidecar(Clip(number, camera, clock.boot_id, 0, written_ns, 0, 0, 0, 0, "", "motion", ()), ())


def _set_aside(path: Path, error: UnusableInputError) -> None:
    folder = path.parent.parent / "damaged"
    folder.mkdir(mode=0o700, exist_ok=True)
    path.rename(folder / path.name)
    _log.error("%s It was set aside in %s.", error, folder)
