"""Makes of one picture the many that a camera could have taken of it.

Idea: `view` does what a motion detector does to a thing (boxes that are off, a part missing, other ground around it, a
tilted mount), `spoil` what light, distance, glass, sensor and encoder do to a view.
Rule: numpy and OpenCV alone; chance is given, so the same chance makes the same picture. Numbers were chosen by what
helps on sources that were left out.
"""

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.vision.crop import SIDE, Grey

Floats = NDArray[np.float32]
Chance = np.random.Generator

LYING: Final = 0.2  # how often what can be seen from above is turned by a quarter
TURNED: Final = ("vehicle", "other")
LEAST: Final = 6  # pixels of a side that must be left
LEAST_PART: Final = 10  # the same of a part
UPRIGHT: Final = 1.3  # times as high as wide is somebody who stands


def view(grey: Grey, label: str, chance: Chance, grounds: Sequence[Grey]) -> Grey:
    """What a detector could have cut: a part, flipped, off, partly hidden, on another of the `grounds`, tilted."""
    grey = _part(grey, label, chance, grounds)
    if chance.random() < 0.5:
        grey = grey[:, ::-1]
    if chance.random() < (LYING if label in TURNED else 0.04):
        grey = np.rot90(grey, int(chance.integers(1, 4)))
    grey = np.ascontiguousarray(grey)
    if chance.random() < 0.9:
        grey = _off(grey, chance)
    if chance.random() < 0.25:
        grey = _elsewhere(grey, grounds[int(chance.integers(len(grounds)))], chance)
    return _tilted(grey, chance) if chance.random() < 0.6 else grey


def spoil(grey: Grey, chance: Chance) -> Grey:
    """What light, distance, glass, sensor and encoder could have made of it; the size stays."""
    size = grey.shape[1], grey.shape[0]
    seen = _far(grey, chance) if chance.random() < 0.4 else grey
    light = seen.astype(np.float32)
    for often, change in _LIGHT:
        if chance.random() < often:
            light = change(light, chance)
    seen = np.clip(light, 0, 255).astype(np.uint8)
    if chance.random() < 0.24:
        _, data = cv2.imencode(".jpg", seen, (cv2.IMWRITE_JPEG_QUALITY, int(chance.integers(15, 80))))
        again = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        assert again is not None
        seen = again.astype(np.uint8, copy=False)
    if seen.shape != grey.shape:
        seen = cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    return _hidden(seen, chance) if chance.random() < 0.12 else seen


def _part(grey: Grey, label: str, chance: Chance, grounds: Sequence[Grey]) -> Grey:
    """A part that shows the same: any of what is `other`, perhaps beside another; the upper half of somebody; most."""
    height, width = grey.shape
    if label == "other":
        if chance.random() > 0.6:
            return grey
        part = _window(grey, chance.uniform(0.3, 1, 2) ** 1.2, chance)
        return _beside(part, grounds[int(chance.integers(len(grounds)))], chance) if chance.random() < 0.25 else part
    if label == "person" and height > UPRIGHT * width:
        is_half = chance.random() < 0.3
        return grey[: max(LEAST_PART, round(height * chance.uniform(0.4, 0.85)))] if is_half else grey
    return _window(grey, chance.uniform(0.55, 1, 2), chance) if chance.random() < 0.2 else grey


def _window(grey: Grey, shares: NDArray[np.float64], chance: Chance) -> Grey:
    """Anywhere in the picture, so much of its height and width."""
    height, width = grey.shape
    tall, wide = (max(LEAST_PART, round(side * share)) for side, share in zip(grey.shape, shares, strict=True))
    tall, wide = min(tall, height), min(wide, width)
    top, left = int(chance.integers(0, height - tall + 1)), int(chance.integers(0, width - wide + 1))
    return grey[top : top + tall, left : left + wide]


def _beside(grey: Grey, ground: Grey, chance: Chance) -> Grey:
    """The picture up to a line, and another from there on."""
    seen, other = grey.copy(), cv2.resize(ground, (grey.shape[1], grey.shape[0])).astype(np.uint8, copy=False)
    height, width = (int(side * chance.uniform(0.3, 0.7)) for side in grey.shape)
    if chance.random() < 0.5:
        seen[:, width:] = other[:, width:]
    else:
        seen[height:] = other[height:]
    return seen


def _off(grey: Grey, chance: Chance) -> Grey:
    """A box that is off: a part of the thing, or more than there is of the picture, which is then made up."""
    height, width = grey.shape
    off = chance.uniform(-0.3, 0.15, 4) if chance.random() < 0.4 else chance.uniform(-0.12, 0.12, 4)
    left, right = round(-width * off[0]), round(width * (1 + off[1]))
    top, bottom = round(-height * off[2]), round(height * (1 + off[3]))
    part = grey[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    if min(part.shape) < LEAST:
        return grey
    if chance.random() < 0.5:
        around = max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)
        way = cv2.BORDER_REFLECT_101 if min(part.shape) > max(around) + 1 else cv2.BORDER_REPLICATE
        part = cv2.copyMakeBorder(part, *around, way).astype(np.uint8, copy=False)
    return np.ascontiguousarray(part)


def _elsewhere(grey: Grey, ground: Grey, chance: Chance) -> Grey:
    height, width = grey.shape
    wider = chance.uniform(1.05, 1.7)
    tall, wide = int(height * wider) + 1, int(width * wider) + 1
    top, left = int(chance.integers(0, tall - height + 1)), int(chance.integers(0, wide - width + 1))
    soft = 2 * max(1, int(min(height, width) * 0.08)) + 1
    mask = np.zeros((tall, wide), np.float32)
    mask[top : top + height, left : left + width] = 1
    mask = cv2.blur(cv2.erode(mask, np.ones((soft // 2 + 1, soft // 2 + 1))), (soft, soft)).astype(np.float32)
    around = top, tall - height - top, left, wide - width - left
    inner = cv2.copyMakeBorder(grey, *around, cv2.BORDER_REPLICATE)
    return (inner * mask + cv2.resize(ground, (wide, tall)) * (1 - mask)).astype(np.uint8)


def _tilted(grey: Grey, chance: Chance) -> Grey:
    height, width = grey.shape
    angle, (along, down), shear = chance.normal(0, 6), np.exp(chance.normal(0, 0.13, 2)), chance.normal(0, 0.06)
    size = max(8, int(width * along)), max(8, int(height * down))
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle, 1 + abs(angle) / 45)
    move = turn @ np.array([[along, shear, 0], [0, down, 0], [0, 0, 1]])
    tilted = cv2.warpAffine(grey, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return tilted.astype(np.uint8, copy=False)


def _far(grey: Grey, chance: Chance) -> Grey:
    """As few pixels as a thing far away has."""
    scale = np.exp(chance.uniform(np.log(11), np.log(56))) / SIDE
    size = max(4, round(grey.shape[1] * scale)), max(4, round(grey.shape[0] * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _gamma(light: Floats, chance: Chance) -> Floats:
    return np.asarray(255 * np.power(light / 255, np.exp(chance.normal(0, 0.4))), np.float32)


def _lamp(light: Floats, chance: Chance) -> Floats:
    """Light from one place, as of an infrared lamp."""
    height, width = light.shape
    down, along = np.mgrid[:height, :width]
    y, x = chance.uniform(0.2, 0.8) * height, chance.uniform(0.2, 0.8) * width
    far = ((down - y) / height) ** 2 + ((along - x) / width) ** 2
    return np.asarray(light * np.exp(-far / chance.uniform(0.15, 0.7)) + chance.uniform(0, 20), np.float32)


def _slope(light: Floats, chance: Chance) -> Floats:
    height, width = light.shape
    down, along = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    return np.asarray(light + chance.normal(0, 35) * down + chance.normal(0, 35) * along, np.float32)


def _contrast(light: Floats, chance: Chance) -> Floats:
    mean = float(light.mean())
    return np.asarray((light - mean) * np.exp(chance.normal(-0.15, 0.45)) + mean + chance.normal(0, 20), np.float32)


def _negative(light: Floats, chance: Chance) -> Floats:
    return np.asarray(255 - light, np.float32)


def _unsharp(light: Floats, chance: Chance) -> Floats:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), chance.uniform(0.4, 1.4)), np.float32)


def _moved(light: Floats, chance: Chance) -> Floats:
    """Motion blur: a line of a few pixels."""
    length, angle = int(chance.integers(3, 8)), chance.uniform(0, np.pi)
    middle = (length - 1) / 2
    x, y = middle * np.cos(angle), middle * np.sin(angle)
    line = np.zeros((length, length), np.float32)
    cv2.line(line, (round(middle - x), round(middle - y)), (round(middle + x), round(middle + y)), (1.0,))
    return np.asarray(cv2.filter2D(light, -1, line / line.sum(), borderType=cv2.BORDER_REPLICATE), np.float32)


def _grain(light: Floats, chance: Chance) -> Floats:
    return np.asarray(light + chance.normal(0, chance.uniform(1, 18), light.shape), np.float32)


_LIGHT: Final[tuple[tuple[float, Callable[[Floats, Chance], Floats]], ...]] = (
    (0.5, _gamma), (0.12, _lamp), (0.1, _slope), (0.5, _contrast), (0.024, _negative), (0.16, _unsharp),
    (0.16, _moved), (0.36, _grain),
)  # fmt: skip


def _hidden(grey: Grey, chance: Chance) -> Grey:
    """Something plain stands before it."""
    height, width = (max(1, int(side * chance.uniform(0.1, 0.4))) for side in grey.shape)
    top = int(chance.integers(0, grey.shape[0] - height + 1))
    left = int(chance.integers(0, grey.shape[1] - width + 1))
    seen = grey.copy()
    seen[top : top + height, left : left + width] = int(chance.integers(0, 256))
    return seen
