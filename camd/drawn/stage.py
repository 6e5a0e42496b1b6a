"""A scene and the camera that films it: a backdrop, actors, and how the sensor is.

Rule: a picture depends on its scene and its number alone; chance comes from `default_rng([seed, number])`.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from camd.drawn.actor import Actor
from camd.drawn.brush import Picture
from camd.drawn.scenery import Backdrop, still


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a world is drawn for: the size of the picture in pixels, and the seed of its chance."""

    width: int
    height: int
    seed: int

    def chance(self, purpose: str) -> np.random.Generator:
        """Chance that one purpose does not take from another."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])


@dataclass(frozen=True)
class Scene:
    """A world and the camera that films it. `noise` is the sensor's sigma in grey levels, `fps` pictures a second.

    Noise is drawn anew for every picture; `lens.Grain` is the quicker one. From `freezes` on (in seconds) the camera
    repeats its picture.
    """

    width: int
    height: int
    fps: int
    seconds: float
    seed: int
    noise: float
    backdrop: Backdrop
    actors: tuple[Actor, ...] = ()
    freezes: float = math.inf

    def times(self) -> list[float]:
        """The time of every picture in seconds."""
        return [number / self.fps for number in range(round(self.seconds * self.fps))]

    def last(self) -> int:
        """The number of the last picture before it freezes."""
        return math.ceil(min(self.freezes, self.seconds) * self.fps)


def frames(scene: Scene) -> Iterator[tuple[float, Picture]]:
    """Yield (seconds, picture) for the whole scene; pictures are uint8 (height, width, 3), blue green red."""
    for number, t in enumerate(scene.times()):
        yield t, picture(scene, number)


def picture(scene: Scene, number: int) -> Picture:
    """The picture with this number: backdrop, actors layer by layer, sensor noise (grey, on all colours)."""
    painted = still(scene.backdrop, scene.width, scene.height, scene.seed).copy()
    number = min(number, scene.last())
    for actor in sorted(scene.actors, key=lambda actor: actor.layer):
        actor.paint(painted, number / scene.fps)
    if not scene.noise:
        return painted
    grain = np.random.default_rng([scene.seed, number]).standard_normal((scene.height, scene.width, 1), np.float32)
    filmed: Picture = np.clip(np.rint(painted + grain * np.float32(scene.noise)), 0, 255).astype(np.uint8)
    return filmed


def truth(scene: Scene) -> dict[str, Any]:
    """What a truth file says of the scene: one event for each time that an actor is seen without a break."""
    events = [event for actor in scene.actors for event in _events(scene, actor)]
    return {
        "v": 1,
        "events": sorted(events, key=lambda event: (event["began"], event["ended"])),
        "ignore": [{"began": began, "ended": ended} for actor in scene.actors for began, ended in actor.doubtful()],
        "tolerance": {"began": 0.5, "ended": 1.0},
        "min": {"recall": 1.0, "precision": 1.0},
    }


def _events(scene: Scene, actor: Actor) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    was_seen = False
    for t in scene.times():
        is_seen = actor.seen(scene.width, scene.height, min(t, scene.last() / scene.fps))
        if is_seen and not was_seen:
            events.append({"began": round(t, 3), "ended": round(t, 3), "label": actor.label})
        if is_seen:
            events[-1]["ended"] = round(t, 3)
        was_seen = is_seen
    return events
