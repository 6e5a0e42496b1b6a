"""Those who come: everybody who must be an event.

Rule: for eight seconds nobody comes, so that whoever watches can learn the place. Sides and times are left to chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

from camd.drawn.actor import Actor, Route
from camd.drawn.movers import Car, Cat, Door, Walker
from camd.drawn.nuisances import STEP
from camd.drawn.stage import Frame


@dataclass(frozen=True, slots=True)
class Visit:
    """Those who come, and how long the film must last for them."""

    actors: tuple[Actor, ...] = ()
    seconds: float = 22.0


def nobody(frame: Frame) -> Visit:
    """Nobody comes."""
    return Visit()


def _walker(frame: Frame) -> Visit:
    began, lasts, tall, ground = frame.chance("walker").uniform((9.0, 6.0, 0.36, 0.84), (10.5, 8.0, 0.48, 0.9))
    return Visit((Walker(_across(frame, began, lasts, ground), tall * frame.height),))


def _near(frame: Frame) -> Visit:
    return Visit((Walker(_across(frame, 9.0, 4.5, 1.05), 0.9 * frame.height),))


def _far(frame: Frame) -> Visit:
    """With hat and feet 14 pixels tall in 480."""
    return Visit((Walker(_across(frame, 8.0, 18.0, 0.735), 12.5 / 480 * frame.height),), 31.0)


def _pale(frame: Frame) -> Visit:
    return Visit((Walker(_across(frame, 9.0, 7.0, 0.87), 0.42 * frame.height, 0.25),))


def _slow(frame: Frame) -> Visit:
    """At the edges at an ordinary pace, so that it is plain when somebody is there."""
    w, y = frame.width, 0.87 * frame.height
    way = Route(((8.0, -0.15 * w, y), (10.0, 0.12 * w, y), (30.0, 0.88 * w, y), (32.0, 1.15 * w, y)))
    return Visit((Walker(way, 0.42 * frame.height),), 37.0)


def _fast(frame: Frame) -> Visit:
    return Visit((Walker(_across(frame, 10.0, 0.6, 0.88), 0.42 * frame.height),))


def _pair(frame: Frame) -> Visit:
    first, second = _way(frame, 8.0, 7.0, 0.84, toward=1), _way(frame, 10.0, 6.0, 0.92, toward=-1)
    return Visit((Walker(first, 0.36 * frame.height), Walker(second, 0.46 * frame.height)))


def _stander(frame: Frame) -> Visit:
    w, y = frame.width, 0.88 * frame.height
    x = float(frame.chance("stander").uniform(0.35, 0.65)) * w
    way = Route(((8.0, -0.15 * w, y), (11.0, x, y), (36.0, x, y), (39.0, 1.15 * w, y)))
    return Visit((Walker(way, 0.42 * frame.height),), 45.0)


def _entering(frame: Frame) -> Visit:
    """The body gets into the picture just when the light steps."""
    return Visit((Walker(_way(frame, STEP - 0.7, 6.0, 0.87, toward=1), 0.42 * frame.height),))


def _car(frame: Frame) -> Visit:
    return Visit((Car(_across(frame, 8.8, 2.8, 0.95), 0.6 * frame.height),))


def _cat(frame: Frame) -> Visit:
    return Visit((Cat(_across(frame, 9.0, 5.0, 0.86), 0.16 * frame.height),))


def _door(frame: Frame) -> Visit:
    w, h = frame.width, frame.height
    x, at = frame.chance("door").uniform((0.15, 8.5), (0.8, 11.0))
    return Visit((Door(x * w, 0.36 * h, 0.17 * h, 0.38 * h, at),))


def _across(frame: Frame, began: float, lasts: float, ground: float) -> Route:
    """As `_way`, from the side that chance chooses and up to 0.8 s later."""
    chance = frame.chance("across")
    return _way(frame, began + chance.uniform(0, 0.8), lasts, ground, toward=int(chance.choice((-1, 1))))


def _way(frame: Frame, began: float, lasts: float, ground: float, *, toward: int) -> Route:
    """From beyond one side of the picture to beyond the other, 1.3 widths, at `ground` of its height."""
    y, outside = ground * frame.height, 0.65 * toward
    return Route(((began, (0.5 - outside) * frame.width, y), (began + lasts, (0.5 + outside) * frame.width, y)))


VISITS: dict[str, tuple[str, Callable[[Frame], Visit]]] = {
    "walker": ("somebody walks by", _walker),
    "near": ("somebody walks by close to the camera", _near),
    "far": ("somebody far away, 8 x 14 pixels of 640 x 480", _far),
    "pale": ("somebody walks by in the colours of the wall", _pale),
    "slow": ("somebody takes 20 s to walk by", _slow),
    "fast": ("somebody crosses the picture in half a second", _fast),
    "pair": ("two people pass each other", _pair),
    "stander": ("somebody comes, stands still for 25 s, leaves", _stander),
    "entering": ("somebody enters when the exposure steps", _entering),
    "car": ("a car drives by", _car),
    "cat": ("a cat trots by", _cat),
    "door": ("a door opens and stays open", _door),
}
