"""Areas as hypothesis draws them."""

import math

from hypothesis import strategies as st

from camd.model import Point


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
