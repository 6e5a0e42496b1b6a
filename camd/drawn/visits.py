"""Those who come: everybody who must be an event.

Rule: for eight seconds nobody comes, so that whoever watches can learn the place. Sides and times are left to chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

from camd.drawn.actor import Actor, Route
from camd.drawn.movers import Car, Cat, Door, Walker
from camd.drawn.nuisances import STEP
from camd.drawn.stage import Canvas


@dataclass(frozen=True, slots=True)
class Visit:
    """Those who come, and how long the film must last for them."""

    actors: tuple[Actor, ...] = ()
    seconds: float = 22.0


def nobody(canvas: Canvas) -> Visit:
    """Nobody comes."""
    return Visit()


def _walker(canvas: Canvas) -> Visit:
    began, lasts, tall, ground = canvas.chance("walker").uniform((9.0, 6.0, 0.36, 0.84), (10.5, 8.0, 0.48, 0.9))
    return Visit((Walker(_across(canvas, began, lasts, ground), tall * canvas.height),))


def _near(canvas: Canvas) -> Visit:
    return Visit((Walker(_across(canvas, 9.0, 4.5, 1.05), 0.9 * canvas.height),))


def _far(canvas: Canvas) -> Visit:
    """With hat and feet 14 pixels tall in 480."""
    return Visit((Walker(_across(canvas, 8.0, 18.0, 0.735), 12.5 / 480 * canvas.height),), 31.0)


def _pale(canvas: Canvas) -> Visit:
    return Visit((Walker(_across(canvas, 9.0, 7.0, 0.87), 0.42 * canvas.height, 0.25),))


def _slow(canvas: Canvas) -> Visit:
    """At the edges at an ordinary pace, so that it is plain when somebody is there."""
    w, y = canvas.width, 0.87 * canvas.height
    way = Route(((8.0, -0.15 * w, y), (10.0, 0.12 * w, y), (30.0, 0.88 * w, y), (32.0, 1.15 * w, y)))
    return Visit((Walker(way, 0.42 * canvas.height),), 37.0)


def _fast(canvas: Canvas) -> Visit:
    return Visit((Walker(_across(canvas, 10.0, 0.6, 0.88), 0.42 * canvas.height),))


def _pair(canvas: Canvas) -> Visit:
    first, second = _way(canvas, 8.0, 7.0, 0.84, toward=1), _way(canvas, 10.0, 6.0, 0.92, toward=-1)
    return Visit((Walker(first, 0.36 * canvas.height), Walker(second, 0.46 * canvas.height)))


def _stander(canvas: Canvas) -> Visit:
    w, y = canvas.width, 0.88 * canvas.height
    x = float(canvas.chance("stander").uniform(0.35, 0.65)) * w
    way = Route(((8.0, -0.15 * w, y), (11.0, x, y), (36.0, x, y), (39.0, 1.15 * w, y)))
    return Visit((Walker(way, 0.42 * canvas.height),), 45.0)


def _entering(canvas: Canvas) -> Visit:
    """The body gets into the picture just when the light steps."""
    return Visit((Walker(_way(canvas, STEP - 0.7, 6.0, 0.87, toward=1), 0.42 * canvas.height),))


def _car(canvas: Canvas) -> Visit:
    return Visit((Car(_across(canvas, 8.8, 2.8, 0.95), 0.6 * canvas.height),))


def _cat(canvas: Canvas) -> Visit:
    return Visit((Cat(_across(canvas, 9.0, 5.0, 0.86), 0.16 * canvas.height),))


def _door(canvas: Canvas) -> Visit:
    w, h = canvas.width, canvas.height
    x, at = canvas.chance("door").uniform((0.15, 8.5), (0.8, 11.0))
    return Visit((Door(x * w, 0.36 * h, 0.17 * h, 0.38 * h, at),))


def _across(canvas: Canvas, began: float, lasts: float, ground: float) -> Route:
    """As `_way`, from the side that chance chooses and up to 0.8 s later."""
    chance = canvas.chance("across")
    return _way(canvas, began + chance.uniform(0, 0.8), lasts, ground, toward=int(chance.choice((-1, 1))))


def _way(canvas: Canvas, began: float, lasts: float, ground: float, *, toward: int) -> Route:
    """From beyond one side of the picture to beyond the other, 1.3 widths, at `ground` of its height."""
    y, outside = ground * canvas.height, 0.65 * toward
    return Route(((began, (0.5 - outside) * canvas.width, y), (began + lasts, (0.5 + outside) * canvas.width, y)))


VISITS: dict[str, tuple[str, Callable[[Canvas], Visit]]] = {
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
