"""What is done about an event, as its owner's rules have it: tell the house, record it quietly, or ignore it.

Idea: a rule speaks of a label, everywhere or in one zone, and applies as soon as the event has that label; an event in
several zones is handled as the most attentive of them says. An event that nobody has told apart yet, in a place with
rules, is recorded and not told of for a moment; if it stays unknown it is told of: unsure is no reason for silence.
Rule: pure. What a classifier says only since it learned at home is never ignored, it is recorded quietly at least: a
mistake in learning may cost an alert, never the footage. Nor does it cost the alert of somebody who is surely a person
without it, or would be one and is nothing else with it: rules for people hold for him, where they are the louder ones.
And what was to be told once is recorded at least, whatever it turns out to be: no alert is without its footage.
"""

from dataclasses import dataclass, replace
from typing import Final

from camd.model import ALERT, IGNORE, LABELS, PERSON, RECORD, SECOND, Began, Ended, Event, Finding, Grew, Nanos, Zone

UNDECIDED: Final[Nanos] = 2 * SECOND  # so long the house may wait for a label, which comes with two or three pictures
LOUDER: Final = (ALERT, RECORD, IGNORE)


@dataclass(frozen=True, slots=True)
class Rules:
    """`told` are the labels that are told of (empty: all, even undecided), `ignored` those that leave nothing behind.

    The `zones` have rules of their own, which hold for events there.
    """

    zones: tuple[Zone, ...] = ()
    told: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def handling(self, event: Event, is_over: bool = False) -> str:
        """`ALERT`, `RECORD` or `IGNORE`; `is_over` says that nothing more will be known of it."""
        if event.label not in LABELS and not is_over and self._may_wait(event):
            return RECORD
        labels = (event.label, PERSON) if event.is_person else (event.label,)
        return min((self._said(label, event) for label in labels), key=LOUDER.index)

    def _may_wait(self, event: Event) -> bool:
        is_ruled = any(self._said(label, event) != ALERT for label in LABELS)
        return is_ruled and event.ended - event.began < UNDECIDED

    def _said(self, label: str, event: Event) -> str:
        if label not in LABELS:
            return RECORD if self.told else ALERT
        if label in self.ignored:
            said = IGNORE
        else:
            zones = [zone for zone in self.zones if zone.name in event.zones]
            said = min((_in_zone(label, zone) for zone in zones), key=LOUDER.index, default=ALERT)
            said = RECORD if said == ALERT and self.told and label not in self.told else said
        return RECORD if said == IGNORE and event.is_learned else said


NO_RULES: Final = Rules()


class Judge:
    """Holds the rules against the findings of one camera as they come; what was to be told once is kept."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._told: set[str] = set()  # events that go on

    def judged(self, finding: Finding) -> Finding:
        """The same finding; its event knows how it is to be handled, and says so when it is to be ignored."""
        match finding:
            case Began(event) | Grew(event):
                return replace(finding, event=self._judged(event, is_over=False))
            case Ended(event):
                over = Ended(self._judged(event, is_over=True))
                self._told.discard(event.id)
                return over
        return finding

    def _judged(self, event: Event, is_over: bool) -> Event:
        handling = self._rules.handling(event, is_over)
        if handling == ALERT:
            self._told.add(event.id)
        if handling != IGNORE or event.id in self._told:
            return replace(event, handling=RECORD if handling == IGNORE else handling)
        where = f" in {', '.join(event.zones)}" if event.zones else ""
        return replace(event, handling=handling, reason=replace(event.reason, rule=f"{event.label} is ignored{where}"))


def _in_zone(label: str, zone: Zone) -> str:
    if zone.labels and label not in zone.labels:
        return IGNORE
    return RECORD if label in zone.quiet else ALERT
