"""What an actor is: it changes the picture, and it says when it is an event.

Rule: the same value paints and tells, so truth cannot drift from the drawing. A new actor is one small class: `paint`
puts it on the picture, `seen` says when it is an event, `doubtful` when nobody could say.
Not promised: that one actor hides another from truth; who is behind somebody still counts as seen.
"""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import ClassVar

import cv2
import numpy as np

from camd.drawn.brush import Brush, Picture

ENOUGH = 0.1  # share of an actor's box inside the picture from which it counts as seen


@dataclass(frozen=True, slots=True)
class Route:
    """Where an actor stands: evenly from each stop (seconds, x, y in pixels) to the next, nowhere before and after.

    Two stops at one place let it stand still for a while.
    """

    stops: tuple[tuple[float, float, float], ...]

    def place(self, t: float) -> tuple[float, float] | None:
        """The point on the ground at `t`, None while the actor is away."""
        times, xs, ys = np.array(self.stops).T
        if not times[0] <= t <= times[-1]:
            return None
        return float(np.interp(t, times, xs)), float(np.interp(t, times, ys))

    def travelled(self, t: float) -> float:
        """Pixels of way since the first stop."""
        times, xs, ys = np.array(self.stops).T
        way = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(xs), np.diff(ys)))))
        return float(np.interp(t, times, way))

    def heading(self, t: float) -> int:
        """1 for the right, -1 for the left: the newest step sideways at `t`."""
        steps = [b[1] - a[1] for a, b in pairwise(self.stops) if a[0] <= t and a[1] != b[1]]
        return -1 if steps and steps[-1] < 0 else 1


class Layer(IntEnum):
    """When an actor acts on the picture; within a layer actors follow each other as they are listed."""

    THING = 0  # is painted on the backdrop
    LIGHT = 1  # falls on all that is painted
    LENS = 2  # hangs or moves close before the lens, or moves the lens itself
    SENSOR = 3  # what the sensor makes of it


class Actor:
    """Something that changes the picture. Unless it overrides `seen`, it is no event."""

    label: ClassVar[str] = ""
    layer: ClassVar[Layer] = Layer.THING

    def paint(self, picture: Picture, t: float) -> None:
        """Put yourself on `picture` as you are at `t` seconds."""
        raise NotImplementedError

    def seen(self, width: int, height: int, t: float) -> bool:
        """Whether an event of yours is to be seen in a picture of this size at `t`."""
        return False

    def doubtful(self) -> tuple[tuple[float, float], ...]:
        """The stretches (began, ended) in seconds in which nobody could say whether you are an event."""
        return ()


@dataclass(frozen=True)
class Mover(Actor):
    """Somebody on a route: `size` pixels big; `contrast` 1 is in full colour, 0 cannot be told from the backdrop."""

    route: Route
    size: float
    contrast: float = 1.0

    reach: ClassVar[tuple[float, float]]  # half the width and the height of the body, in sizes

    def draw(self, brush: Brush, travelled: float) -> None:
        """Paint yourself heading right; one unit is your size, y upwards, (0, 0) the ground under your middle."""
        raise NotImplementedError

    def paint(self, picture: Picture, t: float) -> None:
        """Draw the mover where its route has it."""
        place = self.route.place(t)
        if place is None:
            return
        before = picture.copy() if self.contrast < 1 else picture
        brush = Brush(picture, place, (self.size * self.route.heading(t), -self.size))
        self.draw(brush, self.route.travelled(t) / self.size)
        cv2.addWeighted(picture, self.contrast, before, 1 - self.contrast, 0, dst=picture)

    def seen(self, width: int, height: int, t: float) -> bool:
        """Whether `ENOUGH` of the body is inside the picture."""
        place = self.route.place(t)
        if place is None:
            return False
        half, tall = self.reach[0] * self.size, self.reach[1] * self.size
        inside_x = min(place[0] + half, width) - max(place[0] - half, 0)
        inside_y = min(place[1], height) - max(place[1] - tall, 0)
        return max(inside_x, 0) * max(inside_y, 0) >= ENOUGH * 2 * half * tall
