"""Light that changes and is no event: lamps and clouds."""

from dataclasses import dataclass

import cv2
import numpy as np

from camd.drawn.actor import Actor, Stage
from camd.drawn.brush import Picture


@dataclass(frozen=True)
class Light(Actor):
    """A lamp or a cloud: from `at` on all is `gain` times as bright plus `offset`, reached within `fade` seconds."""

    at: float
    gain: float = 1.0
    offset: float = 0.0
    fade: float = 0.0

    stage = Stage.LIGHT

    def paint(self, picture: Picture, t: float) -> None:
        """Change every pixel alike, clipped to 0..255 as a sensor does."""
        done = float(np.clip((t - self.at) / self.fade, 0, 1)) if self.fade else float(t >= self.at)
        levels = np.arange(256) * (1 + done * (self.gain - 1)) + done * self.offset
        cv2.LUT(picture, np.clip(np.rint(levels), 0, 255).astype(np.uint8), dst=picture)
