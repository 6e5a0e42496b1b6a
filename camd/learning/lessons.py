"""What the network learns from: views of each picture, and what the teacher sees and thinks of each view.

Idea: a view is made once and looked at by the teacher once; of its maps the principal components are kept. What it
thinks is what a linear classifier makes of its maps that learned from the labels: where a view shows too little, it
says so, and the network need not pretend. Of a picture that nobody labelled this is all that is said.
Rule: pictures that are not taught from lend neither ground nor axis nor opinion.
"""

from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import nn
from torch.nn import functional

from camd.learning import pictures as catalogue
from camd.learning.augment import view
from camd.learning.net import COARSE, FINE
from camd.learning.pictures import Pictures
from camd.learning.teacher import Maps, Teacher
from camd.model import LABELS
from camd.vision.crop import Grey

Floats = NDArray[np.float32]
Chosen = NDArray[np.bool_]
T = TypeVar("T")

PLAIN: Final = 2  # views of each picture that show all of it: as it is, and in a mirror
MADE: Final = 2  # more views of each that is labelled: cut, tilted, elsewhere
AS_IT_IS: Final = 0.7  # of what is drawn of these is plain; what is cut off or tilted teaches the maps less well
WORKERS: Final = 2
SAMPLE: Final = 12  # every so many pictures say what the principal components are
AT_ONCE: Final = 16  # pictures that the teacher looks at together
STEPS: Final = 200  # of the linear classifier
TIGHT: Final = 1e-2  # its weight decay


@dataclass(frozen=True, slots=True)
class Lessons:
    """Views of the pictures, and what the teacher saw in them: components (V, C, H, H) float16.

    `pictures` (V,) says which picture a view is of, `is_plain` (V,) whether it shows all of it.
    """

    views: list[Grey]
    pictures: NDArray[np.int64]
    is_plain: NDArray[np.bool_]
    coarse: NDArray[np.float16]
    fine: NDArray[np.float16]

    def chances(self, found: Pictures, chosen: Chosen) -> NDArray[np.float64]:
        """How often each view is drawn (V,), of the pictures that are `chosen`; the sum is 1."""
        plain = np.where(found.is_labelled[self.pictures], AS_IT_IS, 1.0)
        shares = np.where(self.is_plain, plain / PLAIN, (1 - plain) / MADE)
        return np.asarray(catalogue.chances(found, chosen)[self.pictures] * shares)


def tracked(items: Iterable[T], what: str, count: int) -> Iterable[T]:
    """The items, with a progress bar on a terminal."""
    console = Console(stderr=True)
    return track(items, what, count, console=console, transient=True, disable=not console.is_terminal)


def prepare(found: Pictures, taught: Chosen, teacher: Path, seed: int) -> Lessons:
    """Make the views, and have the teacher look at each. Raises UnusableInputError."""
    looking = Teacher(teacher)  # a file that cannot be used is told before anything is made
    axes = _axes(looking, [found.greys[number] for number in np.flatnonzero(taught)[::SAMPLE]])
    made = _views(found, taught, seed)
    views = [grey for greys in made for grey in greys]
    with ProcessPoolExecutor(WORKERS, get_context("fork"), _hire, (teacher, axes)) as executor:
        coarse, fine = _looked_at(executor, views)
    every, labelled = np.arange(len(found)), np.flatnonzero(found.is_labelled)
    pictures = np.concatenate([*[every] * PLAIN, *[labelled] * MADE])
    return Lessons(views, pictures, np.arange(len(views)) < PLAIN * len(found), coarse, fine)


def _views(found: Pictures, taught: Chosen, seed: int) -> list[list[Grey]]:
    """The plain views of all pictures, then those that are made of the labelled ones."""
    mirrored = [np.ascontiguousarray(grey[:, ::-1]) for grey in found.greys]
    grounds = [found.greys[number] for number in np.flatnonzero(taught & (found.labels == LABELS.index("other")))]
    labelled = [(found.greys[number], LABELS[found.labels[number]]) for number in np.flatnonzero(found.is_labelled)]
    chances = [np.random.default_rng([seed, number]) for number in range(MADE)]
    made = [[view(grey, label, chance, grounds) for grey, label in labelled] for chance in chances]
    return [found.greys, mirrored, *made]


def _axes(teacher: Teacher, sample: list[Grey]) -> "tuple[_Axes, _Axes]":
    seen = [teacher.look(part) for part in _parts(sample)]
    coarse, fine = (np.concatenate(maps) for maps in zip(*seen, strict=True))
    return _Axes.of(coarse, COARSE), _Axes.of(fine, FINE)


def _parts(greys: list[Grey]) -> list[list[Grey]]:
    return [greys[start : start + AT_ONCE] for start in range(0, len(greys), AT_ONCE)]


_HIRED: "list[tuple[Teacher, tuple[_Axes, _Axes]]]" = []  # of a child process


def _hire(teacher: Path, axes: "tuple[_Axes, _Axes]") -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    _HIRED[:] = [(Teacher(teacher), axes)]


def _look(greys: list[Grey]) -> tuple[Maps, Maps]:
    teacher, (deep, neck) = _HIRED[0]
    coarse, fine = teacher.look(greys)
    return deep.along(coarse), neck.along(fine)


def _looked_at(executor: Executor, greys: list[Grey]) -> tuple[Maps, Maps]:
    parts = _parts(greys)
    coarse, fine = zip(*tracked(executor.map(_look, parts), "the teacher looks", len(parts)), strict=True)
    return np.concatenate(coarse), np.concatenate(fine)


@dataclass(frozen=True, slots=True)
class _Axes:
    """The principal components of maps, scaled to a mean variance of 1."""

    mean: Floats
    spread: Floats
    axes: Floats

    @classmethod
    def of(cls, maps: NDArray[np.float16], count: int) -> "_Axes":
        """The first `count` components of maps (N, C, H, H)."""
        sample = maps.astype(np.float32).transpose(0, 2, 3, 1).reshape(-1, maps.shape[1])
        mean, spread = sample.mean(axis=0), sample.std(axis=0) + 1e-2
        sample = (sample - mean) / spread
        _, axes = np.linalg.eigh(sample.T @ sample)
        axes = axes[:, ::-1][:, :count]
        return cls(mean, spread, axes / (sample @ axes).std())

    def along(self, maps: NDArray[np.float16]) -> NDArray[np.float16]:
        """Maps (N, C, H, H) as components (N, count, H, H)."""
        count, channels, *sides = maps.shape
        cells = maps.astype(np.float32).transpose(0, 2, 3, 1).reshape(-1, channels)
        seen = (cells - self.mean) / self.spread @ np.ascontiguousarray(self.axes)
        return seen.reshape(count, *sides, -1).transpose(0, 3, 1, 2).astype(np.float16)


def opinion(lessons: Lessons, found: Pictures, taught: Chosen) -> Floats:
    """What the teacher thinks of each view: probabilities (V, 4), by a linear classifier on its maps."""
    seen = (taught & found.is_labelled)[lessons.pictures]
    pooled = torch.from_numpy(np.concatenate([_pooled(lessons.coarse), _pooled(lessons.fine)], axis=1))
    mean, spread = pooled[seen].mean(0), pooled[seen].std(0) + 1e-2
    pooled = (pooled - mean) / spread
    weights = catalogue.chances(found, taught & found.is_labelled)[lessons.pictures[seen]]
    linear = nn.Linear(pooled.shape[-1], len(LABELS))
    labels = torch.from_numpy(found.labels[lessons.pictures[seen]])
    _fit(linear, pooled[seen], labels, torch.from_numpy((weights / weights.sum()).astype(np.float32)))
    with torch.no_grad():
        thought: Floats = linear(pooled).softmax(-1).numpy()
    return thought


def _pooled(maps: NDArray[np.float16]) -> Floats:
    """Mean and most of each component over the cells, (V, 2 C)."""
    flat = maps.reshape(*maps.shape[:2], -1).astype(np.float32)
    return np.concatenate([flat.mean(axis=2), flat.max(axis=2)], axis=1)


def _fit(linear: nn.Linear, seen: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> None:
    optimiser = torch.optim.LBFGS(linear.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        surprise = functional.cross_entropy(linear(seen), labels, reduction="none")
        whole = (surprise * weights).sum() + TIGHT * (linear.weight**2).sum()
        whole.backward()
        return whole

    optimiser.step(loss)
