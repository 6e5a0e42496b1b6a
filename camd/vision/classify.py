"""Says what one crop shows: person, vehicle, animal or other, and how sure that is.

Idea: a small network turns the crop into an embedding, a list of numbers that says what it looks like; a head of a few
hundred numbers turns the embedding into probabilities. The network is the same everywhere and never changes at home;
the head is what camd learns anew from its owner's labels.
Rule: pure. Whatever OpenCV refuses is an UnusableInputError, told once where the model is loaded.
Not promised: that a crop of none of the four is recognised as such; who asks votes over several crops.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.errors import UnusableInputError
from camd.model import LABELS
from camd.vision.crop import SIDE, Grey, squared

Embedding = NDArray[np.float32]
CERTAIN: Final = 0.95  # probability of a centre's label, well inside
EDGE: Final = 0.1  # of the radius, over which it fades
BEYOND_LEARNING: Final = 0.9  # probability of a person, by the factory's head, that nothing learned at home takes back
TAG: Final = 8  # bytes of the network's sha256 before its embeddings


@dataclass(frozen=True, slots=True)
class Guess:
    """What a crop shows: probabilities in the order of `LABELS`, whose sum is 1.

    `embedding` is what the head was asked with, (E,) float32, by the network of that sha256; None from a model that
    has none. `factory` are the probabilities without what was learned at home, () where they are the same.
    """

    probabilities: tuple[float, ...]
    embedding: Embedding | None = None
    network: str = ""
    factory: tuple[float, ...] = ()

    @property
    def untaught(self) -> "Guess":
        """The same without what was learned at home."""
        return replace(self, probabilities=self.factory or self.probabilities)

    @property
    def label(self) -> str:
        """The most probable label."""
        return LABELS[max(range(len(LABELS)), key=self.probabilities.__getitem__)]


class Classifier(Protocol):
    """Anything that can say what a crop shows."""

    def guess(self, grey: Grey) -> Guess:
        """Say what `grey`, (height, width) uint8, shows. Raises UnusableInputError when the model cannot."""

    def learn(self, head: "Head") -> None:
        """Use this head from now on, if it was made for this model."""


@dataclass(frozen=True, slots=True)
class Centre:
    """Things of one kind that the owner knows better: what lies within `radius` of `place` is a `label`.

    `place` (E,) is where several visits lie in the middle, in the space of the head's `metric`; `clips` are the clips
    that hold them.
    """

    place: NDArray[np.float32]
    radius: float
    label: int
    clips: tuple[int, ...] = ()

    def distances(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far places (N, E) are from it, (N,)."""
        return cast("NDArray[np.float32]", np.linalg.norm(places - self.place, axis=1))

    def pull(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much its label counts at places (N, E): 0 outside, `CERTAIN` well inside."""
        depth = (self.radius - self.distances(places)) / (EDGE * self.radius)
        return cast("NDArray[np.float32]", CERTAIN * np.clip(depth, 0, 1).astype(np.float32))

    def to_json(self) -> dict[str, Any]:
        """As it is kept in a file."""
        place = [round(float(value), 5) for value in self.place]
        told = {"label": LABELS[self.label], "clips": list(self.clips)}
        return {**told, "radius": round(self.radius, 5), "place": place}

    @classmethod
    def of(cls, data: dict[str, Any], size: int) -> "Centre":
        """Read what `to_json` gave; raises ValueError, TypeError or KeyError."""
        place = np.array(data["place"], np.float32)
        if place.shape != (size,) or not np.isfinite(place).all():
            raise ValueError("a centre has another shape")
        radius = float(data["radius"])
        if not 0 < radius < np.inf:
            raise ValueError(f"a centre has the radius {radius}")
        return cls(place, radius, LABELS.index(data["label"]), tuple(map(int, data["clips"])))


@dataclass(frozen=True, slots=True)
class Head:
    """What turns embeddings into probabilities: softmax((weights @ embedding + bias) / temperature), but near a centre.

    `weights` is (4, E) float32 and `bias` (4,), in the order of `LABELS`; `network` is the sha256 of the network whose
    embeddings it was made for. `centres` are what was learned at home; they lie where `metric` (E, E) puts embeddings,
    which is (0, 0) where nothing was learned.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperature: float
    network: str
    centres: tuple["Centre", ...] = ()
    metric: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def probabilities(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities (N, 4) of embeddings (N, E)."""
        chances = self.by_factory(embeddings)
        if not self.centres:
            return chances
        places = embeddings @ self.metric
        for centre in self.centres:
            pull = centre.pull(places)[:, None]
            chances = (1 - pull) * chances + pull * np.eye(len(LABELS), dtype=np.float32)[centre.label]
        return chances

    def by_factory(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same without what was learned at home."""
        scores = (embeddings @ self.weights.T + self.bias) / self.temperature
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return cast("NDArray[np.float32]", (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32))

    def to_json(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return {
            "v": 1,
            "labels": list(LABELS),
            "network": self.network,
            "temperature": round(self.temperature, 4),
            "bias": [round(float(value), 5) for value in self.bias],
            "weights": [[round(float(value), 5) for value in row] for row in self.weights],
            "centres": [centre.to_json() for centre in self.centres],
            "metric": b64encode(self.metric.astype("<f2").tobytes()).decode() if self.centres else "",
        }

    @classmethod
    def from_json(cls, text: bytes) -> "Head":
        """Read what `to_json` gave. Raises UnusableInputError for anything else."""
        try:
            data = json.loads(text)
            if data["v"] != 1 or data["labels"] != list(LABELS):
                raise ValueError("it is of another version or has other labels")
            weights, bias = np.array(data["weights"], np.float32), np.array(data["bias"], np.float32)
            if weights.ndim != 2 or bias.shape != (len(LABELS),) or len(weights) != len(LABELS):
                raise ValueError("its weights have another shape")
            temperature = float(data["temperature"])
            if not (temperature > 0 and np.isfinite(weights).all() and np.isfinite(bias).all()):
                raise ValueError("it holds what is no number")
            centres = tuple(Centre.of(one, weights.shape[1]) for one in data.get("centres", []))
            metric = _metric(data.get("metric", ""), weights.shape[1] if centres else 0)
            return cls(weights, bias, temperature, str(data["network"]), centres, metric)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnusableInputError(f"not a head of camd's classifier: {error}.") from error


def _metric(text: str, size: int) -> NDArray[np.float32]:
    metric = np.frombuffer(b64decode(text, validate=True), "<f2").astype(np.float32)
    if metric.size != size**2 or not np.isfinite(metric).all():
        raise ValueError("its metric has another shape")
    return metric.reshape(size, size)


class Network:
    """camd's own classifier: the network of an ONNX file, and a head."""

    def __init__(self, onnx: bytes, head: Head) -> None:
        self._net = read_onnx(onnx)
        self._head = head
        size = len(self.embed(np.zeros((SIDE, SIDE), np.uint8)))
        if size != head.weights.shape[1]:
            raise UnusableInputError(f"the network gives {size} numbers, its head takes {head.weights.shape[1]}.")

    def guess(self, grey: Grey) -> Guess:
        """Say what `grey`, (height, width) uint8, shows."""
        embedding = self.embed(grey)
        chances = tuple(self._head.probabilities(embedding[None])[0].tolist())
        factory = tuple(self._head.by_factory(embedding[None])[0].tolist()) if self._head.centres else ()
        return Guess(chances, embedding, self._head.network, factory)

    def embed(self, grey: Grey) -> Embedding:
        """The embedding (E,) of a crop."""
        return run(self._net, squared(grey)).reshape(-1)

    def learn(self, head: Head) -> None:
        """Use this head from now on, if it was made for this network."""
        if (head.network, head.weights.shape) == (self._head.network, self._head.weights.shape):
            self._head = head


def packed(guesses: Iterable[Guess]) -> bytes:
    """The embeddings of the guesses of one network, to be kept with a clip; b"" when there are none."""
    found = [guess for guess in guesses if guess.embedding is not None]
    if not found:
        return b""
    rows = (guess.embedding.astype("<f2").tobytes() for guess in found if guess.embedding is not None)
    return bytes.fromhex(found[0].network)[:TAG] + b"".join(rows)


def unpacked(kept: bytes, head: Head) -> NDArray[np.float32]:
    """The embeddings (N, E) in what `packed` gave; none (0, E) when they are another network's."""
    size = head.weights.shape[1]
    tag, rows = kept[:TAG], kept[TAG:]
    if tag != bytes.fromhex(head.network)[:TAG] or len(rows) % (2 * size):
        return np.zeros((0, size), np.float32)
    found = np.frombuffer(rows, "<f2").reshape(-1, size).astype(np.float32)
    return found[np.isfinite(found).all(axis=1)]


def read_onnx(onnx: bytes) -> "cv2.dnn.Net":
    """Make a network of the bytes of an ONNX file. Raises UnusableInputError for anything else."""
    try:
        return cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
    except cv2.error as error:
        raise UnusableInputError(f"not an ONNX model that OpenCV can read ({_first_line(error)}).") from error


def run(net: "cv2.dnn.Net", blob: NDArray[np.float32]) -> NDArray[np.float32]:
    """The network's one output for `blob`. Raises UnusableInputError when the network does not take it."""
    try:
        net.setInput(blob)
        return cast("NDArray[np.float32]", net.forward())
    except cv2.error as error:
        raise UnusableInputError(f"the model does not take {blob.shape} ({_first_line(error)}).") from error


LONGEST_WORDS: Final = 120


def _first_line(error: cv2.error) -> str:
    lines = str(error).strip().splitlines() or [""]
    return lines[0][:LONGEST_WORDS]
