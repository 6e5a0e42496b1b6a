"""What moves out of doors, or in a room, and is no event: a branch, foliage, rain, snow, water, a television.

Rule: everything is measured in pixels of its picture, so that whoever places it also scales it.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from camd.drawn.actor import Actor, Layer
from camd.drawn.brush import SUBPIXELS, Brush, Grey, Picture, Points, clamped, shade, shine, swung

Places = npt.NDArray[np.float64]
Field = npt.NDArray[np.float32]


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


def _leaf(stem: tuple[float, float], tip: tuple[float, float]) -> Points:
    wide_x, wide_y = 0.3 * (tip[1] - stem[1]), 0.3 * (stem[0] - tip[0])
    middle = ((stem[0] + tip[0]) / 2, (stem[1] + tip[1]) / 2)
    return [stem, (middle[0] + wide_x, middle[1] + wide_y), tip, (middle[0] - wide_x, middle[1] - wide_y)]


@dataclass(frozen=True)
class Rain(Actor):
    """A drizzle at one distance: `drops` streaks at a time fall with `speed` pixels a second.

    `strength` 0..1 is how much they show.
    """

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


@dataclass(frozen=True)
class Shower(Actor):
    """Rain or snow in depth: most of the `drops` are far, thin and slow, some near, wide, quick and blurred.

    `fall` and `wind` are the middle speed in picture heights a second, `radius` the middle radius in pixels, `level`
    how bright a drop is (0..255). A drop is smeared over its way in `shutter` seconds and sways by `sway` pixels.
    """

    drops: int
    fall: float
    wind: float
    radius: float
    level: float
    shutter: float = 1 / 60
    sway: float = 0.0
    seed: int = 1

    layer = Layer.LENS

    def paint(self, picture: Picture, t: float) -> None:
        """All drops on one sheet of light, the near ones first: they are blurred once more than the far ones."""
        height, width = picture.shape[:2]
        chance = np.random.default_rng([self.seed, 12])
        start, share, phase = chance.uniform(0, 1, (3, self.drops))
        near = np.sort(chance.uniform(0, 1, self.drops) ** 3)[::-1]  # 0 far, 1 before the lens
        pace = self.fall * (0.6 + 1.6 * near)
        fallen = start + pace * t / 1.3
        y = (fallen % 1 * 1.3 - 0.15) * height
        x = (share + 0.618 * np.floor(fallen) + self.wind * (0.6 + near) * y / pace / width) % 1 * 1.1 * width
        x += self.sway * (0.5 + near) * np.sin(2 * np.pi * (0.5 * t + phase))
        way = np.stack((self.wind * (0.6 + near), pace), 1) * height * self.shutter
        light = np.zeros((height, width), np.uint8)
        blurred = int(np.sum(near > 0.4))
        self._smear(light, np.stack((x, y), 1)[:blurred], way[:blurred], near[:blurred])
        cv2.GaussianBlur(light, (0, 0), max(0.6 * self.radius, 0.5), dst=light)
        self._smear(light, np.stack((x, y), 1)[blurred:], way[blurred:], near[blurred:])
        shine(picture, light)

    def _smear(self, light: Grey, places: Places, ways: Places, near: Places) -> None:
        ends = np.rint(np.stack((places, places + ways), 1) * (1 << SUBPIXELS)).astype(np.int32)
        for (begin, end), close in zip(ends.tolist(), near.tolist(), strict=True):
            width = max(1, round(2 * self.radius * (0.5 + 2.0 * close)))
            level = self.level * (1 - 0.4 * close)
            cv2.line(light, begin, end, (level,), width, cv2.LINE_AA, SUBPIXELS)


@dataclass(frozen=True)
class Foliage(Actor):
    """Leaves of the backdrop, in an oval around pixel (`x`, `y`), pushed about by up to `push` pixels in gusts.

    Every cluster has a pace and a phase of its own. Whatever is painted before is pushed too: list this first.
    """

    x: float
    y: float
    rx: float
    ry: float
    push: float = 3.0
    seed: int = 1

    def paint(self, picture: Picture, t: float) -> None:
        """Bend the picture under the oval."""
        part = clamped(picture, self.x - self.rx, self.y - self.ry, self.x + self.rx, self.y + self.ry)
        if part is None:
            return
        pace, phase, sideways, hold = _clusters(self.seed)
        gust = 0.45 + 0.3 * np.sin(0.9 * t + self.seed) + 0.25 * np.sin(2.3 * t)
        push = np.float32(self.push * gust) * hold * np.sin(2 * np.pi * pace * t + phase)
        bend(part, push, push * sideways)


@lru_cache(maxsize=4)
def _clusters(seed: int) -> tuple[Field, Field, Field, Field]:
    """Pace in Hz, phase, share of the push that is downwards, and how freely it moves: 0 at the rim of the oval."""
    chance = np.random.default_rng([seed, 13])
    y, x = np.mgrid[-1:1:14j, -1:1:18j]
    hold = np.clip(2.5 * (1 - x * x - y * y), 0, 1)
    pace = cv2.GaussianBlur(chance.uniform(0.3, 2.0, (14, 18)), (0, 0), 0.8)
    phase = cv2.GaussianBlur(chance.uniform(-7, 7, (14, 18)), (0, 0), 0.8)
    sideways = chance.uniform(-0.6, 0.6, (14, 18))
    return pace.astype(np.float32), phase.astype(np.float32), sideways.astype(np.float32), hold.astype(np.float32)


@dataclass(frozen=True)
class Water(Actor):
    """A pond of the backdrop, in a rectangle of pixels: ripples bend what it mirrors by `push` pixels, and glitter."""

    left: float
    top: float
    right: float
    bottom: float
    push: float = 3.0
    glitter: float = 120.0

    def paint(self, picture: Picture, t: float) -> None:
        """Ripples run towards the viewer and grow; glints where three trains of waves agree."""
        part = clamped(picture, self.left, self.top, self.right, self.bottom)
        if part is None:
            return
        y, x = np.mgrid[0:1:40j, 0:1:80j].astype(np.float32)
        rim = np.clip(6 * (1 - np.hypot(2 * x - 1, 2 * y - 1)), 0, 1)
        depth = 1 / (0.25 + y)  # far ripples look closer together
        one, two = np.sin(30 * depth + 9 * x + 5.1 * t), np.sin(17 * depth - 14 * x + 3.3 * t)
        bend(part, np.float32(self.push) * rim * two, np.float32(0.5 * self.push) * rim * one)
        glints = np.clip(one + two + np.sin(60 * x + 21 * depth - 7.7 * t) - 1.7, 0, 1) * rim * np.float32(self.glitter)
        shine(part, cv2.resize(glints, part.shape[1::-1]).astype(np.uint8))


@dataclass(frozen=True)
class Screen(Actor):
    """A television in view, in a rectangle of pixels: shots of 1 to 5 s that pan, somebody in each, and cuts."""

    left: float
    top: float
    right: float
    bottom: float
    seed: int = 1

    def paint(self, picture: Picture, t: float) -> None:
        """The programme, and its light on the room."""
        part = clamped(picture, self.left, self.top, self.right, self.bottom)
        if part is None:
            return
        cuts = np.cumsum(np.random.default_rng([self.seed, 14]).uniform(1.0, 5.0, 200))
        shot = int(np.searchsorted(cuts, t))
        since = t - (cuts[shot - 1] if shot else 0.0)
        shown = _shot(self.seed, shot)
        pan = 6 + 1.5 * since * (-1) ** shot
        window = cv2.getRectSubPix(shown, (48, 30), (30 + pan, 20)).astype(np.uint8)
        figure = Brush(window, (24 + 16 * float(np.sin(1.3 * since + shot)), 32), (20, -20))
        figure.oval(0x2A2024, 0, 0.35, 0.3, 0.4)
        figure.oval(0xC79A7C, 0, 0.95, 0.17, 0.22)
        glow = float(window.mean()) / 255
        y, x = np.mgrid[0:1:24j, 0:1:32j].astype(np.float32)
        height, width = picture.shape[:2]
        far = np.hypot(x - (self.left + self.right) / 2 / width, y - (self.top + self.bottom) / 2 / height)
        shade(picture, 1 + np.float32(0.3 * (glow - 0.4)) * np.exp(-((far / 0.35) ** 2)))
        cv2.resize(window, part.shape[1::-1], dst=part)


@lru_cache(maxsize=8)
def _shot(seed: int, shot: int) -> Picture:
    """The scenery of one shot: soft colours, brighter than the room."""
    chance = np.random.default_rng([seed, shot, 15])
    pale = chance.standard_normal((40, 80, 1)) + 0.4 * chance.standard_normal((40, 80, 3))
    soft = cv2.GaussianBlur(pale, (0, 0), 4.0)
    shown: Picture = np.clip(chance.uniform(60, 180) + 45 * soft / soft.std(), 0, 255).astype(np.uint8)
    return shown


def bend(part: Picture, dx: Field, dy: Field) -> None:
    """Move what `part` shows by so many pixels; the fields have any size and are spread softly over the part."""
    height, width = part.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x -= cv2.resize(dx, (width, height), interpolation=cv2.INTER_CUBIC)
    y -= cv2.resize(dy, (width, height), interpolation=cv2.INTER_CUBIC)
    part[:] = cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
