"""Areas as hypothesis draws them, and the pixels that they hold."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from camd.geometry import share
from camd.model import Box, Point


@st.composite
def areas(draw: st.DrawFn) -> tuple[Point, ...]:
    """Three to eight corners around a middle, in or on the edge of the picture, in order, with dents or without."""
    count = draw(st.integers(3, 8))
    x, y = draw(st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98)))
    corners = []
    for number in range(count):
        angle = (number + draw(st.floats(-0.2, 0.2))) * 2 * math.pi / count
        dx, dy = math.cos(angle), math.sin(angle)
        to_side = min((1 - x if dx > 0 else x) / max(abs(dx), 1e-9), (1 - y if dy > 0 else y) / max(abs(dy), 1e-9))
        reach = to_side * draw(st.floats(0.05, 1.0))
        corners.append((round(x + reach * dx, 6), round(y + reach * dy, 6)))
    return tuple(corners)


def touched(points: tuple[Point, ...], width: int, height: int) -> NDArray[np.bool_]:
    """The pixels of a picture that an area covers at least a part of, by its corners alone."""
    found = np.zeros((height, width), np.bool_)
    columns, rows = (range(int(min(side)), math.ceil(max(side))) for side in _scaled(points, width, height))
    for y in rows:
        for x in columns:
            found[y, x] = share(points, Box(x / width, y / height, 1 / width, 1 / height)) > 1e-9
    return found


def _scaled(points: tuple[Point, ...], width: int, height: int) -> tuple[list[float], list[float]]:
    return [x * width for x, _ in points], [y * height for _, y in points]


def outline(points: tuple[Point, ...], width: int, height: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of pixels on an area's edges: the ones that are easiest to forget."""
    corners = np.array([*points, points[0]])
    spread = np.linspace(0, 1, 50)[:, None]
    along = np.concatenate([a + (b - a) * spread for a, b in pairwise(corners)])
    columns, rows = (np.minimum((along * (width, height)).astype(np.intp), (width - 1, height - 1))).T
    return rows, columns
