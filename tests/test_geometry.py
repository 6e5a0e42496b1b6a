"""Polygons: which are refused, what they hold, and which part of a box they cover."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camd.geometry import flaw, holds, share
from camd.model import Box, Point
from tests.areas import areas

SQUARE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))
NOTCHED = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.2), (0.0, 1.0))  # an M: the middle of its foot is not in it
UNIT = st.integers(0, 1000).map(lambda n: n / 1000)


@pytest.mark.parametrize(
    ("points", "what"),
    [
        (SQUARE, None),
        (NOTCHED, None),
        (SQUARE[::-1], None),
        (((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 1.0)), None),  # a corner on a straight side is a corner
        (((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)), "1 to point 2 crosses or touches the edge from point 3"),
        (((0.1, 0.1), (0.9, 0.1), (0.5, 0.5), (0.5, 0.1)), "1 to point 2 crosses or touches the edge from point 3"),
        (((0.1, 0.1), (0.5, 0.5), (0.9, 0.1), (0.9, 0.9), (0.5, 0.5), (0.1, 0.9)), "touches"),
        (((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.9, 0.5)), "2 to point 3 crosses or touches the edge from point 3"),
        (((0.1, 0.1), (0.2, 0.2), (0.3, 0.3)), "one line"),
        (((0.1, 0.1), (0.1, 0.1), (0.3, 0.3)), "from point 1 to point 2 has no length"),
        ((*SQUARE, SQUARE[0]), "from point 5 to point 1 has no length"),
    ],
)
def test_an_area_is_what_edges_that_never_meet_enclose(points: tuple[Point, ...], what: str | None) -> None:
    found = flaw(points)
    assert (found is None) if what is None else (found is not None and what in found.what)


@given(areas())
def test_points_around_a_middle_are_an_area_whichever_comes_first(points: tuple[Point, ...]) -> None:
    assert flaw(points) is None
    assert flaw((*points[2:], *points[:2])) is None
    assert flaw(points[::-1]) is None


@pytest.mark.parametrize(
    ("point", "held"),
    [((0.4, 0.4), True), ((0.2, 0.2), True), ((0.4, 0.6), True), ((0.61, 0.4), False), ((0.4, 0.61), False)],
)
def test_a_point_inside_or_on_the_outline_is_held(point: Point, held: bool) -> None:
    assert holds(SQUARE, point) is held
    assert holds(SQUARE[::-1], point) is held


@pytest.mark.parametrize(
    ("points", "box", "part"),
    [
        (SQUARE, Box(0.2, 0.2, 0.4, 0.4), 1.0),
        (SQUARE, Box(0.0, 0.0, 1.0, 1.0), 0.16),
        (SQUARE, Box(0.5, 0.5, 0.2, 0.2), 0.25),
        (SQUARE, Box(0.6, 0.2, 0.2, 0.2), 0.0),
        (NOTCHED, Box(0.0, 0.0, 1.0, 1.0), 0.6),
        (NOTCHED, Box(0.4, 0.9, 0.2, 0.1), 0.0),
        (SQUARE, Box(0.3, 0.3, 0.0, 0.1), 0.0),
    ],
)
def test_the_share_of_a_box_is_its_covered_part(points: tuple[Point, ...], box: Box, part: float) -> None:
    assert share(points, box) == pytest.approx(part)
    assert share(points[::-1], box) == pytest.approx(part)


@given(areas(), UNIT, UNIT)
def test_a_tiny_box_is_covered_where_its_middle_is_held(points: tuple[Point, ...], x: float, y: float) -> None:
    part = share(points, Box(x - 1e-7, y - 1e-7, 2e-7, 2e-7))
    assert part == pytest.approx(float(holds(points, (x, y))), abs=0.01) or 0.0 < part < 1.0


@given(areas(), st.sampled_from([lambda x, y: (1 - x, y), lambda x, y: (x, 1 - y), lambda x, y: (y, x)]))
def test_the_parts_of_a_picture_add_up(points: tuple[Point, ...], turned: Callable[[float, float], Point]) -> None:
    quarters = [Box(x, y, 0.5, 0.5) for x in (0.0, 0.5) for y in (0.0, 0.5)]
    whole = share(points, Box(0.0, 0.0, 1.0, 1.0))
    assert math.fsum(share(points, quarter) for quarter in quarters) / 4 == pytest.approx(whole)
    assert share([turned(*point) for point in points], Box(0.0, 0.0, 1.0, 1.0)) == pytest.approx(whole)
