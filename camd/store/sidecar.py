"""The JSON beside each clip: what the recording holds, readable without camd.

Rule: recording and sidecar are the truth, the index a cache of them. A sidecar is replaced whole. Times of the clip
itself are absolute; those of events and boxes count from the clip's first picture, so an event that began in the clip
before begins at a negative time. It is exact to the millisecond and to 1/10000 of the picture, no finer.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from camd.clock import rfc3339
from camd.errors import UnusableInputError
from camd.model import SECOND, Box, Clip, Event, Nanos, Reason
from camd.store.files import open_plain, replace_whole, size_of

VERSION = 1
_BOX_EVERY: Nanos = SECOND // 5
_MOST = 64_000_000  # bytes; an hour of ten events with five boxes a second is 10 MB
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event of a clip and where it was seen: boot time and box, in order."""

    event: Event
    boxes: tuple[tuple[Nanos, Box], ...] = ()


@dataclass(frozen=True, slots=True)
class Sidecar:
    """All that is known of a clip. `clip.events` are the ids of `events`, in the same order."""

    clip: Clip
    events: tuple[RecordedEvent, ...]

    def __post_init__(self) -> None:
        if self.clip.events != tuple(recorded.event.id for recorded in self.events):
            raise ValueError(f"clip {self.clip.id}: its event ids are not those of the events recorded with it")


def write(path: Path, sidecar: Sidecar) -> None:
    """Put the sidecar at `path`, whole or not at all; the caller syncs the folder. Raises CannotWriteError."""
    text = json.dumps(to_json(sidecar), ensure_ascii=False, separators=(",", ":"))
    replace_whole(path, text.encode() + b"\n")


def read(path: Path) -> Sidecar:
    """The sidecar at `path`; `clip.beside` is measured. Raises UnusableInputError when it is not one."""
    try:
        with open_plain(path) as file:
            data = json.loads(file.read(_MOST + 1), parse_constant=_refuse)
        found = _sidecar(data)
    except OSError as error:
        raise UnusableInputError(f"{path}: the clip's sidecar cannot be read: {error.strerror}.") from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise UnusableInputError(f"{path}: not a clip's sidecar: {error}.") from error
    beside = size_of(path) + size_of(path.with_suffix(".jpg"))
    return replace(found, clip=replace(found.clip, beside=beside))


def with_embeddings(sidecar: Sidecar, seen: Mapping[str, bytes]) -> Sidecar:
    """The same, with what a classifier saw in these events, by their ids."""

    def looked_at(one: RecordedEvent) -> RecordedEvent:
        return replace(one, event=replace(one.event, embeddings=seen.get(one.event.id, one.event.embeddings)))

    return replace(sidecar, events=tuple(map(looked_at, sidecar.events)))


def clip_json(clip: Clip) -> dict[str, Any]:
    """The keys of a sidecar that tell of the clip as a whole, with the ids of its events."""
    return {
        "id": clip.id,
        "camera": clip.camera,
        "boot_id": clip.boot_id,
        "began": _seconds(clip.began_unix_ns),
        "began_iso": rfc3339(_to_nanos(_seconds(clip.began_unix_ns))),  # of the rounded time, so that they agree
        "began_boot": _seconds(clip.began),
        "synchronised": clip.synchronised,
        "duration": _seconds(clip.duration_ns),
        "pre_roll": _seconds(clip.pre_roll_ns),
        "label": clip.label,
        "starred": clip.starred,
        "cut_short": clip.cut_short,
        "continues": clip.continues,
        "bytes": clip.size,
        "sha256": clip.sha256,
        "event_ids": list(clip.events),
    }


def to_json(sidecar: Sidecar) -> dict[str, Any]:
    """The whole sidecar as it is written."""
    began = sidecar.clip.began
    events = [_event_json(recorded, began) for recorded in sidecar.events]
    return {"v": VERSION, **clip_json(sidecar.clip), "events": events}


def _event_json(recorded: RecordedEvent, began: Nanos) -> dict[str, Any]:
    event = recorded.event
    return {
        "id": event.id,
        "label": event.label,
        "confidence": event.confidence,
        "began": _seconds(event.began - began),
        "ended": _seconds(event.ended - began),
        "zones": list(event.zones),
        "reason": event.reason.json(),
        "boxes": [[_seconds(t - began), *_fractions(box)] for t, box in _thinned(recorded.boxes)],
        **({"embeddings": b64encode(event.embeddings).decode()} if event.embeddings else {}),
    }


def _thinned(boxes: Iterable[tuple[Nanos, Box]]) -> Iterator[tuple[Nanos, Box]]:
    """The first box of each fifth of a second."""
    last = None
    for t, box in boxes:
        if t // _BOX_EVERY != last:
            yield t, box
        last = t // _BOX_EVERY


def _seconds(ns: Nanos) -> float:
    return round(ns / SECOND, 3) + 0.0  # never -0.0


def _fractions(box: Box) -> list[float]:
    return [round(number, 4) for number in box]


def _sidecar(data: object) -> Sidecar:
    version = _need(data, "v", int)
    if version != VERSION:
        raise ValueError(f"it has format version {version}, this camd reads {VERSION}")
    began = _nanos(data, "began_boot")
    events = tuple(_event(item, began) for item in _need(data, "events", list))
    return Sidecar(_clip(data, began, tuple(recorded.event.id for recorded in events)), events)


def _clip(data: object, began: Nanos, events: tuple[str, ...]) -> Clip:
    return Clip(
        id=_need(data, "id", int),
        camera=_need(data, "camera", str),
        boot_id=_need(data, "boot_id", str),
        began=began,
        began_unix_ns=_nanos(data, "began"),
        duration_ns=_nanos(data, "duration"),
        pre_roll_ns=_nanos(data, "pre_roll"),
        size=_need(data, "bytes", int),
        beside=0,
        sha256=_need(data, "sha256", str),
        label=_need(data, "label", str),
        events=events,
        continues=_need_or_null(data, "continues", int),
        cut_short=_need(data, "cut_short", bool),
        starred=_need(data, "starred", bool),
        synchronised=_need_or(data, "synchronised", True),  # earlier sidecars do not say it
    )


def _event(data: object, clip_began: Nanos) -> RecordedEvent:
    event = Event(
        id=_need(data, "id", str),
        label=_need(data, "label", str),
        confidence=_number(data, "confidence"),
        began=clip_began + _nanos(data, "began"),
        ended=clip_began + _nanos(data, "ended"),
        reason=_reason(_need(data, "reason", dict)),
        zones=tuple(str(zone) for zone in _need(data, "zones", list)),
        embeddings=_embeddings(data),
    )
    rows = [_row(row, 5) for row in _need(data, "boxes", list)]
    return RecordedEvent(event, tuple((clip_began + _to_nanos(t), Box(*box)) for t, *box in rows))


def _embeddings(data: object) -> bytes:
    """Not in the sidecars of older camds, and of events without a label."""
    given = data.get("embeddings", "") if isinstance(data, dict) else ""
    if not isinstance(given, str):
        raise ValueError("key 'embeddings' is not text")
    return b64decode(given, validate=True)


def _reason(data: object) -> Reason:
    return Reason(
        rule=_need(data, "rule", str),
        changed_pixels=_need(data, "changed_pixels", int),
        threshold=_need(data, "threshold", int),
        blocks=_need(data, "blocks", int),
        noise_level=_number(data, "noise_level"),
        light_gain=_number(data, "light_gain"),
        box=Box(*_row(_need(data, "box", list), 4)),
        shadow_ratio=_number(data, "shadow_ratio"),
        track_s=_number(data, "track_s"),
        travel=_number(data, "travel"),
        zones=tuple(str(zone) for zone in _need(data, "zones", list)),
    )


def _need(data: object, key: str, kind: type[T]) -> T:
    value = data.get(key) if isinstance(data, dict) else None
    if type(value) is not kind:  # not isinstance: true is no number
        raise ValueError(f"key '{key}' is missing or not a JSON {kind.__name__}")
    return value


def _need_or_null(data: object, key: str, kind: type[T]) -> T | None:
    if isinstance(data, dict) and key in data and data[key] is None:
        return None
    return _need(data, key, kind)


def _need_or(data: object, key: str, default: T) -> T:
    return _need(data, key, type(default)) if isinstance(data, dict) and key in data else default


def _number(data: object, key: str) -> float:
    if isinstance(data, dict) and type(data.get(key)) is int:
        return float(data[key])
    return _need(data, key, float)


def _nanos(data: object, key: str) -> Nanos:
    return _to_nanos(_number(data, key))


def _to_nanos(seconds: float) -> Nanos:
    return round(seconds * 1000) * (SECOND // 1000)


def _row(row: object, length: int) -> list[float]:
    if not isinstance(row, list) or len(row) != length or any(type(number) not in (int, float) for number in row):
        raise ValueError(f"a box is not {length} numbers")
    return [float(number) for number in row]


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
