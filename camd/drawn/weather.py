"""What moves out of doors and is no event: a branch, rain."""

from dataclasses import dataclass

import cv2
import numpy as np

from camd.drawn.actor import Actor
from camd.drawn.brush import Brush, Picture, Points, swung


@dataclass(frozen=True)
class Branch(Actor):
    """A branch in the wind, held at pixel (`x`, `y`): `length` pixels to the left, swaying by `angle` radians."""

    x: float
    y: float
    length: float
    angle: float = 0.03
    period: float = 1.7

    def paint(self, picture: Picture, t: float) -> None:
        """Two waves of different length, so that no sway is quite like the last."""
        wave = 2 * np.pi * t / self.period
        sway = self.angle * float(0.7 * np.sin(wave) + 0.3 * np.sin(0.37 * wave))
        brush = Brush(picture, (self.x, self.y), (-self.length, -self.length))
        middle = swung((0.0, 0.0), 0.5, 1.25 + 0.5 * sway)
        wood = np.array([(0.0, 0.0), middle, swung(middle, 0.5, 1.05 + 1.5 * sway)])
        brush.limb(0x5B4636, [(float(x), float(y)) for x, y in wood], 0.025)
        for number, along in enumerate(np.linspace(0.3, 2.0, 19)):
            stem = float(np.interp(along, (0, 1, 2), wood[:, 0])), float(np.interp(along, (0, 1, 2), wood[:, 1]))
            lean = 1.1 + (0.9, -0.8, 0.3)[number % 3] + 2 * sway
            brush.curve((0x4F7F45, 0x6A9A4F, 0x3F6B3C, 0x7BAA5C)[number % 4], _leaf(stem, swung(stem, 0.15, lean)))


@dataclass(frozen=True)
class Rain(Actor):
    """`drops` streaks at a time that fall with `speed` pixels a second; `strength` 0..1 is how much they show."""

    drops: int
    speed: float = 420.0
    strength: float = 0.3
    seed: int = 1

    def paint(self, picture: Picture, t: float) -> None:
        """Every drop falls for ever, entering again at the top; a streak is its way in a thirtieth of a second."""
        height, width = picture.shape[:2]
        chance = np.random.default_rng(self.seed)
        wet = Brush(picture.copy(), (0, 0), (1, 1))
        for _ in range(self.drops):
            x, y, pace = chance.uniform((0, 0, 0.8), (width, height + 40, 1.2))
            fallen = (y + pace * self.speed * t) % (height + 40) - 20
            slant = (x + 0.12 * fallen) % width
            wet.limb(0xD8E0E8, [(slant, fallen), (slant + 0.12 * self.speed / 30, fallen + self.speed / 30)], 1.0)
        cv2.addWeighted(wet.picture, self.strength, picture, 1 - self.strength, 0, dst=picture)


def _leaf(stem: tuple[float, float], tip: tuple[float, float]) -> Points:
    wide_x, wide_y = 0.3 * (tip[1] - stem[1]), 0.3 * (stem[0] - tip[0])
    middle = ((stem[0] + tip[0]) / 2, (stem[1] + tip[1]) / 2)
    return [stem, (middle[0] + wide_x, middle[1] + wide_y), tip, (middle[0] - wide_x, middle[1] - wide_y)]
