"""Visits as the classifier sees them: a neighbour's cat that looks like a person, and people.

`visits` cuts them out at boxes that are known; `film` lets the detector find, follow and cut them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.config import VisionConfig
from camd.drawn.actor import Mover, Route
from camd.drawn.brush import Brush
from camd.drawn.movers import Walker
from camd.drawn.scenery import still, yard
from camd.drawn.stage import Scene, frames
from camd.learning import factory
from camd.model import SECOND, Box
from camd.vision.classify import Classifier, Head
from camd.vision.crop import Crop, cut
from camd.vision.episode import Limits
from camd.vision.sight import Settings, Sight
from camd.vision.votes import Verdict, Vote, Votes
from tests.worlds import grey

SIZE = (320, 240)
PICTURES = 3  # of one visit
YARD = 3  # the seed of where the camera looks
FPS = 15
COMES = 3.0  # seconds until somebody comes
CUT_EVERY = 5  # frames


class Beggar(Mover):
    """The neighbour's cat on its hind legs, as it begs at the door; `size` is its height."""

    label = "animal"
    reach = (0.16, 1.0)

    def draw(self, brush: Brush, travelled: float) -> None:
        """Legs, tail, an upright body, forelegs that hang down, a round head with ears."""
        swing = 0.04 * float(np.sin(6 * np.pi * travelled))
        for x in (-0.08, 0.08):
            brush.limb(0x4B4744, [(x, 0.25), (x + swing, 0.02)], 0.1)
        brush.limb(0x5A5552, [(-0.1, 0.12), (-0.24, 0.1), (-0.27, 0.3)], 0.05)
        brush.oval(0x6B6561, 0.0, 0.42, 0.15, 0.27)
        brush.oval(0x8A837D, 0.03, 0.42, 0.07, 0.2)
        for x in (-0.12, 0.12):
            brush.limb(0x5A5552, [(x, 0.6), (x * 1.2, 0.4 + swing)], 0.06)
        brush.oval(0x6B6561, 0.0, 0.8, 0.13, 0.13)
        for x in (-0.07, 0.07):
            brush.fill(0x5A5552, [(x - 0.05, 0.88), (x, 1.0), (x + 0.05, 0.88)])


@dataclass(frozen=True, slots=True)
class Who:
    """Draws one kind of visitor."""

    draw: Callable[[Route, float], Mover]
    tall: tuple[float, float]


CAT = Who(Beggar, (50, 110))
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


def film(who: Who, seed: int) -> list[Crop]:
    """What the detector cuts of a visit that is filmed, another for each seed; nothing when it misses it."""
    scene = _scene(who, seed)
    sight = Sight(*SIZE, Settings(5, Limits(SECOND), "visit"))
    found: list[Crop] = []
    for number, (t, luma) in enumerate(grey(frames(scene))):
        sight.look(t, luma)
        cuts = [cut(t, luma, box) for track, box in sight.moving() if track.is_confirmed and number % CUT_EVERY == 0]
        found += [crop for crop in cuts if crop is not None]
    return found


def verdict(crops: Iterable[Crop], head: Head) -> Verdict:
    """What camd calls a visit when it has this head, by the votes on what was cut of it."""
    classifier, votes = factory.classifier(VisionConfig(), head), Votes()
    for crop in crops:
        votes.add(Vote(crop.quality, classifier.guess(crop.grey)))
    return votes.verdict


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
