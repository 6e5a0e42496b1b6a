"""Draws small worlds whose truth is known, and films them.

Idea: a `Scene` is a value: a backdrop, a camera and actors. The same actor values paint the pictures and say when
somebody is to be seen, so truth follows from the drawing and is never typed by hand.
Rule: a picture depends on its scene and its number alone; chance comes from `default_rng([seed, number])`.
A new actor is one small class: `paint` puts it on the picture, `seen` says when it is an event.
Not promised: photographs. The worlds are flat illustrations with sensor noise; an actor hidden behind another still
counts as seen, and encoded bytes are equal only for equal builds of the encoder.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np
import numpy.typing as npt
import yaml

from camd.errors import CamdError, CannotWriteError, UsageError
from camd.terminal import Parser, say

Picture = npt.NDArray[np.uint8]  # (height, width, 3), blue green red
Points = list[tuple[float, float]]
SUBPIXELS = 4  # bits of a pixel that OpenCV draws with: motion in sixteenths of a pixel looks smooth
ENOUGH = 0.1  # share of an actor's box inside the picture from which it counts as seen


@dataclass(frozen=True, slots=True)
class Brush:
    """Paints anti-aliased shapes in units of its own: (0, 0) lies at pixel `origin`, one unit is `unit` pixels.

    Negative units turn an axis round: actors are drawn with y upwards and walk to the left by a negative x unit.
    Colours are 0xRRGGBB.
    """

    picture: Picture
    origin: tuple[float, float]
    unit: tuple[float, float]

    def fill(self, colour: int, points: Points) -> None:
        """Fill the polygon through `points`."""
        cv2.fillPoly(self.picture, [self._pixels(points)], _bgr(colour), cv2.LINE_AA, SUBPIXELS)

    def box(self, colour: int, left: float, top: float, right: float, bottom: float) -> None:
        """Fill a rectangle."""
        self.fill(colour, [(left, top), (right, top), (right, bottom), (left, bottom)])

    def curve(self, colour: int, points: Points) -> None:
        """Fill the smooth closed curve through `points`."""
        self.fill(colour, _smooth(points))

    def oval(self, colour: int, x: float, y: float, rx: float, ry: float) -> None:
        """Fill an ellipse."""
        self.fill(colour, _ring(x, y, rx, ry))

    def limb(self, colour: int, joints: Points, width: float) -> None:
        """Fill a rounded line through `joints`."""
        for x, y in joints:
            self.oval(colour, x, y, width / 2, width / 2)
        for (ax, ay), (bx, by) in pairwise(joints):
            across = width / 2 / max(float(np.hypot(bx - ax, by - ay)), 1e-6)
            nx, ny = (ay - by) * across, (bx - ax) * across
            self.fill(colour, [(ax + nx, ay + ny), (bx + nx, by + ny), (bx - nx, by - ny), (ax - nx, ay - ny)])

    def glaze(self, colour: int, points: Points, strength: float, blur: float = 0.0) -> None:
        """Let `colour` shine through the polygon with `strength` 0..1, its edge softened by `blur` units."""
        mask = np.zeros(self.picture.shape[:2], np.uint8)
        cv2.fillPoly(mask, [self._pixels(points)], (255,), cv2.LINE_AA, SUBPIXELS)
        if blur:
            mask = cv2.GaussianBlur(mask, (0, 0), blur * abs(self.unit[0])).astype(np.uint8, copy=False)
        share = mask[..., None] * np.float32(strength / 255)
        mixed = self.picture + (np.array(_bgr(colour), np.float32) - self.picture) * share
        self.picture[:] = (mixed + 0.5).astype(np.uint8)

    def _pixels(self, points: Points) -> npt.NDArray[np.int32]:
        pixels = np.array(points) * self.unit + self.origin
        return np.rint(pixels * (1 << SUBPIXELS)).astype(np.int32)


Backdrop = Callable[[Brush], None]  # paints what never moves; units are fractions of the picture's width and height


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


class Actor:
    """Something that changes the picture. Unless it overrides `seen`, it is no event."""

    label: ClassVar[str] = ""
    is_light: ClassVar[bool] = False  # lights act last, on the whole painted picture

    def paint(self, picture: Picture, t: float) -> None:
        """Put yourself on `picture` as you are at `t` seconds."""
        raise NotImplementedError

    def seen(self, width: int, height: int, t: float) -> bool:
        """Whether an event of yours is to be seen in a picture of this size at `t`."""
        return False


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
        before = picture.copy()
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


class Walker(Mover):
    """A person in hat, scarf and coat; `size` is the height. Legs and arms swing with the way walked."""

    label = "person"
    reach = (0.12, 1.0)
    stride = 0.95  # way of two steps, in heights: the foot on the ground then stays where it is

    def draw(self, brush: Brush, travelled: float) -> None:
        """Far limbs first, then the coat, the head, and the near arm."""
        phase = 2 * np.pi * travelled / self.stride
        swing = 0.5 * float(np.sin(phase))
        hip = 0.47 * float(np.cos(swing)) + 0.035
        brush.glaze(0x1D2433, _ring(0.02, 0.0, 0.2, 0.025), 0.35, 0.02)
        self._arm(brush, 0xA83E32, hip, 0.8 * swing)
        self._leg(brush, 0x2B3550, hip, -swing, -float(np.cos(phase)))
        self._leg(brush, 0x3A4768, hip, swing, float(np.cos(phase)))
        brush.curve(0xC94F3D, [(-0.07, hip + 0.31), (0.05, hip + 0.32), (0.1, hip + 0.16), (0.125, hip - 0.1),
                               (0.0, hip - 0.125), (-0.125, hip - 0.1), (-0.1, hip + 0.16)])  # fmt: skip
        self._head(brush, hip + 0.41, swing)
        self._arm(brush, 0xDB6450, hip, -0.8 * swing)

    def _leg(self, brush: Brush, colour: int, hip: float, angle: float, lift: float) -> None:
        knee = _swung((0.0, hip), 0.235, angle)
        ankle = _swung(knee, 0.235, angle - 0.9 * max(0.0, lift))
        brush.limb(colour, [(0.0, hip), knee, ankle], 0.085)
        brush.limb(0x4A3328, [ankle, (ankle[0] + 0.065, ankle[1] - 0.008)], 0.055)

    def _arm(self, brush: Brush, colour: int, hip: float, angle: float) -> None:
        shoulder = (-0.01, hip + 0.27)
        elbow = _swung(shoulder, 0.16, angle)
        hand = _swung(elbow, 0.15, angle + 0.35)
        brush.oval(0xF0C3A0, *hand, 0.032, 0.032)
        brush.limb(
            colour, [shoulder, elbow, (0.25 * elbow[0] + 0.75 * hand[0], 0.25 * elbow[1] + 0.75 * hand[1])], 0.07
        )

    def _head(self, brush: Brush, middle: float, swing: float) -> None:
        tail = 0.02 * swing
        brush.limb(
            0xE9B44C, [(-0.03, middle - 0.09), (-0.13, middle - 0.11 + tail), (-0.2, middle - 0.09 - tail)], 0.04
        )
        brush.oval(0xF0C3A0, 0.015, middle, 0.075, 0.085)
        brush.oval(0xF0C3A0, 0.088, middle - 0.012, 0.02, 0.017)  # nose
        brush.oval(0x2B2B33, 0.058, middle + 0.015, 0.01, 0.014)  # eye
        brush.limb(0xE9B44C, [(-0.045, middle - 0.085), (0.05, middle - 0.085)], 0.055)
        brush.curve(0x2F6F73, [(-0.085, middle + 0.01), (-0.07, middle + 0.09), (0.01, middle + 0.125),
                               (0.08, middle + 0.07), (0.085, middle + 0.035)])  # fmt: skip
        brush.oval(0xF4E8D0, -0.03, middle + 0.125, 0.03, 0.03)


class Car(Mover):
    """A small hatchback; `size` is the length. The wheels turn with the way driven."""

    label = "vehicle"
    reach = (0.48, 0.38)

    def draw(self, brush: Brush, travelled: float) -> None:
        """Shadow, body, windows, lamps, wheels."""
        brush.glaze(0x14161C, _ring(0.0, 0.0, 0.5, 0.035), 0.5, 0.015)
        brush.curve(0x2E86A8, [(-0.49, 0.1), (-0.48, 0.2), (-0.43, 0.27), (-0.34, 0.385), (-0.1, 0.41),
                               (0.08, 0.385), (0.22, 0.26), (0.4, 0.225), (0.48, 0.17), (0.49, 0.09),
                               (0.3, 0.065), (-0.3, 0.065)])  # fmt: skip
        brush.fill(0x256F8D, [(-0.48, 0.09), (0.485, 0.09), (0.48, 0.135), (-0.485, 0.135)])
        brush.curve(0xD6ECF0, [(-0.37, 0.26), (-0.31, 0.355), (-0.12, 0.375), (-0.11, 0.26)])
        brush.curve(0xD6ECF0, [(-0.07, 0.26), (-0.07, 0.375), (0.06, 0.35), (0.16, 0.26)])
        brush.oval(0x3A4A56, 0.005, 0.29, 0.03, 0.038)  # the driver
        brush.limb(0x3A4A56, [(-0.02, 0.25), (0.03, 0.25)], 0.05)
        brush.limb(0x2E86A8, [(-0.36, 0.24), (0.17, 0.24)], 0.03)
        brush.limb(0x1E5F7A, [(-0.09, 0.24), (-0.09, 0.1)], 0.008)
        brush.limb(0x1E5F7A, [(-0.05, 0.215), (-0.01, 0.215)], 0.012)
        brush.oval(0xFFF3C4, 0.455, 0.18, 0.025, 0.022)
        brush.oval(0xC8443C, -0.465, 0.215, 0.018, 0.025)
        for x in (-0.29, 0.29):
            self._wheel(brush, x, 0.085, travelled)

    def _wheel(self, brush: Brush, x: float, radius: float, travelled: float) -> None:
        brush.oval(0x1B4F66, x, radius + 0.005, radius + 0.018, radius + 0.018)
        brush.oval(0x24262D, x, radius, radius, radius)
        brush.oval(0xC9CDD2, x, radius, 0.6 * radius, 0.6 * radius)
        for spoke in range(5):
            angle = spoke * 2 * np.pi / 5 + travelled / radius
            brush.limb(0x5A6068, [(x, radius), _swung((x, radius), 0.5 * radius, -angle)], 0.02)


@dataclass(frozen=True)
class Light(Actor):
    """A lamp or a cloud: from `at` on all is `gain` times as bright plus `offset`, reached within `fade` seconds."""

    at: float
    gain: float = 1.0
    offset: float = 0.0
    fade: float = 0.0

    is_light = True

    def paint(self, picture: Picture, t: float) -> None:
        """Change every pixel alike, clipped to 0..255 as a sensor does."""
        done = float(np.clip((t - self.at) / self.fade, 0, 1)) if self.fade else float(t >= self.at)
        levels = np.arange(256) * (1 + done * (self.gain - 1)) + done * self.offset
        cv2.LUT(picture, np.clip(np.rint(levels), 0, 255).astype(np.uint8), dst=picture)


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
        middle = _swung((0.0, 0.0), 0.5, 1.25 + 0.5 * sway)
        wood = np.array([(0.0, 0.0), middle, _swung(middle, 0.5, 1.05 + 1.5 * sway)])
        brush.limb(0x5B4636, [(float(x), float(y)) for x, y in wood], 0.025)
        for number, along in enumerate(np.linspace(0.3, 2.0, 19)):
            stem = float(np.interp(along, (0, 1, 2), wood[:, 0])), float(np.interp(along, (0, 1, 2), wood[:, 1]))
            lean = 1.1 + (0.9, -0.8, 0.3)[number % 3] + 2 * sway
            brush.curve((0x4F7F45, 0x6A9A4F, 0x3F6B3C, 0x7BAA5C)[number % 4], _leaf(stem, _swung(stem, 0.15, lean)))


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


@dataclass(frozen=True)
class Scene:
    """A world and the camera that films it. `noise` is the sensor's sigma in grey levels, `fps` pictures a second."""

    width: int
    height: int
    fps: int
    seconds: float
    seed: int
    noise: float
    backdrop: Backdrop
    actors: tuple[Actor, ...] = ()

    def times(self) -> list[float]:
        """The time of every picture in seconds."""
        return [number / self.fps for number in range(round(self.seconds * self.fps))]


def frames(scene: Scene) -> Iterator[tuple[float, Picture]]:
    """Yield (seconds, picture) for the whole scene; pictures are uint8 (height, width, 3), blue green red."""
    for number, t in enumerate(scene.times()):
        yield t, picture(scene, number)


def picture(scene: Scene, number: int) -> Picture:
    """The picture with this number: backdrop, actors in their order, lights, sensor noise (grey, on all colours)."""
    painted = _still(scene.backdrop, scene.width, scene.height, scene.seed).copy()
    for actor in sorted(scene.actors, key=lambda actor: actor.is_light):
        actor.paint(painted, number / scene.fps)
    grain = np.random.default_rng([scene.seed, number]).standard_normal((scene.height, scene.width, 1), np.float32)
    filmed: Picture = np.clip(np.rint(painted + grain * np.float32(scene.noise)), 0, 255).astype(np.uint8)
    return filmed


def truth(scene: Scene) -> dict[str, Any]:
    """What a truth file says of the scene: one event for each time that an actor is seen without a break."""
    events = [event for actor in scene.actors for event in _events(scene, actor)]
    return {
        "v": 1,
        "events": sorted(events, key=lambda event: (event["began"], event["ended"])),
        "ignore": [],
        "tolerance": {"began": 0.5, "ended": 1.0},
        "min": {"recall": 1.0, "precision": 1.0},
    }


def _events(scene: Scene, actor: Actor) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    was_seen = False
    for t in scene.times():
        is_seen = actor.seen(scene.width, scene.height, t)
        if is_seen and not was_seen:
            events.append({"began": round(t, 3), "ended": round(t, 3), "label": actor.label})
        if is_seen:
            events[-1]["ended"] = round(t, 3)
        was_seen = is_seen
    return events


@lru_cache(maxsize=8)
def _still(backdrop: Backdrop, width: int, height: int, seed: int) -> Picture:
    """The world without actors: drawn at twice the size for clean edges, with a smooth texture and darker corners."""
    large = np.zeros((2 * height, 2 * width, 3), np.uint8)
    backdrop(Brush(large, (0, 0), (2 * width, 2 * height)))
    small = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lit = small * (1 - 0.07 * (x * x + y * y))[..., None] + _texture(seed, width, height)[..., None]
    drawn: Picture = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    drawn.setflags(write=False)
    return drawn


def _texture(seed: int, width: int, height: int) -> npt.NDArray[np.float32]:
    """Grain of three sizes, in grey levels."""
    chance = np.random.default_rng([seed, 1 << 31])  # a number that no picture has
    total = np.zeros((height, width), np.float32)
    for blur, levels in ((0.8, 2.0), (3.0, 1.5), (12.0, 2.0)):
        layer = cv2.GaussianBlur(chance.standard_normal((height, width), np.float32), (0, 0), blur)
        total += layer * np.float32(levels / layer.std())
    return total


def yard(brush: Brush) -> None:
    """A brick wall under a strip of sky, with a paved path before it."""
    brush.box(0xBFD6E3, 0, 0, 1, 0.14)
    brush.box(0xB98A72, 0, 0.14, 1, 0.68)
    for course in range(13):
        y = 0.14 + course * 0.0415
        brush.box(0xA37660, 0, y, 1, y + 0.006)
        for joint in range(13):
            x = (joint + (course % 2) / 2) / 12
            brush.box(0xA37660, x, y, x + 0.004, y + 0.0415)
    brush.box(0x8C5F4C, 0, 0.13, 1, 0.16)
    brush.box(0x7FA05A, 0, 0.66, 1, 0.76)
    brush.box(0xB7B0A4, 0, 0.74, 1, 1)
    for slab in range(7):
        brush.fill(
            0x9C958A, [(slab / 6, 0.74), (slab / 6 + 0.005, 0.74), (slab / 4.5 - 0.16, 1), (slab / 4.5 - 0.17, 1)]
        )
    brush.glaze(0x2A2030, [(-0.1, 0.6), (1.1, 0.6), (1.1, 0.72), (-0.1, 0.72)], 0.25, 0.02)


def front_garden(brush: Brush) -> None:
    """A cottage with a red door behind a picket fence, a tree, and the street in front."""
    pen = Brush(brush.picture, (0, 0), (brush.unit[0] / 640, brush.unit[1] / 360))  # drawn as if 640 x 360
    _sky(pen)
    _lawn(pen)
    _cottage(pen)
    _tree(pen)
    _fence(pen)
    _street(pen)
    pen.glaze(0xFFE2A8, [(360, -40), (760, -40), (760, 260)], 0.22, 50)  # late sun from the right


def _sky(pen: Brush) -> None:
    for row in range(220):
        pen.box(_between(0x7FB6DE, 0xFBE3C6, row / 220), 0, row, 640, row + 1.5)
    for x, y, size in ((70, 34, 1.0), (402, 62, 1.2), (575, 26, 0.8)):
        for dx, dy, radius in ((-38, 4, 13), (-18, -5, 19), (6, -9, 23), (30, 0, 17), (48, 6, 11)):
            pen.glaze(0xFFF8EC, _ring(x + dx * size, y + dy * size, radius * size, 0.8 * radius * size), 0.75, 1.5)
        pen.glaze(0xC9D3E3, _ring(x + 4 * size, y + 11 * size, 46 * size, 7 * size), 0.45, 4)
    pen.curve(0xA9C2BE, [(-60, 215), (40, 160), (200, 178), (360, 150), (520, 172), (700, 148), (720, 260), (-60, 260)])
    pen.curve(
        0x8FB394, [(-60, 230), (120, 188), (300, 200), (470, 182), (600, 196), (720, 180), (720, 280), (-60, 280)]
    )


def _lawn(pen: Brush) -> None:
    chance = np.random.default_rng(7)
    for row in range(206, 292):
        pen.box(_between(0x93B866, 0x6C9A4B, (row - 206) / 86), 0, row, 640, row + 1.5)
    for x, y in chance.uniform((0, 212), (640, 290), (420, 2)):
        pen.limb(0x5F8C43, [(x, y), (x + chance.uniform(-1.5, 1.5), y - 4)], 0.9)
    pen.curve(0xD8C3A0, [(182, 244), (214, 244), (232, 268), (262, 300), (150, 300), (170, 268)])
    for x, y, rx in ((198, 254, 13), (194, 265, 16), (207, 277, 19), (199, 290, 23)):
        pen.oval(0xBFA785, x, y + 1.5, rx, 4.5)
        pen.oval(0xE9DBC0, x, y, rx, 4.2)


def _cottage(pen: Brush) -> None:
    pen.glaze(0x2E3A2A, [(40, 236), (350, 236), (362, 250), (56, 250)], 0.4, 4)
    pen.box(0x9C5A48, 262, 8, 286, 60)
    pen.box(0x83483A, 258, 6, 290, 13)
    pen.box(0xF3E6CF, 58, 92, 332, 242)
    for y in range(104, 240, 9):
        pen.box(0xE2D2B6, 58, y, 332, y + 1)
    pen.box(0xA79B8C, 58, 232, 332, 242)
    pen.fill(0x5D6B82, [(36, 104), (88, 34), (304, 34), (354, 104)])
    for row in range(1, 10):
        left, right, y = 88 - 5.2 * row, 304 + 5.0 * row, 34 + 7 * row
        for x in np.arange(left + 2 + 6 * (row % 2), right - 10, 12):
            pen.limb(0x4E5B72, [(x, y), (x + 8, y)], 1.3)
    pen.box(0xFBF4E4, 36, 102, 354, 108)
    pen.glaze(0x3B3148, [(58, 108), (332, 108), (332, 120), (58, 120)], 0.3, 2)
    _window(pen, 112)
    _window(pen, 284)
    _door(pen)


def _window(pen: Brush, x: float) -> None:
    for side in (-41, 27):
        pen.box(0x3F7F86, x + side, 141, x + side + 14, 193)
        for y in range(145, 191, 5):
            pen.box(0x356E74, x + side + 2, y, x + side + 12, y + 1.5)
    pen.box(0xFFFAF0, x - 27, 139, x + 27, 195)
    pen.box(0xF6D48A, x - 23, 143, x + 23, 191)
    pen.fill(0xFBE6B4, [(x - 23, 143), (x + 4, 143), (x - 16, 191), (x - 23, 191)])
    pen.curve(0xF7EFE2, [(x - 23, 143), (x - 9, 143), (x - 14, 166), (x - 22, 178)])
    pen.curve(0xF7EFE2, [(x + 23, 143), (x + 9, 143), (x + 14, 166), (x + 22, 178)])
    pen.box(0xFFFAF0, x - 1.5, 143, x + 1.5, 191)
    pen.box(0xFFFAF0, x - 23, 165, x + 23, 168)
    for number in range(9):
        pen.oval((0x4F7F45, 0x6A9A4F)[number % 2], x - 26 + 6.5 * number, 195, 5, 5)
        pen.oval((0xE4572E, 0xF3A6B5, 0xFFD166)[number % 3], x - 26 + 6.5 * number, 191 + 2 * (number % 2), 2.4, 2.4)
    pen.box(0x8A5A3C, x - 31, 197, x + 31, 206)


def _door(pen: Brush) -> None:
    pen.box(0xFFFAF0, 172, 156, 224, 242)
    pen.box(0xB83A32, 177, 161, 219, 242)
    for x in (181, 201):
        pen.box(0x9E2F29, x, 196, x + 14, 232)
        pen.box(0xC64A40, x + 1.5, 197.5, x + 12.5, 230.5)
    pen.fill(0xF6D48A, [*_ring(198, 181, 15, 12)[20:], (213, 187), (183, 187)])
    pen.box(0xB83A32, 197, 167, 199, 188)
    pen.oval(0xE9C46A, 214, 206, 2.2, 2.2)
    for top, left, right, colour in ((236, 168, 228, 0xD9CBB8), (241, 162, 234, 0xC7B8A3), (246, 156, 240, 0xB5A58F)):
        pen.box(colour, left, top, right, top + 6)
    for x in (160, 232):
        pen.box(0xFFFAF0, x, 146, x + 5, 240)
    pen.glaze(0x3B3148, [(162, 148), (236, 148), (236, 158), (162, 158)], 0.35, 2)
    pen.fill(0x5D6B82, [(146, 148), (198, 118), (251, 148)])
    pen.fill(0xFBF4E4, [(144, 151), (144, 147), (198, 115), (253, 147), (253, 151), (198, 121)])
    pen.box(0x33363D, 240, 168, 247, 180)
    pen.box(0xFFE9A8, 241.5, 170, 245.5, 178)
    pen.glaze(0xFFE9A8, _ring(243.5, 174, 16, 16), 0.35, 6)
    pen.curve(0xD98A4E, [(166, 236), (168, 226), (176, 222), (186, 225), (188, 233), (182, 237)])  # the cat on the step
    pen.oval(0xD98A4E, 170, 225, 6, 5.5)
    pen.fill(0xD98A4E, [(165, 222), (166, 216), (170, 220)])
    pen.fill(0xD98A4E, [(170, 220), (174, 216), (175, 223)])
    pen.limb(0xB86E38, [(187, 234), (178, 237), (170, 236)], 2.4)


def _tree(pen: Brush) -> None:
    pen.glaze(0x2E3A2A, _ring(500, 262, 92, 9), 0.4, 5)
    pen.fill(0x6E4F3A, [(484, 264), (492, 200), (490, 150), (512, 150), (513, 200), (524, 264)])
    pen.fill(0x5B4030, [(484, 264), (492, 200), (490, 150), (497, 150), (500, 200), (500, 264)])
    pen.limb(0x6E4F3A, [(502, 190), (534, 150)], 7)
    chance = np.random.default_rng(3)
    for colour, reach, lift in ((0x4C7A44, 1.0, 0), (0x5F9150, 0.86, 7), (0x7BAA5C, 0.62, 17)):
        for angle, far in zip(np.linspace(0, 2 * np.pi, 22), chance.uniform(0.25, 0.8, 22), strict=True):
            x, y = 506 + 78 * reach * far * np.cos(angle) + 0.6 * lift, 112 + 66 * reach * far * np.sin(angle) - lift
            pen.oval(colour, float(x), float(y), 30 * reach, 27 * reach)
    for x, y in chance.uniform((448, 66), (566, 160), (26, 2)):
        pen.oval(0xE4572E, x, y, 3.4, 3.4)
        pen.oval(0xF6A07A, x - 1, y - 1.2, 1, 1)


def _fence(pen: Brush) -> None:
    for x, radius, colour in ((24, 24, 0x557F49), (62, 18, 0x6A9A4F), (346, 22, 0x557F49), (376, 16, 0x6A9A4F)):
        pen.curve(
            colour, [(x - radius, 250), (x - radius, 232), (x, 244 - radius), (x + radius, 232), (x + radius, 250)]
        )
    for left, right in ((-12, 146), (262, 650)):
        pen.glaze(0x2E3A2A, [(left, 284), (right, 284), (right, 290), (left, 290)], 0.35, 2)
        for y in (246, 268):
            pen.box(0xE4DCCB, left, y, right, y + 5)
        for x in range(left, right, 14):
            pen.fill(0xD3CAB8, [(x + 2, 286), (x + 2, 240), (x + 6, 234), (x + 10, 240), (x + 10, 286)])
            pen.fill(0xFFFAF0, [(x, 286), (x, 240), (x + 4, 234), (x + 8, 240), (x + 8, 286)])
    pen.box(0x7A5A44, 287, 236, 292, 288)
    pen.box(0x3F7F86, 275, 222, 304, 238)
    pen.oval(0x3F7F86, 289.5, 222, 14.5, 7)
    pen.box(0xE4572E, 300, 210, 302.5, 224)
    pen.box(0xE4572E, 300, 210, 309, 216)


def _street(pen: Brush) -> None:
    pen.box(0xCFC6B8, 0, 288, 640, 308)
    for x in range(-40, 700, 46):
        pen.fill(0xB5AC9E, [(x, 288), (x + 1.5, 288), (x - 8.5, 308), (x - 10, 308)])
    pen.box(0xE6DFD2, 0, 306, 640, 309)
    pen.box(0x9A948B, 0, 309, 640, 315)
    for row in range(315, 360):
        pen.box(_between(0x5A5D68, 0x6B6E78, (row - 315) / 45), 0, row, 640, row + 1.5)
    for x in range(-30, 660, 92):
        pen.fill(0xE9DFC0, [(x + 3, 351), (x + 47, 351), (x + 44, 355), (x, 355)])


def _swung(joint: tuple[float, float], length: float, angle: float) -> tuple[float, float]:
    """The end of a limb that hangs from `joint` (y upwards), swung forward by `angle` radians."""
    return joint[0] + length * float(np.sin(angle)), joint[1] - length * float(np.cos(angle))


def _leaf(stem: tuple[float, float], tip: tuple[float, float]) -> Points:
    wide_x, wide_y = 0.3 * (tip[1] - stem[1]), 0.3 * (stem[0] - tip[0])
    middle = ((stem[0] + tip[0]) / 2, (stem[1] + tip[1]) / 2)
    return [stem, (middle[0] + wide_x, middle[1] + wide_y), tip, (middle[0] - wide_x, middle[1] - wide_y)]


def _ring(x: float, y: float, rx: float, ry: float) -> Points:
    around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return [(x + rx * float(np.cos(angle)), y + ry * float(np.sin(angle))) for angle in around]


def _smooth(points: Points) -> Points:
    """A closed Catmull-Rom curve through `points`, eight steps between two of them."""
    p = np.array(points)
    before, after, beyond = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    steps = [
        0.5 * (2 * p + (after - before) * s + (2 * before - 5 * p + 4 * after - beyond) * s**2
               + (3 * p - before - 3 * after + beyond) * s**3)
        for s in np.arange(8) / 8
    ]  # fmt: skip
    return [(float(x), float(y)) for x, y in np.stack(steps, 1).reshape(-1, 2)]


def _bgr(colour: int) -> tuple[int, int, int]:
    return colour & 255, colour >> 8 & 255, colour >> 16


def _between(first: int, last: int, share: float) -> int:
    mixed = [round(a + (b - a) * share) for a, b in zip(_bgr(first), _bgr(last), strict=True)]
    return mixed[0] | mixed[1] << 8 | mixed[2] << 16


SCENES: dict[str, Scene] = {
    # The demo: somebody walks by, a cloud hides the sun, a car drives by.
    "porch": Scene(640, 360, 15, 26.0, 1, 2.0, front_garden, (
        Walker(Route(((6.4, -40, 303), (11.8, 680, 303))), 128),
        Light(at=14.4, gain=0.76, fade=0.8),
        Car(Route(((18.4, 770, 344), (21.4, -130, 344))), 210),
    )),
    "walker": Scene(320, 240, 15, 12.0, 2, 1.5, yard, (Walker(Route(((4.0, 350, 212), (8.5, -30, 212))), 104),)),
    "switch": Scene(320, 240, 15, 14.0, 3, 1.5, yard, (Light(at=6.0, gain=0.62), Light(at=10.0, gain=1.45, offset=6))),
    "branch": Scene(320, 240, 15, 20.0, 4, 1.5, yard, (Branch(330, -6, 190),)),
    "rain": Scene(320, 240, 15, 14.0, 5, 1.5, yard, (Rain(35),)),
    "quiet": Scene(320, 240, 15, 12.0, 6, 2.0, yard),
}  # fmt: skip


# How each encoder is set: its pixel format and what it needs beside the options that all have.
CODINGS: dict[str, tuple[str, dict[str, str]]] = {
    "libx264": ("yuv420p", {"preset": "slow", "sc_threshold": "0"}),
    "libx265": ("yuv420p", {"x265-params": "log-level=none:pools=none:frame-threads=1:bframes=0:scenecut=0"}),
    "mpeg4": ("yuv420p", {"b": "1500000"}),
    "msmpeg4": ("yuv420p", {"b": "1500000"}),
    "mjpeg": ("yuvj420p", {"b": "6000000"}),
    "cinepak": ("rgb24", {}),
}


def encode(scene: Scene, path: Path, *, codec: str = "libx264", crf: int = 24) -> None:
    """Film the scene into `path`, whose ending names the container (mp4, mkv, avi).

    A key picture comes every 2 s, B-frames never, and the same scene gives the same bytes. `codec` is one of
    `CODINGS`; `crf` is the constant quality of libx264 and libx265, which the others ignore. Raises OSError when
    `path` cannot be written and ValueError when the container cannot hold the codec.
    """
    pixels, options = CODINGS[codec]
    same_bytes = {"flags": "+bitexact", "threads": "1"}  # with more threads the bytes depend on the machine
    groups = {"g": str(2 * scene.fps), "bf": "0"}
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as video:
        stream = video.add_stream(codec, rate=scene.fps, options={**same_bytes, **groups, "crf": str(crf), **options})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, pixels
        for number, (_, drawn) in enumerate(frames(scene)):
            frame = av.VideoFrame.from_ndarray(drawn, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, scene.fps)
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))


def write_truth(scene: Scene, path: Path) -> None:
    """Write the scene's truth file. Raises OSError when `path` cannot be written."""
    path.write_text(yaml.safe_dump(truth(scene), sort_keys=False, default_flow_style=None), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write videos and truth files of the named scenes, or of all."""
    parser = Parser(
        prog="python -m camd.scene",
        description="Draw small worlds with known truth: NAME.mp4 and NAME.truth.yaml for each scene.",
        epilog=f"Scenes: {', '.join(SCENES)}.",
    )
    parser.add_argument("folder", metavar="OUT_DIR", type=Path, help="folder to write to; made when it is missing")
    parser.add_argument("names", metavar="NAME", nargs="*", help="scenes to draw (default: all of them)")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in SCENES:
            raise UsageError(f"there is no scene '{name}'. Choose from {', '.join(SCENES)}.")
    for name in options.names or SCENES:
        _write(options.folder, name)
    return 0


def _write(folder: Path, name: str) -> None:
    video = folder / f"{name}.mp4"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        encode(SCENES[name], video)
        write_truth(SCENES[name], folder / f"{name}.truth.yaml")
    except OSError as error:
        raise CannotWriteError(f"{video}: cannot be written ({error}). Name a folder that you may write to.") from error
    say(f"{video}: {SCENES[name].seconds:g} s, {video.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CamdError as error:
        say(str(error))
        sys.exit(error.exit_code)
