"""Colours, words and the strip of time, as the film and the sheet draw them.

Idea: red is an event, amber is motion that was judged to be none; nothing else has these colours.
Rule: everything scales with `unit`, the size of a point: 1 where the picture is 640 pixels wide.
It does not promise: letters beyond ASCII; OpenCV 4 has none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]  # (height, width, 3), BGR
Colour = tuple[int, int, int]

RED: Final[Colour] = (48, 48, 226)
AMBER: Final[Colour] = (24, 164, 250)
WHITE: Final[Colour] = (255, 255, 255)
BLACK: Final[Colour] = (24, 22, 20)
GREY: Final[Colour] = (150, 146, 142)
PALE: Final[Colour] = (228, 224, 220)
MOVING: Final[Colour] = (240, 90, 255)
RESTLESS: Final[Colour] = (255, 190, 40)

BODY: Final = 0.42  # scale of OpenCV's font at unit 1: letters 8 to 9 pixels high
PLAIN: Final = cv2.FONT_HERSHEY_SIMPLEX
BOLD: Final = cv2.FONT_HERSHEY_DUPLEX
ELLIPSIS: Final = ".."


@dataclass(frozen=True, slots=True)
class Ink:
    """How words look: OpenCV's font and the scale of it, in a colour."""

    colour: Colour
    scale: float = BODY
    font: int = PLAIN

    @classmethod
    def body(cls, colour: Colour, unit: float, font: int = PLAIN) -> "Ink":
        """The usual size."""
        return cls(colour, BODY * unit, font)

    @property
    def thickness(self) -> int:
        """Of the strokes, in pixels."""
        return max(1, round(1.1 * self.scale))

    def width(self, text: str) -> int:
        """How wide `text` gets, in pixels."""
        (width, _), _ = cv2.getTextSize(text, self.font, self.scale, self.thickness)
        return width

    def cut(self, text: str, width: int) -> str:
        """`text`, shortened to `width` pixels."""
        if self.width(text) <= width:
            return text
        while text and self.width(text + ELLIPSIS) > width:
            text = text[:-1]
        return text.rstrip() + ELLIPSIS

    def wrap(self, text: str, width: int) -> list[str]:
        """`text` in lines of at most `width` pixels, as far as its words allow."""
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines

    def write(self, canvas: Canvas, text: str, x: float, y: float) -> int:
        """Write `text` with its baseline's left end at (x, y); return where it ends."""
        cv2.putText(canvas, text, (round(x), round(y)), self.font, self.scale, self.colour, self.thickness, cv2.LINE_AA)
        return round(x) + self.width(text)

    def write_left_of(self, canvas: Canvas, text: str, x: float, y: float) -> None:
        """Write `text` so that it ends at x."""
        self.write(canvas, text, x - self.width(text), y)


def bar(canvas: Canvas, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
    """Fill a rectangle; it is at least a pixel wide."""
    x0, x1 = round(left), max(round(right), round(left) + 1)
    canvas[round(top) : round(bottom), x0:x1] = colour


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds: 0:07.4."""
    tenths = round(10 * seconds)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a video in seconds."""

    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Strip:
    """A place for the strip of time of a video that is `seconds` long: events above, what was none below."""

    left: int
    top: int
    width: int
    height: int
    seconds: float

    def x(self, t: float) -> float:
        """Where time `t` lies."""
        return self.left + self.width * min(max(t / self.seconds, 0.0), 1.0) if self.seconds else float(self.left)

    def draw(self, canvas: Canvas, ground: Colour, events: Iterable[Stretch], dismissed: Iterable[Stretch]) -> None:
        """Draw what happened."""
        bottom = self.top + self.height
        middle = self.top + 0.62 * self.height
        bar(canvas, self.left, self.top, self.left + self.width, bottom, ground)
        for stretch in dismissed:
            self._bar(canvas, stretch, (middle, bottom), AMBER)
        for stretch in events:
            self._bar(canvas, stretch, (self.top, middle), RED)

    def _bar(self, canvas: Canvas, stretch: Stretch, rows: tuple[float, float], colour: Colour) -> None:
        """Draw a stretch, wide enough to be seen."""
        left = min(self.x(stretch.began), self.left + self.width - SHORTEST)
        bar(canvas, left, rows[0], max(self.x(stretch.ended), left + SHORTEST), rows[1], colour)

    def ticks(self) -> Iterator[float]:
        """Round times, a handful of them."""
        step = next((s for s in STEPS if self.seconds / s <= MOST_TICKS), STEPS[-1])
        yield from (n * step for n in range(int(self.seconds / step) + 1))


SHORTEST: Final = 3  # pixels
STEPS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)  # seconds
MOST_TICKS: Final = 10
