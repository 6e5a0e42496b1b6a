"""What a message says, as JSON: alerts, the life of an event, clips, and numbers for what was not told one by one.

Rule: pure. Every object carries `"v": 1`; absolute times are UNIX seconds with an RFC 3339 twin. No payload is larger
than `MOST_BYTES`, because a broker drops what is too large without a word; lists and texts are bounded here for it.
The shapes are told in `mqtt.schema.json`. `events` carries Frigate's key names, so that what was made for Frigate
works here (https://docs.frigate.video/integrations/mqtt).
"""

import json
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from camd.alerts.topics import Names
from camd.clock import rfc3339
from camd.model import SECOND, Box, Clip, Event, Nanos, Reason

MOST_BYTES: Final = 8192  # of a payload of text
MOST_ZONES: Final = 8  # named in one message
MOST_EVENTS: Final = 50  # named in one clip's message
MILLISECOND: Final[Nanos] = SECOND // 1000
WHOLE: Final = Box(0.0, 0.0, 1.0, 1.0)

# What may stand as event_type in an alert; Home Assistant is told of them beforehand. `summary` stands for many.
EVENT_TYPES: Final = (
    "motion", "person", "vehicle", "animal", "other", "tamper", "camera_offline", "storage_low", "home_mode", "summary",
)  # fmt: skip


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
    """Whose happenings these are: the camera's topics, its dates, its picture, its zones.

    `page` is the web page that alerts link to, "" for none; `has_pictures` says that alerts come with one.
    """

    names: Names
    anchor: Anchor
    size: PictureSize
    zones: tuple[str, ...] = ()
    page: str = ""
    has_pictures: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """An event as it was told, with the best score so far."""

    event: Event
    top_score: float


@dataclass(frozen=True, slots=True)
class Many:
    """Alerts that are told as a number: why (`broker` was away, the `hour` was full), from when to when, of what."""

    cause: str
    began_ns: int
    ended_ns: int
    counts: dict[str, int]


def alert_json(event: Event, source: Source) -> str:
    """The alert of one event, at its onset."""
    box, size = event.reason.box, source.size
    began = source.anchor.unix_ns(event.began)
    return to_json(
        {
            "event_type": event.label,
            "event_id": event.id,
            "camera": source.names.camera,
            "began": seconds(began),
            "began_iso": rfc3339(began),
            "label": event.label,
            "confidence": round(event.confidence, 3),
            "zones": event.zones[:MOST_ZONES],
            "changed_pixels": event.reason.changed_pixels,
            "threshold": event.reason.threshold,
            "noise_level": round(event.reason.noise_level, 3),
            "motion_center_x": round((box.x + box.width / 2) * size.width),
            "motion_center_y": round((box.y + box.height / 2) * size.height),
            "motion_width": round(box.width * size.width),
            "motion_height": round(box.height * size.height),
            "reason": event.reason.json(),
            "url": f"{source.page}/events/{event.id}" if source.page else None,
            "delayed": False,
            "latency_ms": None,
        }
    )


def notice(kind: str, what: str, t: Nanos, anchor: Anchor) -> Event:
    """An alert that no motion began: of `kind` (an event type), named `what`, at time `t`."""
    name = f"{what}-{anchor.unix_ns(t) // MILLISECOND}"
    return Event(name, kind, 1.0, t, t, Reason(what, 0, 0, 0, 0.0, 1.0, WHOLE))


def summary_json(many: Many, camera: str) -> str:
    """One alert that stands for many."""
    total = sum(many.counts.values())
    why = {"broker": "while the broker was away", "hour": "beyond the limit of the hour"}[many.cause]
    return to_json(
        {
            "event_type": "summary",
            "event_id": f"summary-{many.cause}-{many.began_ns // MILLISECOND}-{total}",
            "camera": camera,
            "began": seconds(many.began_ns),
            "began_iso": rfc3339(many.began_ns),
            "ended": seconds(many.ended_ns),
            "ended_iso": rfc3339(many.ended_ns),
            "cause": many.cause,
            "count": total,
            "counts": many.counts,
            "text": f"{total} {'event' if total == 1 else 'events'} {why}",
            "delayed": False,
            "latency_ms": None,
        }
    )


def events_json(kind: str, before: Said, after: Said, source: Source) -> str:
    """The life of an event: `kind` is new, update or end."""
    ended = seconds(source.anchor.unix_ns(after.event.ended)) if kind == "end" else None
    return to_json(
        {"type": kind, "before": _frigate(before, None, source), "after": _frigate(after, ended, source)},
    )


def clip_json(clip: Clip, source: Source) -> str:
    """A clip that is durable."""
    ended = clip.began_unix_ns + clip.duration_ns
    return to_json(
        {
            "id": clip.id,
            "event_ids": clip.events[:MOST_EVENTS],
            "continues": clip.continues,
            "began": seconds(clip.began_unix_ns),
            "began_iso": rfc3339(clip.began_unix_ns),
            "ended": seconds(ended),
            "ended_iso": rfc3339(ended),
            "bytes": clip.size,
            "sha256": clip.sha256,
            "pre_roll": seconds(clip.pre_roll_ns),
            "truncated": clip.cut_short,
            "url": f"{source.page}/clips/{clip.id}" if source.page else None,
        }
    )


def stamped(payload: str, delayed: bool, latency_ms: float | None) -> str:
    """Return an alert's payload with `delayed` and `latency_ms` as they are when it is sent; any other unchanged."""
    if not payload.startswith("{"):
        return payload
    alert = json.loads(payload)
    if "delayed" not in alert:
        return payload
    return _compact({**alert, "delayed": delayed, "latency_ms": latency_ms})


def seconds(nanos: int) -> float:
    """Seconds, to the millisecond."""
    return round(nanos / SECOND, 3)


def to_json(value: dict[str, Any]) -> str:
    """One object as compact JSON, `"v": 1` first."""
    return _compact({"v": 1, **value})


def one_line(text: str, most: int = 200) -> str:
    """Text that may stand in a message: one line, printable, of at most so many characters."""
    return "".join(char if char.isprintable() else " " for char in text)[:most]


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _frigate(state: Said, end_time: float | None, source: Source) -> dict[str, Any]:
    event = state.event
    left, top, right, bottom = _corners(event.reason.box, source.size)
    return {
        "id": event.id,
        "camera": source.names.camera,
        "frame_time": seconds(source.anchor.unix_ns(event.ended)),
        "label": event.label,
        "top_score": round(state.top_score, 3),
        "false_positive": False,
        "start_time": seconds(source.anchor.unix_ns(event.began)),
        "end_time": end_time,
        "score": round(event.confidence, 3),
        "box": [left, top, right, bottom],
        "area": (right - left) * (bottom - top),
        "region": [0, 0, *source.size],
        "current_zones": event.zones[:MOST_ZONES],
        "entered_zones": event.zones[:MOST_ZONES],
        "thumbnail": None,
        "has_snapshot": source.has_pictures,
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
