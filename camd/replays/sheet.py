"""The contact sheet of a video: the picture that an owner sends instead of words.

Idea: while the video is played only the boxes are noted; then its few pictures that tell something are read again. A
row is an event, or motion that was not counted: its first, best and last moment, and why.
Rule: the same video and settings give the same sheet, of covered pictures alone.
It does not promise: everything; at most a dozen rows, and it says how much is left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from camd.camera.frame import Frame, Veil
from camd.camera.stream import FileCamera
from camd.config import VisionConfig
from camd.errors import UnusableInputError
from camd.model import SECOND, Event, Nanos, Reason, Suppressed
from camd.replays import marks
from camd.replays.ink import AMBER, BLACK, BOLD, GREY, RED, WHITE, Canvas, Colour, Ink, Stretch, Strip, bar, clock
from camd.replays.marks import Kind, Mark
from camd.replays.playing import Run
from camd.store.files import replace_whole
from camd.vision.sight import Sight
from camd.vision.why import EVERYWHERE

MOST_ROWS: Final = 12
MOST_DISMISSED: Final = 3  # of them
WIDTH: Final = 1360  # pixels
MARGIN: Final = 40
COLUMN: Final = 330  # where the words of a row stand
PICTURE: Final = (310, 240)  # at most so wide and high
GAP: Final = 10
CAPTION: Final = 24
LINE: Final = 21
HEADER: Final = 172
FOOTER: Final = 64
AROUND: Final = SECOND // 2  # before and after what was not counted; it is often a single frame
RULE: Final[Colour] = (226, 224, 222)
DARK: Final[Colour] = (92, 88, 84)
PADDING: Final = 18
BOX_UNIT: Final = 0.6  # pixels to a point of the boxes
KEY: Final = "red box: visitor; dashed: stands still; white: not known yet; amber: not counted"
STRIP_GROUND: Final[Colour] = (240, 238, 236)

NAME: Final = Ink(BLACK, 1.0, BOLD)
HEAD: Final = Ink(BLACK, 0.56, BOLD)
TEXT: Final = Ink(DARK, 0.48)
SMALL: Final = Ink(GREY, 0.42)


class Log:
    """A viewer that notes the boxes of every frame that vision looked at."""

    def __init__(self) -> None:
        self.marks: dict[Nanos, tuple[Mark, ...]] = {}

    def look(self, frame: Frame, sight: Sight) -> None:
        """Note what was seen."""
        self.marks[frame.t] = tuple(Mark(mark.kind, mark.box) for mark in marks.marks(sight.seen()))

    def pass_by(self, frame: Frame) -> None:
        """Nothing to note."""

    def between(self, began: Nanos, ended: Nanos) -> list[Nanos]:
        """The times from `began` to `ended` that were looked at; never none."""
        found = [t for t in self.marks if began <= t <= ended]
        return found or [min(self.marks, key=lambda t: abs(t - began))]

    def moment(self, name: str, t: Nanos, beside: tuple[Mark, ...] = ()) -> "Moment":
        """The moment `t`, with the boxes that were seen and those `beside` them."""
        return Moment(name, t, (*beside, *self.marks[t]))


@dataclass(frozen=True, slots=True)
class Moment:
    """One picture of a row: what it is called, when it was, and the boxes in it."""

    name: str
    t: Nanos
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the sheet: what it is called, when it was, why, and the moments that are shown."""

    title: str
    colour: Colour
    span: Stretch
    labels: tuple[str, ...]
    reason: Reason
    moments: tuple[Moment, ...]


def write(path: Path, run: Run, log: Log, settings: VisionConfig) -> None:
    """Draw the sheet of a run into the PNG `path`. Raises CannotWriteError."""
    rows = _rows(run, log)
    pictures = _pictures(run, rows, settings)
    parts = [_header(run, settings), *(_row(row, run, pictures) for row in rows), _footer(run, rows)]
    _, data = cv2.imencode(".png", np.vstack(parts), (cv2.IMWRITE_PNG_COMPRESSION, 6))
    replace_whole(path, data.tobytes())


def _rows(run: Run, log: Log) -> list[Row]:
    dismissed = _telling(run)
    events = list(enumerate(run.events(), start=1))[: MOST_ROWS - len(dismissed)]
    rows = [_event_row(run, log, number, event) for number, event in events]
    rows += [_dismissed_row(run, log, one) for one in dismissed]
    return sorted(rows, key=lambda row: row.span.began)


def _telling(run: Run) -> list[Suppressed]:
    """The longest motions that were not counted, outside of events."""
    events = run.events()
    outside = [
        one for one in run.suppressed() if not any(e.began <= one.ended and one.began <= e.ended for e in events)
    ]
    return sorted(outside, key=lambda one: (one.began - one.ended, one.began))[:MOST_DISMISSED]


def _event_row(run: Run, log: Log, number: int, event: Event) -> Row:
    times = log.between(event.began, event.ended)
    best = max(times, key=lambda t: _shown(log.marks[t]))
    moments = tuple(log.moment(name, t) for name, t in (("first", times[0]), ("best", best), ("last", times[-1])))
    span = Stretch(*run.span(event)[:2])
    return Row(f"Event {number}", RED, span, _labels(event), event.reason, moments)


def _labels(event: Event) -> tuple[str, ...]:
    """What it was and where, as far as that is known."""
    told = () if event.label == "motion" else (f"{event.label} ({event.confidence:.0%} sure)",)
    return (*told, *(f"in {zone}" for zone in event.zones))


def _shown(found: Iterable[Mark]) -> float:
    """How much of the picture moving visitors fill."""
    return sum(mark.box.width * mark.box.height for mark in found if mark.kind is Kind.VISITOR)


def _dismissed_row(run: Run, log: Log, one: Suppressed) -> Row:
    around, judged = log.between(one.began - AROUND, one.ended + AROUND), log.between(one.began, one.ended)[0]
    where = () if one.reason.box == EVERYWHERE else (Mark(Kind.DISMISSED, one.reason.box),)
    named = (("before", around[0]), ("judged", judged), ("after", around[-1]))
    moments = tuple(log.moment(name, t, where) for name, t in named)
    span = Stretch(run.at(one.began), run.at(one.ended))
    return Row("Not counted", AMBER, span, (), one.reason, moments)


def _pictures(run: Run, rows: Sequence[Row], settings: VisionConfig) -> dict[Nanos, Canvas]:
    """The pictures of all moments, as large as the sheet shows them."""
    wanted = {moment.t for row in rows for moment in row.moments}
    found: dict[Nanos, Canvas] = {}
    # What keeps a video from being read to its end was told when it was played.
    with suppress(UnusableInputError), FileCamera(run.video, run.starts, Veil(settings.privacy)) as camera:
        for item in camera:
            if isinstance(item, Frame) and item.t in wanted - found.keys():
                found[item.t] = _fitted(item.picture())
            if len(found) == len(wanted):
                break
    return found


def _fitted(picture: Canvas) -> Canvas:
    height, width = picture.shape[:2]
    factor = min(PICTURE[0] / width, PICTURE[1] / height)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(picture, (round(width * factor), round(height * factor)), interpolation=how)
    return fitted.astype(np.uint8, copy=False)


def _blank(height: int) -> Canvas:
    return np.full((height, WIDTH, 3), WHITE, np.uint8)


def _header(run: Run, settings: VisionConfig) -> Canvas:
    canvas = _blank(HEADER)
    NAME.write(canvas, NAME.cut(run.video.name, WIDTH - 2 * MARGIN), MARGIN, 62)
    events, dismissed = len(run.events()), len(run.suppressed())
    facts = f"{clock(run.seconds)} long, {run.frames} frames   |   {_count(events, 'event')}, {dismissed} not counted"
    TEXT.write(canvas, f"{facts}   |   sensitivity {settings.sensitivity} of 10", MARGIN, 92)
    strip = Strip(MARGIN, 114, WIDTH - 2 * MARGIN, 16, run.at(run.starts) + run.seconds)
    events_ = [Stretch(span.began, span.ended) for span in run.spans()]
    strip.draw(canvas, STRIP_GROUND, events_, [Stretch(run.at(d.began), run.at(d.ended)) for d in run.suppressed()])
    for t in strip.ticks():
        bar(canvas, strip.x(t), 130, strip.x(t) + 1, 135, GREY)
        text = clock(t).removesuffix(".0")
        SMALL.write(canvas, text, min(strip.x(t), WIDTH - MARGIN - SMALL.width(text)), 150)
    return canvas


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _row(row: Row, run: Run, pictures: Mapping[Nanos, Canvas]) -> Canvas:
    words = list(_words(row))
    shown = pictures[row.moments[0].t].shape[0]
    canvas = _blank(max(shown + CAPTION, LINE * len(words)) + 2 * PADDING)
    bar(canvas, MARGIN, 0, WIDTH - MARGIN, 1, RULE)
    bar(canvas, MARGIN, PADDING, MARGIN + 5, canvas.shape[0] - PADDING, row.colour)
    for number, (ink, text) in enumerate(words):
        ink.write(canvas, text, MARGIN + 20, PADDING + 14 + LINE * number)
    for number, moment in enumerate(row.moments):
        left = MARGIN + COLUMN + number * (PICTURE[0] + GAP)
        _place(canvas, pictures[moment.t], moment, left)
        SMALL.write(canvas, f"{moment.name}  {clock(run.at(moment.t))}", left, PADDING + shown + 17)
    return canvas


def _place(canvas: Canvas, picture: Canvas, moment: Moment, left: int) -> None:
    height, width = picture.shape[:2]
    place = canvas[PADDING : PADDING + height, left : left + width]
    place[:] = picture
    marks.draw(place, moment.marks, BOX_UNIT)


def _words(row: Row) -> Iterator[tuple[Ink, str]]:
    """The lines on the left of a row."""
    room = COLUMN - 40
    yield HEAD, row.title
    yield TEXT, _when(row.span)
    for text in (*row.labels, row.reason.rule):
        yield from ((TEXT, line) for line in TEXT.wrap(text, room))
    for text in figures(row.reason):
        yield from ((SMALL, line) for line in SMALL.wrap(text, room))


def _when(span: Stretch) -> str:
    began, ended = clock(span.began), clock(span.ended)
    return f"at {began}" if began == ended else f"{began} to {ended}, {span.ended - span.began:.1f} s"


def figures(reason: Reason) -> Iterator[str]:
    """The main figures of a reason in words."""
    if reason.changed_pixels:
        yield f"{reason.changed_pixels} pixels changed, {reason.threshold} are enough"
    if reason.track_s:
        yield f"followed for {reason.track_s:.1f} s, over {reason.travel:.0%} of the picture's height"
    if reason.light_gain != 1.0:
        yield f"light at {reason.light_gain:.1%} of what it was"
    if reason.shadow_ratio != 1.0:
        yield f"{reason.shadow_ratio:.2f} times as bright as what is behind it"
    yield f"noise of {reason.noise_level:.1f} grey levels (of 255)"


def _footer(run: Run, rows: Sequence[Row]) -> Canvas:
    canvas = _blank(FOOTER)
    bar(canvas, MARGIN, 0, WIDTH - MARGIN, 1, RULE)
    shown = sum(row.colour == RED for row in rows)
    events, others = len(run.events()) - shown, len(run.suppressed()) - len(rows) + shown
    words = [*([_count(events, "more event")] if events else []), *([f"{others} not counted"] if others else [])]
    text = f"Not shown: {', '.join(words)}." if words else "Nothing is left out."
    TEXT.write(canvas, text, MARGIN, 32)
    TEXT.write_left_of(canvas, KEY, WIDTH - MARGIN, 32)
    return canvas
