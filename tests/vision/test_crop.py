"""What the classifier sees: the thing with its margin, small, in its own grey levels, and nothing private."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camd.geometry import COVER
from camd.model import Box, Polygon
from camd.vision.blobs import Rect
from camd.vision.crop import LONGEST, SIDE, borders, cut, squared, whole
from camd.vision.why import Scale
from tests.areas import areas

LUMA = np.random.default_rng(1).integers(0, 256, (240, 320), np.uint8)
CHANCE = st.floats(0, 1, allow_nan=False)


def test_a_cut_has_a_margin_on_each_side() -> None:
    crop = cut(7, LUMA, Box(0.25, 0.25, 0.1, 0.2))
    assert crop is not None
    assert (crop.t, crop.grey.shape, crop.is_cut) == (7, (62, 42), False)
    assert (crop.grey == LUMA[53:115, 75:117]).all()


def test_a_thing_at_the_border_is_worth_half() -> None:
    inside, outside = cut(0, LUMA, Box(0.2, 0.2, 0.2, 0.2)), cut(0, LUMA, Box(0.8, 0.2, 0.2, 0.2))
    assert inside is not None
    assert outside is not None
    assert outside.is_cut
    assert outside.quality < inside.quality


@given(st.integers(20, 300), st.data())
def test_a_thing_that_ends_with_the_grid_touches_the_border_and_one_cell_before_it_does_not(
    columns: int, data: st.DataObject
) -> None:
    left = data.draw(st.integers(1, columns - 2))
    scale = Scale(columns, columns, 4.0)
    for end, is_at_border in ((columns, True), (columns - 1, False)):
        box = scale.box(Rect(left, left, end - left, end - left))
        assert borders(box) == (False, False, is_at_border, is_at_border)


def test_a_speck_is_not_looked_at() -> None:
    assert cut(0, LUMA, Box(0.5, 0.5, 0.01, 0.01)) is None


def test_sharp_and_large_is_better_than_blurred_or_small() -> None:
    sharp = whole(LUMA[:96, :96])
    assert sharp.quality > whole(np.full((96, 96), 90, np.uint8)).quality
    assert sharp.quality > whole(LUMA[:20, :20]).quality


@given(areas(), CHANCE, CHANCE, CHANCE, CHANCE)
@settings(max_examples=40, deadline=None)
def test_what_is_private_never_reaches_the_classifier(
    area: tuple[tuple[float, float], ...], x: float, y: float, width: float, height: float
) -> None:
    box = Box(x, y, min(width, 1 - x), min(height, 1 - y))
    private = [Polygon("private", area)]
    seen = [cut(0, np.full((240, 320), level, np.uint8), box, private) for level in (0, 255)]
    open_ = cut(0, LUMA, box)
    assert all((crop is None) == (open_ is None) for crop in seen)
    dark, light = seen
    if dark is None or light is None:
        return
    differs = dark.grey != light.grey
    covered = ~differs
    assert (dark.grey[covered] == COVER).all()


def test_a_private_picture_is_all_cover() -> None:
    everything = [Polygon("all", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))]
    crop = cut(0, LUMA, Box(0.1, 0.1, 0.5, 0.5), everything)
    assert crop is not None
    assert (crop.grey == COVER).all()


@pytest.mark.parametrize("shape", [(10, 90), (96, 40), (64, 64), (8, 8)])
def test_the_square_holds_the_picture_in_the_middle(shape: tuple[int, int]) -> None:
    square = squared(LUMA[: shape[0], : shape[1]])
    assert square.shape == (1, 1, SIDE, SIDE)
    filled = np.argwhere(square[0, 0])
    assert filled.max() - filled.min() + 1 == SIDE
    assert abs(float(square.sum())) < 1


@given(st.floats(0.5, 1.0), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_light_says_nothing(gain: float, offset: int) -> None:
    dim = (LUMA[:80, :50] * gain + offset * (1 - gain)).astype(np.uint8)
    assert np.abs(squared(dim) - squared(LUMA[:80, :50])).max() < 0.1


def test_a_crop_is_small_and_its_own() -> None:
    crop = cut(0, LUMA, Box(0.0, 0.0, 1.0, 1.0))
    assert crop is not None
    assert max(crop.grey.shape) == LONGEST
    assert not np.shares_memory(crop.grey, LUMA)
