"""The clip that is being written: what is known of it so far, and the row and sidecar that follow from that.

Rule: times are as exact as a sidecar can say them, so that a row made from a sidecar is the same row.
"""

from dataclasses import dataclass, field
from typing import Final

from camd.clips.writer import Writer
from camd.model import IGNORE, SECOND, Box, Clip, Event, Glimpse, Nanos
from camd.store.sidecar import RecordedEvent

MILLISECOND: Final = SECOND // 1000


@dataclass(slots=True)
class OpenClip:
    """The clip being written. `closes` is when it ends, once no event is `active`.

    `group` is where its newest fragment of whole groups begins; when writing fails, at most that and the one before are
    lost.
    """

    id: int
    writer: Writer
    began: Nanos
    began_unix_ns: int
    synchronised: bool
    last: Nanos
    closes: Nanos
    group: Nanos
    group_before: Nanos
    continues: int | None
    events: dict[str, Event] = field(default_factory=dict)
    boxes: dict[str, list[tuple[Nanos, Box]]] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    best: Glimpse | None = None
    cut_short: bool = False

    def note(self, event: Event) -> None:
        """It holds this event, which is where its reason says now."""
        self.events[event.id] = event
        self.boxes.setdefault(event.id, []).append((event.ended, event.reason.box))

    @property
    def is_ignored(self) -> bool:
        """Whether it holds events, and none that is to be kept."""
        return bool(self.events) and all(event.handling == IGNORE for event in self.events.values())

    def recorded(self) -> tuple[RecordedEvent, ...]:
        """Its events with the places where they were."""
        return tuple(RecordedEvent(event, tuple(self.boxes.get(id_, ()))) for id_, event in self.events.items())

    def row(self, camera: str, fps: float, boot_id: str) -> Clip:
        """What is known of it so far; its size and digest are those of nothing."""
        onset = min((event.began for event in self.events.values()), default=self.began)
        labels = [event.label for event in self.events.values()]
        return Clip(
            id=self.id,
            camera=camera,
            boot_id=boot_id,
            began=_milliseconds(self.began),
            began_unix_ns=_milliseconds(self.began_unix_ns),
            duration_ns=_milliseconds(self.last - self.began + round(SECOND / fps)),
            pre_roll_ns=_milliseconds(max(0, onset - self.began)),
            size=0,
            beside=0,
            sha256="",
            label=next((label for label in labels if label != "motion"), "motion"),
            events=tuple(self.events),
            continues=self.continues,
            cut_short=self.cut_short,
            synchronised=self.synchronised,
        )


def _milliseconds(nanos: Nanos) -> Nanos:
    """The same time as exactly as the sidecar can say it, so that a row made from a sidecar is the same row."""
    return round(nanos / MILLISECOND) * MILLISECOND
