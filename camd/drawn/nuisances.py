"""Places with their nuisance: everything that changes a picture and must not alarm.

Rule: all lengths are shares of the picture, so a place is the same at every size; a seed moves what is left to chance.
Strengths are as on real footage, in grey levels of 0..255 and pixels of 640 x 480.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from camd.drawn.actor import Actor
from camd.drawn.lens import Cover, Drift, Insects, Shake, Thread
from camd.drawn.light import Clouds, Flare, Flicker, Headlights, Hunting, Infrared, Light, Lightning
from camd.drawn.scenery import CROWNS, POND, SCREEN, Backdrop, front_garden, park, room, yard
from camd.drawn.stage import Canvas
from camd.drawn.weather import Branch, Foliage, Screen, Shower, Water

STEP = 9.0  # seconds, when light changes suddenly


@dataclass(frozen=True, slots=True)
class Setting:
    """A place and what goes on in it without being an event. `sigma` is the sensor's noise in grey levels."""

    actors: tuple[Actor, ...] = ()
    backdrop: Backdrop = yard
    sigma: float = 2.0
    seconds: float = 22.0
    freezes: float = math.inf


def noisy(sigma: float) -> Callable[[Canvas], Setting]:
    """A quiet yard and a sensor with that noise, in grey levels."""
    return lambda canvas: Setting(sigma=sigma)


def _exposure_step(canvas: Canvas) -> Setting:
    return Setting((Light(STEP, 0.62, fade=0.15), Light(16.0, 1.45, fade=0.3)))


def _exposure_creep(canvas: Canvas) -> Setting:
    return Setting((Light(5.0, 0.7, fade=8.0), Light(15.0, 1.4, fade=10.0)), seconds=28.0)


def _exposure_hunting(canvas: Canvas) -> Setting:
    depth, recovery = canvas.chance("hunting").uniform((0.25, 2.0), (0.45, 6.0))
    return Setting((Hunting(10.4, depth, recovery), Hunting(18.0, 0.8 * depth, 3.0)), front_garden, seconds=26.0)


def _light_switch(canvas: Canvas) -> Setting:
    return Setting((Light(STEP, 0.4), Light(15.0, 2.5)), room, sigma=3.0)


def _lightning(canvas: Canvas) -> Setting:
    flashes = tuple(Lightning(at, seed=canvas.seed + n) for n, at in enumerate((7.0, 11.3, 13.1, 18.4)))
    return Setting((Light(-1.0, 0.4), *flashes), sigma=4.0)


def _cloud_shadows(canvas: Canvas) -> Setting:
    depth, wind = canvas.chance("clouds").uniform((0.3, 0.06), (0.5, 0.14))
    return Setting((Clouds(depth, wind, seed=canvas.seed),), seconds=26.0)


def _headlights(canvas: Canvas) -> Setting:
    return Setting((Light(-1.0, 0.38), Headlights(8.0), Headlights(15.0, 1.6, 2.6, toward=-1)), sigma=4.0)


def _low_sun(canvas: Canvas) -> Setting:
    return Setting((Flare(0.93, -0.06, 0.8, canvas.seed),), front_garden, seconds=26.0)


def _foliage(canvas: Canvas) -> Setting:
    w, h = canvas.width, canvas.height
    trees = tuple(
        Foliage(x * w, y * h, 1.15 * rx * w, 1.15 * ry * h, 0.01 * h, canvas.seed + n)
        for n, (x, y, rx, ry) in enumerate(CROWNS)
    )
    return Setting((*trees, Branch(1.02 * w, -0.02 * h, 0.55 * h, 0.05)), park, seconds=26.0)


def _rain(canvas: Canvas) -> Setting:
    h = canvas.height
    wind = canvas.chance("rain").uniform(-0.5, 0.5)
    drops = Shower(170, 1.9, wind, 0.0012 * h, 75, 1 / 50, seed=canvas.seed)
    return Setting((Light(-1.0, 0.85), drops), front_garden, sigma=3.0)


def _snow(canvas: Canvas) -> Setting:
    h = canvas.height
    wind = canvas.chance("snow").uniform(-0.15, 0.15)
    flakes = Shower(200, 0.28, wind, 0.0035 * h, 190, 1 / 40, 0.02 * h, canvas.seed)
    return Setting((Light(-1.0, 0.85), flakes), sigma=3.0)


def _night(canvas: Canvas) -> Setting:
    return Setting((Infrared(-9.0),), sigma=5.0)


def _insects(canvas: Canvas) -> Setting:
    return Setting((Infrared(-9.0), Insects(1.2, 0.04 * canvas.height, canvas.seed)), sigma=5.0)


def _spider_thread(canvas: Canvas) -> Setting:
    thread = Thread(0.012 * canvas.height, 0.03 * canvas.height, seed=canvas.seed)
    return Setting((Infrared(-9.0), thread), sigma=5.0)


def _water(canvas: Canvas) -> Setting:
    w, h = canvas.width, canvas.height
    left, top, right, bottom = POND
    return Setting((Water(left * w, top * h, right * w, bottom * h, 0.008 * h),), park)


def _flicker(canvas: Canvas) -> Setting:
    depth, bands, beat = canvas.chance("flicker").uniform((0.03, 1.8, 0.3), (0.08, 3.4, 1.5))
    return Setting((Flicker(depth, bands, beat),), room, sigma=3.0)


def _screen(canvas: Canvas) -> Setting:
    w, h = canvas.width, canvas.height
    left, top, right, bottom = SCREEN
    return Setting((Screen(left * w, top * h, right * w, bottom * h, canvas.seed),), room, sigma=3.0)


def _shake(canvas: Canvas) -> Setting:
    return Setting((Shake(0.0045 * canvas.height, canvas.seed),), front_garden)


def _drift(canvas: Canvas) -> Setting:
    turn = canvas.chance("drift").uniform(0, 2 * np.pi)
    speed = 1 / 480 * canvas.height
    return Setting((Drift(6.0, speed * float(np.cos(turn)), speed * float(np.sin(turn))),), front_garden)


def _infrared_switch(canvas: Canvas) -> Setting:
    return Setting((Light(-1.0, 0.5), Infrared(7.0, 1.5)), front_garden, sigma=5.0)


def _frozen(canvas: Canvas) -> Setting:
    return Setting(freezes=9.0)


def _covered(canvas: Canvas) -> Setting:
    return Setting((Cover(9.0),), front_garden, sigma=4.0)


SETTINGS: dict[str, tuple[str, Callable[[Canvas], Setting]]] = {
    "noise-2": ("sensor noise of sigma 2", noisy(2.0)),
    "noise-6": ("sensor noise of sigma 6", noisy(6.0)),
    "noise-10": ("sensor noise of sigma 10", noisy(10.0)),
    "exposure-step": ("exposure steps down, and up again", _exposure_step),
    "exposure-creep": ("exposure creeps down over 8 s and up over 10", _exposure_creep),
    "exposure-hunting": ("auto exposure darkens and recovers over 2 to 6 s", _exposure_hunting),
    "light-switch": ("a room's light goes off and on", _light_switch),
    "lightning": ("lightning at dusk", _lightning),
    "cloud-shadows": ("shadows of clouds move over a wall", _cloud_shadows),
    "headlights": ("headlights sweep over a wall at dusk", _headlights),
    "low-sun": ("a low sun shines into the lens", _low_sun),
    "foliage": ("trees and a branch in the wind", _foliage),
    "rain": ("rain", _rain),
    "snow": ("snow", _snow),
    "night": ("night under the camera's infrared lamp", _night),
    "insects": ("insects at the infrared lamp", _insects),
    "spider-thread": ("a spider's thread sways before the lens at night", _spider_thread),
    "water": ("a pond ripples and glitters", _water),
    "flicker": ("a lamp beats with 50 Hz mains, bands roll", _flicker),
    "screen": ("a television is on", _screen),
    "shake": ("the mount shakes in the wind", _shake),
    "drift": ("the mount gives way slowly", _drift),
    "infrared-switch": ("the camera switches from day to infrared", _infrared_switch),
    "frozen": ("the picture freezes", _frozen),
    "covered": ("the lens is covered", _covered),
}
