"""Footage for the detector's benches: drawn, and kept as luma, so that a pass measures nothing but the step.

Idea: three kinds. *Quiet* is sensor noise alone; *mixed* has somebody in view for one second of every two; *busy*
has many things that move across the picture at once. All can be played round and round.
Rule: no more than `MOST_BYTES` of pictures are held at a time, so that a small Pi can measure full HD.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.scene import Route, Scene, Walker, picture, yard

Grey = NDArray[np.uint8]
Footage = list[Grey]

FPS: Final = 15
CYCLE: Final = 2 * FPS  # frames; footage is a number of whole cycles, so that every round shows the same mix
MOST_CYCLES: Final = 4
MOST_BYTES: Final = 64_000_000
NOISE: Final = 2.0  # sigma in grey levels: a small sensor by day
BUSY: Final = 64  # things that move in busy footage
LANES: Final = 8  # that they move along
CROSSING: Final = MOST_CYCLES * CYCLE / FPS  # seconds


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def quiet(size: Size) -> Footage:
    """Nothing but noise."""
    return _drawn(size, lambda canvas, number: None)


def mixed(size: Size) -> Footage:
    """Nobody is there for a second, then somebody walks for a second; who is there from the first frame is scenery."""
    walkers = [_walker(size, cycle) for cycle in range(MOST_CYCLES)]

    def paint(canvas: Grey, number: int) -> None:
        walkers[number // CYCLE].paint(canvas, number / FPS)

    return _drawn(size, paint)


def busy(size: Size) -> Footage:
    """As many things move as an event ever has to deal with."""
    return blobs(size, BUSY)


def blobs(size: Size, count: int) -> Footage:
    """`count` dark squares move through the picture side by side, each across all of it in `CROSSING` seconds."""
    side = max(4, round(0.03 * size.width))

    def paint(canvas: Grey, number: int) -> None:
        moved = number / FPS / CROSSING
        for blob in range(count):
            share = (blob // LANES / -(-count // LANES) + 0.37 * (blob % LANES) + moved) % 1
            x, y = round(share * size.width), round((blob % LANES + 0.4) * size.height / LANES)
            cv2.rectangle(canvas, (x, y), (x + side, y + side), (40, 40, 40), cv2.FILLED)

    return _drawn(size, paint)


def _walker(size: Size, cycle: int) -> Walker:
    starts, left = (cycle + 0.5) * CYCLE / FPS, (0.2 + 0.15 * cycle) * size.width
    ground = 0.9 * size.height
    return Walker(
        Route(((starts, left, ground), (starts + 0.99, left + 0.25 * size.width, ground))), 0.45 * size.height
    )


def _drawn(size: Size, paint: Callable[[NDArray[np.uint8], int], None]) -> Footage:
    chance = np.random.default_rng(1)
    still = picture(Scene(size.width, size.height, FPS, 1.0, 1, 0.0, yard), 0)
    grain = np.rint(NOISE * chance.standard_normal((size.height + 64, size.width + 64), np.float32)).astype(np.int16)
    footage = []
    for number in range(CYCLE * _cycles(size)):
        canvas = still.copy()
        paint(canvas, number)
        x, y = chance.integers(64, size=2)
        noisy = cv2.cvtColor(canvas, cv2.COLOR_BGR2GRAY) + grain[y : y + size.height, x : x + size.width]
        luma = np.clip(noisy, 0, 255).astype(np.uint8)
        luma.setflags(write=False)
        footage.append(luma)
    return footage


def _cycles(size: Size) -> int:
    return max(1, min(MOST_CYCLES, MOST_BYTES // (CYCLE * size.width * size.height)))
