"""Polygons in fractions of the picture: what is wrong with one, what it holds, and how it is drawn.

Idea: an area is kept as its owner drew it, so that it means the same at every resolution; questions about a box are
answered from the corners, exactly, and only what is asked per pixel is drawn.
Rule: pure, and no numpy: the settings are checked here, also in processes that must stay small. Corners lie on a grid
of a millionth of the picture, where crossing and touching are whole-number questions with one answer.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Final, NamedTuple

from camd.model import Box, Point

GRID: Final = 1_000_000  # steps from one side of the picture to the other
SUBPIXEL_BITS: Final = 4  # of drawn corners, as OpenCV's `shift` takes them
COVER: Final = 128  # the grey level that stands where private pixels were

Whole = tuple[int, int]
Edge = tuple[Whole, Whole]


class Flaw(NamedTuple):
    """What keeps points from being an area, and the number of the point (from 1) where it shows."""

    point: int
    what: str


def flaw(points: Sequence[Point]) -> Flaw | None:
    """Return the first thing that is wrong with three or more points on the grid; None when they enclose an area."""
    corners = [(round(x * GRID), round(y * GRID)) for x, y in points]
    edges = list(pairwise([*corners, corners[0]]))
    for number, (start, end) in enumerate(edges, 1):
        if start == end:
            return Flaw(number, f"{_edge(number, edges)} has no length: both are one point")
    if all(_turn(edges[0], corner) == 0 for corner in corners):
        return Flaw(1, "all points lie on one line, which encloses nothing")
    for (one, first), (other, second) in combinations(enumerate(edges, 1), 2):
        if _cross(first, second):
            return Flaw(other, f"{_edge(one, edges)} crosses or touches {_edge(other, edges)}")
    return None


def _edge(number: int, edges: Sequence[Edge]) -> str:
    return f"the edge from point {number} to point {number % len(edges) + 1}"


def _cross(one: Edge, other: Edge) -> bool:
    """Whether two edges share more than the corner at which one goes on as the other."""
    for before, after in ((one, other), (other, one)):
        if before[1] == after[0]:
            return _turn(before, after[1]) == 0 and _ahead(before, after) < 0
    if any(_turn(edge, corner) == 0 and _spans(edge, corner) for edge, corner in _ends(one, other)):
        return True
    a, b, c, d = (_turn(edge, corner) for edge, corner in _ends(one, other))
    return (a > 0) != (b > 0) and (c > 0) != (d > 0) and 0 not in (a, b, c, d)


def _ends(one: Edge, other: Edge) -> Iterator[tuple[Edge, Whole]]:
    """Each end of each edge, with the other edge."""
    yield from ((one, corner) for corner in other)
    yield from ((other, corner) for corner in one)


def _turn(edge: Edge, point: Whole) -> int:
    """Positive, negative or zero as `point` lies to one side of the edge's line, the other, or on it."""
    (ax, ay), (bx, by), (px, py) = *edge, point
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


def _ahead(before: Edge, after: Edge) -> int:
    """Positive when two edges go the same way, negative when the second turns back."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = *before, *after
    return (bx - ax) * (dx - cx) + (by - ay) * (dy - cy)


def _spans(edge: Edge, point: Whole) -> bool:
    """Whether a point of the edge's line lies on the edge."""
    (ax, ay), (bx, by), (px, py) = *edge, point
    return min(ax, bx) <= px <= max(ax, bx) and min(ay, by) <= py <= max(ay, by)


def holds(points: Sequence[Point], point: Point) -> bool:
    """Whether the polygon holds the point; a point on its outline is held.

    Counts the edges to the right of the point (even-odd rule, which is the winding rule when no edges cross).
    """
    x, y = point
    inside = False
    for (ax, ay), (bx, by) in pairwise([*points, points[0]]):
        side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        if side == 0 and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
            return True
        if (ay > y) != (by > y) and (side > 0) == (by > ay):
            inside = not inside
    return inside


def share(points: Sequence[Point], box: Box) -> float:
    """Return which part of the box, 0..1, the polygon covers (Sutherland and Hodgman's clipping, 1974)."""
    left = _clipped([(x - box.x, y - box.y) for x, y in points])
    middle = _clipped([(box.width - x, y) for x, y in left])
    upper = _clipped([(y, x) for x, y in middle])
    inside = _clipped([(box.height - y, x) for y, x in upper])
    return abs(_area(inside)) / (box.width * box.height) if box.width * box.height else 0.0


def _clipped(points: Sequence[Point]) -> list[Point]:
    """The part of a polygon where x is not negative."""
    kept: list[Point] = []
    for (ax, ay), (bx, by) in pairwise([*points, *points[:1]]):
        if ax >= 0:
            kept.append((ax, ay))
        if (ax >= 0) != (bx >= 0):
            kept.append((0.0, ay + (by - ay) * ax / (ax - bx)))
    return kept


def _area(points: Sequence[Point]) -> float:
    return sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairwise([*points, *points[:1]])) / 2


def on_picture(points: Sequence[Point], width: int, height: int) -> list[list[int]]:
    """Return the corners on a picture, in 1/2**SUBPIXEL_BITS of a pixel from the middle of its first pixel."""
    step = 1 << SUBPIXEL_BITS
    return [[round((x * width - 0.5) * step), round((y * height - 0.5) * step)] for x, y in points]
