"""What vision made of a frame, drawn over its picture: what moves, restless places, boxes and their trails.

Idea: a `Mark` is a track in fractions of the picture, so that it can be drawn on a picture of any size, also later.
Rule: pictures are drawn on in place; sizes are in points, of which `unit` says how many pixels they have.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.geometry import SUBPIXEL_BITS, on_picture
from camd.model import Box, Point, Polygon, Zone
from camd.replays.ink import AMBER, BLACK, MOVING, RED, RESTLESS, WHITE, Canvas, Colour, Ink
from camd.vision.blobs import Rect
from camd.vision.sight import Seen
from camd.vision.track import Track

TINT: Final = 0.45  # how much of the colour covers what moves
HATCH: Final = 0.75  # the same for the hatching of restless places
HATCH_STEP: Final = 7  # points between its lines
DASH: Final = 6  # points


class Kind(Enum):
    """What a box is around."""

    CANDIDATE = auto()  # something that moves; not known yet what it is
    VISITOR = auto()  # confirmed, and moves
    STILL = auto()  # confirmed, and stands still
    DISMISSED = auto()  # judged to be no event


@dataclass(frozen=True, slots=True)
class Mark:
    """A box, and the way that it came."""

    kind: Kind
    box: Box
    trail: tuple[Point, ...] = ()


def marks(seen: Seen) -> tuple[Mark, ...]:
    """The tracks of a frame, the confirmed ones last, so that they are drawn on top."""
    rows, columns = seen.restless.shape
    size = Rect(0, 0, columns, rows)
    made = [
        Mark(_kind(track, seen), _box(track.box, size), tuple(_middle(rect, size) for rect in _way(track)))
        for track in seen.tracks
    ]
    return tuple(sorted(made, key=lambda mark: mark.kind is not Kind.CANDIDATE))


def _kind(track: Track, seen: Seen) -> Kind:
    if not track.is_confirmed:
        return Kind.CANDIDATE
    return Kind.VISITOR if track.seen == seen.t else Kind.STILL


def _way(track: Track) -> Iterable[Rect]:
    return [*(rect for _, rect in track.trail), track.box]


def _box(rect: Rect, size: Rect) -> Box:
    return Box(rect.x / size.width, rect.y / size.height, rect.width / size.width, rect.height / size.height)


def _middle(rect: Rect, size: Rect) -> Point:
    x, y = rect.centre
    return x / size.width, y / size.height


def tint(picture: Canvas, moving: NDArray[np.uint8]) -> None:
    """Colour what moves; `moving` is a mask (0 or 255) of any size."""
    _blend(picture, cv2.resize(moving, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR), MOVING, TINT)


def hatch(picture: Canvas, restless: NDArray[np.uint8], unit: float) -> None:
    """Hatch restless places; `restless` is a mask (0 or 255) of any size."""
    if not restless.any():
        return
    height, width = picture.shape[:2]
    lines = _hatching(height, width, round(HATCH_STEP * unit))
    place = cv2.resize(restless, (width, height), interpolation=cv2.INTER_NEAREST)
    _blend(picture, cv2.bitwise_and(place, lines), RESTLESS, HATCH)


@lru_cache(maxsize=2)
def _hatching(height: int, width: int, step: int) -> NDArray[np.uint8]:
    across, down = np.arange(width, dtype=np.int32), np.arange(height, dtype=np.int32)
    return np.where((down[:, None] + across) % step < max(1, step // 6), 255, 0).astype(np.uint8)


def outline(picture: Canvas, areas: Iterable[Zone | Polygon], colour: Colour, unit: float) -> None:
    """Draw the outlines of areas with their names."""
    height, width = picture.shape[:2]
    for area in areas:
        corners = np.array(on_picture(area.points, width, height), np.int32)
        cv2.polylines(picture, [corners], True, colour, max(1, round(unit)), cv2.LINE_AA, SUBPIXEL_BITS)
        x, y = corners[corners[:, 1].argmin()] / (1 << SUBPIXEL_BITS)
        for pen, shift in ((Ink.body(BLACK, unit), unit), (Ink.body(colour, unit), 0)):
            pen.write(picture, area.name, x + 6 * unit + shift, y + 16 * unit + shift)


def _blend(picture: Canvas, mask: object, colour: Colour, strength: float) -> None:
    share = np.asarray(mask)
    where = share > 0
    part = (share[where].astype(np.float32) * (strength / 255))[:, None]
    picture[where] = (picture[where] * (1 - part) + np.array(colour, np.float32) * part).astype(np.uint8)


def draw(picture: Canvas, found: Iterable[Mark], unit: float) -> None:
    """Draw boxes and trails."""
    for mark in found:
        _trail(picture, mark, unit)
        _outline(picture, mark, unit)


def _trail(picture: Canvas, mark: Mark, unit: float) -> None:
    height, width = picture.shape[:2]
    colour, thickness, _ = STYLES[mark.kind]
    points = [(round(x * width), round(y * height)) for x, y in mark.trail]
    for start, end in pairwise(points):
        cv2.line(picture, start, end, colour, max(1, round(thickness * unit / 2)), cv2.LINE_AA)


def _outline(picture: Canvas, mark: Mark, unit: float) -> None:
    """Draw a box in its colour, with a dark edge around it that shows it on bright pictures."""
    colour, thickness, is_dashed = STYLES[mark.kind]
    wide = max(1, round(thickness * unit))
    for paint, inset in ((BLACK, wide // 2), (colour, wide // 2 + max(1, round(unit)))):
        for start, end in _sides(picture, mark.box, inset):
            dashes = _dashes(start, end, round(DASH * unit)) if is_dashed else [(start, end)]
            for first, last in dashes:
                cv2.line(picture, first, last, paint, wide)


# Of each kind: colour, thickness of its lines in points, and whether they are dashed.
STYLES: Final[dict[Kind, tuple[Colour, float, bool]]] = {
    Kind.CANDIDATE: (WHITE, 0.8, False),
    Kind.VISITOR: (RED, 2.6, False),
    Kind.STILL: (RED, 2.6, True),
    Kind.DISMISSED: (AMBER, 1.6, False),
}
assert set(STYLES) == set(Kind), "every kind has its style"

Corner = tuple[int, int]


def _sides(picture: Canvas, box: Box, inset: int) -> Iterable[tuple[Corner, Corner]]:
    """The sides of a box, so many pixels within it."""
    height, width = picture.shape[:2]
    left, top = round(box.x * width) + inset, round(box.y * height) + inset
    right = round((box.x + box.width) * width) - 1 - inset
    bottom = round((box.y + box.height) * height) - 1 - inset
    return pairwise([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])


def _dashes(start: Corner, end: Corner, length: int) -> Iterable[tuple[Corner, Corner]]:
    (x0, y0), (x1, y1) = start, end
    far = max(abs(x1 - x0), abs(y1 - y0))
    for at in range(0, far, 2 * length):
        first, last = at / far, min(at + length, far) / far
        yield (
            (round(x0 + (x1 - x0) * first), round(y0 + (y1 - y0) * first)),
            (round(x0 + (x1 - x0) * last), round(y0 + (y1 - y0) * last)),
        )
