"""What one frame costs the detector, beside detectors that OpenCV alone can make, on the same frames in the same run.

Idea: each contender is a step that takes a frame. Steps are measured back to back, where caches are warm, and at a
camera's pace, where they are not: a daemon lives at that pace. There every step gets the frame in its own part of the
interval, so that it begins with the caches that another one has left.
Rule: CPU time of the one thread, OpenCV on one thread, rounds that take turns.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Any, ClassVar, Final

import cv2
import numpy as np

from camd.benches import footage
from camd.benches.counted import calls_of
from camd.benches.footage import CYCLE, FPS, Footage, Grey, Size
from camd.benches.measure import Costs, Spread, interleaved, ratios, turned
from camd.benches.report import Bar, Result
from camd.clock import SystemClock, thread_cpu_ns
from camd.config import VisionConfig
from camd.model import SECOND, Finding, Nanos
from camd.vision.episode import Limits
from camd.vision.sight import Settings, Sight

Step = Callable[[Nanos, Grey], object]

OURS: Final = "camd"
WARM_UP: Final = 60  # frames, at least: four seconds for every step to learn what is usual
SIZES: Final = tuple(Size(*pair) for pair in ((160, 120), (320, 240), (640, 480), (1280, 720), (1920, 1080)))
USUAL: Final = Size(640, 480)
BLOBS: Final = (0, 1, 4, 16, 64)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: `pace` is in frames a second."""

    sizes: tuple[Size, ...] = SIZES
    rounds: int = 5
    pace: float = 15.0
    kinds: tuple[str, ...] = ("quiet", "mixed", "busy")

    @property
    def usual(self) -> Size:
        """The size that growth is told against: 640x480 when it is among them, else the first."""
        return USUAL if USUAL in self.sizes else self.sizes[0]


@dataclass(frozen=True, slots=True)
class Contest:
    """What a frame costs every contender, and how many times camd's cost that is; `pace` is None back to back."""

    title: ClassVar[str] = "CPU us of a frame, and how many times that the yardsticks cost"
    columns: ClassVar[tuple[str, ...]] = ("size", "footage", "pace", "camd us", "MOG2", "KNN", "blur")

    size: Size
    kind: str
    pace: float | None
    us: dict[str, Spread]
    ratio: dict[str, Spread]

    def json(self) -> dict[str, Any]:
        """Microseconds and ratios as median, min and max."""
        us = {name: spread.json() for name, spread in self.us.items()}
        ratio = {name: spread.json() for name, spread in self.ratio.items() if name != OURS}
        return {
            "type": "step",
            "size": str(self.size),
            "footage": self.kind,
            "pace": self.pace,
            "us": us,
            "ratio": ratio,
        }

    def cells(self) -> tuple[str, ...]:
        """A row."""
        pace = f"{self.pace:g} fps" if self.pace else "none"
        yardsticks = (str(ratio) for name, ratio in self.ratio.items() if name != OURS)
        return str(self.size), self.kind, pace, str(self.us[OURS]), *yardsticks


@dataclass(frozen=True, slots=True)
class BlobCost:
    """What a frame with so many moving things costs camd."""

    title: ClassVar[str] = "camd's step by the number of things that move"
    columns: ClassVar[tuple[str, ...]] = ("size", "blobs", "us", "times one blob's")

    size: Size
    blobs: int
    us: Spread
    ratio: Spread

    def json(self) -> dict[str, Any]:
        """Microseconds and ratio as median, min and max."""
        told = {"size": str(self.size), "blobs": self.blobs}
        return {"type": "blobs", **told, "us": self.us.json(), "ratio": self.ratio.json()}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        return str(self.size), str(self.blobs), str(self.us), str(self.ratio)


@dataclass(frozen=True, slots=True)
class SizeCost:
    """What a quiet frame of this size costs camd."""

    title: ClassVar[str] = "camd's step by the size of a quiet picture"
    columns: ClassVar[tuple[str, ...]] = ("size", "us", "times", "that of")

    size: Size
    us: Spread
    ratio: Spread
    reference: Size

    def json(self) -> dict[str, Any]:
        """Microseconds and ratio as median, min and max."""
        told = {"size": str(self.size), "reference": str(self.reference)}
        return {"type": "size", **told, "us": self.us.json(), "ratio": self.ratio.json()}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        return str(self.size), str(self.us), str(self.ratio), str(self.reference)


@dataclass(frozen=True, slots=True)
class Calls:
    """How many calls into numpy and OpenCV a quiet frame takes: on average and at most, and which."""

    title: ClassVar[str] = "calls into numpy and OpenCV on a quiet frame"
    columns: ClassVar[tuple[str, ...]] = ("size", "mean", "most", "on the frame with most")

    size: Size
    mean: float
    most: int
    names: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """Counts."""
        told = {"size": str(self.size), "mean": round(self.mean, 3), "most": self.most}
        return {"type": "calls", **told, "names": list(self.names)}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        return str(self.size), f"{self.mean:.1f}", str(self.most), " ".join(self.names)


class Player:
    """Plays footage round and round into one step at the times of a camera."""

    def __init__(self, step: Step, pictures: Footage) -> None:
        self._step = step
        self._film = ((number * SECOND // FPS, pictures[number % len(pictures)]) for number in count())
        self.frames = len(pictures)

    def play(self, frames: int) -> float:
        """Play so many frames and return the CPU microseconds that one took on average."""
        step, film = self._step, list(islice(self._film, frames))
        began = thread_cpu_ns()
        for t, luma in film:
            step(t, luma)
        return (thread_cpu_ns() - began) / frames / 1000

    def warm_up(self) -> None:
        """Play whole rounds until the step has settled."""
        self.play(-(-WARM_UP // self.frames) * self.frames)


def measure(plan: Plan, bar: Bar) -> Iterator[Result]:
    """Measure all that is planned."""
    cv2.setNumThreads(1)
    for size in plan.sizes:
        for kind in plan.kinds:
            yield from _contest(size, kind, plan, bar)
    yield from _by_blobs(plan, bar)
    yield from _by_size(plan, bar)
    yield calls_on_quiet_frames(plan.usual)


def calls_on_quiet_frames(size: Size) -> Calls:
    """Count the calls that the frames of a quiet second take."""
    look, pictures = camd(size), footage.quiet(size)
    Player(look, pictures).warm_up()
    starts = 2 * len(pictures) * SECOND // FPS
    frames = [(starts + number * SECOND // FPS, pictures[number]) for number in range(FPS)]
    found = [calls_of(partial(look, t, luma)) for t, luma in frames]
    return Calls(size, sum(map(len, found)) / len(found), max(map(len, found)), max(found, key=len))


def camd(size: Size) -> Callable[[Nanos, Grey], list[Finding]]:
    """Our own step, with the settings that a fresh camd has."""
    vision = VisionConfig()
    return Sight(*size, Settings(vision.sensitivity, Limits(vision.merge_gap), "bench")).look


def mog2(size: Size) -> Step:
    """DVR-Scan's step: mixture of Gaussians, opening, mean; the kernel as DVR-Scan 1.8 chooses it by width."""
    subtractor = cv2.createBackgroundSubtractorMOG2(detectShadows=False)
    side = 7 if size.width >= 1920 else 5 if size.width >= 1280 else 3
    kernel = np.ones((side, side), np.uint8)
    return lambda t, luma: cv2.mean(cv2.morphologyEx(subtractor.apply(luma), cv2.MORPH_OPEN, kernel))


def knn(size: Size) -> Step:
    """OpenCV's other subtractor, k nearest neighbours, and the mean of what it calls foreground."""
    subtractor = cv2.createBackgroundSubtractorKNN(detectShadows=False)
    return lambda t, luma: cv2.mean(subtractor.apply(luma))


def blurred(size: Size) -> Step:
    """What tutorials teach: blur, running mean, difference, threshold, dilation, contours."""
    usual = np.zeros((size.height, size.width), np.float32)
    square = np.ones((3, 3), np.uint8)

    def look(t: Nanos, luma: Grey) -> object:
        smooth = cv2.GaussianBlur(luma, (21, 21), 0)
        cv2.accumulateWeighted(smooth, usual, 0.05)
        away = cv2.absdiff(smooth, cv2.convertScaleAbs(usual))
        _, changed = cv2.threshold(away, 25, 255, cv2.THRESH_BINARY)
        return cv2.findContours(cv2.dilate(changed, square, iterations=2), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)

    return look


CONTENDERS: Final[dict[str, Callable[[Size], Step]]] = {
    OURS: camd,
    "mog2": mog2,
    "knn": knn,
    "blur": blurred,
}
KINDS: Final[dict[str, Callable[[Size], Footage]]] = {
    "quiet": footage.quiet,
    "mixed": footage.mixed,
    "busy": footage.busy,
}


def _contest(size: Size, kind: str, plan: Plan, bar: Bar) -> Iterator[Contest]:
    bar.begin(f"{size} {kind}", len(CONTENDERS) * (1 + 2 * plan.rounds))
    pictures = KINDS[kind](size)
    players = {name: Player(make(size), pictures) for name, make in CONTENDERS.items()}
    for player in players.values():
        player.warm_up()
        bar.done()
    for pace, costs in (
        (None, interleaved(_passes(players), plan.rounds, bar.done)),
        (plan.pace, _paced(players, plan, bar)),
    ):
        us = {name: Spread.of(figures) for name, figures in costs.items()}
        yield Contest(size, kind, pace, us, ratios(costs, OURS))


def _passes(players: dict[str, Player]) -> dict[str, Callable[[], float]]:
    """For each contender the whole footage once."""
    return {name: partial(player.play, player.frames) for name, player in players.items()}


def _paced(players: dict[str, Player], plan: Plan, bar: Bar) -> Costs:
    """Give every contender a cycle of frames a round, one by one when it is due; the cost is a frame's mean."""
    clock, never = SystemClock(), threading.Event()
    share = SECOND / plan.pace / len(players)
    costs: Costs = {name: [0.0] * plan.rounds for name in players}
    due = float(clock.boot())
    for number in range(plan.rounds):
        for frame in range(CYCLE):
            for name in turned(list(players), frame):
                due = max(due + share, clock.boot())
                clock.wait(round(due), never)
                costs[name][number] += players[name].play(1) / CYCLE
        for _ in players:
            bar.done()
    return costs


def _by_blobs(plan: Plan, bar: Bar) -> Iterator[BlobCost]:
    size = plan.usual
    players = {str(blobs): Player(camd(size), footage.blobs(size, blobs)) for blobs in BLOBS}
    costs = _costs("blobs", players, plan, bar)
    compared = ratios(costs, "1")
    for name in players:
        yield BlobCost(size, int(name), Spread.of(costs[name]), compared[name])


def _by_size(plan: Plan, bar: Bar) -> Iterator[SizeCost]:
    players = {str(size): Player(camd(size), footage.quiet(size)) for size in plan.sizes}
    costs = _costs("sizes", players, plan, bar)
    compared = ratios(costs, str(plan.usual))
    for size in plan.sizes:
        yield SizeCost(size, Spread.of(costs[str(size)]), compared[str(size)], plan.usual)


def _costs(what: str, players: dict[str, Player], plan: Plan, bar: Bar) -> Costs:
    bar.begin(what, len(players) * plan.rounds)
    for player in players.values():
        player.warm_up()
    return interleaved(_passes(players), plan.rounds, bar.done)
