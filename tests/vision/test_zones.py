"""What the owner drew: nothing private is looked at, ignored areas do not count, zones are where things count."""

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from camd.geometry import COVER, holds
from camd.model import Box, Point, Polygon, Zone
from camd.vision.blobs import CELL, MAJORITY
from camd.vision.reduce import Reducer
from camd.vision.zones import SOFT_EDGE, Masks
from tests.areas import areas, outline, touched

Grey = NDArray[np.uint8]
SHAPE = (120, 200)
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
DOOR = Zone("door", ((0.4, 0.4), (0.6, 0.4), (0.6, 0.8), (0.4, 0.8)))
SIZES = [(200, 120), (319, 239), (321, 241), (639, 479), (1279, 719), (1281, 721)]


def private(*areas: tuple[Point, ...], shape: tuple[int, int] = SHAPE) -> Masks:
    """Masks that keep these areas unseen."""
    return Masks(shape, (), (), [Polygon("private", points) for points in areas])


def ignoring(*areas: tuple[Point, ...], shape: tuple[int, int] = SHAPE) -> Masks:
    """Masks that ignore these areas."""
    return Masks(shape, (), [Polygon("ignored", points) for points in areas], ())


def counted(masks: Masks, moving: Grey) -> int:
    """Cells of the coarse grid that count as moving."""
    weighed = masks.drop_ignored(moving, np.empty_like(moving))
    cells = weighed.reshape(moving.shape[0] // CELL, CELL, moving.shape[1] // CELL, CELL).mean(axis=(1, 3))
    return int(np.count_nonzero(cells >= MAJORITY))


def column(x: int, rows: slice = slice(None)) -> Grey:
    """A mask in which two columns move, from an even `x` on: cells of which all pixels move, or some rows alone."""
    moving = np.zeros(SHAPE, np.uint8)
    moving[rows, x : x + 2] = 255
    return moving


def test_where_nothing_is_drawn_nothing_is_done() -> None:
    masks, picture = Masks(SHAPE, (), (), ()), column(50)
    assert masks.apply_privacy(picture) is picture
    assert masks.drop_ignored(picture, np.empty_like(picture)) is picture
    assert (masks.private, masks.weight, masks.watched) == (None, None, 120 * 200)
    assert (masks.inside(Box(0, 0, 0.1, 0.1)), masks.zones_of(Box(0, 0, 0.1, 0.1))) == (True, ())


@given(areas(), areas(), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_what_is_private_is_of_one_grey_and_all_else_is_seen(
    one: tuple[Point, ...], other: tuple[Point, ...], seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (48, 64), np.uint8)
    masks = private(one, other, shape=(48, 64))
    covered = masks.apply_privacy(picture)
    assert masks.private is not None
    assert (masks.private[touched(one, 64, 48) | touched(other, 64, 48)] == 255).all()
    assert (covered == np.where(masks.private > 0, COVER, picture)).all()
    assert masks.watched == np.count_nonzero(masks.private == 0)


@pytest.mark.parametrize("size", SIZES)
@given(points=areas())
@example(points=((0.588, 0.966), (0.987, 0.609), (0.598, 0.966)))  # of 1279x719 reaches a second pixel outside
@settings(max_examples=20, deadline=None)
def test_what_is_private_leaves_no_trace_in_the_reduced_picture(
    size: tuple[int, int], points: tuple[Point, ...]
) -> None:
    reducer = Reducer(*size)
    masks = private(points, shape=reducer.shape)
    dark, lit = np.zeros(size[::-1], np.uint8), np.zeros(size[::-1], np.uint8)
    lit[outline(points, *size)] = 255
    seen = masks.apply_privacy(reducer(dark)).copy()
    assert (masks.apply_privacy(reducer(lit)) == seen).all()


def test_a_picture_that_may_not_be_written_is_covered() -> None:
    picture = np.full(SHAPE, 7, np.uint8)
    picture.flags.writeable = False
    assert set(np.unique(private(LEFT_HALF).apply_privacy(picture))) == {7, COVER}
    assert (picture == 7).all()


def test_the_next_picture_is_covered_like_the_first() -> None:
    masks = private(LEFT_HALF)
    for level in (0, 255):
        covered = masks.apply_privacy(np.full(SHAPE, level, np.uint8))
        assert (covered[:, :100] == COVER).all()
        assert (covered[:, 103:] == level).all()


@given(areas())
@settings(max_examples=30, deadline=None)
def test_nothing_counts_in_an_ignored_area(points: tuple[Point, ...]) -> None:
    moving = (touched(points, 64, 48) * 255).astype(np.uint8)
    inner = cv2.erode(moving, np.ones((3, 3), np.uint8)).astype(np.uint8)
    assert counted(ignoring(points, shape=(48, 64)), inner) == 0


def test_what_moves_as_a_whole_counts_right_beside_an_ignored_area() -> None:
    assert [counted(ignoring(LEFT_HALF), column(x)) for x in (96, 98, 102, 104)] == [0, 0, 60, 60]


def test_what_moves_in_part_counts_only_away_from_an_ignored_area() -> None:
    twig, soft = slice(0, None, 2), round(SOFT_EDGE * 200)
    masks = ignoring(LEFT_HALF)
    assert counted(masks, column(102, twig)) == 0
    assert counted(masks, column(100 + soft, twig)) == 60
    assert counted(Masks(SHAPE, (), (), ()), column(102, twig)) == 60


def test_overlapping_areas_are_ignored_as_one() -> None:
    assert counted(ignoring(LEFT_HALF, LEFT_HALF), column(50)) == 0


@pytest.mark.parametrize("shape", [(120, 160), (120, 200), (240, 319)])
def test_the_watched_part_is_the_same_at_every_resolution(shape: tuple[int, int]) -> None:
    lower, middle = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)), ((0.4, 0.0), (0.6, 0.0), (0.6, 1.0), (0.4, 1.0))
    masks = Masks(shape, (), [Polygon("lower", lower)], [Polygon("middle", middle)])
    assert masks.watched / (shape[0] * shape[1]) == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    ("box", "held"),
    [
        (Box(0.45, 0.0, 0.1, 0.5), True),  # its foot, though four fifths of it are outside
        (Box(0.4, 0.6, 0.2, 0.4), True),  # half of it, though its foot is below
        (Box(0.4, 0.62, 0.2, 0.4), False),
        (Box(0.5, 0.5, 0.02, 0.02), True),
        (Box(0.0, 0.0, 1.0, 1.0), False),
        (Box(0.61, 0.5, 0.1, 0.1), False),
    ],
)
def test_a_zone_holds_what_stands_in_it_or_is_half_in_it(box: Box, held: bool) -> None:
    masks = Masks(SHAPE, [DOOR], (), ())
    assert masks.zones_of(box) == (("door",) if held else ())
    assert masks.inside(box) is held


def test_a_visitor_whose_feet_are_below_the_picture_stands_at_its_edge() -> None:
    street = Zone("street", ((0.0, 0.9), (1.0, 0.9), (1.0, 1.0), (0.0, 1.0)))
    assert Masks(SHAPE, [street], (), ()).zones_of(Box(0.3, 0.2, 0.2, 0.8001)) == ("street",)


@given(areas(), st.data())
def test_a_zone_holds_every_box_that_mostly_lies_in_it(points: tuple[Point, ...], data: st.DataObject) -> None:
    box = Box(*(data.draw(st.floats(low, high)) for low, high in ((0.0, 0.8), (0.0, 0.8), (0.01, 0.2), (0.01, 0.2))))
    masks = Masks(SHAPE, [Zone("zone", points)], (), ())
    eighths = [(n + 0.5) / 8 for n in range(8)]
    held = np.mean([holds(points, (box.x + x * box.width, box.y + y * box.height)) for x in eighths for y in eighths])
    assert masks.inside(box) or held < 0.75


def test_zones_are_named_in_the_order_of_the_settings() -> None:
    half = Zone("left", LEFT_HALF)
    assert Masks(SHAPE, [half, DOOR], (), ()).zones_of(Box(0.44, 0.5, 0.04, 0.1)) == ("left", "door")
    assert Masks(SHAPE, [DOOR, half], (), ()).zones_of(Box(0.44, 0.5, 0.04, 0.1)) == ("door", "left")


@pytest.mark.parametrize(
    ("own", "others", "sensitivity"), [(7, None, 7), (2, None, 5), (2, 3, 3), (None, None, 5), (None, 9, 9)]
)
def test_the_most_sensitive_zone_of_a_box_decides(own: int | None, others: int | None, sensitivity: int) -> None:
    zones = [Zone("door", DOOR.points, own), Zone("left", LEFT_HALF, others)]
    assert Masks(SHAPE, zones, (), ()).sensitivity_at(Box(0.44, 0.5, 0.04, 0.1), usual=5) == sensitivity


def test_a_zone_may_be_less_sensitive_than_the_rest() -> None:
    masks = Masks(SHAPE, [Zone("street", LEFT_HALF, 2)], (), ())
    assert masks.sensitivity_at(Box(0.2, 0.2, 0.1, 0.1), usual=5) == 2
    assert masks.sensitivity_at(Box(0.8, 0.2, 0.1, 0.1), usual=5) == 5
