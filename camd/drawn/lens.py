"""What happens at the camera itself: close before its lens, to its mount, on its sensor.

Rule: none of it is an event. While a lens is being covered nobody could say, so that is left out of the score.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from camd.drawn.actor import Actor, Layer
from camd.drawn.brush import SUBPIXELS, Picture, clamped, shade, shine


@dataclass(frozen=True)
class Insects(Actor):
    """Insects at an infrared lamp, `rate` a second: bright soft blobs, near, erratic, gone in two to six frames.

    `radius` is that of the largest in pixels.
    """

    rate: float
    radius: float
    seed: int = 1

    layer = Layer.LENS

    def paint(self, picture: Picture, t: float) -> None:
        """Those who came in this second or in the last."""
        for second in (int(t) - 1, int(t)):
            chance = np.random.default_rng([self.seed, 21, max(second, 0)])
            for _ in range(chance.poisson(self.rate)):
                self._visit(picture, t - second - chance.uniform(), chance)

    def _visit(self, picture: Picture, since: float, chance: np.random.Generator) -> None:
        lasts, radius, level = chance.uniform((0.13, 0.25, 120), (0.4, 1.0, 250))
        begin, toward = chance.uniform(0, 1, 2), chance.normal(0, 2.2, 2)  # shares; shares a second
        wobble, phase = chance.normal(0, 0.05, 2), chance.uniform(0, 6, 2)
        if not 0 <= since <= lasts:
            return
        times = since + np.linspace(0, 1 / 30, 5)[:, None]  # smeared while the shutter is open
        places = begin + toward * times + wobble * np.sin(25 * times + phase)
        _blob(picture, places * picture.shape[1::-1], float(radius) * self.radius, float(level))


def _blob(picture: Picture, places: npt.NDArray[np.float64], radius: float, level: float) -> None:
    """A soft smear through `places`."""
    reach = 2.5 * radius + 2
    left, top = places.min(0) - reach
    part = clamped(picture, left, top, *(places.max(0) + reach))
    if part is None:
        return
    light = np.zeros(part.shape[:2], np.uint8)
    line = np.rint((places - np.maximum((int(left), int(top)), 0)) * (1 << SUBPIXELS)).astype(np.int32)
    cv2.polylines(light, [line], False, (level,), max(1, round(1.5 * radius)), cv2.LINE_AA, SUBPIXELS)
    shine(part, cv2.GaussianBlur(light, (0, 0), max(0.6 * radius, 0.5)).astype(np.uint8, copy=False))


@dataclass(frozen=True)
class Thread(Actor):
    """A spider's thread close before the lens: soft and bright, from the top to the side; sways by `sway` pixels."""

    thickness: float
    sway: float
    level: float = 90.0
    seed: int = 1

    layer = Layer.LENS

    def paint(self, picture: Picture, t: float) -> None:
        """Both ends are held; the middle sways most, in gusts."""
        height, width = picture.shape[:2]
        top, side = np.random.default_rng([self.seed, 22]).uniform((0.2, 0.35), (0.5, 0.8))
        along = np.linspace(0, 1, 24)
        gust = 0.6 + 0.4 * np.sin(0.8 * t)
        swing = self.sway * gust * (np.sin(2 * np.pi * 0.7 * t) + 0.4 * np.sin(2 * np.pi * 1.9 * t + 1))
        bow = np.sin(np.pi * along)
        x = (top + (1 - top) * along) * width + (swing - 0.04 * width) * bow
        y = side * along * height + (0.06 * height + 0.5 * swing) * bow
        light = np.zeros((height, width), np.uint8)
        line = np.rint(np.stack((x, y), 1) * (1 << SUBPIXELS)).astype(np.int32)
        cv2.polylines(light, [line], False, (self.level,), max(1, round(self.thickness)), cv2.LINE_AA, SUBPIXELS)
        shine(picture, cv2.GaussianBlur(light, (0, 0), max(0.5 * self.thickness, 0.5)).astype(np.uint8, copy=False))


@dataclass(frozen=True)
class Shake(Actor):
    """A mount that trembles in the wind: up to `amount` pixels, several times a second, in gusts of some seconds."""

    amount: float
    seed: int = 1

    layer = Layer.LENS

    def paint(self, picture: Picture, t: float) -> None:
        """Mostly sideways, as a pole swings."""
        phases = np.random.default_rng([self.seed, 23]).uniform(0, 2 * np.pi, 5)
        gust = 0.3 + 0.7 * np.sin(2 * np.pi * t / 7 + phases[4]) ** 2
        wave = np.sin(2 * np.pi * t * np.array((3.7, 6.1, 4.3, 5.6)) + phases[:4])
        _move(picture, self.amount * gust * float(wave[:2] @ (0.65, 0.35)), 0.4 * self.amount * gust * float(wave[2]))


@dataclass(frozen=True)
class Drift(Actor):
    """A mount that gives way from `at` on: `right` and `down` are pixels a second that the picture moves."""

    at: float
    right: float
    down: float

    layer = Layer.LENS

    def paint(self, picture: Picture, t: float) -> None:
        """Steadily, in fractions of a pixel."""
        since = max(0.0, t - self.at)
        _move(picture, self.right * since, self.down * since)


def _move(picture: Picture, right: float, down: float) -> None:
    """Shift the picture; what comes in at the edge mirrors what is beside it."""
    shift = np.array(((1, 0, right), (0, 1, down)))
    picture[:] = cv2.warpAffine(picture, shift, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT_101)


@dataclass(frozen=True)
class Cover(Actor):
    """Something is laid over the lens, from `at` on and within `lasts` seconds; a little light still gets in."""

    at: float
    lasts: float = 0.8
    leak: float = 0.05

    layer = Layer.LENS

    def paint(self, picture: Picture, t: float) -> None:
        """A dark edge, out of focus, comes in from the left below."""
        done = (t - self.at) / self.lasts
        if done <= 0:
            return
        y, x = np.mgrid[0:1:24j, 0:1:32j].astype(np.float32)
        front = -0.4 + 2.6 * min(done, 1.0)
        open_share = 1 / (1 + np.exp(-(x + 0.5 * (1 - y) + 0.05 * np.sin(9 * y) - front) / 0.06))
        shade(picture, np.asarray(self.leak + (1 - self.leak) * open_share, np.float32))

    def doubtful(self) -> tuple[tuple[float, float], ...]:
        """From the first shadow until a second after it is dark."""
        return ((self.at, self.at + self.lasts + 1.0),)


@dataclass(frozen=True)
class Grain(Actor):
    """The sensor's noise, `sigma` grey levels, alike on all colours.

    Every picture is a window somewhere on one sheet of noise, which costs a tenth of drawing it anew (0.4 against 4.5
    ms at 640x480). One place in 4087 is the same as in another picture.
    """

    sigma: float
    seed: int = 1

    layer = Layer.SENSOR

    def paint(self, picture: Picture, t: float) -> None:
        """Add the window of this time."""
        height, width = picture.shape[:2]
        down, right = np.random.default_rng([self.seed, 24, round(t * 1e6)]).integers((0, 0), (61, 67))
        sheet = _sheet(height + 61, width + 67, self.sigma, self.seed)
        cv2.add(picture, sheet[down : down + height, right : right + width], dst=picture, dtype=cv2.CV_8U)


@lru_cache(maxsize=4)
def _sheet(height: int, width: int, sigma: float, seed: int) -> npt.NDArray[np.int16]:
    noise = np.random.default_rng([seed, 25]).standard_normal((height, width), np.float32) * np.float32(sigma)
    return np.asarray(cv2.merge([np.rint(noise).astype(np.int16)] * 3))
