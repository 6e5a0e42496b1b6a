"""Trains the classifier that comes with camd: `python -m camd.learning.train CROPS... --teacher FastestDet.onnx`.

Idea: a network of less than 1 MB sees a small grey picture. It is asked for two things at once: what the picture
shows, and what a detector that knows more of the world sees in it (see `teacher`). The second is what carries it to
places that no training picture comes from. The mean of its weights over the last steps is what is kept.
Rule: torch is known here alone; nothing of camd needs it to run. The same seed, pictures and machine give the same
model.
Not promised: the same bytes on another machine, as sums of floating point depend on its instructions.
"""

import argparse
import copy
import hashlib
import io
import json
import math
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from camd.errors import CamdError
from camd.learning import pictures as catalogue
from camd.learning.augment import spoil, view
from camd.learning.calibrate import Report, report, temperature
from camd.learning.pictures import Pictures
from camd.learning.teacher import Teacher
from camd.model import LABELS
from camd.store.files import writing
from camd.terminal import Parser, say
from camd.vision.classify import Head
from camd.vision.crop import SIDE, Grey, squared

Floats = NDArray[np.float32]

WIDTHS: Final = (24, 48, 80)  # channels at 32, 16 and 8 cells along a side
EMBEDDING: Final = 96
COARSE: Final = 128  # principal components of the teacher's maps that are learned
FINE: Final = 48
VIEWS: Final = 2  # of each picture, the first as it is
BATCH: Final = 96
RATE: Final = 3e-3
WARM_UP: Final = 150  # steps
DECAY: Final = 0.03
SMOOTH: Final = 0.06  # of each label is shared by the others
MIXED: Final = 0.25  # of the batches
KEEP: Final = 0.997  # of the mean weights, per step
AHEAD: Final = 24  # batches that are made before they are needed
SUMMARY: Final = 400, 150  # pictures of each label in the factory's summary, to mix in and to score on
OPSET: Final = 12


@dataclass(frozen=True, slots=True)
class Lessons:
    """Views (V, N) of the pictures and what the teacher saw in them: components (V, N, C, H, H) float16."""

    views: list[list[Grey]]
    coarse: NDArray[np.float16]
    fine: NDArray[np.float16]


class Near(nn.Module):
    """Adds to what it sees what a convolution makes of it; `is_thin`: each channel by itself first."""

    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__()
        layers = [nn.Conv2d(channels, channels, 3, 1, 1, groups=groups, bias=False), nn.BatchNorm2d(channels)]
        if groups > 1:
            layers += [nn.ReLU(), nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)]
        self.f = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, H) to the same."""
        return functional.relu(x + self.f(x))


def _smaller(channels: int, more: int) -> nn.Sequential:
    """Half the cells along a side."""
    return nn.Sequential(nn.Conv2d(channels, more, 3, 2, 1, bias=False), nn.BatchNorm2d(more), nn.ReLU())


class Net(nn.Module):
    """The network, its head, and what predicts the teacher's maps, which is thrown away in the end."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.stem = nn.Sequential(
            _smaller(1, first), Near(first), _smaller(first, second), Near(second), Near(second),
            _smaller(second, third), Near(third), Near(third, groups=third),
        )  # fmt: skip
        self.top = _smaller(third, EMBEDDING)
        self.head = nn.Sequential(nn.Dropout(0.15), nn.Linear(EMBEDDING, len(LABELS)))
        self.coarse, self.fine = nn.Conv2d(EMBEDDING, COARSE, 1), nn.Conv2d(third, FINE, 1)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures (B, 1, SIDE, SIDE) to embeddings (B, EMBEDDING)."""
        return self.top(self.stem(x)).mean((2, 3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores (B, 4), and the teacher's maps as they are predicted."""
        near = self.stem(x)
        far = self.top(near)
        return self.head(far.mean((2, 3))), self.coarse(far), self.fine(near)


class _Asked(nn.Module):
    """The network as it is asked at home."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pictures to embeddings."""
        return self.net.embed(x)


def main(arguments: list[str]) -> int:
    """Train, say how good it is, and write the model."""
    wanted = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(wanted.seed)
    cv2.setNumThreads(1)
    found = catalogue.read(wanted.crops)
    left_out = np.isin(found.sources, wanted.leave_out)
    taught = ~found.is_test & ~left_out
    say(f"{len(found)} pictures of {len(set(found.sources))} sources, {int(taught.sum())} of them to learn from")
    lessons = prepare(found, Teacher(wanted.teacher), wanted.seed)
    net = train(found, taught, lessons, wanted)
    embeddings = embed(net, found.greys)
    unseen = left_out if wanted.leave_out else found.is_test
    head = calibrated(net, embeddings[unseen], found.labels[unseen])
    told = report(head.probabilities(embeddings[unseen]), found.labels[unseen])
    say(told.words())
    if wanted.out is not None:
        write(wanted.out, net, head, _Record(found, taught, embeddings, told, wanted))
    return 0


def _parser() -> Parser:
    parser = Parser(prog="python -m camd.learning.train", description=__doc__)
    parser.add_argument("crops", nargs="+", type=Path, metavar="FOLDER", help="pictures with a manifest.csv")
    parser.add_argument("--teacher", type=Path, required=True, metavar="ONNX", help="FastestDet.onnx")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the model goes; without: it is scored only")
    parser.add_argument(
        "--epochs", type=int, default=14, metavar="N", help="of 16384 views each (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--leave-out", nargs="*", default=[], metavar="SOURCE", help="sources to score on instead of learning from"
    )
    return parser


def prepare(found: Pictures, teacher: Teacher, seed: int) -> Lessons:
    """Make the views, and have the teacher look at each."""
    grounds = [grey for grey, label in zip(found.greys, found.labels, strict=True) if LABELS[label] == "other"]
    views: list[list[Grey]] = [found.greys]
    for number in range(1, VIEWS):
        chance = np.random.default_rng([seed, number])
        pairs = zip(found.greys, found.labels, strict=True)
        views.append([view(grey, int(label), chance, grounds) for grey, label in pairs])
    coarse, fine = [], []
    for number, seen in enumerate(views):
        maps = [teacher.look(grey) for grey in seen]
        coarse.append(np.stack([one for one, _ in maps]))
        fine.append(np.stack([other for _, other in maps]))
        say(f"view {number + 1} of {VIEWS}: the teacher has looked")
    return Lessons(views, _components(np.stack(coarse), COARSE), _components(np.stack(fine), FINE))


def _components(maps: NDArray[np.float16], count: int) -> NDArray[np.float16]:
    """The `count` principal components of maps (V, N, C, H, H), with a mean variance of 1."""
    channels = maps.shape[2]
    sample = maps[0, ::7].astype(np.float32).transpose(0, 2, 3, 1).reshape(-1, channels)
    mean, spread = sample.mean(axis=0), sample.std(axis=0) + 1e-2
    sample = (sample - mean) / spread
    _, axes = np.linalg.eigh(sample.T @ sample)
    axes = axes[:, ::-1][:, :count]
    axes /= (sample @ axes).std()
    made = np.empty((*maps.shape[:2], count, *maps.shape[3:]), np.float16)
    for row in range(len(maps)):
        for start in range(0, maps.shape[1], 1024):
            part = maps[row, start : start + 1024].astype(np.float32).transpose(0, 2, 3, 1)
            made[row, start : start + 1024] = (((part - mean) / spread) @ axes).transpose(0, 3, 1, 2)
    return made


@dataclass(frozen=True, slots=True)
class _Batch:
    """Pictures by number, the view of each, and the seed of what spoils them."""

    pictures: NDArray[np.int64]
    views: NDArray[np.int64]
    seed: tuple[int, int]


_LESSONS: list[Lessons] = []  # what a child process was forked with


def _made(batch: _Batch) -> Floats:
    """The batch as the network takes it: (B, 1, SIDE, SIDE)."""
    chance = np.random.default_rng(batch.seed)
    views = _LESSONS[0].views
    pairs = zip(batch.views, batch.pictures, strict=True)
    return np.concatenate([squared(spoil(views[number][picture], chance)) for number, picture in pairs])


def train(found: Pictures, taught: NDArray[np.bool_], lessons: Lessons, wanted: argparse.Namespace) -> Net:
    """Teach a network; return the mean of its weights."""
    steps = wanted.epochs * 16384 // BATCH
    net = Net().to(memory_format=torch.channels_last)
    mean = copy.deepcopy(net).eval()
    flat = [weight for weight in net.parameters() if weight.ndim == 1]
    deep = [weight for weight in net.parameters() if weight.ndim > 1]
    groups = [{"params": deep, "weight_decay": DECAY}, {"params": flat, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE)
    chance = np.random.default_rng([wanted.seed, 99])
    batches = _batches(catalogue.chances(found, taught), steps, wanted.seed)
    for step, (batch, made) in enumerate(_ahead(batches, lessons)):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-6
        loss = _loss(net, torch.from_numpy(made), batch, found, lessons, chance)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        _follow(mean, net, min(KEEP, (step + 1) / (step + 10)))
        if (step + 1) % (16384 // BATCH) == 0:
            say(f"epoch {(step + 1) * BATCH // 16384 + 1} of {wanted.epochs}: loss {float(loss.detach()):.3f}")
    return mean


def _batches(chances: NDArray[np.float64], steps: int, seed: int) -> Iterator[_Batch]:
    chance = np.random.default_rng([seed, 98])
    for step in range(steps):
        yield _Batch(chance.choice(len(chances), BATCH, p=chances), chance.integers(0, VIEWS, BATCH), (seed, step))


def _ahead(batches: Iterator[_Batch], lessons: Lessons) -> Iterator[tuple[_Batch, Floats]]:
    """The batches, made by another process while the network learns."""
    _LESSONS[:] = [lessons]
    with ProcessPoolExecutor(1, get_context("fork")) as executor:
        waiting = [_begun(executor, batch) for batch in islice(batches, AHEAD)]
        while waiting:
            batch, made = waiting.pop(0)
            waiting.extend(_begun(executor, following) for following in islice(batches, 1))
            yield batch, made.result()


def _begun(executor: Executor, batch: _Batch) -> tuple[_Batch, "Future[Floats]"]:
    return batch, executor.submit(_made, batch)


def _loss(
    net: Net, made: torch.Tensor, batch: _Batch, found: Pictures, lessons: Lessons, chance: np.random.Generator
) -> torch.Tensor:
    """How wrong the labels are and, unless pictures were mixed, how far the maps are from the teacher's."""
    labels = functional.one_hot(torch.from_numpy(found.labels[batch.pictures]), len(LABELS)).float()
    labels = labels * (1 - SMOOTH) + SMOOTH / len(LABELS)
    is_mixed = chance.random() < MIXED
    if is_mixed:
        share, other = float(chance.beta(0.4, 0.4)), torch.randperm(len(made))
        made, labels = (share * one + (1 - share) * one[other] for one in (made, labels))
    with torch.autocast("cpu", torch.bfloat16):
        scores, coarse, fine = net(made.contiguous(memory_format=torch.channels_last))
    loss = -(scores.float().log_softmax(1) * labels).sum(1).mean()
    if not is_mixed:
        place = batch.views, batch.pictures
        loss = loss + 2 * functional.mse_loss(coarse.float(), torch.from_numpy(lessons.coarse[place]).float())
        loss = loss + functional.mse_loss(fine.float(), torch.from_numpy(lessons.fine[place]).float())
    return loss


@torch.no_grad()
def _follow(mean: Net, net: Net, keep: float) -> None:
    for kept, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - keep)
        else:
            kept.copy_(new)


@torch.no_grad()
def embed(net: Net, greys: list[Grey]) -> Floats:
    """The embeddings (N, E) of pictures as they are."""
    made = (np.concatenate([squared(grey) for grey in greys[at : at + 256]]) for at in range(0, len(greys), 256))
    return np.concatenate([net.embed(torch.from_numpy(one)).numpy() for one in made])


def calibrated(net: Net, embeddings: Floats, labels: NDArray[np.int64]) -> Head:
    """The network's head, with the temperature at which it is as sure as it is right."""
    linear = net.head[1]
    head = Head(linear.weight.detach().numpy(), linear.bias.detach().numpy(), 1.0, "")
    return Head(head.weights, head.bias, temperature(head, embeddings, labels), "")


@dataclass(frozen=True, slots=True)
class _Record:
    found: Pictures
    taught: NDArray[np.bool_]
    embeddings: Floats
    told: Report
    wanted: argparse.Namespace


def write(folder: Path, net: Net, head: Head, record: _Record) -> None:
    """Write network.onnx, head.json, summary.npz and record.json. Raises CannotWriteError."""
    buffer = io.BytesIO()
    asked = _Asked(net)
    example = (torch.zeros(1, 1, SIDE, SIDE),)
    names: dict[str, Any] = {"input_names": ["picture"], "output_names": ["embedding"]}
    torch.onnx.export(asked, example, buffer, dynamo=False, opset_version=OPSET, **names)
    network = buffer.getvalue()
    made = Head(head.weights, head.bias, head.temperature, hashlib.sha256(network).hexdigest())
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "network.onnx").write_bytes(network)
        (folder / "head.json").write_text(json.dumps(made.to_json()) + "\n", encoding="utf-8")
        np.savez_compressed(folder / "summary.npz", **_summary(record))
        (folder / "record.json").write_text(json.dumps(_told(record, made), indent=1) + "\n", encoding="utf-8")


def _summary(record: _Record) -> dict[str, Any]:
    """Embeddings of some pictures of each label, of every source alike."""
    found, chance = record.found, np.random.default_rng(record.wanted.seed)
    pick = partial(_some, found, chance)
    train, test = pick(record.taught, SUMMARY[0]), pick(found.is_test, SUMMARY[1])
    return {
        "train": record.embeddings[train].astype(np.float16),
        "train_labels": found.labels[train].astype(np.int8),
        "test": record.embeddings[test].astype(np.float16),
        "test_labels": found.labels[test].astype(np.int8),
    }


def _some(found: Pictures, chance: np.random.Generator, chosen: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    weights = catalogue.chances(found, chosen)
    picked = []
    for label in range(len(LABELS)):
        mine = np.flatnonzero(chosen & (found.labels == label) & (weights > 0))
        if not len(mine):
            continue
        shares = weights[mine] / weights[mine].sum()
        picked.append(chance.choice(mine, min(most, len(mine)), replace=False, p=shares))
    return np.concatenate(picked)


def _told(record: _Record, head: Head) -> dict[str, Any]:
    found = record.found
    sources = {
        str(name): {
            "licence": " and ".join(np.unique(found.licences[found.sources == name]).tolist()),
            "pictures": int((found.sources == name).sum()),
            "learned_from": int((record.taught & (found.sources == name)).sum()),
        }
        for name in np.unique(found.sources)
    }
    test = record.told.json()
    return {"v": 1, "network": head.network, "seed": record.wanted.seed, "epochs": record.wanted.epochs, "test": test,
            "torch": torch.__version__, "sources": sources}  # fmt: skip


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CamdError as error:
        say(str(error))
        sys.exit(error.exit_code)
