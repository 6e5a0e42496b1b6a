"""What the house is told: happenings as MQTT messages.

Idea: one happening in, the messages that tell of it out. What was told before lies in a `Told` that the caller owns;
which topics are ON follows from the events that are open, and only what changed is sent.
Rule: pure. Times are those on the values; the `Anchor` turns them into dates.
It does not promise that a message arrives; the outbox does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from camd.alerts.payload import (
    Many,
    Said,
    Source,
    alert_json,
    clip_json,
    events_json,
    notice,
    summary_json,
)
from camd.alerts.policy import Excess, Policy
from camd.alerts.states import MOTION, fault, online, presence, state, switched, tamper_off
from camd.alerts.topics import Names
from camd.model import (
    IGNORE,
    LABELS,
    SECOND,
    Alert,
    Began,
    Degraded,
    Ended,
    Event,
    Faulted,
    Grew,
    Happening,
    Nanos,
    Saved,
    Suppressed,
    Tampered,
)

UPDATE_EVERY: Nanos = SECOND


@dataclass(slots=True)
class Told:
    """What the house was last told of one camera: each open event, and the kinds of tampering that are on.

    Starts empty; only `alerts_of` writes it. `policy` decides which events are told aloud.
    """

    policy: Policy = field(default_factory=Policy)
    open: dict[str, Said] = field(default_factory=dict)
    tampered: set[str] = field(default_factory=set)


def alerts_of(happening: Happening, source: Source, told: Told) -> tuple[Alert, ...]:
    """Return the messages that tell of `happening`, in the order to send them, and note in `told` what they tell.

    An update is sent when the label or what is done about it changes, else once per second of the event's own time. An
    event that is ignored turns nothing ON.
    """
    match happening:
        case Began(event):
            return _began(event, source, told)
        case Grew(event):
            return _grew(event, source, told)
        case Ended(event):
            return _ended(event, source, told)
        case Saved(clip):
            since = clip.began + clip.duration_ns
            return (Alert(source.names.clip, clip_json(clip, source), retain=False, since=since),)
        case Tampered():
            return _tampered(happening, source, told)
        case Degraded(on=on):
            return (state(source.names.classifier, "degraded" if on else "ok"),)
        case Faulted(what, on):
            return (fault(source.names, what) if on else online(source.names),)
        case Suppressed():
            return ()
        case _:
            assert_never(happening)


def told_aloud(kind: str, what: str, t: Nanos, source: Source) -> Alert:
    """An alert that no motion began: of `kind` (an event type), named `what`, at boot time `t`."""
    return _alert(notice(kind, what, t, source.anchor), source)


def excess_of(excess: Excess, source: Source) -> Alert:
    """The one alert for all that a full hour withheld."""
    anchor = source.anchor
    many = Many("hour", anchor.unix_ns(excess.since), anchor.unix_ns(excess.until), excess.counts)
    return Alert(source.names.event, summary_json(many, source.names.camera), retain=False)


def _began(event: Event, source: Source, told: Told) -> tuple[Alert, ...]:
    before = _on(source.names, told)
    said = told.open[event.id] = Said(event, event.confidence)
    return (
        *_switches(before, source, told),
        *_aloud(event, source, told),
        Alert(source.names.events, events_json("new", said, said, source), retain=False, since=event.began),
    )


def _grew(event: Event, source: Source, told: Told) -> tuple[Alert, ...]:
    before, was_on = told.open[event.id], _on(source.names, told)
    is_the_same = (event.label, event.handling) == (before.event.label, before.event.handling)
    if is_the_same and event.ended - before.event.ended < UPDATE_EVERY:
        return ()
    after = told.open[event.id] = Said(event, max(before.top_score, event.confidence))
    topic = source.names.events
    update = Alert(topic, events_json("update", before, after, source), False, event.ended, f"{topic} {event.id}")
    return (*_switches(was_on, source, told), *_aloud(event, source, told), update)


def _ended(event: Event, source: Source, told: Told) -> tuple[Alert, ...]:
    before, was_on = told.open[event.id], _on(source.names, told)
    told.open[event.id] = after = Said(event, max(before.top_score, event.confidence))
    late = _aloud(event, source, told)  # a label that came with the end
    del told.open[event.id]
    told.policy.forget(event)
    end = Alert(source.names.events, events_json("end", before, after, source), retain=False, since=event.ended)
    return (*_switches(was_on, source, told), *late, end)


def _tampered(turned: Tampered, source: Source, told: Told) -> tuple[Alert, ...]:
    names = source.names
    if not turned.on:
        told.tampered.discard(turned.kind)
        return () if told.tampered else (tamper_off(names),)
    is_first = not told.tampered
    told.tampered.add(turned.kind)
    on = (switched(names.tamper, True),) if is_first else ()
    aloud = told.policy.admits("tamper", turned.t)
    return (*on, *((told_aloud("tamper", turned.kind, turned.t, source),) if aloud else ()))


def _aloud(event: Event, source: Source, told: Told) -> tuple[Alert, ...]:
    return (_alert(event, source),) if told.policy.is_told(event) else ()


def _alert(event: Event, source: Source) -> Alert:
    return Alert(source.names.event, alert_json(event, source), retain=False, since=event.began)


def _switches(before: Sequence[str], source: Source, told: Told) -> tuple[Alert, ...]:
    """What went ON or OFF, in one order always."""
    now = _on(source.names, told)
    zones = {zone for said in told.open.values() for zone in said.event.zones}
    known = dict.fromkeys((*presence(source.names, (*source.zones, *sorted(zones))), *before))
    return tuple(switched(topic, topic in now) for topic in known if (topic in now) != (topic in before))


def _on(names: Names, told: Told) -> list[str]:
    """The topics that are ON while just these events are open."""
    found = []
    for event in (said.event for said in told.open.values() if said.event.handling != IGNORE):
        labels = [MOTION, *([event.label] if event.label in LABELS else [])]
        found += [names.motion, *(names.label(label) for label in labels[1:])]
        found += [names.zone(zone, label) for zone in event.zones for label in labels]
    return found
