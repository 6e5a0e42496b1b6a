"""Pictures as image processors lay them out: with rows longer than they are wide."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from camd.camera.frame import COVER_LUMA, NO_COLOUR, Veil
from camd.camera.planes import Planes
from camd.model import Polygon

sizes = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(0, 3))


def laid_out(layout: Planes, packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A packed picture as the hardware has it: with 255 after each row, and after each half row of I420's colour."""
    rows, pad = layout.height, layout.stride - layout.width
    luma = np.pad(packed[:rows], ((0, 0), (0, pad)), constant_values=255)
    if layout.is_nv12:
        chroma = np.pad(packed[rows:], ((0, 0), (0, pad)), constant_values=255)
    else:
        halves = packed[rows:].reshape(-1, layout.width // 2)
        chroma = np.pad(halves, ((0, 0), (0, pad // 2)), constant_values=255).reshape(-1, layout.stride)
    return np.concatenate([luma, chroma])


def layout(size: tuple[int, int, int], is_nv12: bool) -> Planes:
    """A layout of 4 x 4 pixels times the size, with some padding."""
    columns, rows, pad = size
    return Planes(columns * 4, rows * 4, columns * 4 + pad * 16, is_nv12)


def noise(of: Planes) -> NDArray[np.uint8]:
    """A packed picture in which no two bytes are alike for long."""
    return np.random.default_rng(1).integers(0, 250, (of.height * 3 // 2, of.width), np.uint8)


@given(sizes, st.booleans())
def test_padding_is_in_no_part_and_nothing_is_copied(size: tuple[int, int, int], is_nv12: bool) -> None:
    of = layout(size, is_nv12)
    packed = noise(of)
    picture = laid_out(of, packed)
    assert (of.packed(picture) == packed).all()
    for part in (of.luma(picture), *of.chroma(picture)):
        assert np.shares_memory(part, picture)


@given(sizes)
def test_nv12_may_come_without_its_padding(size: tuple[int, int, int]) -> None:
    """As picamera2 gives it: cut off, in the same memory."""
    of = layout(size, True)
    packed = noise(of)
    assert (of.packed(laid_out(of, packed)[:, : of.width]) == packed).all()


@pytest.mark.parametrize("is_nv12", [True, False])
@pytest.mark.parametrize("pad", [0, 2])
def test_a_veil_covers_brightness_and_colour_where_they_lie(is_nv12: bool, pad: int) -> None:
    of = layout((16, 12, pad), is_nv12)
    picture = laid_out(of, noise(of))
    padding = picture[: of.height, of.width :].copy()
    veil = Veil((Polygon("left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))),))
    veil.cover_planes(of.luma(picture), *of.chroma(picture))
    assert (of.luma(picture)[:, : of.width // 2] == COVER_LUMA).all()
    assert all((plane[:, : of.width // 4] == NO_COLOUR).all() for plane in of.chroma(picture))
    assert of.luma(picture)[:, of.width // 2 + 8 :].std() > 50
    assert (picture[: of.height, of.width :] == padding).all()


@pytest.mark.parametrize("is_nv12", [True, False])
def test_colours_are_those_of_the_picture(is_nv12: bool) -> None:
    of = layout((16, 12, 1), is_nv12)
    red = np.full((of.height, of.width, 3), (20, 20, 200), np.uint8)
    packed = np.asarray(cv2.cvtColor(red, cv2.COLOR_BGR2YUV_I420), np.uint8)
    if is_nv12:
        blue_red = packed[of.height :].reshape(2, -1)
        packed = np.concatenate([packed[: of.height], blue_red.T.reshape(-1, of.width)])
    shown = of.bgr(of.packed(laid_out(of, packed)))
    assert np.abs(shown.astype(int) - red).max() < 6
