"""What other settings would have changed: events that appear, vanish or change.

Idea: the same video was played twice. Events of both runs that lie on one another are the same event, the pair that
shares most first; an event without a partner appears or vanishes.
Rule: times differ when a truth file without a tolerance of its own would tell them apart; label and rule at once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from rich.table import Table

from camd.model import Event
from camd.replays.playing import Run
from camd.replays.report import Detail, event_json
from camd.score import Span, Truth

TOLERANCE: Final = Truth(())
STYLES: Final = {"appears": "green", "vanishes": "red", "changes": "yellow", "same": "dim"}


@dataclass(frozen=True, slots=True)
class Found:
    """An event, and what it is compared by: its `span` on the video's own clock and the rule that made it one."""

    number: int
    event: Event
    span: Span

    @property
    def rule(self) -> str:
        """The rule that decided."""
        return self.event.reason.rule


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an event with the other settings; one of the two sides may be missing.

    `part_of` is then the event of the other side that it lies in, when there is one that is another event's partner.
    """

    event: Found | None
    other: Found | None
    part_of: Found | None = None

    @property
    def kind(self) -> str:
        """The word for it: appears, vanishes, changes, same."""
        if self.event is None:
            return "appears"
        if self.other is None:
            return "vanishes"
        return "changes" if self.differences() else "same"

    @property
    def span(self) -> Span:
        """When it was; with the first settings, if it was there."""
        found = self.event or self.other
        assert found is not None
        return found.span

    def differences(self) -> list[str]:
        """What is otherwise with the other settings, in words; nothing when a side is missing."""
        return list(_differences(self.event, self.other)) if self.event and self.other else []


def found(run: Run) -> list[Found]:
    """The events of a run, to be compared."""
    return [Found(number, event, run.span(event)) for number, event in enumerate(run.events(), start=1)]


def changes(events: Sequence[Found], others: Sequence[Found]) -> list[Change]:
    """Compare the events of one run with those of another, in order of time."""
    touching = [pair for pair in product(events, others) if pair[0].span.overlap(pair[1].span) >= 0]
    touching.sort(key=lambda pair: -pair[0].span.overlap(pair[1].span))
    partners: dict[int, Found] = {}
    taken: set[int] = set()
    for event, other in touching:
        if event.number not in partners and other.number not in taken:
            partners[event.number] = other
            taken.add(other.number)
    joined = {event.number: other for event, other in reversed(touching)}
    split = {other.number: event for event, other in reversed(touching)}
    kept = [Change(event, partners.get(event.number), joined.get(event.number)) for event in events]
    new = [Change(None, other, split.get(other.number)) for other in others if other.number not in taken]
    return sorted([*kept, *new], key=lambda change: change.span)


def _differences(event: Found, other: Found) -> Iterator[str]:
    later = (("begins", other.span.began - event.span.began, TOLERANCE.before),
             ("ends", other.span.ended - event.span.ended, TOLERANCE.after))  # fmt: skip
    for verb, seconds, slack in later:
        if abs(seconds) > slack:
            yield f"{verb} {abs(seconds):.1f} s {'later' if seconds > 0 else 'earlier'}"
    if other.span.label != event.span.label:
        yield f"label: {other.span.label}"
    if other.rule != event.rule:
        yield f"rule: {other.rule}"


def line(change: Change, run: Run, other: Run) -> dict[str, Any]:
    """The object of one change."""
    return {
        "type": "against",
        "video": run.video.name,
        "change": change.kind,
        "event": _side(run, change.event),
        "other": _side(other, change.other),
    }


def _side(run: Run, side: Found | None) -> dict[str, Any] | None:
    if side is None:
        return None
    told = event_json(run, side.event, Detail(suppressed=False, kept=False))
    return {"event": side.number, **{key: value for key, value in told.items() if key not in ("clip", "pre_roll")}}


def table(changed: Sequence[Change], run: Run, other: str) -> Table:
    """The changes of one video for people; `other` names the other settings."""
    counts = Counter(change.kind for change in changed)
    caption = ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items())) or "no event with either"
    made = Table(title=run.video.name, caption=caption, title_justify="left")
    for heading in ("began", "ended"):
        made.add_column(heading, justify="right")
    for heading in ("what", "change", f"with {other}"):
        made.add_column(heading)
    for change in changed:
        began, ended, label = change.span
        made.add_row(f"{began:.2f} s", f"{ended:.2f} s", label, change.kind, _words(change), style=STYLES[change.kind])
    return made


def _words(change: Change) -> str:
    if change.event and change.other:
        return "\n".join(change.differences())
    whole = change.part_of
    if whole is not None:
        return f"part of the one from {whole.span.began:.2f} s to {whole.span.ended:.2f} s"
    return change.other.rule if change.other else ""
