"""What is sent: a sealed copy of one clip.

Rule: the copy must have the size and sha256 that the index recorded when the clip was closed; a clip that was changed
since is not sent. Whoever sends it reads it through `checked`, so that what goes out is what was confirmed.
It does not yet trim, mask or encrypt.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from camd.errors import RefusedError, UnusableInputError
from camd.model import Clip
from camd.places import Places
from camd.store.files import ClipFiles, sync_folder, writing

CHUNK = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """What a copy must be: so many bytes with this sha256 (hex)."""

    size: int
    sha256: str


def make(places: Places, clip: Clip, target: Path) -> Seal:
    """Copy `clip` to `target`, durable on return; raises UnusableInputError, CannotWriteError."""
    seal = Seal(clip.size, clip.sha256)
    try:
        with open_plain(ClipFiles.of(places, clip.id).mp4) as source, writing(target), target.open("xb") as copy:
            for chunk in checked(source, seal):
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
    except (RefusedError, FileNotFoundError) as error:
        raise UnusableInputError(
            f"clip {clip.id}: its file is missing or not what was recorded, so it cannot be shared. Choose another."
        ) from error
    sync_folder(target.parent)
    return seal


def open_plain(path: Path) -> BinaryIO:
    """Open a file to read; a link in its place is not followed. Raises OSError."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def checked(file: BinaryIO, seal: Seal) -> Iterator[bytes]:
    """Give the file's bytes in chunks, the last one only when all of them fit the seal; raises RefusedError.

    Whoever writes them on has, for a file that was changed on the way, a beginning and never the whole.
    """
    digest, left, held = hashlib.sha256(), seal.size, b""
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        left -= len(chunk)
        if left < 0:
            break
        if held:
            yield held
        held = chunk
    if left or digest.hexdigest() != seal.sha256:
        raise RefusedError("the clip is not what was confirmed: its bytes were changed since.")
    if held:
        yield held
