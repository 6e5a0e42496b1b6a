"""Pictures under the veil: what an owner covered is in none of them."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from camd.camera.frame import Frame, Veil
from camd.camera.stream import FileCamera
from camd.geometry import COVER
from camd.model import Box, Point, Polygon
from tests.areas import areas, outline, touched
from tests.worlds import film

Picture = NDArray[np.uint8]
CORNER = (Polygon("corner", ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0))),)
BLOCK = 16  # pixels along what a JPEG encodes as one, at half the resolution of colour


def frame(picture: Picture, *points: tuple[Point, ...]) -> Frame:
    """A frame of this picture under a veil over these areas."""
    return Frame(0, picture[:, :, 0], picture.copy, Veil(tuple(Polygon("area", one) for one in points)))


def noise(width: int, height: int, seed: int = 1) -> Picture:
    """A picture in which no two pixels are of one colour for long."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(areas(), areas(), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_what_is_private_is_of_one_colour_in_the_picture(
    one: tuple[Point, ...], other: tuple[Point, ...], seed: int
) -> None:
    shown = frame(noise(64, 48, seed), one, other).picture()
    private = (touched(one, 64, 48) | touched(other, 64, 48)).astype(np.uint8)
    around = cv2.dilate(private, np.ones((3, 3), np.uint8)) > 0
    assert (shown[around] == COVER).all()


@given(areas(), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_what_is_private_changes_nothing_in_the_jpeg(points: tuple[Point, ...], seed: int) -> None:
    public = noise(64, 48, seed)
    private = touched(points, 64, 48)
    other = np.where(private[:, :, None], noise(64, 48, seed + 10), public)
    assert frame(public, points).jpeg() == frame(other, points).jpeg()


@given(areas(), st.sampled_from([(320, 240), (641, 481), (1281, 721)]))
@settings(max_examples=20, deadline=None)
def test_what_is_private_is_in_no_jpeg_at_any_resolution(points: tuple[Point, ...], size: tuple[int, int]) -> None:
    dark, lit = np.zeros((size[1], size[0], 3), np.uint8), np.zeros((size[1], size[0], 3), np.uint8)
    lit[outline(points, *size)] = 255
    assert frame(dark).jpeg() != frame(lit).jpeg()
    assert frame(dark, points).jpeg() == frame(lit, points).jpeg()


@given(areas())
@settings(max_examples=30, deadline=None)
def test_a_covered_area_is_of_one_colour_in_the_decoded_jpeg(points: tuple[Point, ...]) -> None:
    made = frame(noise(320, 240), points)
    covered = (made.picture() == COVER).all(axis=2)
    decoded = cv2.imdecode(np.frombuffer(made.jpeg(), np.uint8), cv2.IMREAD_COLOR)
    # A block that is partly covered rings; a whole one has nothing to ring with. 16 pixels hold a whole one of 8.
    whole = covered.reshape(240 // BLOCK, BLOCK, 320 // BLOCK, BLOCK).all(axis=(1, 3))
    inner = cv2.erode(np.kron(whole, np.ones((BLOCK, BLOCK))).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert decoded is not None
    assert (decoded[inner] == COVER).all()


def test_areas_that_overlap_are_both_covered() -> None:
    shown = frame(np.zeros((48, 64, 3), np.uint8), CORNER[0].points, ((0.4, 0.4), (0.9, 0.4), (0.9, 0.9), (0.4, 0.9)))
    assert (shown.picture()[20:43, 26:57] == COVER).all()


def test_what_is_not_private_is_shown() -> None:
    seen = noise(64, 48)
    shown = frame(seen, CORNER[0].points).picture()
    assert (shown[:20] == seen[:20]).all()
    assert (shown[:, :28] == seen[:, :28]).all()
    assert (frame(seen).picture() == seen).all()


def test_a_picture_of_a_real_video_is_covered_and_the_decoder_keeps_its_own(tmp_path: Path) -> None:
    with FileCamera(film("walker", tmp_path, seconds=1)) as camera:
        first, second, *_ = (replace(item, veil=Veil(CORNER)) for item in camera if isinstance(item, Frame))
    before = first.luma.copy()
    for veiled in (first, second):
        assert (veiled.picture()[120:, 160:] == COVER).all()
    assert (first.luma == before).all()
    assert before[120:, 160:].std() > 1


def test_the_grey_is_the_same_in_a_jpeg(tmp_path: Path) -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    decoded = cv2.imdecode(np.frombuffer(frame(noise(900, 100), everything).jpeg(), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (71, 640, 3)
    assert decoded.min() == decoded.max() == pytest.approx(COVER)


def test_what_is_marked_is_outlined_and_what_is_private_stays_so() -> None:
    seen, everything = noise(64, 48), ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    box = Box(0.25, 0.25, 0.5, 0.5)
    assert frame(seen).jpeg((box,)) != frame(seen).jpeg()
    other = noise(64, 48) // 2
    assert frame(seen, everything).jpeg((box,)) == frame(other, everything).jpeg((box,))
