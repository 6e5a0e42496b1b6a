"""The model as it is written, with the record of how it was made.

Idea: what is scored is what is shipped: the written network, asked through OpenCV.
Rule: the temperature comes from the rehearsal, by pictures that it did not learn from: of sources that share nothing
with those that it learned from, and of those. Test pictures are for the last figure alone.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from camd.clock import SystemClock
from camd.learning import pictures as catalogue
from camd.learning.calibrate import evenly, report, temperature
from camd.learning.pictures import CLASSES, Pictures
from camd.model import LABELS, SECOND, Nanos
from camd.store.files import writing
from camd.terminal import say
from camd.vision.classify import Head, Network

Floats = NDArray[np.float32]
Chosen = NDArray[np.bool_]

SUMMARY: Final = 400, 150  # pictures of each label in the factory's summary, to mix in and to score on


@dataclass(frozen=True, slots=True)
class Trained:
    """A network as ONNX, and its linear head."""

    network: bytes
    weights: Floats
    bias: Floats

    def head(self, degrees: float) -> Head:
        """The head at this temperature."""
        return Head(self.weights, self.bias, degrees, hashlib.sha256(self.network).hexdigest())

    def embed(self, found: Pictures, chosen: Chosen) -> Floats:
        """The embeddings (N, E) of the chosen pictures, as OpenCV has them."""
        network = Network(self.network, self.head(1.0))
        embeddings = [network.embed(found.greys[number]) for number in np.flatnonzero(chosen)]
        return np.array(embeddings, np.float32).reshape(-1, self.weights.shape[1])


@dataclass(slots=True)
class Record:
    """What was learned from which pictures, and how right it is.

    The rehearsal is scored on the pictures that are `left_out` with their sources, and calibrated on those and on the
    ones that were `held_back` alone.
    """

    found: Pictures
    taught: Chosen
    left_out: Chosen
    held_back: Chosen
    seed: int
    epochs: int
    degrees: float = 1.0
    rehearsal: dict[str, Any] = field(default_factory=dict)

    def rehearse(self, trained: Trained) -> None:
        """Calibrate on what it did not learn from, and note how right it is on what was left out."""
        far, near = (trained.embed(self.found, chosen) for chosen in (self.left_out, self.held_back))
        labels = [self.found.labels[chosen] for chosen in (self.left_out, self.held_back)]
        weights = np.concatenate([evenly(each) for each in labels])  # unknown and known places weigh the same
        self.degrees = temperature(trained.head(1.0), np.concatenate([far, near]), np.concatenate(labels), weights)
        head = trained.head(self.degrees)
        told = self._told("left-out sources", head, far, self.left_out)
        if len(near):
            self._told("held-back pictures", head, near, self.held_back)
        self.rehearsal = told | {"temperature": round(self.degrees, 4)}

    def write(self, folder: Path, trained: Trained, began: Nanos, torch_version: str) -> None:
        """Write network.onnx, head.json, summary.npz and record.json. Raises CannotWriteError."""
        every = trained.embed(self.found, np.ones_like(self.taught))
        head, is_test = trained.head(self.degrees), self.found.is_test
        test = self._told("test", head, every[is_test], is_test) if is_test.any() else {}
        made = {
            "v": 1, "sha256": head.network, "bytes": len(trained.network), "seed": self.seed, "epochs": self.epochs,
            "minutes": round((SystemClock().boot() - began) / SECOND / 60), "torch": torch_version,
            "test": test, "left_out": self.rehearsal, "sources": self._sources(),
        }  # fmt: skip
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "network.onnx").write_bytes(trained.network)
            (folder / "head.json").write_text(json.dumps(head.to_json()) + "\n", encoding="utf-8")
            np.savez_compressed(folder / "summary.npz", **self._summary(every))
            (folder / "record.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")

    def _told(self, what: str, head: Head, embeddings: Floats, chosen: Chosen) -> dict[str, Any]:
        """Say how right it is on the chosen pictures, whose embeddings these are; the same as JSON, by source too."""
        chances, labels, sources = head.probabilities(embeddings), self.found.labels[chosen], self.found.sources[chosen]
        told = report(chances, labels)
        say(f"{what}: {told.words()}")
        right = chances.argmax(axis=1) == labels
        each = {
            f"{source}, {LABELS[label]}": [int(right[mine].sum()), int(mine.sum())]
            for source, label in sorted({*zip(sources.tolist(), labels.tolist(), strict=True)})
            if (mine := (sources == source) & (labels == label)).any()
        }
        return told.json() | {"right_of": each}

    def _summary(self, every: Floats) -> dict[str, Any]:
        """Embeddings of some pictures of each label, of every source alike."""
        chance = np.random.default_rng(self.seed)
        train, test = (
            self._some(chance, chosen, most)
            for chosen, most in zip((self.taught, self.found.is_test & self.found.is_free), SUMMARY, strict=True)
        )
        return {
            "train": every[train].astype(np.float16),
            "train_labels": self.found.labels[train].astype(np.int8),
            "test": every[test].astype(np.float16),
            "test_labels": self.found.labels[test].astype(np.int8),
        }

    def _some(self, chance: np.random.Generator, chosen: Chosen, most: int) -> NDArray[np.int64]:
        weights = catalogue.chances(self.found, chosen)
        picked = [np.zeros(0, np.int64)]
        for label in range(len(LABELS)):
            mine = np.flatnonzero(chosen & (self.found.labels == label) & (weights > 0))
            if len(mine):
                shares = weights[mine] / weights[mine].sum()
                picked.append(chance.choice(mine, min(most, len(mine)), replace=False, p=shares))
        return np.concatenate(picked)

    def _sources(self) -> dict[str, Any]:
        """What each source gave, and under which licence."""
        found = self.found
        return {
            str(name): {
                "licence": " and ".join(np.unique(found.licences[mine]).tolist()),
                "taught": self._counts(mine & self.taught),
                "tested": int((mine & found.is_test).sum()),
            }
            for name in np.unique(found.sources)
            if (mine := found.sources == name).any()
        }

    def _counts(self, chosen: Chosen) -> dict[str, int]:
        numbers, counts = np.unique(self.found.labels[chosen], return_counts=True)
        names = {number: name for name, number in CLASSES.items()}
        return {names[number]: count for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)}
