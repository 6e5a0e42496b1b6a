"""What the owner's labels come to as examples, and the heads that were learned from them, on disk.

Idea: a label names a clip, and the clip's sidecar holds what the classifier saw in it. So whatever goes with the clip,
by the ring, by hand or by a wipe, is forgotten here too. Each head that was put to use is a numbered file; the one in
use is a copy of the newest, so that to roll back is to take one file away.
Rule: files are replaced whole, by one `camd learn` at a time. A head is never changed.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from camd.clock import rfc3339
from camd.errors import HeldError, SaidNoError, UnusableInputError
from camd.learning.head import Examples, Score, Trial
from camd.model import LABELS
from camd.places import Places
from camd.store import sidecar, verdicts
from camd.store.files import ClipFiles, replace_whole, sync_folder, writing
from camd.vision.classify import Head, unpacked

NAME: Final = "{:04d}.json"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One label of the owner's that can be learned from: the clip, what it shows, what camd had called it."""

    clip: int
    label: str
    called: str
    embeddings: np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the head in use: its number, when it was learned, and the scores before and after it was."""

    number: int
    learned_iso: str
    home: tuple[Score, Score]
    factory: tuple[Score, Score]

    def json(self) -> dict[str, Any]:
        """As a part of a JSON object."""
        scores = {"home": _json(self.home), "factory": _json(self.factory)}
        return {"head": self.number, "learned_iso": self.learned_iso, **scores}


def labelled(places: Places, head: Head) -> list[Labelled]:
    """The owner's labels of clips that are still there and were seen by the network of `head`, oldest label first."""
    found = (_labelled(places, verdict, head) for verdict in verdicts.counted(verdicts.read(places)))
    return [one for one in found if one is not None]


def examples(labels: list[Labelled], head: Head) -> Examples:
    """One example for each label: the mean of what was seen, by which votes are counted too (see `votes.average`)."""
    size = head.weights.shape[1]
    rows = [one.embeddings.mean(axis=0) for one in labels]
    numbers = [LABELS.index(one.label) for one in labels]
    return Examples(np.array(rows, np.float32).reshape(-1, size), np.array(numbers, np.int64))


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """Nobody else puts heads to use or takes them back until the block ends. Raises HeldError when somebody does."""
    try:
        folder = os.open(places.learned, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UnusableInputError(f"{places.learned}: cannot be read ({error.strerror}).") from error
    try:
        _lock(folder)
        yield
    finally:
        os.close(folder)


def _lock(folder: int) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HeldError("camd learn: another one is at work. Say it again when that has ended.") from error


def keep(places: Places, trial: Trial, now_unix: int) -> int:
    """Put a head that was accepted to use; return its number. Raises CannotWriteError."""
    number = max(numbers(places), default=0) + 1
    with writing(places.heads):
        places.heads.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({**trial.head.to_json(), **record(trial), "learned_iso": rfc3339(now_unix)})
    replace_whole(places.heads / NAME.format(number), text.encode() + b"\n")
    sync_folder(places.heads)
    replace_whole(places.head, text.encode() + b"\n")
    sync_folder(places.head.parent)
    return number


def roll_back(places: Places) -> int:
    """Take the newest head away; return the number of the one that is used now, 0 for the factory's.

    Raises SaidNoError when there is none, UnusableInputError when the one before is damaged; then nothing is changed.
    """
    if not numbers(places):
        raise SaidNoError("camd learn rollback: nothing was learned yet, the factory's head is in use.")
    with alone(places):
        return _roll_back(places)


def _roll_back(places: Places) -> int:
    known = numbers(places)
    before = known[-2] if len(known) > 1 else 0
    kept = _kept(places.heads / NAME.format(before)) if before else None
    with writing(places.heads):
        if kept is None:
            places.head.unlink(missing_ok=True)
        else:
            replace_whole(places.head, kept)
        sync_folder(places.head.parent)
        (places.heads / NAME.format(known[-1])).unlink()
        sync_folder(places.heads)
    return before


def _kept(path: Path) -> bytes:
    """A head as it was kept, which can be used."""
    try:
        text = path.read_bytes()
        Head.from_json(text)
    except (OSError, UnusableInputError) as error:
        raise UnusableInputError(f"{path}: {error} Delete that file, and roll back again.") from error
    return text


def numbers(places: Places) -> list[int]:
    """The heads that are kept, oldest first."""
    return sorted(int(path.stem) for path in places.heads.glob("*.json") if path.stem.isdecimal())


def record(trial: Trial) -> dict[str, Any]:
    """A trial's scores as JSON."""
    home, factory = (trial.home_before, trial.home_after), (trial.factory_before, trial.factory_after)
    return {"home": _json(home), "factory": _json(factory), "refusal": trial.refusal}


def _json(scores: tuple[Score, Score]) -> dict[str, Any]:
    return {when: score.confusion.tolist() for when, score in zip(("before", "after"), scores, strict=True)}


def in_use(places: Places, factory: Head) -> Kept | None:
    """The record of the head that is in use; None when that is the factory's, or the record cannot be read."""
    try:
        data = json.loads(places.head.read_bytes())
        number, is_ours = max(numbers(places), default=0), data["network"] == factory.network
        scores = {of: _scores(data[of]) for of in ("home", "factory")}
        return Kept(number, str(data["learned_iso"]), scores["home"], scores["factory"]) if is_ours else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _scores(data: dict[str, Any]) -> tuple[Score, Score]:
    size = len(LABELS)
    before, after = (Score(np.array(data[when], np.int64).reshape(size, size)) for when in ("before", "after"))
    return before, after


def _labelled(places: Places, verdict: verdicts.Verdict, head: Head) -> Labelled | None:
    path = ClipFiles.of(places, verdict.clip).sidecar
    try:
        recorded = sidecar.read(path)
    except UnusableInputError:  # gone, or unreadable: nothing to learn from either way
        return None
    for event in (each.event for each in recorded.events):
        seen = unpacked(event.embeddings, head)
        if len(seen):
            return Labelled(verdict.clip, verdict.label, event.label, seen)
    return None
