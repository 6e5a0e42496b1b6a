"""What the network learns from: views of each picture, and what the teacher sees and thinks of each view.

Idea: a view is made once and looked at by the teacher once; of its maps the principal components are kept. What it
thinks is what a linear classifier makes of its maps that learned from the labels: where a view shows too little, it
says so, and the network need not pretend.
Rule: pictures that are not taught from lend neither ground nor axis nor opinion.
"""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
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

VIEWS: Final = 2  # of each picture, the first as it is
WORKERS: Final = 2
SAMPLE: Final = 5  # every so many pictures say what the principal components are
STEPS: Final = 200  # of the linear classifier
TIGHT: Final = 1e-2  # its weight decay


@dataclass(frozen=True, slots=True)
class Lessons:
    """Views (V, N) of the pictures and what the teacher saw in them: components (V, N, C, H, H) float16."""

    views: list[list[Grey]]
    coarse: NDArray[np.float16]
    fine: NDArray[np.float16]


def tracked(items: Iterable[T], what: str, count: int) -> Iterable[T]:
    """The items, with a progress bar on a terminal."""
    console = Console(stderr=True)
    return track(items, what, count, console=console, transient=True, disable=not console.is_terminal)


def prepare(found: Pictures, taught: Chosen, teacher: Path, seed: int) -> Lessons:
    """Make the views, and have the teacher look at each. Raises UnusableInputError."""
    Teacher(teacher)  # a file that cannot be used is told before anything is made
    grounds = [found.greys[number] for number in np.flatnonzero(taught & (found.labels == LABELS.index("other")))]
    views, coarse, fine = [], [], []
    axes: list[_Axes] = []
    for number in range(VIEWS):
        views.append(found.greys if number == 0 else _views(found, grounds, np.random.default_rng([seed, number])))
        seen = _looked_at(views[number], teacher, f"the teacher looks at view {number + 1} of {VIEWS}")
        deep, neck = np.stack([one for one, _ in seen]), np.stack([other for _, other in seen])
        if number == 0:
            axes = [_Axes.of(deep[taught][::SAMPLE], COARSE), _Axes.of(neck[taught][::SAMPLE], FINE)]
        coarse.append(axes[0].along(deep))
        fine.append(axes[1].along(neck))
    return Lessons(views, np.stack(coarse), np.stack(fine))


def _views(found: Pictures, grounds: list[Grey], chance: np.random.Generator) -> list[Grey]:
    pairs = zip(found.greys, found.labels, strict=True)
    return [view(grey, LABELS[label], chance, grounds) for grey, label in pairs]


_HIRED: list[Teacher] = []  # of a child process


def _hire(teacher: Path) -> None:
    cv2.setNumThreads(1)
    _HIRED[:] = [Teacher(teacher)]


def _look(grey: Grey) -> tuple[Maps, Maps]:
    return _HIRED[0].look(grey)


def _looked_at(greys: list[Grey], teacher: Path, what: str) -> list[tuple[Maps, Maps]]:
    with ProcessPoolExecutor(WORKERS, get_context("fork"), _hire, (teacher,)) as executor:
        return list(tracked(executor.map(_look, greys, chunksize=64), what, len(greys)))


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
        made = np.empty((len(maps), self.axes.shape[1], *maps.shape[2:]), np.float16)
        for start in range(0, len(maps), 1024):
            part = maps[start : start + 1024].astype(np.float32).transpose(0, 2, 3, 1)
            made[start : start + 1024] = (((part - self.mean) / self.spread) @ self.axes).transpose(0, 3, 1, 2)
        return made


def opinion(lessons: Lessons, found: Pictures, taught: Chosen) -> Floats:
    """What the teacher thinks of each view: probabilities (V, N, 4), by a linear classifier on its maps."""
    pooled = torch.from_numpy(np.stack([_pooled(lessons, number) for number in range(len(lessons.views))]))
    seen = torch.from_numpy(taught)
    mean, spread = pooled[:, seen].mean((0, 1)), pooled[:, seen].std((0, 1)) + 1e-2
    pooled = (pooled - mean) / spread
    labels = torch.from_numpy(found.labels[taught]).repeat(len(pooled))
    weights = torch.from_numpy(catalogue.chances(found, taught)[taught].astype(np.float32)).repeat(len(pooled))
    linear = nn.Linear(pooled.shape[-1], len(LABELS))
    _fit(linear, pooled[:, seen].flatten(0, 1), labels, weights / weights.sum())
    with torch.no_grad():
        thought: Floats = linear(pooled).softmax(-1).numpy()
    return thought


def _pooled(lessons: Lessons, number: int) -> Floats:
    """Mean and most of each component over the cells, (N, 2 * (COARSE + FINE))."""
    flat = [maps[number].reshape(*maps.shape[1:3], -1).astype(np.float32) for maps in (lessons.coarse, lessons.fine)]
    return np.concatenate([pool for maps in flat for pool in (maps.mean(axis=2), maps.max(axis=2))], axis=1)


def _fit(linear: nn.Linear, seen: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> None:
    optimiser = torch.optim.LBFGS(linear.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        surprise = functional.cross_entropy(linear(seen), labels, reduction="none")
        whole = (surprise * weights).sum() + TIGHT * (linear.weight**2).sum()
        whole.backward()
        return whole

    optimiser.step(loss)
