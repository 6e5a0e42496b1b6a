"""Cats of the neighbourhood, as people who know cats would draw them: from the front, sitting, begging, on its way."""

import numpy as np

from camd.drawn.actor import Mover
from camd.drawn.brush import Brush, ring

FUR, DARK, PALE, WHITE, EYE = 0x6B6561, 0x4B4744, 0xB8AFA4, 0xE9E2D8, 0xC9D46A
SWAYS = 6 * np.pi  # radians in a way of its own height


class Coming(Mover):
    """From the front: forelegs, a chest, a round head, the tail up behind; `size` is its height."""

    label = "animal"
    reach = (0.2, 1.0)

    def draw(self, brush: Brush, travelled: float) -> None:
        """The tail and the hind legs first, the head last."""
        step = 0.03 * float(np.sin(SWAYS * travelled))
        brush.glaze(0x1D2433, ring(0.0, 0.0, 0.26, 0.03), 0.35, 0.02)
        brush.limb(DARK, [(0.06, 0.5), (0.16, 0.72), (0.12 + step, 0.98)], 0.06)
        for x, lift in ((-0.07, step), (0.07, -step)):
            brush.limb(DARK, [(1.7 * x, 0.3), (1.9 * x, 0.04)], 0.09)
            brush.limb(FUR, [(x, 0.34), (x, 0.04 + max(0.0, lift))], 0.085)
        brush.oval(FUR, 0.0, 0.38, 0.19, 0.2)
        brush.oval(PALE, 0.0, 0.36, 0.08, 0.13)
        _face(brush, 0.0, 0.65)


class Sitting(Mover):
    """Sits up, its back striped, its tail on the ground, and shuffles on; `size` is its height."""

    label = "animal"
    reach = (0.25, 1.0)

    def draw(self, brush: Brush, travelled: float) -> None:
        """The tail first, then the back, the foreleg, the head."""
        sway = 0.02 * float(np.sin(SWAYS * travelled))
        brush.glaze(0x1D2433, ring(0.0, 0.0, 0.3, 0.03), 0.35, 0.02)
        brush.limb(DARK, [(-0.2, 0.06), (-0.34, 0.05), (-0.4, 0.14 + sway)], 0.06)
        brush.curve(FUR, [(-0.26, 0.02), (-0.28, 0.2), (-0.18, 0.45), (-0.02, 0.68), (0.12, 0.66), (0.15, 0.4),
                          (0.14, 0.02)])  # fmt: skip
        brush.oval(DARK, -0.12, 0.15, 0.13, 0.14)
        for y in (0.3, 0.4, 0.5):
            brush.limb(DARK, [(0.5 * y - 0.37, y), (-0.08, y + 0.03)], 0.025)
        brush.limb(FUR, [(0.1, 0.45), (0.12, 0.03), (0.17, 0.02)], 0.06)
        brush.oval(PALE, 0.1, 0.5, 0.05, 0.12)
        _face(brush, 0.07, 0.78)


class Begging(Mover):
    """On its hind legs before a door, its tail curled behind it; `size` is its height."""

    label = "animal"
    reach = (0.25, 1.0)

    def draw(self, brush: Brush, travelled: float) -> None:
        """Tail and hind legs, the belly, the forelegs held out, the head."""
        sway = 0.04 * float(np.sin(SWAYS * travelled))
        brush.limb(DARK, [(-0.1, 0.14), (-0.26, 0.06), (-0.38, 0.12), (-0.4, 0.34 + sway)], 0.06)
        for x in (-0.09, 0.09):
            brush.limb(DARK, [(x, 0.22), (x + sway, 0.03), (x + sway + 0.07, 0.02)], 0.09)
        brush.oval(FUR, 0.0, 0.42, 0.15, 0.29)
        brush.oval(PALE, 0.03, 0.4, 0.08, 0.22)
        for x in (-0.1, 0.1):
            brush.limb(FUR, [(x, 0.6), (x + 0.09, 0.52 + sway), (x + 0.15, 0.42 + sway)], 0.06)
        _face(brush, 0.02, 0.76)


def _face(brush: Brush, x: float, y: float) -> None:
    """A round head with pointed ears, eyes, a muzzle and whiskers, its middle at (x, y)."""
    brush.oval(FUR, x, y, 0.17, 0.14)
    for side in (-1, 1):
        brush.fill(DARK, [(x + 0.05 * side, y + 0.08), (x + 0.13 * side, y + 0.23), (x + 0.16 * side, y + 0.06)])
        brush.oval(EYE, x + 0.065 * side, y + 0.01, 0.025, 0.025)
        brush.limb(WHITE, [(x + 0.05 * side, y - 0.065), (x + 0.22 * side, y - 0.05)], 0.008)
    brush.oval(PALE, x, y - 0.07, 0.06, 0.04)
