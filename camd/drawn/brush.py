"""Paints anti-aliased shapes on a picture, and the few curves that everybody draws with.

Rule: a shape costs what it covers, not what the picture measures.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]  # (height, width, 3), blue green red
Grey = npt.NDArray[np.uint8]  # (height, width)
Points = list[tuple[float, float]]
SUBPIXELS = 4  # bits of a pixel that OpenCV draws with: motion in sixteenths of a pixel looks smooth


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
        cv2.fillPoly(self.picture, [self._pixels(points)], bgr(colour), cv2.LINE_AA, SUBPIXELS)

    def box(self, colour: int, left: float, top: float, right: float, bottom: float) -> None:
        """Fill a rectangle."""
        self.fill(colour, [(left, top), (right, top), (right, bottom), (left, bottom)])

    def curve(self, colour: int, points: Points) -> None:
        """Fill the smooth closed curve through `points`."""
        self.fill(colour, smooth(points))

    def oval(self, colour: int, x: float, y: float, rx: float, ry: float) -> None:
        """Fill an ellipse."""
        self.fill(colour, ring(x, y, rx, ry))

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
        pixels, sigma = self._pixels(points), blur * abs(self.unit[0])
        area = self._around(pixels, sigma)
        touched = self.picture[area]
        if not touched.size:
            return
        mask = np.zeros(touched.shape[:2], np.uint8)
        corner = np.array((area[1].start, area[0].start)) << SUBPIXELS
        cv2.fillPoly(mask, [(pixels - corner).astype(np.int32)], (255,), cv2.LINE_AA, SUBPIXELS)
        if sigma:
            mask = cv2.GaussianBlur(mask, (0, 0), sigma).astype(np.uint8, copy=False)
        share = mask[..., None] * np.float32(strength / 255)
        mixed = touched + (np.array(bgr(colour), np.float32) - touched) * share
        touched[:] = (mixed + 0.5).astype(np.uint8)

    def _around(self, pixels: npt.NDArray[np.int32], sigma: float) -> tuple[slice, slice]:
        """The part of the picture that a blurred polygon can reach: OpenCV's kernel ends at three sigmas."""
        reach = 2 * round(3 * sigma) + 4
        left, top = (pixels.min(0) >> SUBPIXELS) - reach
        right, bottom = (pixels.max(0) >> SUBPIXELS) + reach
        height, width = self.picture.shape[:2]
        return slice(max(int(top), 0), min(int(bottom), height)), slice(max(int(left), 0), min(int(right), width))

    def _pixels(self, points: Points) -> npt.NDArray[np.int32]:
        pixels = np.array(points) * self.unit + self.origin
        return np.rint(pixels * (1 << SUBPIXELS)).astype(np.int32)


def shade(picture: Picture, gain: npt.NDArray[np.float32]) -> None:
    """Multiply the picture by `gain` (any height and width, spread softly over the picture), clipped as by a sensor."""
    height, width = picture.shape[:2]
    spread = cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR)
    cv2.multiply(picture, cv2.merge([spread] * 3), dst=picture, dtype=cv2.CV_8U)


def shine(picture: Picture, light: Grey) -> None:
    """Let white light of 0..255 (height, width of the picture) lie over it: what is bright already gains less."""
    dark = cv2.bitwise_not(picture)
    cv2.multiply(dark, cv2.merge([cv2.bitwise_not(light)] * 3), dst=dark, scale=1 / 255)
    cv2.bitwise_not(dark, dst=picture)


def clamped(picture: Picture, left: float, top: float, right: float, bottom: float) -> Picture | None:
    """The part of the picture (a view) in these bounds, None where that is nothing."""
    height, width = picture.shape[:2]
    part = picture[max(int(top), 0) : min(int(bottom) + 1, height), max(int(left), 0) : min(int(right) + 1, width)]
    return part if part.size else None


def swung(joint: tuple[float, float], length: float, angle: float) -> tuple[float, float]:
    """The end of a limb that hangs from `joint` (y upwards), swung forward by `angle` radians."""
    return joint[0] + length * float(np.sin(angle)), joint[1] - length * float(np.cos(angle))


def ring(x: float, y: float, rx: float, ry: float) -> Points:
    """An ellipse."""
    return [(x + rx * cos, y + ry * sin) for cos, sin in _circle()]


@lru_cache(maxsize=1)
def _circle() -> Points:
    around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return [(float(np.cos(angle)), float(np.sin(angle))) for angle in around]


def smooth(points: Points) -> Points:
    """A closed Catmull-Rom curve through `points`, eight steps between two of them."""
    p = np.array(points)
    before, after, beyond = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    s = (np.arange(8) / 8)[:, None]
    p, before, after, beyond = p[:, None], before[:, None], after[:, None], beyond[:, None]
    steps = 0.5 * (2 * p + (after - before) * s + (2 * before - 5 * p + 4 * after - beyond) * s**2
                   + (3 * p - before - 3 * after + beyond) * s**3)  # fmt: skip
    return [(x, y) for x, y in steps.reshape(-1, 2).tolist()]


def bgr(colour: int) -> tuple[int, int, int]:
    """0xRRGGBB as OpenCV wants it."""
    return colour & 255, colour >> 8 & 255, colour >> 16


def between(first: int, last: int, share: float) -> int:
    """The colour that lies `share` 0..1 of the way from `first` to `last`."""
    mixed = [round(a + (b - a) * share) for a, b in zip(bgr(first), bgr(last), strict=True)]
    return mixed[0] | mixed[1] << 8 | mixed[2] << 16
