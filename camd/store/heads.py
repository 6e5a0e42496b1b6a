"""What was learned from clips goes with them: the heads of the classifier on disk, of which the newest is in use.

Idea: a head is a numbered JSON file. It holds centres, each the middle of what several clips showed, and a centre is
footage as these are: it names its clips, and goes with the first of them that the owner deletes and with the last that
the ring takes. A star keeps a clip, and with it what was learned from it.
Rule: a head comes whole, by one `camd learn` at a time; from then on it only ever loses centres. To roll back is to
take one file away. A file that cannot be read does not name its clips, and goes with whichever is deleted.
"""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from camd.errors import CannotWriteError, HeldError, UnusableInputError
from camd.places import Places
from camd.store.files import ClipFiles, lies_at, replace_whole, sync_folder, writing

_log = logging.getLogger(__name__)

NAME: Final = "{:04d}.json"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A centre in words: that these clips show a `label`."""

    label: str
    clips: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.label} in clips {', '.join(map(str, self.clips))}"


def paths(folder: Path) -> list[Path]:
    """The heads in `folder`, oldest first; the last one is in use."""
    return sorted((path for path in folder.glob("*.json") if path.stem.isdecimal()), key=number_of)


def number_of(path: Path) -> int:
    """The number of the head in this file."""
    return int(path.stem)


def lessons(said: dict[str, Any]) -> tuple[Lesson, ...]:
    """What a head holds, as it is said in its file."""
    return tuple(map(_lesson, said["centres"]))


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """Nobody else puts heads to use or takes them back until the block ends. Raises HeldError when somebody does."""
    with _locked(places, fcntl.LOCK_EX | fcntl.LOCK_NB):
        yield


@contextmanager
def _locked(places: Places, how: int) -> Iterator[None]:
    try:
        folder = os.open(places.learned, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UnusableInputError(f"{places.learned}: cannot be read ({error.strerror}).") from error
    try:
        _lock(folder, how)
        yield
    finally:
        os.close(folder)


def _lock(folder: int, how: int) -> None:
    try:
        fcntl.flock(folder, how)
    except BlockingIOError as error:
        raise HeldError("camd learn: another one is at work. Say it again when that has ended.") from error


def add(places: Places, said: dict[str, Any]) -> int:
    """Put a head to use; return its number. Raises CannotWriteError."""
    number = max(map(number_of, paths(places.heads)), default=0) + 1
    with writing(places.heads):
        places.heads.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(places.heads / NAME.format(number), said)
    return number


def remove(path: Path) -> None:
    """Take a head away. Raises CannotWriteError."""
    with writing(path):
        path.unlink()
    sync_folder(path.parent)


def read(path: Path) -> dict[str, Any] | None:
    """What a head's file says; None when it cannot be read, or does not name its clips."""
    try:
        said = json.loads(path.read_bytes())
        return said if isinstance(said, dict) and lessons(said) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def forget(places: Places, deleted: Collection[int]) -> list[Lesson]:
    """Take away what was learned from any of these clips; return what that was. Waits for a `camd learn`.

    To be called before the clips go: then there is no moment at which it outlives them. Raises CannotWriteError.
    """
    if not places.heads.exists():
        return []
    with _locked(places, fcntl.LOCK_EX):
        for path in paths(places.heads):
            if read(path) is None:
                remove(path)
        return _thin_out(places, lambda lesson: set(deleted).isdisjoint(lesson.clips))


def expire(places: Places) -> list[Lesson]:
    """Take away what was learned from clips of which none is left; return what that was.

    Raises HeldError while a `camd learn` is at work, CannotWriteError.
    """
    if not places.heads.exists() or not lies_at(places.identity):  # the disk with the clips is not here
        return []
    with alone(places):
        return _thin_out(places, lambda lesson: any(_is_there(places, clip) for clip in lesson.clips))


def _is_there(places: Places, clip: int) -> bool:
    return lies_at(ClipFiles.of(places, clip).sidecar)


def _thin_out(places: Places, stays: Callable[[Lesson], bool]) -> list[Lesson]:
    """Leave in every head only what stays; return what does not, each once."""
    gone: dict[Lesson, None] = {}
    for path in paths(places.heads):
        said = read(path)
        if said is None or all(map(stays, lessons(said))):
            continue
        gone |= dict.fromkeys(lesson for lesson in lessons(said) if not stays(lesson))
        _replace(path, {**said, "centres": [centre for centre in said["centres"] if stays(_lesson(centre))]})
    return list(gone)


def _replace(path: Path, said: dict[str, Any]) -> None:
    """Put a head that knows less in the place of `path`; one that knows nothing any more is none."""
    try:
        if said["centres"]:
            _write(path, said)
            return
    except CannotWriteError as error:  # a full disk keeps nobody from deleting
        _log.warning("%s All that this head knew is forgotten.", error)
    remove(path)


def _write(path: Path, said: dict[str, Any]) -> None:
    replace_whole(path, json.dumps(said).encode() + b"\n")
    sync_folder(path.parent)


def _lesson(centre: dict[str, Any]) -> Lesson:
    return Lesson(str(centre["label"]), tuple(map(int, centre["clips"])))
