"""What it costs to tell visitors apart: a crop, an event, and the share of it in a camera's busiest minute.

Idea: a minute is drawn in which somebody comes every four seconds, and filmed; it runs through the very objects of
`camd run`, with a classifier that counts what it takes. The rest is decoding, detecting and recording the same minute.
Rule: CPU time of the one thread; the network is asked cold and warm alike, as the house asks it.
"""

import statistics
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from camd.benches.measure import Spread
from camd.benches.report import Bar, Result
from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import ManualClock, cpu_seconds, thread_cpu_ns
from camd.config import Config, VisionConfig
from camd.learning import factory
from camd.model import Ended, Happening
from camd.pipeline import House, Pipeline
from camd.places import Places
from camd.recording import Recording
from camd.scene import Car, Route, Scene, Walker, encode, front_garden
from camd.store.shelf import Shelf
from camd.vision.classify import Classifier, Guess, Head
from camd.vision.crop import Grey
from camd.worker import AtOnce

MINUTE_S: Final = 60
EVERY_S: Final = 4.0  # somebody sets out, and is gone a second before the next
SHAPES: Final = ((96, 40), (60, 96), (96, 96), (30, 24))  # of crops
CROPS: Final = 50  # of each


@dataclass(frozen=True, slots=True)
class Plan:
    """Which settings, and how often the minute is played."""

    vision: VisionConfig
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class CropCost:
    """What one crop costs."""

    title: ClassVar[str] = "telling apart, one crop"
    columns: ClassVar[tuple[str, ...]] = ("model", "CPU ms")

    model: str
    ms: Spread

    def json(self) -> dict[str, Any]:
        """Milliseconds as median, min and max."""
        return {"type": "crop", "model": self.model, "ms": self.ms.json()}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        return self.model, str(self.ms)


@dataclass(frozen=True, slots=True)
class BusyMinute:
    """What a minute costs in which somebody comes every four seconds; `share` of the whole is the classifier's."""

    title: ClassVar[str] = "a busy minute, 640x360 at 15 frames a second"
    columns: ClassVar[tuple[str, ...]] = ("model", "events", "crops an event", "ms an event", "share of all CPU")

    model: str
    events: int
    crops: int
    ms: float
    share: Spread

    def json(self) -> dict[str, Any]:
        """Counts, milliseconds and share."""
        each = {"crops_per_event": round(self.crops / self.events, 1), "ms_per_event": round(self.ms / self.events, 2)}
        return {"type": "busy", "model": self.model, "events": self.events, **each, "share": self.share.json()}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        each = f"{self.crops / self.events:.1f}", f"{self.ms / self.events:.1f}"
        return self.model, str(self.events), *each, str(self.share)


class _Counted:
    """A classifier that counts what it takes."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.took: list[float] = []

    def guess(self, grey: Grey) -> Guess:
        """Ask it."""
        began = thread_cpu_ns()
        guess = self._classifier.guess(grey)
        self.took.append((thread_cpu_ns() - began) / 1e6)
        return guess

    def learn(self, head: Head) -> None:
        """Pass it on."""
        self._classifier.learn(head)


def measure(plan: Plan, bar: Bar) -> Iterator[Result]:
    """Measure crops, then the minute. Raises UnusableInputError for a model that cannot be used."""
    name = plan.vision.detector.name if plan.vision.detector else "camd"
    counted = _Counted(factory.classifier(plan.vision))
    bar.begin("crops", len(SHAPES))
    for number, shape in enumerate(SHAPES):
        chance = np.random.default_rng(number)
        for _ in range(CROPS):
            counted.guess(chance.integers(0, 256, shape, np.uint8))
        bar.done()
    yield CropCost(name, Spread.of(counted.took))
    yield _minute(name, counted, plan, bar)


def _minute(name: str, counted: _Counted, plan: Plan, bar: Bar) -> BusyMinute:
    shares, costs = [], []
    with tempfile.TemporaryDirectory(prefix="camd-bench-") as folder:
        video = Path(folder, "busy.mp4")
        bar.begin("a busy minute", plan.rounds + 1)
        encode(_busy(), video)
        bar.done()
        for number in range(plan.rounds):
            counted.took.clear()
            began = cpu_seconds()
            events = _lived(video, Path(folder, str(number)), counted, plan)
            shares.append(sum(counted.took) / 1000 / (cpu_seconds() - began))
            costs.append(sum(counted.took))
            bar.done()
    return BusyMinute(name, events, len(counted.took), statistics.median(costs), Spread.of(shares))


def _lived(video: Path, folder: Path, classifier: Classifier, plan: Plan) -> int:
    """Run the minute through the house; return how many events there were."""
    happened: list[Happening] = []
    settings, clock = replace(Config(), vision=plan.vision), ManualClock()
    with (
        Shelf.open(Places(folder / "data", folder / "run"), settings.store, clock) as shelf,
        FileCamera(video) as camera,
    ):
        house = House(settings, clock, Recording(shelf, clock), happened.append, classifier=classifier)
        capture = Pipeline(Stream("bench", camera.format), house, AtOnce())
        capture.play(camera, threading.Event())
        capture.close()
    return max(1, sum(isinstance(one, Ended) for one in happened))


def _busy() -> Scene:
    """Somebody sets out every few seconds, by turns on foot and by car."""
    times = np.arange(1.0, MINUTE_S - EVERY_S, 2 * EVERY_S).tolist()
    walkers = (Walker(Route(((t, -40, 303), (t + 3, 680, 303))), 128) for t in times)
    cars = (Car(Route(((t + EVERY_S, 770, 344), (t + EVERY_S + 2.4, -130, 344))), 210) for t in times)
    return Scene(640, 360, 15, MINUTE_S, 1, 2.0, front_garden, (*walkers, *cars))
