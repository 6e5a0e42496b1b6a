"""The worlds that never move: backdrops, painted with a brush whose unit is the picture's width and height.

Idea: a backdrop is a function; `still` paints it at twice the size for clean edges and gives it grain.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from camd.drawn.brush import Brush, Picture, between, ring

Backdrop = Callable[[Brush], None]  # paints what never moves; units are fractions of the picture's width and height


@lru_cache(maxsize=8)
def still(backdrop: Backdrop, width: int, height: int, seed: int) -> Picture:
    """The world without actors: drawn at twice the size for clean edges, with a smooth texture and darker corners."""
    large = np.zeros((2 * height, 2 * width, 3), np.uint8)
    backdrop(Brush(large, (0, 0), (2 * width, 2 * height)))
    small = cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lit = small * (1 - 0.07 * (x * x + y * y))[..., None] + _texture(seed, width, height)[..., None]
    drawn: Picture = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    drawn.setflags(write=False)
    return drawn


def _texture(seed: int, width: int, height: int) -> npt.NDArray[np.float32]:
    """Grain of three sizes, in grey levels."""
    chance = np.random.default_rng([seed, 1 << 31])  # a number that no picture has
    total = np.zeros((height, width), np.float32)
    for blur, levels in ((0.8, 2.0), (3.0, 1.5), (12.0, 2.0)):
        layer = cv2.GaussianBlur(chance.standard_normal((height, width), np.float32), (0, 0), blur)
        total += layer * np.float32(levels / layer.std())
    return total


def yard(brush: Brush) -> None:
    """A brick wall under a strip of sky, with a paved path before it."""
    brush.box(0xBFD6E3, 0, 0, 1, 0.14)
    brush.box(0xB98A72, 0, 0.14, 1, 0.68)
    for course in range(13):
        y = 0.14 + course * 0.0415
        brush.box(0xA37660, 0, y, 1, y + 0.006)
        for joint in range(13):
            x = (joint + (course % 2) / 2) / 12
            brush.box(0xA37660, x, y, x + 0.004, y + 0.0415)
    brush.box(0x8C5F4C, 0, 0.13, 1, 0.16)
    brush.box(0x7FA05A, 0, 0.66, 1, 0.76)
    brush.box(0xB7B0A4, 0, 0.74, 1, 1)
    for slab in range(7):
        brush.fill(
            0x9C958A, [(slab / 6, 0.74), (slab / 6 + 0.005, 0.74), (slab / 4.5 - 0.16, 1), (slab / 4.5 - 0.17, 1)]
        )
    brush.glaze(0x2A2030, [(-0.1, 0.6), (1.1, 0.6), (1.1, 0.72), (-0.1, 0.72)], 0.25, 0.02)


def front_garden(brush: Brush) -> None:
    """A cottage with a red door behind a picket fence, a tree, and the street in front."""
    pen = Brush(brush.picture, (0, 0), (brush.unit[0] / 640, brush.unit[1] / 360))  # drawn as if 640 x 360
    _sky(pen)
    _lawn(pen)
    _cottage(pen)
    _tree(pen)
    _fence(pen)
    _street(pen)
    pen.glaze(0xFFE2A8, [(360, -40), (760, -40), (760, 260)], 0.22, 50)  # late sun from the right


def _sky(pen: Brush) -> None:
    for row in range(220):
        pen.box(between(0x7FB6DE, 0xFBE3C6, row / 220), 0, row, 640, row + 1.5)
    for x, y, size in ((70, 34, 1.0), (402, 62, 1.2), (575, 26, 0.8)):
        for dx, dy, radius in ((-38, 4, 13), (-18, -5, 19), (6, -9, 23), (30, 0, 17), (48, 6, 11)):
            pen.glaze(0xFFF8EC, ring(x + dx * size, y + dy * size, radius * size, 0.8 * radius * size), 0.75, 1.5)
        pen.glaze(0xC9D3E3, ring(x + 4 * size, y + 11 * size, 46 * size, 7 * size), 0.45, 4)
    pen.curve(0xA9C2BE, [(-60, 215), (40, 160), (200, 178), (360, 150), (520, 172), (700, 148), (720, 260), (-60, 260)])
    pen.curve(
        0x8FB394, [(-60, 230), (120, 188), (300, 200), (470, 182), (600, 196), (720, 180), (720, 280), (-60, 280)]
    )


def _lawn(pen: Brush) -> None:
    chance = np.random.default_rng(7)
    for row in range(206, 292):
        pen.box(between(0x93B866, 0x6C9A4B, (row - 206) / 86), 0, row, 640, row + 1.5)
    for x, y in chance.uniform((0, 212), (640, 290), (420, 2)):
        pen.limb(0x5F8C43, [(x, y), (x + chance.uniform(-1.5, 1.5), y - 4)], 0.9)
    pen.curve(0xD8C3A0, [(182, 244), (214, 244), (232, 268), (262, 300), (150, 300), (170, 268)])
    for x, y, rx in ((198, 254, 13), (194, 265, 16), (207, 277, 19), (199, 290, 23)):
        pen.oval(0xBFA785, x, y + 1.5, rx, 4.5)
        pen.oval(0xE9DBC0, x, y, rx, 4.2)


def _cottage(pen: Brush) -> None:
    pen.glaze(0x2E3A2A, [(40, 236), (350, 236), (362, 250), (56, 250)], 0.4, 4)
    pen.box(0x9C5A48, 262, 8, 286, 60)
    pen.box(0x83483A, 258, 6, 290, 13)
    pen.box(0xF3E6CF, 58, 92, 332, 242)
    for y in range(104, 240, 9):
        pen.box(0xE2D2B6, 58, y, 332, y + 1)
    pen.box(0xA79B8C, 58, 232, 332, 242)
    pen.fill(0x5D6B82, [(36, 104), (88, 34), (304, 34), (354, 104)])
    for row in range(1, 10):
        left, right, y = 88 - 5.2 * row, 304 + 5.0 * row, 34 + 7 * row
        for x in np.arange(left + 2 + 6 * (row % 2), right - 10, 12):
            pen.limb(0x4E5B72, [(x, y), (x + 8, y)], 1.3)
    pen.box(0xFBF4E4, 36, 102, 354, 108)
    pen.glaze(0x3B3148, [(58, 108), (332, 108), (332, 120), (58, 120)], 0.3, 2)
    _window(pen, 112)
    _window(pen, 284)
    _door(pen)


def _window(pen: Brush, x: float) -> None:
    for side in (-41, 27):
        pen.box(0x3F7F86, x + side, 141, x + side + 14, 193)
        for y in range(145, 191, 5):
            pen.box(0x356E74, x + side + 2, y, x + side + 12, y + 1.5)
    pen.box(0xFFFAF0, x - 27, 139, x + 27, 195)
    pen.box(0xF6D48A, x - 23, 143, x + 23, 191)
    pen.fill(0xFBE6B4, [(x - 23, 143), (x + 4, 143), (x - 16, 191), (x - 23, 191)])
    pen.curve(0xF7EFE2, [(x - 23, 143), (x - 9, 143), (x - 14, 166), (x - 22, 178)])
    pen.curve(0xF7EFE2, [(x + 23, 143), (x + 9, 143), (x + 14, 166), (x + 22, 178)])
    pen.box(0xFFFAF0, x - 1.5, 143, x + 1.5, 191)
    pen.box(0xFFFAF0, x - 23, 165, x + 23, 168)
    for number in range(9):
        pen.oval((0x4F7F45, 0x6A9A4F)[number % 2], x - 26 + 6.5 * number, 195, 5, 5)
        pen.oval((0xE4572E, 0xF3A6B5, 0xFFD166)[number % 3], x - 26 + 6.5 * number, 191 + 2 * (number % 2), 2.4, 2.4)
    pen.box(0x8A5A3C, x - 31, 197, x + 31, 206)


def _door(pen: Brush) -> None:
    pen.box(0xFFFAF0, 172, 156, 224, 242)
    pen.box(0xB83A32, 177, 161, 219, 242)
    for x in (181, 201):
        pen.box(0x9E2F29, x, 196, x + 14, 232)
        pen.box(0xC64A40, x + 1.5, 197.5, x + 12.5, 230.5)
    pen.fill(0xF6D48A, [*ring(198, 181, 15, 12)[20:], (213, 187), (183, 187)])
    pen.box(0xB83A32, 197, 167, 199, 188)
    pen.oval(0xE9C46A, 214, 206, 2.2, 2.2)
    for top, left, right, colour in ((236, 168, 228, 0xD9CBB8), (241, 162, 234, 0xC7B8A3), (246, 156, 240, 0xB5A58F)):
        pen.box(colour, left, top, right, top + 6)
    for x in (160, 232):
        pen.box(0xFFFAF0, x, 146, x + 5, 240)
    pen.glaze(0x3B3148, [(162, 148), (236, 148), (236, 158), (162, 158)], 0.35, 2)
    pen.fill(0x5D6B82, [(146, 148), (198, 118), (251, 148)])
    pen.fill(0xFBF4E4, [(144, 151), (144, 147), (198, 115), (253, 147), (253, 151), (198, 121)])
    pen.box(0x33363D, 240, 168, 247, 180)
    pen.box(0xFFE9A8, 241.5, 170, 245.5, 178)
    pen.glaze(0xFFE9A8, ring(243.5, 174, 16, 16), 0.35, 6)
    pen.curve(0xD98A4E, [(166, 236), (168, 226), (176, 222), (186, 225), (188, 233), (182, 237)])  # the cat on the step
    pen.oval(0xD98A4E, 170, 225, 6, 5.5)
    pen.fill(0xD98A4E, [(165, 222), (166, 216), (170, 220)])
    pen.fill(0xD98A4E, [(170, 220), (174, 216), (175, 223)])
    pen.limb(0xB86E38, [(187, 234), (178, 237), (170, 236)], 2.4)


def _tree(pen: Brush) -> None:
    pen.glaze(0x2E3A2A, ring(500, 262, 92, 9), 0.4, 5)
    pen.fill(0x6E4F3A, [(484, 264), (492, 200), (490, 150), (512, 150), (513, 200), (524, 264)])
    pen.fill(0x5B4030, [(484, 264), (492, 200), (490, 150), (497, 150), (500, 200), (500, 264)])
    pen.limb(0x6E4F3A, [(502, 190), (534, 150)], 7)
    chance = np.random.default_rng(3)
    for colour, reach, lift in ((0x4C7A44, 1.0, 0), (0x5F9150, 0.86, 7), (0x7BAA5C, 0.62, 17)):
        for angle, far in zip(np.linspace(0, 2 * np.pi, 22), chance.uniform(0.25, 0.8, 22), strict=True):
            x, y = 506 + 78 * reach * far * np.cos(angle) + 0.6 * lift, 112 + 66 * reach * far * np.sin(angle) - lift
            pen.oval(colour, float(x), float(y), 30 * reach, 27 * reach)
    for x, y in chance.uniform((448, 66), (566, 160), (26, 2)):
        pen.oval(0xE4572E, x, y, 3.4, 3.4)
        pen.oval(0xF6A07A, x - 1, y - 1.2, 1, 1)


def _fence(pen: Brush) -> None:
    for x, radius, colour in ((24, 24, 0x557F49), (62, 18, 0x6A9A4F), (346, 22, 0x557F49), (376, 16, 0x6A9A4F)):
        pen.curve(
            colour, [(x - radius, 250), (x - radius, 232), (x, 244 - radius), (x + radius, 232), (x + radius, 250)]
        )
    for left, right in ((-12, 146), (262, 650)):
        pen.glaze(0x2E3A2A, [(left, 284), (right, 284), (right, 290), (left, 290)], 0.35, 2)
        for y in (246, 268):
            pen.box(0xE4DCCB, left, y, right, y + 5)
        for x in range(left, right, 14):
            pen.fill(0xD3CAB8, [(x + 2, 286), (x + 2, 240), (x + 6, 234), (x + 10, 240), (x + 10, 286)])
            pen.fill(0xFFFAF0, [(x, 286), (x, 240), (x + 4, 234), (x + 8, 240), (x + 8, 286)])
    pen.box(0x7A5A44, 287, 236, 292, 288)
    pen.box(0x3F7F86, 275, 222, 304, 238)
    pen.oval(0x3F7F86, 289.5, 222, 14.5, 7)
    pen.box(0xE4572E, 300, 210, 302.5, 224)
    pen.box(0xE4572E, 300, 210, 309, 216)


def _street(pen: Brush) -> None:
    pen.box(0xCFC6B8, 0, 288, 640, 308)
    for x in range(-40, 700, 46):
        pen.fill(0xB5AC9E, [(x, 288), (x + 1.5, 288), (x - 8.5, 308), (x - 10, 308)])
    pen.box(0xE6DFD2, 0, 306, 640, 309)
    pen.box(0x9A948B, 0, 309, 640, 315)
    for row in range(315, 360):
        pen.box(between(0x5A5D68, 0x6B6E78, (row - 315) / 45), 0, row, 640, row + 1.5)
    for x in range(-30, 660, 92):
        pen.fill(0xE9DFC0, [(x + 3, 351), (x + 47, 351), (x + 44, 355), (x, 355)])


SCREEN = (0.60, 0.36, 0.80, 0.56)  # of the room: left, top, right, bottom


def room(brush: Brush) -> None:
    """A living room: wall with a window and a picture, a sofa, a television on a board, a wooden floor."""
    brush.box(0xD9C9A8, 0, 0, 1, 0.74)
    for stripe in range(24):
        brush.box(0xD2C19E, stripe / 24, 0, stripe / 24 + 0.02, 0.74)
    brush.box(0xF1E8D6, 0, 0.71, 1, 0.745)
    brush.box(0x9A7350, 0, 0.745, 1, 1)
    for board in range(7):
        y = 0.745 + 0.26 * (board / 7) ** 1.4
        brush.box(0x7F5C3E, 0, y, 1, y + 0.004)
        for joint in range(5):
            x = (joint + 0.37 * board) % 5 / 5
            brush.box(0x7F5C3E, x, y, x + 0.003, y + 0.04)
    brush.box(0xF6F1E6, 0.06, 0.1, 0.3, 0.5)
    brush.box(0xA9C7DC, 0.075, 0.12, 0.285, 0.48)
    brush.box(0x7C9A6A, 0.075, 0.36, 0.285, 0.48)
    brush.box(0xF6F1E6, 0.177, 0.12, 0.184, 0.48)
    for left in (0.03, 0.285):
        brush.box(0x8C4A44, left, 0.07, left + 0.045, 0.62)
        brush.box(0x7A3E39, left + 0.015, 0.07, left + 0.022, 0.62)
    brush.box(0x5B4636, 0.385, 0.14, 0.515, 0.34)
    brush.box(0xE8DDC4, 0.395, 0.155, 0.505, 0.325)
    brush.oval(0xC4694A, 0.43, 0.25, 0.02, 0.045)
    brush.oval(0x5E7F8A, 0.466, 0.23, 0.022, 0.06)
    brush.curve(0x4F6B74, [(0.07, 0.8), (0.07, 0.58), (0.11, 0.54), (0.35, 0.54), (0.39, 0.58), (0.39, 0.8)])
    brush.box(0x5C7C86, 0.1, 0.66, 0.36, 0.75)
    brush.oval(0xE1A857, 0.15, 0.64, 0.035, 0.05)
    brush.box(0x6B4A34, 0.55, 0.62, 0.87, 0.76)
    for x in (0.56, 0.665, 0.77):
        brush.box(0x5A3D2A, x, 0.64, x + 0.095, 0.74)
    brush.box(0x17181C, SCREEN[0] - 0.012, SCREEN[1] - 0.015, SCREEN[2] + 0.012, SCREEN[3] + 0.02)
    brush.box(0x25272C, SCREEN[0], SCREEN[1], SCREEN[2], SCREEN[3])
    brush.box(0x17181C, 0.68, 0.57, 0.72, 0.62)
    brush.box(0x6A5A48, 0.925, 0.36, 0.931, 0.78)
    brush.fill(0xF2DFAE, [(0.9, 0.24), (0.956, 0.24), (0.975, 0.37), (0.881, 0.37)])
    brush.glaze(0x2A2030, [(0.02, 0.79), (0.44, 0.79), (0.42, 0.84), (0.04, 0.84)], 0.3, 0.01)


CROWNS = ((0.2, 0.24, 0.2, 0.2), (0.68, 0.28, 0.15, 0.16))  # of the park: x, y, rx, ry of its trees' leaves
POND = (0.4, 0.53, 0.98, 0.72)  # of the park: left, top, right, bottom of its water


def park(brush: Brush) -> None:
    """Two leafy trees and a hedge by a pond that mirrors them, and a path in front."""
    for row in range(48):
        brush.box(between(0x9CC3DF, 0xE9EEF0, row / 48), 0, row / 100, 1, row / 100 + 0.012)
    brush.box(0x6F9256, 0, 0.46, 1, 0.76)
    _leaves(brush, (0.5, 0.47, 0.75, 0.035), 900, 5)
    for x, y, _, ry in CROWNS:
        brush.box(0x5B4636, x - 0.018, y, x + 0.018, y + ry + 0.16)
        brush.box(0x6E5642, x - 0.018, y, x - 0.004, y + ry + 0.16)
    _pond(brush)
    for number, crown in enumerate(CROWNS):
        _leaves(brush, crown, 1100, 6 + number)
    brush.box(0xC9BA9E, 0, 0.76, 1, 1)
    chance = np.random.default_rng(8)
    for x, y in chance.uniform((0, 0.77), (1, 1), (500, 2)):
        brush.oval(int(chance.choice((0xB7A788, 0xD8CCB4, 0xA99878))), x, y, 0.004, 0.003)
    for x in chance.uniform(0, 1, 260):
        brush.limb(0x587A45, [(x, 0.765), (x + chance.uniform(-0.006, 0.006), 0.745)], 0.002)


def _leaves(brush: Brush, crown: tuple[float, float, float, float], count: int, seed: int) -> None:
    """Many small leaves, dark ones behind."""
    chance = np.random.default_rng(seed)
    x, y, rx, ry = crown
    for number in range(count):
        turn, far = chance.uniform(0, 2 * np.pi), 0.83 * chance.uniform() ** 0.5
        colour = between(0x2F4A2B, 0x8DB25F, 0.25 * chance.uniform() + 0.75 * number / count)
        leaf = 0.008 + 0.01 * float(chance.uniform())
        brush.oval(colour, x + rx * far * float(np.cos(turn)), y + ry * far * float(np.sin(turn)), leaf, 1.2 * leaf)


def _pond(brush: Brush) -> None:
    left, top, right, bottom = POND
    x, y, rx, ry = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    brush.oval(0x857A5C, x, y, rx, ry)
    brush.oval(0x7F9FB0, x, y, 0.97 * rx, 0.93 * ry)
    for share, colour in ((0.55, 0x4D6B48), (0.3, 0x3E5B3C)):
        brush.oval(colour, 0.66, y - 0.02, 0.13 * share / 0.55, ry * (share + 0.2))
    brush.box(0x4A3B2E, 0.67, top + 0.02, 0.69, y + 0.05)
    for post in (0.5, 0.57, 0.86):
        brush.box(0x55483A, post, y - 0.07, post + 0.012, y)
        brush.box(0x495A5C, post, y, post + 0.012, y + 0.06)
