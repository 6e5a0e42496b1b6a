"""Those whose coming is an event: a person, a car, a cat, a door that opens.

Rule: a mover is drawn heading right in units of its own size, (0, 0) being the ground under its middle, y upwards.
"""

from dataclasses import dataclass

import numpy as np

from camd.drawn.actor import Actor, Mover
from camd.drawn.brush import Brush, Picture, ring, swung


class Walker(Mover):
    """A person in hat, scarf and coat; `size` is the height. Legs and arms swing with the way walked."""

    label = "person"
    reach = (0.12, 1.0)
    stride = 0.95  # way of two steps, in heights: the foot on the ground then stays where it is

    def draw(self, brush: Brush, travelled: float) -> None:
        """Far limbs first, then the coat, the head, and the near arm."""
        phase = 2 * np.pi * travelled / self.stride
        swing = 0.5 * float(np.sin(phase))
        hip = 0.47 * float(np.cos(swing)) + 0.035
        brush.glaze(0x1D2433, ring(0.02, 0.0, 0.2, 0.025), 0.35, 0.02)
        self._arm(brush, 0xA83E32, hip, 0.8 * swing)
        self._leg(brush, 0x2B3550, hip, -swing, -float(np.cos(phase)))
        self._leg(brush, 0x3A4768, hip, swing, float(np.cos(phase)))
        brush.curve(0xC94F3D, [(-0.07, hip + 0.31), (0.05, hip + 0.32), (0.1, hip + 0.16), (0.125, hip - 0.1),
                               (0.0, hip - 0.125), (-0.125, hip - 0.1), (-0.1, hip + 0.16)])  # fmt: skip
        self._head(brush, hip + 0.41, swing)
        self._arm(brush, 0xDB6450, hip, -0.8 * swing)

    def _leg(self, brush: Brush, colour: int, hip: float, angle: float, lift: float) -> None:
        knee = swung((0.0, hip), 0.235, angle)
        ankle = swung(knee, 0.235, angle - 0.9 * max(0.0, lift))
        brush.limb(colour, [(0.0, hip), knee, ankle], 0.085)
        brush.limb(0x4A3328, [ankle, (ankle[0] + 0.065, ankle[1] - 0.008)], 0.055)

    def _arm(self, brush: Brush, colour: int, hip: float, angle: float) -> None:
        shoulder = (-0.01, hip + 0.27)
        elbow = swung(shoulder, 0.16, angle)
        hand = swung(elbow, 0.15, angle + 0.35)
        brush.oval(0xF0C3A0, *hand, 0.032, 0.032)
        brush.limb(
            colour, [shoulder, elbow, (0.25 * elbow[0] + 0.75 * hand[0], 0.25 * elbow[1] + 0.75 * hand[1])], 0.07
        )

    def _head(self, brush: Brush, middle: float, swing: float) -> None:
        tail = 0.02 * swing
        brush.limb(
            0xE9B44C, [(-0.03, middle - 0.09), (-0.13, middle - 0.11 + tail), (-0.2, middle - 0.09 - tail)], 0.04
        )
        brush.oval(0xF0C3A0, 0.015, middle, 0.075, 0.085)
        brush.oval(0xF0C3A0, 0.088, middle - 0.012, 0.02, 0.017)  # nose
        brush.oval(0x2B2B33, 0.058, middle + 0.015, 0.01, 0.014)  # eye
        brush.limb(0xE9B44C, [(-0.045, middle - 0.085), (0.05, middle - 0.085)], 0.055)
        brush.curve(0x2F6F73, [(-0.085, middle + 0.01), (-0.07, middle + 0.09), (0.01, middle + 0.125),
                               (0.08, middle + 0.07), (0.085, middle + 0.035)])  # fmt: skip
        brush.oval(0xF4E8D0, -0.03, middle + 0.125, 0.03, 0.03)


class Car(Mover):
    """A small hatchback; `size` is the length. The wheels turn with the way driven."""

    label = "vehicle"
    reach = (0.48, 0.38)

    def draw(self, brush: Brush, travelled: float) -> None:
        """Shadow, body, windows, lamps, wheels."""
        brush.glaze(0x14161C, ring(0.0, 0.0, 0.5, 0.035), 0.5, 0.015)
        brush.curve(0x2E86A8, [(-0.49, 0.1), (-0.48, 0.2), (-0.43, 0.27), (-0.34, 0.385), (-0.1, 0.41),
                               (0.08, 0.385), (0.22, 0.26), (0.4, 0.225), (0.48, 0.17), (0.49, 0.09),
                               (0.3, 0.065), (-0.3, 0.065)])  # fmt: skip
        brush.fill(0x256F8D, [(-0.48, 0.09), (0.485, 0.09), (0.48, 0.135), (-0.485, 0.135)])
        brush.curve(0xD6ECF0, [(-0.37, 0.26), (-0.31, 0.355), (-0.12, 0.375), (-0.11, 0.26)])
        brush.curve(0xD6ECF0, [(-0.07, 0.26), (-0.07, 0.375), (0.06, 0.35), (0.16, 0.26)])
        brush.oval(0x3A4A56, 0.005, 0.29, 0.03, 0.038)  # the driver
        brush.limb(0x3A4A56, [(-0.02, 0.25), (0.03, 0.25)], 0.05)
        brush.limb(0x2E86A8, [(-0.36, 0.24), (0.17, 0.24)], 0.03)
        brush.limb(0x1E5F7A, [(-0.09, 0.24), (-0.09, 0.1)], 0.008)
        brush.limb(0x1E5F7A, [(-0.05, 0.215), (-0.01, 0.215)], 0.012)
        brush.oval(0xFFF3C4, 0.455, 0.18, 0.025, 0.022)
        brush.oval(0xC8443C, -0.465, 0.215, 0.018, 0.025)
        for x in (-0.29, 0.29):
            self._wheel(brush, x, 0.085, travelled)

    def _wheel(self, brush: Brush, x: float, radius: float, travelled: float) -> None:
        brush.oval(0x1B4F66, x, radius + 0.005, radius + 0.018, radius + 0.018)
        brush.oval(0x24262D, x, radius, radius, radius)
        brush.oval(0xC9CDD2, x, radius, 0.6 * radius, 0.6 * radius)
        for spoke in range(5):
            angle = spoke * 2 * np.pi / 5 + travelled / radius
            brush.limb(0x5A6068, [(x, radius), swung((x, radius), 0.5 * radius, -angle)], 0.02)


class Cat(Mover):
    """A grey tabby at a trot; `size` is the length without the tail."""

    label = "animal"
    reach = (0.6, 0.62)
    stride = 0.9  # way of two steps, in lengths

    def draw(self, brush: Brush, travelled: float) -> None:
        """Far legs, tail, body, near legs, head."""
        phase = 2 * np.pi * travelled / self.stride
        brush.glaze(0x1D2433, ring(0.0, 0.0, 0.45, 0.03), 0.35, 0.02)
        self._legs(brush, 0x4B4744, phase + 0.5)
        lift = 0.05 * float(np.sin(phase))
        brush.limb(0x5A5552, [(-0.36, 0.38), (-0.52, 0.42), (-0.58, 0.56 + lift), (-0.54, 0.66 + lift)], 0.07)
        brush.curve(0x6B6561, [(-0.42, 0.36), (-0.3, 0.46), (0.1, 0.45), (0.32, 0.44), (0.34, 0.28), (0.1, 0.24),
                               (-0.2, 0.25), (-0.4, 0.25)])  # fmt: skip
        for x in (-0.25, -0.1, 0.05):
            brush.limb(0x4B4744, [(x, 0.44), (x + 0.02, 0.34)], 0.035)
        self._legs(brush, 0x6B6561, phase)
        brush.oval(0x6B6561, 0.42, 0.5, 0.125, 0.115)
        for x in (0.36, 0.48):
            brush.fill(0x5A5552, [(x - 0.05, 0.57), (x, 0.68), (x + 0.05, 0.57)])
        brush.oval(0xE9E2D8, 0.51, 0.46, 0.05, 0.04)
        brush.oval(0xC9D46A, 0.46, 0.53, 0.02, 0.022)

    def _legs(self, brush: Brush, colour: int, phase: float) -> None:
        for hip, turn in ((-0.32, 0.0), (0.26, np.pi)):
            swing = 0.55 * float(np.sin(phase + turn))
            knee = swung((hip, 0.3), 0.15, swing)
            brush.limb(colour, [(hip, 0.32), knee, swung(knee, 0.14, 0.6 * swing)], 0.075)


@dataclass(frozen=True)
class Door(Actor):
    """A house door with its top left corner at pixel (`left`, `top`) that opens at `at` within `lasts` s and stays so.

    It is an event only while it moves.
    """

    left: float
    top: float
    width: float
    height: float
    at: float
    lasts: float = 1.4

    label = "other"

    def paint(self, picture: Picture, t: float) -> None:
        """The dark hall, then the leaf: hinged on the left, its free edge comes towards the viewer."""
        done = float(np.clip((t - self.at) / self.lasts, 0, 1))
        angle = np.radians(78) * done * done * (3 - 2 * done)
        brush = Brush(picture, (self.left, self.top), (self.width, self.height))
        brush.box(0xF4EFE4, -0.09, -0.06, 1.09, 1.0)
        brush.box(0x2B2622, 0, 0, 1, 1)
        brush.box(0x57493B, 0.12, 0.08, 0.7, 1)
        edge, near = float(np.cos(angle)), 0.1 * float(np.sin(angle))
        brush.fill(0x2F6A58, [(0, 0), (edge, -near), (edge, 1 + near), (0, 1)])
        for top, bottom in ((0.08, 0.42), (0.52, 0.92)):
            brush.fill(0x26574A, [(0.15 * edge, top), (0.85 * edge, top - near), (0.85 * edge, bottom + near),
                                  (0.15 * edge, bottom)])  # fmt: skip
        brush.oval(0xE9C46A, 0.92 * edge, 0.5, 0.035 * edge, 0.018)

    def seen(self, width: int, height: int, t: float) -> bool:
        """Whether it moves."""
        return self.at <= t <= self.at + self.lasts
