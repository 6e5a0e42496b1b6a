"""What a film tells of a video while it is played: the picture with its marks, the state, the rule, the time.

Idea: what vision saw last is drawn over every picture until it looks again. Words and the strip of time stand in a
panel below the picture, so that nothing is hidden; they are readable where the picture is shown 640 pixels wide.
Rule: the same video and settings paint the same pictures.
"""

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from camd.config import VisionConfig
from camd.model import IGNORE, SECOND, Began, Ended, Event, Grew, Nanos
from camd.replays import ink, marks
from camd.replays.ink import Canvas, Colour, Ink, Stretch, Strip
from camd.replays.marks import Kind, Mark
from camd.replays.playing import Run
from camd.vision.sight import Seen

LEAST_WIDTH: Final = 640  # pixels; smaller videos are shown larger
MOST_WIDTH: Final = 1280  # larger ones smaller
PANEL: Final = 88  # points
MARGIN: Final = 10  # points
LINGERS: Final = 3 * SECOND // 2  # how long it is to be read why something was no event
FRAMES_APART: Final = 1.5  # that vision looks at; what was dismissed in all of them was so without a pause
GROUND: Final[Colour] = (52, 48, 44)
UNREST: Final[Colour] = (150, 96, 0)
LEGEND: Final = 216  # points wide
KEY: Final = (
    (("moves", ink.MOVING), ("restless place", ink.RESTLESS)),
    (("event", ink.RED), ("not counted", ink.AMBER)),
)


@dataclass(slots=True)
class Story:
    """What has happened so far in a run with these `settings`, and what was seen last."""

    run: Run
    settings: VisionConfig
    _seen: Seen | None = None
    _marks: tuple[Mark, ...] = ()
    _read: int = 0
    _count: int = 0
    _open: Event | None = None
    _over: list[Stretch] = field(default_factory=list)
    _dismissed: list[Stretch] = field(default_factory=list)
    _rule: str = ""
    _ruled: Nanos = 0

    def tell(self, seen: Seen) -> None:
        """Vision has looked at a frame, and everything that followed from it is in the run."""
        self._catch_up()
        if seen.rule:
            self._dismiss(self.run.at(seen.t))
            self._rule, self._ruled = seen.rule, seen.t
        self._seen, self._marks = seen, marks.marks(seen)

    def _catch_up(self) -> None:
        for happening in self.run.happenings[self._read :]:
            match happening:
                case Began(event):
                    self._open, self._count = event, self._count + 1
                case Grew(event):
                    self._open = event
                case Ended(event):
                    self._open = None
                    self._close(event)
        self._read = len(self.run.happenings)

    def _close(self, event: Event) -> None:
        stretch = Stretch(self.run.at(event.began), self.run.at(event.ended))
        if event.handling != IGNORE:
            self._over.append(stretch)
            return
        self._count -= 1  # as the list of events counts them
        self._dismissed.append(stretch)
        self._rule, self._ruled = event.reason.rule, event.ended

    def _dismiss(self, t: float) -> None:
        """Note that something was judged to be no event; what lies together on the strip is one stretch."""
        together = self.run.length / LEAST_WIDTH + FRAMES_APART / min(self.run.fps, self.settings.fps)
        if self._dismissed and t - self._dismissed[-1].ended <= together:
            self._dismissed[-1] = Stretch(self._dismissed[-1].began, t)
        else:
            self._dismissed.append(Stretch(t, t))

    def paint(self, picture: Canvas, t: Nanos) -> Canvas:
        """The page of the film for the picture of time `t`."""
        page = _page(picture)
        unit = page.shape[1] / LEAST_WIDTH
        height = page.shape[0] - _panel_height(unit)
        marks.outline(page[:height], self.settings.ignore, ink.AMBER, unit)
        marks.outline(page[:height], self.settings.zones, ink.WHITE, unit)
        if self._seen is not None:
            self._draw(page[:height], self._seen, unit)
        self._write(page[height:], t, unit)
        return page

    def _draw(self, shown: Canvas, seen: Seen, unit: float) -> None:
        marks.hatch(shown, seen.restless, unit)
        if seen.moving is not None:
            marks.tint(shown, seen.moving)
        marks.draw(shown, self._marks, unit)

    def _write(self, panel: Canvas, t: Nanos, unit: float) -> None:
        left, right = MARGIN * unit, panel.shape[1] - MARGIN * unit
        _state(panel, self._chips(), left, unit)
        whole = f" / {ink.clock(self.run.length)}" if self.run.length else ""
        Ink.body(ink.WHITE, unit).write_left_of(panel, ink.clock(self.run.at(t)) + whole, right, 18 * unit)
        room = round(right - left - LEGEND * unit)
        for number, (colour, words) in enumerate(self._words(t)):
            pen = Ink.body(colour, unit)
            pen.write(panel, pen.cut(words, room), left, (38 + 18 * number) * unit)
        _legend(panel, right - LEGEND * unit + MARGIN * unit, unit)
        self._strip(panel, self.run.at(t), unit)

    def _chips(self) -> list[tuple[str, Colour | None]]:
        """The state in words, with the ground they stand on."""
        event = (f"event {self._count}", ink.RED) if self._open else ("no event", None)
        is_calm = self._seen is None or self._seen.is_calm
        return [event, ("calm picture", None) if is_calm else ("restless picture", UNREST)]

    def _words(self, t: Nanos) -> list[tuple[Colour, str]]:
        why_not = f"not counted: {self._rule}" if self._rule and t - self._ruled <= LINGERS else ""
        if self._open is None:
            is_moving = any(mark.kind is Kind.CANDIDATE for mark in self._marks)
            what = "something moves, not known yet what" if is_moving else "nothing to follow"
            return [(ink.PALE, what), (ink.AMBER, why_not)]
        kinds = {mark.kind for mark in self._marks}
        now = "" if Kind.VISITOR in kinds else ", now still" if Kind.STILL in kinds else ", now out of sight"
        return [(ink.WHITE, f"event: {self._open.reason.rule}{now}"), (ink.AMBER, why_not)]

    def _strip(self, panel: Canvas, now: float, unit: float) -> None:
        left, height = round(MARGIN * unit), round(14 * unit)
        top = panel.shape[0] - height - round(8 * unit)
        strip = Strip(left, top, panel.shape[1] - 2 * left, height, max(self.run.length, now))
        current = [Stretch(self.run.at(self._open.began), now)] if self._open else []
        strip.draw(panel, GROUND, [*self._over, *current], self._dismissed)
        x = strip.x(now)
        ink.bar(panel, x - unit, top - 3 * unit, x + unit, top + height + 3 * unit, ink.WHITE)


def _page(picture: Canvas) -> Canvas:
    """The picture in the film's size, with an empty panel below; sides are even, as H.264 wants them."""
    height, width = picture.shape[:2]
    factor = -(-LEAST_WIDTH // width) if width < LEAST_WIDTH else min(1.0, MOST_WIDTH / width)
    size = round(width * factor / 2) * 2, round(height * factor / 2) * 2
    page = np.full((size[1] + _panel_height(size[0] / LEAST_WIDTH), size[0], 3), ink.BLACK, np.uint8)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    page[: size[1]] = cv2.resize(picture, size, interpolation=how)
    return page


def _panel_height(unit: float) -> int:
    return round(PANEL * unit / 2) * 2


def _state(panel: Canvas, chips: list[tuple[str, Colour | None]], x: float, unit: float) -> None:
    """Write words side by side, each on its ground."""
    for words, ground in chips:
        pen = Ink.body(ink.WHITE if ground else ink.PALE, unit, ink.BOLD)
        right = x + pen.width(words) + 12 * unit
        ink.bar(panel, x, 5 * unit, right, 23 * unit, ground or GROUND)
        pen.write(panel, words, x + 6 * unit, 18 * unit)
        x = right + 6 * unit


def _legend(panel: Canvas, x: float, unit: float) -> None:
    """Say what the colours mean."""
    pen = Ink(ink.GREY, 0.36 * unit)
    for row, entries in enumerate(KEY):
        y = (38 + 18 * row) * unit
        for column, (words, colour) in enumerate(entries):
            at = x + 80 * column * unit
            ink.bar(panel, at, y - 8 * unit, at + 8 * unit, y, colour)
            pen.write(panel, words, at + 13 * unit, y)
