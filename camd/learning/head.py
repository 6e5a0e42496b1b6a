"""Learns a head from the owner's labels, and says whether it is better than the one in use.

Idea: the network and the factory's head stay as they are. Labels that the factory's head got wrong and that look alike
make a centre, the mean of their embeddings: what comes close to it is what the owner said. Distances are counted in how
much the factory's pictures of one label vary in that direction (Mahalanobis), so that what tells one person from
another counts little. A centre reaches no further than the factory's pictures that show something else, all but the
nearest three, so that nothing else is forgotten.
Rule: pure, and the same labels give the same head. What the factory's head is sure is a person stays one, whatever is
said. A head is used only when its like is better on labels that it has not seen, and it is no worse on the factory's
pictures, and misses no person that was found before.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from camd.model import LABELS
from camd.vision.classify import BEYOND_LEARNING, Centre, Head

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

LEAST: Final = 5  # labels to learn from
FOLDS: Final = 50  # heads that are made for the score alone: up to so many labels each is left out alone
FEWEST: Final = 3  # labels that make a centre: one visit alone is nobody's portrait
REACH: Final = 1.6  # times the mean distance of its labels from each other's centre: 19 of 20 unseen visits are so near
GIVEN_UP: Final = 3  # of the factory's pictures of something else may lie within; some of those are drawn, too
SHRUNK: Final = 0.2  # of the covariance is that of a ball; as many pictures as there are do not say all of it
ALIKE: Final = 2.0  # times the median distance; what is further makes a centre of its own
MOST_SILENCED: Final = 0.2  # of the labels may call something else what is surely a person
RIGHT: Final = 0.6  # of the held-back labels must be right
MOST_LOST: Final = 0.01  # of the factory's balanced accuracy
PERSON: Final = LABELS.index("person")


@dataclass(frozen=True, slots=True)
class Examples:
    """Embeddings (N, E) float32 with their labels (N,), numbers in `LABELS`, and their clips (N,), () where none is."""

    embeddings: Floats
    labels: Numbers
    clips: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: NDArray[np.bool_]) -> "Examples":
        """Those that are chosen."""
        clips = self.clips[chosen] if len(self.clips) else self.clips  # the factory's pictures are of no clip
        return Examples(self.embeddings[chosen], self.labels[chosen], clips)


@dataclass(frozen=True, slots=True)
class Score:
    """How a head did on some examples: `confusion` (4, 4) counts what they are (row) and what it said (column)."""

    confusion: Numbers

    @property
    def right(self) -> int:
        """How many were right."""
        return int(np.trace(self.confusion))

    @property
    def count(self) -> int:
        """How many there were."""
        return int(self.confusion.sum())

    @property
    def balanced(self) -> float:
        """The mean share of each label that was right, of those labels that there are; 0 without any."""
        rows = self.confusion.sum(axis=1)
        shares = np.diag(self.confusion)[rows > 0] / rows[rows > 0]
        return float(shares.mean()) if len(shares) else 0.0

    @property
    def person_recall(self) -> float:
        """The share of people who were called a person; 1 without any."""
        row = self.confusion[PERSON]
        return float(row[PERSON] / row.sum()) if row.sum() else 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of learning: the new head, and both heads' scores on held-back labels and on the factory's test.

    `home_after` is of heads that had not seen the label which they were scored on; the head before may have seen it.
    `refusal` says in words why the new head is not used; "" when it is.
    """

    head: Head
    home_before: Score
    home_after: Score
    factory_before: Score
    factory_after: Score
    refusal: str

    @property
    def is_accepted(self) -> bool:
        """Whether the new head is better."""
        return not self.refusal


def score(head: Head, examples: Examples) -> Score:
    """How `head` does on `examples`."""
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    if len(examples):
        said = head.probabilities(examples.embeddings).argmax(axis=1)
        np.add.at(confusion, (examples.labels, said), 1)
    return Score(confusion)


def learn(now: Head, factory: Head, home: Examples, train: Examples, test: Examples) -> Trial:
    """Learn from `home`, in whatever order, beside the factory's `train`; score against `now`.

    On the factory's `test` the new head itself is scored. At home each label is held back in its turn, and scored by a
    head that has learned from the others.
    """
    space = Space.of(factory, train)
    head = fit(space, home)
    trial = Trial(head, score(now, home), _unseen(space, home), score(now, test), score(head, test), "")
    return replace(trial, refusal=_refusal(trial, now, factory, home))


def folds(home: Examples) -> Numbers:
    """Which labels are held back together (N,), numbers from 0 on; in whatever order the labels come."""
    ranks = np.empty(len(home), np.int64)
    ranks[np.lexsort((home.labels, *home.embeddings.T))] = np.arange(len(home))
    return np.asarray(ranks % FOLDS)


def _unseen(space: "Space", home: Examples) -> Score:
    """How heads do on the labels that they have not seen."""
    confusion, fold = np.zeros((len(LABELS), len(LABELS)), np.int64), folds(home)
    for number in np.unique(fold):
        confusion += score(fit(space, home.where(fold != number)), home.where(fold == number)).confusion
    return Score(confusion)


@dataclass(frozen=True, slots=True)
class Space:
    """Where the factory's pictures lie when distances mean something: `places` (N, E) with their `labels` (N,)."""

    factory: Head
    metric: Floats
    places: Floats
    labels: Numbers

    @classmethod
    def of(cls, factory: Head, train: Examples) -> "Space":
        """The space that the factory's pictures span."""
        metric = _metric(train)
        return cls(factory, metric, train.embeddings @ metric, train.labels)


def fit(space: Space, home: Examples) -> Head:
    """The factory's head with centres for what the owner knows better."""
    chances = space.factory.probabilities(home.embeddings)
    wrong = (chances.argmax(axis=1) != home.labels) & ~_silenced(chances, home.labels)
    centres: list[Centre] = []
    for label in np.unique(home.labels[wrong]).tolist():
        others = space.places[space.labels != label]
        left = home.where(wrong & (home.labels == label))
        while len(left) >= FEWEST:
            centre, is_alike = _centre(left.embeddings @ space.metric, others, label)
            if is_alike.sum() >= FEWEST:
                clips = sorted(set(left.where(is_alike).clips.tolist()))
                centres.append(replace(centre, clips=tuple(clips)))
            left = left.where(~is_alike)
    metric = space.metric if centres else space.factory.metric
    return replace(space.factory, centres=tuple(centres), metric=metric)


def _metric(train: Examples) -> Floats:
    """What makes the factory's pictures vary by one in every direction around the mean of their label, (E, E)."""
    means = [train.embeddings[train.labels == label].mean(axis=0) for label in np.unique(train.labels)]
    rows = np.searchsorted(np.unique(train.labels), train.labels)
    spread = np.cov((train.embeddings - np.array(means)[rows]).T)
    spread = (1 - SHRUNK) * spread + SHRUNK * np.trace(spread) / len(spread) * np.eye(len(spread))
    lengths, axes = np.linalg.eigh(spread)
    metric: Floats = (axes / np.sqrt(lengths)).astype(np.float16).astype(np.float32)  # as a file holds it
    return metric


def _centre(seen: Floats, others: Floats, label: int) -> tuple[Centre, NDArray[np.bool_]]:
    """A centre of what looks alike among `seen`, and which of them that is."""
    first = Centre(np.median(seen, axis=0), 0.0, label)
    distances = first.distances(seen)
    is_alike = np.asarray(distances <= ALIKE * np.median(distances) + 1e-6)
    place, count = seen[is_alike].mean(axis=0), int(is_alike.sum())
    made = Centre(place, 0.0, label)
    apart = float(made.distances(seen[is_alike]).mean()) * count / max(1, count - 1)
    radius = min(REACH * apart, float(np.sort(made.distances(others))[GIVEN_UP]))
    return replace(made, radius=max(radius, 1e-6)), is_alike


def _silenced(chances: Floats, labels: Numbers) -> NDArray[np.bool_]:
    """Labels that call something else what is surely a person."""
    return np.asarray((chances[:, PERSON] >= BEYOND_LEARNING) & (labels != PERSON))


def _refusal(trial: Trial, now: Head, factory: Head, home: Examples) -> str:
    if len(home) < LEAST:
        return f"there are fewer than {LEAST} labels to learn from"
    if _silenced(factory.probabilities(home.embeddings), home.labels).mean() > MOST_SILENCED:
        return "too many labels call people something else"
    for holds, words in _DEMANDS:
        if not holds(trial):
            return words
    if score(trial.head, home).person_recall < score(now, home).person_recall:
        return "it calls fewer of the people that you labelled a person"
    return ""


_DEMANDS: Final[tuple[tuple[Callable[[Trial], bool], str], ...]] = (
    (
        lambda trial: trial.home_after.right > trial.home_before.right,
        "it is not better on the labels that were held back",
    ),
    (
        lambda trial: trial.home_after.right >= RIGHT * trial.home_after.count,
        "it is wrong on too many of the labels that were held back",
    ),
    (
        lambda trial: trial.factory_after.balanced >= trial.factory_before.balanced - MOST_LOST,
        "it forgets what it knew: it does worse on the factory's pictures",
    ),
    (
        lambda trial: trial.factory_after.person_recall >= trial.factory_before.person_recall - MOST_LOST / 2,
        "it finds fewer people in the factory's pictures",
    ),
    (
        lambda trial: trial.home_after.person_recall >= trial.home_before.person_recall,
        "it finds fewer of the people in the labels that were held back",
    ),
)
