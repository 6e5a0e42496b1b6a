"""Why motion became an event, or did not: the rules in words, the figures, and what was dismissed.

Rule: pure. What was judged to be no motion is gathered, by one rule and without a long gap, into one `Suppressed`.
"""

from dataclasses import dataclass
from typing import Final

from camd.model import SECOND, Box, Nanos, Reason, Suppressed
from camd.vision.blobs import CELL, Rect

CONFIRMED: Final = "2 of 4 frames moved"
STEADY: Final = "something large kept moving"
TRAVELLED: Final = "got somewhere in a restless picture"
IN_VAIN: Final = "moved too briefly or came back to where it was"
FLOODED: Final = "more than half of the picture changed"
LIGHT: Final = "the light of the whole picture changed"
SHADOW: Final = "a shadow or a pool of light"

SAME: Final = 1 * SECOND  # dismissals by one rule that are apart by less are one
EVERYWHERE: Final = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """How the coarse grid lies over the full picture: `factor` pixels to an analysed one along a side."""

    columns: int
    rows: int
    factor: float

    def pixels(self, cells: int) -> int:
        """Pixels of the full picture in so many cells."""
        return round(cells * (CELL * self.factor) ** 2)

    def box(self, rect: Rect) -> Box:
        """A rectangle of cells as fractions of the picture."""
        x, y, width, height = rect
        return Box(
            round(x / self.columns, 4),
            round(y / self.rows, 4),
            round(width / self.columns, 4),
            round(height / self.rows, 4),
        )


class Dismissals:
    """Gathers what was dismissed, frame by frame."""

    def __init__(self) -> None:
        self._open: Suppressed | None = None

    def take(self, t: Nanos, reason: Reason | None) -> list[Suppressed]:
        """Take why something was dismissed in the frame of `t`, or None; return the dismissal that ends with that."""
        last = self._open
        if reason is None:
            if last is None or t - last.ended < SAME:
                return []
            self._open = None
            return [last]
        if last and reason.rule == last.reason.rule:
            self._open = Suppressed(last.began, t, last.reason)
            return []
        self._open = Suppressed(t, t, reason)
        return [last] if last else []

    def rule_at(self, t: Nanos) -> str:
        """The rule that dismissed something in the frame of `t`, or ""."""
        return self._open.reason.rule if self._open and self._open.ended == t else ""

    def close(self) -> list[Suppressed]:
        """The camera has stopped: what was gathered is over."""
        last, self._open = self._open, None
        return [last] if last else []
