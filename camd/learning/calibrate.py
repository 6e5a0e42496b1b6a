"""How sure a classifier may say it is, and how right it was.

Idea: one number, the temperature, divides all scores (Guo and others, 2017); it is chosen so that of the things called
something with a probability of 0.8 eight in ten are that. Each label weighs the same, however many pictures there are.
Rule: pure.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from camd.model import LABELS
from camd.vision.classify import Head

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]

BINS: Final = 15
TEMPERATURES: Final = np.geomspace(0.3, 8.0, 80)


@dataclass(frozen=True, slots=True)
class Report:
    """`recall` of each label and their mean, the expected calibration error, balanced accuracy of person or not."""

    recall: dict[str, float]
    balanced: float
    calibration_error: float
    person_or_not: float

    def words(self) -> str:
        """One line."""
        each = ", ".join(f"{label} {share:.3f}" for label, share in self.recall.items())
        return (
            f"balanced accuracy {self.balanced:.3f} ({each}), person or not {self.person_or_not:.3f},"
            f" calibration error {self.calibration_error:.3f}"
        )

    def json(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "balanced_accuracy": round(self.balanced, 4),
            "recall": {label: round(share, 4) for label, share in self.recall.items()},
            "person_or_not": round(self.person_or_not, 4),
            "calibration_error": round(self.calibration_error, 4),
        }


def temperature(head: Head, embeddings: Floats, labels: Numbers, weights: NDArray[np.float64]) -> float:
    """The temperature at which `head` is least surprised by the labels of embeddings (N, E) that weigh so much (N,)."""
    losses = []
    for candidate in TEMPERATURES:
        chances = Head(head.weights, head.bias, float(candidate), head.network).probabilities(embeddings)
        losses.append(-np.average(np.log(chances[np.arange(len(labels)), labels] + 1e-9), weights=weights))
    return float(TEMPERATURES[int(np.argmin(losses))])


def report(chances: Floats, labels: Numbers) -> Report:
    """How right probabilities (N, 4) are."""
    said = chances.argmax(axis=1)
    present = [number for number in range(len(LABELS)) if (labels == number).any()]
    recall = {LABELS[number]: float((said[labels == number] == number).mean()) for number in present}
    is_person, said_person = labels == 0, said == 0
    either = [float((said_person[mine] == is_person[mine]).mean()) for mine in (is_person, ~is_person) if mine.any()]
    error = calibration_error(chances, labels)
    return Report(recall, float(np.mean(list(recall.values()))), error, float(np.mean(either)))


def calibration_error(chances: Floats, labels: Numbers) -> float:
    """The mean distance between how sure and how right, over `BINS` bins of confidence; each label weighs the same."""
    sure, right, weights = chances.max(axis=1), chances.argmax(axis=1) == labels, evenly(labels)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    error = 0.0
    for number in np.unique(bins):
        mine = bins == number
        share = weights[mine].sum()
        error += abs(float((weights[mine] * (sure[mine] - right[mine])).sum() / share)) * float(share)
    return error


def evenly(labels: Numbers) -> NDArray[np.float64]:
    """Weights whose sum is 1, by which each label that there is weighs the same."""
    counts = np.bincount(labels, minlength=len(LABELS))
    weights = 1 / counts[labels]
    return np.asarray(weights / weights.sum())
