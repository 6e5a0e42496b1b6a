"""The array values that a camera gives."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camd.model import Nanos


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, taken at sensor time `t`.

    `luma` is a read-only (height, width) uint8 view of the decoder's own memory, valid for as long as this frame is
    held. `picture()` makes a (height, width, 3) uint8 BGR copy; colour is not touched before.
    """

    t: Nanos
    luma: NDArray[np.uint8]
    picture: Callable[[], NDArray[np.uint8]]
