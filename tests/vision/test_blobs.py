"""From moving pixels to moving things."""

import numpy as np
import pytest

from camd.vision.blobs import coarse_cells, filled, find, outlines

Pixels = list[tuple[int, int]]


@pytest.mark.parametrize(
    ("pixels", "cells"),
    [
        ([(4, 4), (4, 5), (5, 4), (6, 4)], 2),  # across three cells, one of which it fills
        ([(4, 4), (4, 5), (5, 4)], 1),
        ([(4, 4), (4, 5), (5, 4), (12, 4)], 1),  # one of them is elsewhere
        ([(4, 4), (4, 5), (6, 4), (6, 5)], 2),  # within two
    ],
)
def test_something_small_counts_as_much_across_the_cells_as_within_them(pixels: Pixels, cells: int) -> None:
    moving = np.zeros((24, 32), np.uint8)
    for row, column in pixels:
        moving[row, column] = 255
    coarse = coarse_cells(moving)
    (blob,) = find(coarse, outlines(coarse), None)
    assert filled(blob, moving).cells == cells
