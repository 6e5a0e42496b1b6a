"""What a visitor is, from all that was seen of him.

Idea: each crop of a track is a vote. The best of them, by size and sharpness, are averaged; the label is what the
average says once it is sure enough, and `motion` until then. Three votes are enough, and two that are plain and agree.
Who is only partly in the picture, coming in or going out, may look like anybody: such votes count only where no better
ones are to be expected.
Rule: pure. A label only ever rises: from motion to other to animal, vehicle or person, from one of those to another at
most once, and then only on much better evidence. So nobody sees it flicker. The votes are counted twice, with what was
learned at home and without: who was surely a person without it once is one from then on. The label of an event, too,
never comes back to what it was.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from camd.model import LABELS, PERSON
from camd.vision.classify import BEYOND_LEARNING, Guess, packed

BEST: Final = 9  # votes that count, the best by quality
KEPT: Final = 3  # embeddings of the best, for camd to learn from
ENOUGH: Final = 3  # votes before anything is said ...
AGREED: Final = 2  # ... or so many, when all are plain and agree: in 111 visits no later vote changed that label
PLAIN: Final = 0.85  # probability
SURE: Final = 0.55  # probability at which a label is taken
SURER: Final = 0.8  # the same, for a label in place of another
UNDECIDED: Final = "motion"
OTHER: Final = "other"
FLOOR: Final = 1e-4  # no vote is surer than that of the contrary


@dataclass(frozen=True, slots=True)
class Vote:
    """One crop's guess, and how good the crop was, 0..1."""

    quality: float
    guess: Guess

    @property
    def untaught(self) -> "Vote":
        """The same without what was learned at home."""
        return replace(self, guess=self.guess.untaught)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody is: `label` and its probability 0..1 (0 while undecided), and the embeddings of the best crops.

    `is_learned` says that it would be another label without what was learned at home. `is_person` says that it is to be
    handled as a person is: by its label; because without what was learned it was surely one once; or because it is
    undecided, and would be one without.
    """

    label: str = UNDECIDED
    confidence: float = 0.0
    embeddings: bytes = b""
    is_learned: bool = False
    is_person: bool = False


NOBODY: Final = Verdict()


@dataclass(slots=True)
class Rising:
    """A label as it rises."""

    label: str = UNDECIDED
    _has_changed: bool = False

    def hear(self, chances: Sequence[float]) -> str:
        """Become what these probabilities say, if it may; return what it is then."""
        top = max(range(len(LABELS)), key=chances.__getitem__)
        if self._may_become(LABELS[top], chances[top]):
            self._has_changed = self._has_changed or self.label not in (UNDECIDED, OTHER)
            self.label = LABELS[top]
        return self.label

    def _may_become(self, label: str, chance: float) -> bool:
        if label == self.label:
            return False
        if self.label == UNDECIDED:
            return chance >= SURE
        if label == OTHER or self._has_changed:
            return False
        return chance >= SURER


@dataclass(slots=True)
class Votes:
    """The votes on one visitor: on the whole of him, and in the end on parts of him."""

    whole: list[Vote] = field(default_factory=list)  # the best
    parts: Sequence[Vote] = ()
    count: int = 0  # of those on the whole of him
    is_concluded: bool = False
    verdict: Verdict = NOBODY
    _label: Rising = field(default_factory=Rising)
    _untaught: Rising = field(default_factory=Rising)  # what the label would be without what was learned at home
    _was_sure: bool = False

    def add(self, vote: Vote) -> Verdict:
        """Take one more vote; return the verdict as it then is."""
        self.whole = sorted([*self.whole, vote], key=lambda vote: -vote.quality)[:BEST]
        self.count += 1
        return self._heard()

    def conclude(self, parts: Sequence[Vote]) -> Verdict:
        """He has gone: these votes on parts of him must do where there is not enough else."""
        self.is_concluded, self.parts = True, parts
        return self._heard()

    @property
    def lacking(self) -> int:
        """How many votes on the whole of him there are too few."""
        return 0 if len(self.whole) == AGREED and _agree(self.whole) else max(0, ENOUGH - len(self.whole))

    @property
    def counted(self) -> list[Vote]:
        """The votes that count: those on the whole of him, and in the end of the others what they lack."""
        return [*self.whole, *self.parts[: self.lacking]]

    def _heard(self) -> Verdict:
        if len(self.parts) >= self.lacking:
            self.verdict = self._verdict_of(self.counted)
        return self.verdict

    def _verdict_of(self, votes: list[Vote]) -> Verdict:
        learned = average(votes)
        untaught = average(vote.untaught for vote in votes) if _is_taught(votes) else learned
        self._was_sure = self._was_sure or untaught[LABELS.index(PERSON)] >= BEYOND_LEARNING
        chances = untaught if self._was_sure else learned
        label, plain = self._label.hear(chances), self._untaught.hear(untaught)
        if label == UNDECIDED:
            return Verdict(is_learned=plain != label, is_person=self._was_sure or plain == PERSON)
        kept = packed(vote.guess for vote in (self.whole or self.parts)[:KEPT])
        confidence = round(chances[LABELS.index(label)], 3)
        return Verdict(label, confidence, kept, plain != label, self._was_sure or label == PERSON)


def _agree(votes: Iterable[Vote]) -> bool:
    """Whether all of these name one thing plainly, with what was learned at home and without."""
    guesses = [guess for vote in votes for guess in (vote.guess, vote.guess.untaught)]
    return len({guess.label for guess in guesses}) == 1 and min(max(guess.probabilities) for guess in guesses) >= PLAIN


def _is_taught(votes: Iterable[Vote]) -> bool:
    """Whether anything was learned at home when one of these was asked for."""
    return any(vote.guess.factory for vote in votes)


def average(votes: Iterable[Vote]) -> tuple[float, ...]:
    """The probabilities of all votes together: their geometric mean, weighted by quality.

    More votes do not make it surer, as the pictures of one visitor err alike; those that agree do.
    """
    heard = list(votes)
    weights = [vote.quality + FLOOR for vote in heard]
    logs = [[math.log(max(chance, FLOOR)) for chance in vote.guess.probabilities] for vote in heard]
    mean = np.average(np.array(logs), axis=0, weights=weights)
    powers = np.exp(mean - mean.max())
    return tuple(float(value) for value in powers / powers.sum())


# How much a label tells, when several visitors share one event.
RANK: Final = {UNDECIDED: 0, OTHER: 1, "animal": 2, "vehicle": 3, "person": 4}


@dataclass(slots=True)
class Company:
    """What all visitors of one event are together: what the foremost is, a person before a vehicle before an animal.

    The label rises as others come. It goes back at most once, when better pictures correct it, and to none that it had.
    """

    verdict: Verdict = NOBODY
    _had: set[str] = field(default_factory=set)
    _has_fallen: bool = False

    def hear(self, verdicts: Iterable[Verdict]) -> Verdict:
        """Take what each of them is now; return what all are together. Learned, and a person, it is if anybody is."""
        heard, now = list(verdicts), self.verdict.label
        first = _foremost(verdict for verdict in heard if verdict.label not in self._had)
        is_foremost = first == _foremost(heard)
        shown = first if first.label == now or self._may_become(first.label, is_foremost) else self.verdict
        if shown.label != now:
            self._had.add(now)
            self._has_fallen = self._has_fallen or RANK[shown.label] < RANK[now]
        is_learned, is_person = any(each.is_learned for each in heard), any(each.is_person for each in heard)
        self.verdict = replace(shown, is_learned=is_learned, is_person=is_person)
        return self.verdict

    def _may_become(self, label: str, is_foremost: bool) -> bool:
        if RANK[label] > RANK[self.verdict.label]:
            return True
        return is_foremost and RANK[label] > RANK[OTHER] and not self._has_fallen


def _foremost(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=lambda verdict: (RANK[verdict.label], verdict.confidence), default=NOBODY)
