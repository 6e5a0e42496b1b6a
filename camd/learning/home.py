"""What the owner's labels come to as examples, and what was learned from them.

Idea: a label names a clip, or an event of it, and the clip's sidecar holds what the classifier saw there. So whatever
goes with the clip, by the ring, by hand or by a wipe, is forgotten here too; heads know their clips (`store/heads.py`).
Rule: one label is one example, however many events it is said of. What another network saw is no example of this one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from camd.clock import rfc3339
from camd.errors import SaidNoError, UnusableInputError
from camd.learning.head import Examples, Score, Trial
from camd.model import LABELS, Event
from camd.places import Places
from camd.store import heads, sidecar, verdicts
from camd.store.files import ClipFiles
from camd.store.heads import Lesson
from camd.store.verdicts import Verdict
from camd.vision.classify import Head, unpacked

OUTDATED: Final = "labels whose clips another network than this camd's saw: {}"
SEE_AGAIN: Final = "'camd learn' looks at those clips again, and learns from them."


@dataclass(frozen=True, slots=True)
class Labelled:
    """One label of the owner's that can be learned from: the clip, what it shows, what camd had called it."""

    clip: int
    label: str
    called: str
    embeddings: np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the head in use: its number, when it was learned, the scores before and after, what it holds."""

    number: int
    learned_iso: str
    home: tuple[Score, Score]
    factory: tuple[Score, Score]
    lessons: tuple[Lesson, ...]

    def json(self) -> dict[str, Any]:
        """As a part of a JSON object."""
        holds = [{"label": lesson.label, "clips": list(lesson.clips)} for lesson in self.lessons]
        scores = {"home": _json(self.home), "factory": _json(self.factory)}
        return {"head": self.number, "learned_iso": self.learned_iso, "holds": holds, **scores}


def labelled(places: Places, head: Head) -> list[Labelled]:
    """The owner's labels of clips that are still there and were seen by the network of `head`, oldest label first."""
    found = (_labelled(verdict, events, head) for verdict, events in _said(places))
    return [one for one in found if one is not None]


def outdated(places: Places, head: Head) -> list[Verdict]:
    """The labels of clips that are still there and were seen by another network alone."""
    return [
        verdict
        for verdict, events in _said(places)
        if _labelled(verdict, events, head) is None and any(event.embeddings for event in events)
    ]


def _said(places: Places) -> Iterator[tuple[Verdict, list[Event]]]:
    """The labels that count of clips that are still there, and the events that each is said of."""
    counted = verdicts.counted(verdicts.read(places))
    alone = {(verdict.clip, verdict.event) for verdict in counted}
    for verdict in counted:
        try:
            recorded = sidecar.read(ClipFiles.of(places, verdict.clip).sidecar).events
        except UnusableInputError:  # gone, or unreadable: nothing to learn from either way
            continue
        events = [one.event for one in recorded]
        yield verdict, [event for event in events if _is_meant(verdict, event, alone)]


def _is_meant(verdict: Verdict, event: Event, alone: set[tuple[int, str]]) -> bool:
    """Whether a label is said of this event; a label of the whole clip is not of those that have one of their own."""
    return verdict.event == event.id or (not verdict.event and (verdict.clip, event.id) not in alone)


def _labelled(verdict: Verdict, events: list[Event], head: Head) -> Labelled | None:
    """What can be learned from a label: what was seen of the events that camd called something else, else of all."""
    seen = [(event.label, embeddings) for event in events if len(embeddings := unpacked(event.embeddings, head))]
    wrong = [one for one in seen if one[0] != verdict.label] or seen
    if not wrong:
        return None
    return Labelled(verdict.clip, verdict.label, wrong[0][0], np.concatenate([embeddings for _, embeddings in wrong]))


def examples(labels: list[Labelled], head: Head) -> Examples:
    """One example for each label: the mean of what was seen, by which votes are counted too (see `votes.average`)."""
    size = head.weights.shape[1]
    rows = [one.embeddings.mean(axis=0) for one in labels]
    numbers = [LABELS.index(one.label) for one in labels]
    clips = [one.clip for one in labels]
    embeddings = np.array(rows, np.float32).reshape(-1, size)
    return Examples(embeddings, np.array(numbers, np.int64), np.array(clips, np.int64))


def keep(places: Places, trial: Trial, now_unix: int) -> int:
    """Put a head that was accepted to use; return its number. Raises CannotWriteError."""
    return heads.add(places, {**trial.head.to_json(), **record(trial), "learned_iso": rfc3339(now_unix)})


def roll_back(places: Places) -> int:
    """Take the newest head away; return the number of the one that is used now, 0 for the factory's.

    Raises SaidNoError when there is none, UnusableInputError when the one before is damaged; then nothing is changed.
    """
    if not heads.paths(places.heads):
        raise SaidNoError("camd learn rollback: nothing was learned yet, the factory's head is in use.")
    with heads.alone(places):
        *older, last = heads.paths(places.heads)
        for path in older[-1:]:
            _check(path)
        heads.remove(last)
    return heads.number_of(older[-1]) if older else 0


def _check(path: Path) -> None:
    """Raise UnusableInputError when a head that was kept cannot be used."""
    try:
        Head.from_json(path.read_bytes())
    except (OSError, UnusableInputError) as error:
        raise UnusableInputError(f"{path}: {error} Delete that file, and roll back again.") from error


def record(trial: Trial) -> dict[str, Any]:
    """A trial's scores as JSON."""
    home, factory = (trial.home_before, trial.home_after), (trial.factory_before, trial.factory_after)
    return {"home": _json(home), "factory": _json(factory), "refusal": trial.refusal}


def _json(scores: tuple[Score, Score]) -> dict[str, Any]:
    return {when: score.confusion.tolist() for when, score in zip(("before", "after"), scores, strict=True)}


def in_use(places: Places, factory: Head) -> Kept | None:
    """The record of the head that is in use; None when that is the factory's, or the record cannot be read."""
    for path in heads.paths(places.heads)[-1:]:
        said = heads.read(path)
        if said is not None and said.get("network") == factory.network:
            return _kept(path, said)
    return None


def _kept(path: Path, said: dict[str, Any]) -> Kept | None:
    try:
        home, factory = (_scores(said[of]) for of in ("home", "factory"))
        return Kept(heads.number_of(path), str(said["learned_iso"]), home, factory, heads.lessons(said))
    except (ValueError, KeyError, TypeError):
        return None


def _scores(data: dict[str, Any]) -> tuple[Score, Score]:
    size = len(LABELS)
    before, after = (Score(np.array(data[when], np.int64).reshape(size, size)) for when in ("before", "after"))
    return before, after
