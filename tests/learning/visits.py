"""Visits: a neighbour's cat that is taken for a person, and people.

`visits` are what the classifier sees of them at boxes that are known; `watched` is what a running camera tells of one
that comes in at the side of the picture, crosses it, and leaves.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.config import VisionConfig
from camd.drawn.actor import Mover, Route
from camd.drawn.movers import Walker
from camd.drawn.scenery import still, yard
from camd.drawn.stage import Scene, frames
from camd.learning import factory
from camd.model import SECOND, Began, Box, Ended, Grew
from camd.vision.classify import Classifier, Head, unpacked
from camd.vision.crop import cut
from camd.vision.episode import Limits
from camd.vision.label import Labeller
from camd.vision.sight import Settings, Sight
from camd.vision.votes import RANK, UNDECIDED
from tests.learning.cats import Begging, Coming, Sitting
from tests.worlds import grey

SIZE = (320, 240)
PICTURES = 3  # of one visit
YARD = 3  # the seed of where the camera looks
FPS = 15
COMES = 2.0  # seconds until somebody comes


@dataclass(frozen=True, slots=True)
class Who:
    """Draws one kind of visitor."""

    draw: Callable[[Route, float], Mover]
    tall: tuple[float, float]


CATS = tuple(Who(drawn, (50, 110)) for drawn in (Coming, Sitting, Begging))
CAT = CATS[0]
PERSON = Who(Walker, (60, 150))


def visit(who: Who, seed: int, classifier: Classifier) -> NDArray[np.float32]:
    """What the classifier sees of one visit: the mean embedding of some pictures, another for each seed."""
    chance = np.random.default_rng([seed, 77])
    tall, light = chance.uniform(*who.tall), chance.uniform(0.6, 1.3)
    x, y, way = chance.uniform(90, 230), chance.uniform(0.75, 0.95) * SIZE[1], chance.choice((-30, 30))
    mover = who.draw(Route(((0.0, x, y), (1.0, x + way, y))), float(tall))
    seen = []
    for number in range(PICTURES):
        t = (number + 0.5) / PICTURES
        picture = still(yard, *SIZE, YARD).copy()
        mover.paint(picture, t)
        noisy = picture * light + chance.normal(0, 4, picture.shape)
        luma = cv2.cvtColor(np.clip(noisy, 0, 255).astype(np.uint8), cv2.COLOR_BGR2GRAY).astype(np.uint8)
        crop = cut(0, luma, _box(mover, t, chance))
        assert crop is not None
        embedding = classifier.guess(crop.grey).embedding
        assert embedding is not None
        seen.append(embedding)
    return np.asarray(np.mean(seen, axis=0), np.float32)


def visits(who: Who, count: int, first: int = 0) -> NDArray[np.float32]:
    """`count` visits (N, E) with seeds from `first` on, as the factory's network sees them."""
    classifier = factory.classifier(VisionConfig())
    return np.array([visit(who, first + number, classifier) for number in range(count)])


@dataclass(frozen=True, slots=True)
class Watched:
    """What a camera told of a visit: as what at the most, and whether it was ever handled as a person's.

    `seen` is what is kept of it for learning, (N, E).
    """

    label: str
    is_person: bool
    seen: NDArray[np.float32]


def watched(who: Who, seed: int, head: Head) -> Watched:
    """What a camera with this head tells of one visit, another for each seed."""
    labeller = Labeller(factory.classifier(VisionConfig(), head), (), lambda: 0)
    sight = Sight(*SIZE, Settings(5, Limits(SECOND), "visit"), labeller)
    found = [finding for t, luma in grey(frames(_scene(who, seed))) for finding in sight.look(t, luma)]
    told = [one.event for one in [*found, *sight.close()] if isinstance(one, Began | Grew | Ended)]
    label = max((event.label for event in told), key=RANK.__getitem__, default=UNDECIDED)
    kept = next((event.embeddings for event in reversed(told) if event.embeddings), b"")
    return Watched(label, any(event.is_person for event in told), unpacked(kept, head))


def _scene(who: Who, seed: int) -> Scene:
    """Somebody comes through the picture, in a light and at a size that each seed has its own of."""
    chance = np.random.default_rng([seed, 78])
    tall, y, lasts = chance.uniform(*who.tall), chance.uniform(0.78, 0.95) * SIZE[1], chance.uniform(4.0, 6.0)
    ends = (-0.2 * SIZE[0], 1.2 * SIZE[0])[:: int(chance.choice((-1, 1)))]
    route = Route(((COMES, ends[0], y), (COMES + lasts, ends[1], y)))
    return Scene(
        *SIZE, FPS, COMES + lasts + 1.0, YARD, float(chance.uniform(1, 4)), yard, (who.draw(route, float(tall)),)
    )


def _box(mover: Mover, t: float, chance: np.random.Generator) -> Box:
    """Where it stands, as a detector would say: a little off."""
    place = mover.route.place(t)
    assert place is not None
    half, tall = mover.reach[0] * mover.size, mover.reach[1] * mover.size
    left, top, right, bottom = np.array([place[0] - half, place[1] - tall, place[0] + half, place[1]]) + chance.normal(
        0, 0.03 * tall, 4
    )
    width, height = SIZE
    return Box(left / width, top / height, (right - left) / width, (bottom - top) / height)
