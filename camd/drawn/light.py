"""Light that changes and is no event: lamps, clouds, the sun, lightning, a sensor that seeks its exposure.

Rule: light multiplies. A shadow or a lamp is a gain on every pixel it falls on, clipped to 0..255 as a sensor does.
Not promised: colour of the light, and shadows with the shape of what casts them.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from camd.drawn.actor import Actor, Layer
from camd.drawn.brush import Picture, shade

Gain = npt.NDArray[np.float32]

COARSE = 8  # pixels per step of a soft gain: its edges are wider than that


@dataclass(frozen=True)
class Light(Actor):
    """A lamp or a cloud: from `at` on all is `gain` times as bright plus `offset`, reached within `fade` seconds."""

    at: float
    gain: float = 1.0
    offset: float = 0.0
    fade: float = 0.0

    layer = Layer.LIGHT

    def paint(self, picture: Picture, t: float) -> None:
        """Change every pixel alike, clipped to 0..255 as a sensor does."""
        done = float(np.clip((t - self.at) / self.fade, 0, 1)) if self.fade else float(t >= self.at)
        brighten(picture, 1 + done * (self.gain - 1), done * self.offset)


@dataclass(frozen=True)
class Hunting(Actor):
    """Auto exposure after something bright passed at `at`: darker by `depth` within 0.3 s, back in `recovery` s.

    It comes back past the old level and swings in, as control loops do (seen on roadside footage: 2 to 6 s).
    """

    at: float
    depth: float = 0.35
    recovery: float = 4.0

    layer = Layer.LIGHT

    def paint(self, picture: Picture, t: float) -> None:
        """A damped swing."""
        since = t - self.at
        if since <= 0:
            return
        swing = np.exp(-2.5 * since / self.recovery) * np.cos(0.8 * np.pi * since / self.recovery)
        brighten(picture, 1 - self.depth * float(swing * (1 - np.exp(-since / 0.1))))


@dataclass(frozen=True)
class Lightning(Actor):
    """A flash at `at`: two to four strokes within half a second, each gone within a tenth."""

    at: float
    gain: float = 2.6
    seed: int = 1

    layer = Layer.LIGHT

    def paint(self, picture: Picture, t: float) -> None:
        """The sum of the strokes' light; the sky of the flash also fogs the picture."""
        if not 0 <= t - self.at <= 1.5:
            return
        chance = np.random.default_rng(self.seed)
        strokes = self.at + np.concatenate(([0.0], np.cumsum(chance.uniform(0.07, 0.22, chance.integers(1, 4)))))
        since = t - strokes[strokes <= t]
        glow = float(np.sum(np.exp(-since / 0.05) * np.linspace(1, 0.5, strokes.size)[: since.size]))
        brighten(picture, 1 + glow * (self.gain - 1), 25 * glow)


@dataclass(frozen=True)
class Clouds(Actor):
    """Shadows of clouds pass over all below the `horizon` (a share of the height).

    `depth` of the light is lost in them; `wind` is in widths a second.
    """

    depth: float = 0.4
    wind: float = 0.09
    horizon: float = 0.14
    seed: int = 1

    layer = Layer.LIGHT

    def paint(self, picture: Picture, t: float) -> None:
        """A window moves over an endless sky."""
        sky = _cloud_cover(self.seed)
        height, width = sky.shape[0], sky.shape[1] // 3
        gone = self.wind * t * width
        columns = (np.arange(width + 1) + int(gone)) % sky.shape[1]
        window, part = sky[:, columns], np.float32(gone % 1)
        cover = (1 - part) * window[:, :-1] + part * window[:, 1:]
        ground = np.clip((np.linspace(0, 1, height, dtype=np.float32) - self.horizon) * 20, 0, 1)
        shade(picture, 1 - np.float32(self.depth) * cover * ground[:, None])


@lru_cache(maxsize=4)
def _cloud_cover(seed: int) -> Gain:
    """Soft patches 0..1, three pictures wide and joined at the ends; the edge of a shadow is a twentieth wide."""
    height, width = 60, 80
    plain = np.random.default_rng([seed, 11]).standard_normal((height, 3 * width), np.float32)
    rolled = np.concatenate((plain, plain, plain), axis=1)
    soft = cv2.GaussianBlur(rolled, (0, 0), 0.16 * width)[:, 3 * width : 6 * width]
    return np.asarray(1 / (1 + np.exp(-3.5 * (soft - soft.mean()) / soft.std())), np.float32)


@dataclass(frozen=True)
class Headlights(Actor):
    """A car turns outside the picture: its light sweeps over the world from `at` on for `lasts` seconds.

    `toward` is 1 for the right, -1 for the left.
    """

    at: float
    lasts: float = 2.5
    gain: float = 2.2
    toward: int = 1

    layer = Layer.LIGHT

    def paint(self, picture: Picture, t: float) -> None:
        """Two overlapping pools of light on the wall and some of it everywhere."""
        done = (t - self.at) / self.lasts
        if not 0 < done < 1:
            return
        height, width = picture.shape[0] // COARSE, picture.shape[1] // COARSE
        y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
        middle = 0.5 + self.toward * (1.5 * done - 0.75)
        pools = sum(
            np.exp(-(((x - middle - dx) / 0.11) ** 2) - ((y - 0.55 + 0.1 * dx) / 0.2) ** 2) for dx in (-0.08, 0.08)
        )
        spill = 0.12 * np.sin(np.pi * done) ** 2
        shade(picture, np.asarray(1 + (self.gain - 1) * (pools + spill), np.float32))


@dataclass(frozen=True)
class Flare(Actor):
    """A low sun at (`x`, `y`), in shares of the picture, shines into the lens through leaves and thin cloud."""

    x: float
    y: float
    strength: float = 0.8
    seed: int = 1

    layer = Layer.LENS

    def paint(self, picture: Picture, t: float) -> None:
        """A veil and ghosts on the line through the middle, brighter and weaker at no steady pace."""
        phases = np.random.default_rng(self.seed).uniform(0, 2 * np.pi, 3)
        pulse = float(np.sin(2 * np.pi * t * np.array((0.07, 0.19, 0.43)) + phases) @ (0.25, 0.15, 0.05))
        veil = _veil(picture.shape[0], picture.shape[1], self.x, self.y)
        cv2.addWeighted(picture, 1, veil, self.strength * (0.55 + pulse), 0, dst=picture)


@lru_cache(maxsize=4)
def _veil(height: int, width: int, sun_x: float, sun_y: float) -> Picture:
    """The flare at its strongest, in warm white."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    wide = width / height
    far = np.hypot((x - sun_x) * wide, y - sun_y)
    light = 190 * np.exp(-far / 0.35) + 45 * np.exp(-far / 1.2)
    for along, radius, level in ((0.6, 0.05, 22), (0.95, 0.09, 14), (1.35, 0.04, 26), (1.7, 0.13, 12)):
        ghost = np.hypot((x - sun_x - along * (0.5 - sun_x)) * wide, y - sun_y - along * (0.5 - sun_y))
        light += level / (1 + np.exp(np.minimum((ghost - radius) / 0.006, 50)))
    veil: Picture = np.clip(light[..., None] * np.array((0.72, 0.92, 1.0)), 0, 255).astype(np.uint8)
    return veil


@dataclass(frozen=True)
class Flicker(Actor):
    """A lamp on 50 Hz mains under a rolling shutter: `bands` bands roll at `beat` a second, `depth` darker."""

    depth: float = 0.06
    bands: float = 2.6
    beat: float = 0.7

    layer = Layer.LIGHT

    def paint(self, picture: Picture, t: float) -> None:
        """Rows at different times of the lamp's hundred pulses a second."""
        rows = np.linspace(0, 1, picture.shape[0] // 4, dtype=np.float32)[:, None]
        shade(
            picture, 1 - np.float32(self.depth) * (0.5 + 0.5 * np.sin(2 * np.pi * (self.bands * rows + self.beat * t)))
        )


@dataclass(frozen=True)
class Infrared(Actor):
    """Night, seen by the camera's own infrared lamp from `at` on: grey, bright in the middle, dim in the corners.

    The switch of the filter shows a dark picture for a fifth of a second, then exposure swings in within one.
    """

    at: float
    gain: float = 0.75

    layer = Layer.LIGHT
    weights = ((0.2, 0.4, 0.4),)  # infrared is nearer to red than the eye is

    def paint(self, picture: Picture, t: float) -> None:
        """One grey for all three colours."""
        if t < self.at:
            return
        height, width = picture.shape[:2]
        grey = cv2.transform(picture, np.array(self.weights))
        pool = _lamp(height // COARSE, width // COARSE) * np.float32(self.gain * self._exposure(t - self.at))
        cv2.multiply(grey, cv2.resize(pool, (width, height)), dst=grey, dtype=cv2.CV_8U)
        cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR, dst=picture)

    def _exposure(self, since: float) -> float:
        return 0.2 if since < 0.2 else 1 + 0.5 * float(np.exp(-(since - 0.2) / 0.25))


@lru_cache(maxsize=4)
def _lamp(height: int, width: int) -> Gain:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(0.3 + 0.8 * np.exp(-0.9 * (x * x + 0.7 * (y - 0.1) ** 2)), np.float32)


def brighten(picture: Picture, gain: float, offset: float = 0.0) -> None:
    """Multiply every pixel by `gain` and add `offset`."""
    levels = np.arange(256) * gain + offset
    cv2.LUT(picture, np.clip(np.rint(levels), 0, 255).astype(np.uint8), dst=picture)
