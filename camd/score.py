"""Holds what was detected against the truth of a video.

Rule: pure. A truth event is hit by an overlap of more than 0.2 s; a detection is false when none of it touches a truth
event (with slack) or an ignored stretch. Times are the video's presentation times in seconds.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

OVERLAP: Final = 0.2  # seconds of a truth event that a detection must cover to hit it


class Span(NamedTuple):
    """A stretch of a video, in seconds; `label` may be empty."""

    began: float
    ended: float
    label: str = ""

    def overlap(self, other: "Span") -> float:
        """Seconds that both have; negative: the seconds between them."""
        return min(self.ended, other.ended) - max(self.began, other.began)


@dataclass(frozen=True, slots=True)
class Truth:
    """What happens in a video. `before` and `after` are seconds of slack around each event."""

    events: tuple[Span, ...]
    ignore: tuple[Span, ...] = ()
    before: float = 0.5
    after: float = 1.0
    recall: float = 1.0
    precision: float = 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """How a run did. `false_s` are the seconds of `quiet_s` that were called an event; `delays` are of the hits."""

    hit: int
    missed: int
    detected: int
    false: int
    false_s: float
    quiet_s: float
    delays: tuple[float, ...]
    labels_right: int
    labels_known: int

    @property
    def recall(self) -> float:
        """Hits over truth events; 1 where there are none."""
        return self.hit / (self.hit + self.missed) if self.hit + self.missed else 1.0

    @property
    def precision(self) -> float:
        """Detections that were not false over all; 1 where there are none."""
        return 1 - self.false / self.detected if self.detected else 1.0

    @property
    def false_s_per_quiet_hour(self) -> float:
        """False seconds per hour in which nothing happens."""
        return 3600 * self.false_s / self.quiet_s if self.quiet_s else 0.0

    @property
    def delay_median(self) -> float | None:
        """Median seconds from a truth event's begin to the first detection in it."""
        return statistics.median(self.delays) if self.delays else None

    @property
    def delay_p90(self) -> float | None:
        """The delay that nine of ten hits stay within."""
        return sorted(self.delays)[-(-9 * len(self.delays) // 10) - 1] if self.delays else None


def score(truth: Truth, detected: Sequence[Span], seconds: float) -> Score:
    """Score the `detected` events of a video that is `seconds` long."""
    allowed = [Span(e.began - truth.before, e.ended + truth.after) for e in truth.events] + list(truth.ignore)
    hits = [(event, found) for event in truth.events if (found := _hitting(event, detected))]
    false = [d for d in detected if not any(d.overlap(span) >= 0 for span in allowed)]
    known = [(event, found) for event, found in hits if event.label]
    return Score(
        hit=len(hits),
        missed=len(truth.events) - len(hits),
        detected=len(detected),
        false=len(false),
        false_s=sum(d.ended - d.began for d in detected) - _covered(detected, allowed),
        quiet_s=seconds - _covered([Span(0.0, seconds)], allowed),
        delays=tuple(max(0.0, round(found[0].began - event.began, 3)) for event, found in hits),
        labels_right=sum(any(d.label == event.label for d in found) for event, found in known),
        labels_known=len(known),
    )


def total(scores: Iterable[Score]) -> Score:
    """The scores of several videos as one."""
    all_ = list(scores)
    return Score(
        hit=sum(s.hit for s in all_),
        missed=sum(s.missed for s in all_),
        detected=sum(s.detected for s in all_),
        false=sum(s.false for s in all_),
        false_s=sum(s.false_s for s in all_),
        quiet_s=sum(s.quiet_s for s in all_),
        delays=tuple(delay for s in all_ for delay in s.delays),
        labels_right=sum(s.labels_right for s in all_),
        labels_known=sum(s.labels_known for s in all_),
    )


def shortfalls(truth: Truth, result: Score) -> list[str]:
    """What the truth file demands and the result does not reach, in words."""
    found = []
    if result.recall < truth.recall:
        found.append(f"recall {result.recall:.2f}, want {truth.recall:.2f}: {result.missed} events missed")
    if result.precision < truth.precision:
        found.append(f"precision {result.precision:.2f}, want {truth.precision:.2f}: {result.false} false events")
    return found


def parse(data: Mapping[str, Any]) -> Truth:
    """Read the contents of a truth file. Raises ValueError saying what is wrong with it."""
    if not isinstance(data, Mapping) or data.get("v") != 1:
        raise ValueError("it must be a mapping with 'v: 1'")
    tolerance, least = data.get("tolerance") or {}, data.get("min") or {}
    return Truth(
        events=_spans(data, "events"),
        ignore=_spans(data, "ignore"),
        before=float(tolerance.get("began", 0.5)),
        after=float(tolerance.get("ended", 1.0)),
        recall=float(least.get("recall", 1.0)),
        precision=float(least.get("precision", 1.0)),
    )


def _spans(data: Mapping[str, Any], key: str) -> tuple[Span, ...]:
    try:
        spans = tuple(Span(float(e["began"]), float(e["ended"]), str(e.get("label", ""))) for e in data.get(key) or [])
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"'{key}' must be a list of {{began, ended}} in seconds") from error
    if any(span.ended < span.began for span in spans):
        raise ValueError(f"an entry of '{key}' ends before it begins")
    return spans


def _hitting(event: Span, detected: Sequence[Span]) -> list[Span]:
    return sorted(d for d in detected if d.overlap(event) > OVERLAP)


def _covered(spans: Sequence[Span], by: Sequence[Span]) -> float:
    """Seconds of `spans` that lie within the union of `by`."""
    covered, reached = 0.0, float("-inf")
    for stretch in sorted(by):
        rest = Span(max(stretch.began, reached), stretch.ended)
        if rest.ended > rest.began:
            covered += sum(max(0.0, rest.overlap(span)) for span in spans)
            reached = rest.ended
    return covered
