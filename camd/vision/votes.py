"""What a visitor is, from all that was seen of him.

Idea: each crop of a track is a vote. The best of them, by size and sharpness, are averaged; the label is what the
average says once it is sure enough, and `motion` until then.
Rule: pure. A label only ever rises: from motion to other to animal, vehicle or person, from one of those to another at
most once, and then only on much better evidence. So nobody sees it flicker.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from camd.model import LABELS
from camd.vision.classify import Guess, packed

BEST: Final = 9  # votes that count, the best by quality
KEPT: Final = 3  # embeddings of the best, for camd to learn from
ENOUGH: Final = 3  # votes before anything is said
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody is: `label` and its probability 0..1 (0 while undecided), and the embeddings of the best crops.

    `is_learned` says that some of the best votes would be other ones without what was learned at home.
    """

    label: str = UNDECIDED
    confidence: float = 0.0
    embeddings: bytes = b""
    is_learned: bool = False


NOBODY: Final = Verdict()


@dataclass(slots=True)
class Votes:
    """The votes on one visitor."""

    best: list[Vote] = field(default_factory=list)
    count: int = 0
    verdict: Verdict = NOBODY
    _has_changed: bool = False

    def add(self, vote: Vote) -> Verdict:
        """Take one more vote; return the verdict as it then is."""
        self.count += 1
        self.best = sorted([*self.best, vote], key=lambda vote: -vote.quality)[:BEST]
        chances = average(self.best)
        top = max(range(len(LABELS)), key=chances.__getitem__)
        label = self.verdict.label
        if self._may_become(LABELS[top], chances[top]):
            self._has_changed = self._has_changed or label not in (UNDECIDED, OTHER)
            label = LABELS[top]
        if label == UNDECIDED:
            return self.verdict
        kept = packed(vote.guess for vote in self.best[:KEPT])
        is_learned = any(vote.guess.is_learned for vote in self.best)
        self.verdict = Verdict(label, round(chances[LABELS.index(label)], 3), kept, is_learned)
        return self.verdict

    def _may_become(self, label: str, chance: float) -> bool:
        now = self.verdict.label
        if label == now or self.count < ENOUGH:
            return False
        if now == UNDECIDED:
            return chance >= SURE
        if label == OTHER or self._has_changed:
            return False
        return chance >= SURER


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


def foremost(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict that an event with several visitors gets: a person before a vehicle before an animal."""
    return max(verdicts, key=lambda verdict: (RANK[verdict.label], verdict.confidence), default=NOBODY)
