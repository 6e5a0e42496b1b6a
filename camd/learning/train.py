"""Trains the classifier that comes with camd: `python -m camd.learning.train CROPS... --teacher DETECTOR.tflite`.

Idea: a network of less than 1 MB sees a small grey picture. It is asked for two things at once: what the picture
shows, and what a detector that knows more of the world sees in it (see `teacher`). The second is what carries it to
places that no training picture comes from. The mean of its weights over the last steps is what is kept.
First comes a shorter rehearsal without some sources of each label: how right it is there is what can be expected in
places that it has never seen. It is calibrated on them, and on some pictures of the other sources that it does without,
too, as a home is a place of either kind. Then the network that is kept learns from all of them.
Rule: the same seed, pictures and machine give the same model. Test pictures teach nothing, calibrate nothing and choose
nothing.
Not promised: the same bytes on another machine, as sums of floating point depend on its instructions.
"""

import copy
import math
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
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

from camd.clock import SystemClock
from camd.errors import CamdError
from camd.learning import pictures as catalogue
from camd.learning.augment import spoil
from camd.learning.lessons import Chosen, Floats, Lessons, opinion, prepare, tracked
from camd.learning.net import Net, written
from camd.learning.pictures import UNSAID, Pictures
from camd.learning.record import Record, Trained
from camd.model import LABELS, SECOND
from camd.terminal import Parser, say
from camd.vision.crop import squared

EPOCHS: Final = 96
REHEARSED: Final = 7 / 11  # of its length has the rehearsal
HELD_BACK: Final = 20  # one in so many pictures of the sources that are not left out, from the rehearsal
EPOCH: Final = 16500  # views
BATCH: Final = 96
RATE: Final = 3e-3
WARM_UP: Final = 150  # steps
DECAY: Final = 0.03
TRUSTED: Final = 0.7  # of each label is what the teacher thinks of the view
SMOOTH: Final = 0.06  # of each label is shared by the others
SPOILED: Final = 0.4  # of the views; the others stay as they are
COARSE: Final = 2.0  # how much the error of the coarse maps counts beside that of the labels, and that of their means
KEEP: Final = 0.997  # of the mean weights, per step
AHEAD: Final = 24  # batches that are made before they are needed
# Two sources of each label at least, of other places and other cameras than the rest: what the rehearsal does without.
LEFT_OUT: Final = (
    "MatrixLeung/Borrat-Teacher-Occlusion-Dataset", "intel sample-videos one-by-one", "one-by-one-person-detection",
    "intel sample-videos car-detection", "car-detection", "vovuongbaohuy/YoloV8VehicleDataset",
    "EdmilsonSantana/dogs-pose-recognition", "akdiscord1234/Deer-Collision-24-25",
    "a-hwang/building-facade-segmentation", "intel sample-videos bottle-detection", "bottle-detection",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Rehearse, train, say how good it is, and write the model."""
    wanted = _parser().parse_args(arguments)
    began = SystemClock().boot()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    found = catalogue.read(wanted.crops)
    taught, left_out = ~found.is_test, ~found.is_test & np.isin(found.sources, wanted.leave_out)
    held_back = taught & ~left_out & (np.arange(len(found)) % HELD_BACK == 0)
    say(f"{len(found)} pictures of {len(set(found.sources))} sources, {int(taught.sum())} of them to learn from")
    lessons = prepare(found, taught, wanted.teacher, wanted.seed)
    said = found.is_labelled
    record = Record(found, taught, left_out & said, held_back & said, wanted.seed, wanted.epochs)
    if record.left_out.any():
        course = _Course("rehearsal", round(REHEARSED * (wanted.epochs * EPOCH // BATCH)), wanted.seed)
        record.rehearse(_trained(found, taught & ~left_out & ~held_back, lessons, course))
    if wanted.out is not None:
        course = _Course("training", wanted.epochs * EPOCH // BATCH, wanted.seed)
        record.write(wanted.out, _trained(found, taught, lessons, course), began, torch.__version__)
    say(f"{(SystemClock().boot() - began) / SECOND / 60:.0f} minutes")
    return 0


def _parser() -> Parser:
    parser = Parser(prog="python -m camd.learning.train", description=__doc__)
    parser.add_argument("crops", nargs="+", type=Path, metavar="FOLDER", help="pictures with a manifest.csv")
    parser.add_argument("--teacher", type=Path, required=True, metavar="TFLITE", help="MediaPipe's detector")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the model goes; without: the rehearsal alone")
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="N", help=f"of {EPOCH} views each (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--leave-out", nargs="*", default=LEFT_OUT, metavar="SOURCE",
        help="sources that the rehearsal is scored on; none: no rehearsal, and no calibration",
    )  # fmt: skip
    return parser


@dataclass(frozen=True, slots=True)
class _Course:
    """What is trained, in how many steps, and the seed of all its chances."""

    what: str
    steps: int
    seed: int

    def rate(self, step: int) -> float:
        """How fast it learns: a warm-up, then half a cosine."""
        return RATE * min(1, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / self.steps)) + 1e-6


def _trained(found: Pictures, taught: Chosen, lessons: Lessons, course: _Course) -> Trained:
    torch.manual_seed(course.seed)
    net = train(found, taught, lessons, opinion(lessons, found, taught), course)
    linear = net.head[1]
    return Trained(written(net), linear.weight.detach().numpy(), linear.bias.detach().numpy())


def train(found: Pictures, taught: Chosen, lessons: Lessons, thought: Floats, course: _Course) -> Net:
    """Teach a network from the pictures that are `taught`; return the mean of its weights."""
    net = Net().to(memory_format=torch.channels_last)
    mean = copy.deepcopy(net).eval()
    optimiser = _optimiser(net)
    batches = _batches(lessons.chances(found, taught), course)
    for step, (batch, made) in enumerate(tracked(_ahead(batches, lessons), course.what, course.steps)):
        for group in optimiser.param_groups:
            group["lr"] = course.rate(step)
        loss = _loss(net, torch.from_numpy(made), _Target.of(batch, found, lessons, thought))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        _follow(mean, net, min(KEEP, (step + 1) / (step + 10)))
        if (step + 1) % (course.steps // 10) == 0:
            say(f"{course.what}: step {step + 1} of {course.steps}, loss {float(loss.detach()):.3f}")
    return mean


def _optimiser(net: Net) -> Any:
    flat = [weight for weight in net.parameters() if weight.ndim == 1]
    deep = [weight for weight in net.parameters() if weight.ndim > 1]
    groups = [{"params": deep, "weight_decay": DECAY}, {"params": flat, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=RATE)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Views by number, and the seed of what spoils them."""

    views: NDArray[np.int64]
    seed: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Target:
    """What is wanted of a batch: labels (B, 4) and the teacher's maps."""

    labels: torch.Tensor
    coarse: torch.Tensor
    fine: torch.Tensor

    @classmethod
    def of(cls, batch: _Batch, found: Pictures, lessons: Lessons, thought: Floats) -> "_Target":
        pictures, thinks = lessons.pictures[batch.views], torch.from_numpy(thought[batch.views])
        said = torch.from_numpy(found.labels[pictures])
        is_said = (said != UNSAID).float()[:, None]
        given = functional.one_hot(said.clamp(0), len(LABELS)) * is_said + thinks * (1 - is_said)
        labels = (1 - TRUSTED) * given + TRUSTED * thinks
        maps = [torch.from_numpy(seen[batch.views]).float() for seen in (lessons.coarse, lessons.fine)]
        return cls(labels * (1 - SMOOTH) + SMOOTH / len(LABELS), *maps)


_LESSONS: list[Lessons] = []  # what a child process was forked with


def _made(batch: _Batch) -> Floats:
    """The batch as the network takes it: (B, 1, SIDE, SIDE)."""
    chance = np.random.default_rng(batch.seed)
    greys = [_LESSONS[0].views[number] for number in batch.views]
    return np.concatenate([squared(spoil(grey, chance) if chance.random() < SPOILED else grey) for grey in greys])


def _batches(chances: NDArray[np.float64], course: _Course) -> Iterator[_Batch]:
    chance = np.random.default_rng([course.seed, 98])
    for step in range(course.steps):
        yield _Batch(chance.choice(len(chances), BATCH, p=chances), (course.seed, step))


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


def _loss(net: Net, made: torch.Tensor, target: _Target) -> torch.Tensor:
    """How wrong the labels are, and how far the maps, and their means over the picture, are from the teacher's."""
    with torch.autocast("cpu", torch.bfloat16):
        scores, coarse, fine = net(made.contiguous(memory_format=torch.channels_last))
    loss = -(scores.float().log_softmax(1) * target.labels).sum(1).mean()
    loss = loss + COARSE * functional.mse_loss(coarse.float(), target.coarse)
    loss = loss + COARSE * functional.mse_loss(coarse.float().mean((2, 3)), target.coarse.mean((2, 3)))
    return loss + functional.mse_loss(fine.float(), target.fine)


@torch.no_grad()
def _follow(mean: Net, net: Net, keep: float) -> None:
    for kept, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - keep)
        else:
            kept.copy_(new)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CamdError as error:
        say(str(error))
        sys.exit(error.exit_code)
