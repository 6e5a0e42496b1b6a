"""What the house is told: happenings as MQTT messages.

Idea: one happening in, the messages that tell of it out. What was told before lies in a `Told` that the caller owns.
Rule: pure. Times are those on the values; the `Anchor` turns them into dates. Event payloads stay under 1 KiB, since
brokers drop what is too large without a word. `events` carries Frigate's key names, so that what was made for Frigate
works here (https://docs.frigate.video/integrations/mqtt).
It does not promise that a message arrives; the outbox does.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple, assert_never

from camd.clock import rfc3339
from camd.model import (
    SECOND,
    Alert,
    Began,
    Box,
    Clip,
    Ended,
    Event,
    Faulted,
    Grew,
    Happening,
    Nanos,
    Reason,
    Saved,
    Suppressed,
    Tampered,
)

UPDATE_EVERY: Nanos = SECOND
MILLISECOND: Nanos = SECOND // 1000
WHOLE = Box(0.0, 0.0, 1.0, 1.0)
_NOT_IN_A_LEVEL = re.compile(r"[+#/\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # wildcards, separator, what MQTT 3.1.1 forbids


@dataclass(frozen=True, slots=True)
class Names:
    """The topics of one camera and its node. `prefix` may have levels; `node` and `camera` are made one level each."""

    prefix: str
    node: str
    camera: str

    @property
    def available(self) -> str:
        """Whether the notify process is there: `online`, `stopped` or `offline` (last will), retained."""
        return self._topic("available")

    @property
    def events(self) -> str:
        """Beginnings, updates and ends of events, with Frigate's keys."""
        return self._topic("events")

    @property
    def status(self) -> str:
        """The camera's state, retained."""
        return self._topic(self.camera, "status")

    @property
    def motion(self) -> str:
        """`ON` while an event is open, retained."""
        return self._topic(self.camera, "motion")

    @property
    def event(self) -> str:
        """One alert for each event, at its onset, and one for each kind of tampering."""
        return self._topic(self.camera, "event")

    @property
    def tamper(self) -> str:
        """`ON` while the camera is covered, blurred, moved, dark or frozen, retained."""
        return self._topic(self.camera, "tamper")

    @property
    def clip(self) -> str:
        """One message for each clip that is durable."""
        return self._topic(self.camera, "clip")

    def _topic(self, *levels: str) -> str:
        return "/".join((self.prefix, *(_NOT_IN_A_LEVEL.sub("_", level) for level in (self.node, *levels))))


@dataclass(frozen=True, slots=True)
class Anchor:
    """Ties the boot clock of the boot `boot_id` to dates: UNIX time = boot time + `unix_offset_ns`."""

    boot_id: str
    unix_offset_ns: int

    def unix_ns(self, t: Nanos) -> int:
        """The date of boot time `t`."""
        return t + self.unix_offset_ns


class PictureSize(NamedTuple):
    """Pixels of the full picture."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Source:
    """Whose happenings these are: the camera's topics, its dates and its picture."""

    names: Names
    anchor: Anchor
    size: PictureSize


@dataclass(frozen=True, slots=True)
class _State:
    """An event as it was told, with the best score so far."""

    event: Event
    top_score: float


@dataclass(slots=True)
class Told:
    """What the house was last told of one camera: each open event, and the kinds of tampering that are on.

    Starts empty; only `alerts_of` writes it.
    """

    open: dict[str, _State] = field(default_factory=dict)
    tampered: set[str] = field(default_factory=set)


def alerts_of(happening: Happening, source: Source, told: Told) -> tuple[Alert, ...]:
    """Return the messages that tell of `happening`, in the order to send them, and note in `told` what they tell.

    An update is sent when the label changes, else once per second of the event's own time.
    """
    match happening:
        case Began(event, muted):
            return _began(event, muted, source, told)
        case Grew(event):
            return _grew(event, source, told)
        case Ended(event):
            return _ended(event, source, told)
        case Saved(clip):
            return (Alert(source.names.clip, _clip_json(clip), retain=False, since=clip.began + clip.duration_ns),)
        case Tampered():
            return _tampered(happening, source, told)
        case Faulted(what, on):
            return (fault(source.names, what) if on else online(source.names),)
        case Suppressed():
            return ()
        case _:
            assert_never(happening)


def online(names: Names) -> Alert:
    """The camera gives pictures."""
    return Alert(names.status, "online", retain=True)


def offline(names: Names) -> Alert:
    """The camera is off: capture has ended."""
    return Alert(names.status, "offline", retain=True)


def fault(names: Names, what: str) -> Alert:
    """The camera, or what keeps its pictures, does not do its work; `what` is one line."""
    return Alert(names.status, f"fault:{what}", retain=True)


def motion_off(names: Names) -> Alert:
    """Nothing moves: sent at start and before exit, so that no old ON stays on the broker."""
    return Alert(names.motion, "OFF", retain=True)


def tamper_off(names: Names) -> Alert:
    """Nothing is wrong with what the camera sees: sent at start, when nobody knows yet."""
    return Alert(names.tamper, "OFF", retain=True)


def stamped(payload: str, delayed: bool, latency_ms: float | None) -> str:
    """Return an alert's payload with `delayed` and `latency_ms` as they are when it is sent; any other unchanged."""
    if not payload.startswith("{"):
        return payload
    alert = json.loads(payload)
    if "delayed" not in alert:
        return payload
    return _compact({**alert, "delayed": delayed, "latency_ms": latency_ms})


def _began(event: Event, muted: bool, source: Source, told: Told) -> tuple[Alert, ...]:
    names = source.names
    state = told.open[event.id] = _State(event, event.confidence)
    alert = Alert(names.event, _alert_json(event, source), retain=False, since=event.began)
    return (
        Alert(names.motion, "ON", retain=True),
        *(() if muted else (alert,)),
        Alert(names.events, _events_json("new", state, state, source), retain=False, since=event.began),
    )


def _grew(event: Event, source: Source, told: Told) -> tuple[Alert, ...]:
    before = told.open[event.id]
    if event.label == before.event.label and event.ended - before.event.ended < UPDATE_EVERY:
        return ()
    after = told.open[event.id] = _State(event, max(before.top_score, event.confidence))
    return (Alert(source.names.events, _events_json("update", before, after, source), retain=False, since=event.ended),)


def _ended(event: Event, source: Source, told: Told) -> tuple[Alert, ...]:
    before = told.open.pop(event.id)
    after = _State(event, max(before.top_score, event.confidence))
    end = Alert(source.names.events, _events_json("end", before, after, source), retain=False, since=event.ended)
    return (end,) if told.open else (motion_off(source.names), end)


def _tampered(turned: Tampered, source: Source, told: Told) -> tuple[Alert, ...]:
    names = source.names
    if not turned.on:
        told.tampered.discard(turned.kind)
        return () if told.tampered else (tamper_off(names),)
    alert = Alert(names.event, _alert_json(_tamper_event(turned, source), source), retain=False, since=turned.t)
    is_first = not told.tampered
    told.tampered.add(turned.kind)
    return (Alert(names.tamper, "ON", retain=True), alert) if is_first else (alert,)


def _tamper_event(turned: Tampered, source: Source) -> Event:
    """It as an event, so that its alert has the keys of every alert; the reason's rule is the kind."""
    reason = Reason(turned.kind, changed_pixels=0, threshold=0, blocks=0, noise_level=0.0, light_gain=1.0, box=WHOLE)
    name = f"{turned.kind}-{source.anchor.unix_ns(turned.t) // MILLISECOND}"
    return Event(name, "tamper", 1.0, turned.t, turned.t, reason)


def _alert_json(event: Event, source: Source) -> str:
    box, size = event.reason.box, source.size
    began = source.anchor.unix_ns(event.began)
    return _json(
        {
            "event_type": event.label,
            "event_id": event.id,
            "camera": source.names.camera,
            "began": _seconds(began),
            "began_iso": rfc3339(began),
            "label": event.label,
            "confidence": round(event.confidence, 3),
            "zones": event.zones,
            "changed_pixels": event.reason.changed_pixels,
            "threshold": event.reason.threshold,
            "noise_level": round(event.reason.noise_level, 3),
            "motion_center_x": round((box.x + box.width / 2) * size.width),
            "motion_center_y": round((box.y + box.height / 2) * size.height),
            "motion_width": round(box.width * size.width),
            "motion_height": round(box.height * size.height),
            "reason": _reason(event.reason),
            "delayed": False,
            "latency_ms": None,
        }
    )


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "rule": reason.rule,
        "changed_pixels": reason.changed_pixels,
        "threshold": reason.threshold,
        "blocks": reason.blocks,
        "noise_level": round(reason.noise_level, 3),
        "light_gain": round(reason.light_gain, 3),
        "box": [round(value, 4) for value in reason.box],
    }


def _events_json(kind: str, before: _State, after: _State, source: Source) -> str:
    ended = _seconds(source.anchor.unix_ns(after.event.ended)) if kind == "end" else None
    return _json(
        {"type": kind, "before": _frigate(before, None, source), "after": _frigate(after, ended, source)},
    )


def _frigate(state: _State, end_time: float | None, source: Source) -> dict[str, Any]:
    event = state.event
    left, top, right, bottom = _corners(event.reason.box, source.size)
    return {
        "id": event.id,
        "camera": source.names.camera,
        "frame_time": _seconds(source.anchor.unix_ns(event.ended)),
        "label": event.label,
        "top_score": round(state.top_score, 3),
        "false_positive": False,
        "start_time": _seconds(source.anchor.unix_ns(event.began)),
        "end_time": end_time,
        "score": round(event.confidence, 3),
        "box": [left, top, right, bottom],
        "area": (right - left) * (bottom - top),
        "region": [0, 0, *source.size],
        "current_zones": event.zones,
        "entered_zones": event.zones,
        "thumbnail": None,
        "has_snapshot": False,
        "has_clip": False,
        "stationary": False,
        "motionless_count": 0,
        "position_changes": 0,
    }


def _corners(box: Box, size: PictureSize) -> tuple[int, int, int, int]:
    return (
        round(box.x * size.width),
        round(box.y * size.height),
        round((box.x + box.width) * size.width),
        round((box.y + box.height) * size.height),
    )


def _clip_json(clip: Clip) -> str:
    ended = clip.began_unix_ns + clip.duration_ns
    return _json(
        {
            "id": clip.id,
            "event_ids": clip.events,
            "continues": clip.continues,
            "began": _seconds(clip.began_unix_ns),
            "began_iso": rfc3339(clip.began_unix_ns),
            "ended": _seconds(ended),
            "ended_iso": rfc3339(ended),
            "bytes": clip.size,
            "sha256": clip.sha256,
            "pre_roll": _seconds(clip.pre_roll_ns),
            "truncated": clip.cut_short,
        }
    )


def _seconds(nanos: int) -> float:
    return round(nanos / SECOND, 3)


def _json(value: dict[str, Any]) -> str:
    return _compact({"v": 1, **value})


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
