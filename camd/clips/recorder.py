"""Makes clips: the seconds before an event, the event, the seconds after it.

Idea: packets and findings come in one order. An event opens a clip out of the pre-roll; another that begins before the
clip is closed extends it; a clip that grows too long is closed at a key picture and goes on in a continuation.
Rule: one recorder to a store. Trouble with the disk costs the open clip and is logged, never the process.
It does not promise: a clip for an event that begins before the stream's first key picture; it starts there.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from camd.clips.preroll import PreRoll
from camd.clips.writer import Writer
from camd.clock import Clock
from camd.config import RecordConfig
from camd.errors import CannotWriteError
from camd.model import (
    SECOND,
    Began,
    Box,
    Clip,
    Degraded,
    Ended,
    Event,
    Footage,
    Format,
    Gap,
    Glimpse,
    Grew,
    Nanos,
    Packet,
    Saved,
    Suppressed,
    Tampered,
)
from camd.store import sidecar
from camd.store.files import replace_whole, sync_folder
from camd.store.shelf import Shelf
from camd.store.sidecar import RecordedEvent, Sidecar

_log = logging.getLogger(__name__)

MILLISECOND: Final = SECOND // 1000
LATENESS: Final = 2 * SECOND  # a finding may come so much later than the packets it is about
BESIDE: Final = 100_000  # bytes kept free for the sidecar and thumbnail of the open clip
BETTER: Final = 1.2  # times the score that a new thumbnail must have


@dataclass(frozen=True, slots=True)
class Stream:
    """What a recorder must know of its camera: the name, and what its packets are."""

    camera: str
    layout: Format


@dataclass(slots=True)
class _OpenClip:
    """The clip being written. `closes` is when it ends, once no event is `active`."""

    id: int
    writer: Writer
    began: Nanos
    began_unix_ns: int
    last: Nanos
    closes: Nanos
    continues: int | None
    events: dict[str, Event] = field(default_factory=dict)
    boxes: dict[str, list[tuple[Nanos, Box]]] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    best: Glimpse | None = None
    cut_short: bool = False


class Recorder:
    """Takes a camera's footage and puts clips on the shelf; `tell` hears of each one that is durable."""

    def __init__(
        self, stream: Stream, settings: RecordConfig, shelf: Shelf, clock: Clock, tell: Callable[[Saved], object]
    ) -> None:
        self._stream, self._settings = stream, settings
        self._shelf, self._clock, self._tell = shelf, clock, tell
        self._preroll = PreRoll(settings.pre_roll + LATENESS, settings.memory)
        self._waiting: dict[str, Event] = {}  # events that began before there was a picture to start from
        self._open: _OpenClip | None = None

    def take(self, item: Footage) -> None:
        """Take the next packet or finding of the camera."""
        try:
            self._take(item)
        except (OSError, CannotWriteError) as error:
            _log.error("a clip was cut short: %s", error)
            self._abandon()

    def close(self) -> None:
        """The camera has stopped: finish the open clip."""
        try:
            self._finish()
        except (OSError, CannotWriteError) as error:
            _log.error("the last clip was cut short: %s", error)
            self._abandon()

    def _take(self, item: Footage) -> None:
        match item:
            case Packet():
                self._push(item)
            case Began(event):
                self._begin(event)
            case Grew(event):
                self._note(event)
            case Ended(event):
                self._end(event)
            case Glimpse():
                self._glimpse(item)
            case Gap():
                self._lose()
            case Suppressed() | Tampered() | Degraded():
                pass
            case _:
                assert_never(item)

    def _push(self, packet: Packet) -> None:
        self._preroll.push(packet)
        clip = self._open
        if clip is None:
            if packet.is_key:
                self._idle(packet)
        elif not clip.active and packet.t > clip.closes:
            self._finish()
        elif packet.is_key and packet.t - clip.began >= self._settings.max_length:
            self._carry_on(clip, packet)
        else:
            self._write(clip, packet)

    def _idle(self, packet: Packet) -> None:
        """Between clips, once per group of pictures: unlink what others deleted, and start what had to wait."""
        self._shelf.tidy()
        if self._waiting:
            self._start(packet.t, self._take_waiting(), continues=None)

    def _write(self, clip: _OpenClip, packet: Packet) -> None:
        clip.last = max(clip.last, packet.t)
        clip.writer.write(packet)

    def _carry_on(self, clip: _OpenClip, packet: Packet) -> None:
        going_on = [clip.events[id_] for id_ in clip.active]
        closes = clip.closes
        self._finish()
        self._start(packet.t, going_on, continues=clip.id)
        if self._open is not None and not going_on:
            self._open.closes = closes

    def _begin(self, event: Event) -> None:
        if self._open is None:
            self._start(event.began - self._settings.pre_roll, [event], continues=None)
        else:
            self._note(event)
            self._open.active.add(event.id)

    def _start(self, since: Nanos, events: list[Event], continues: int | None) -> None:
        packets = self._preroll.since(since)
        if not packets:
            self._waiting.update((event.id, event) for event in events)
            return
        number = self._shelf.next_id()
        writer = Writer(
            self._shelf.part(number), self._stream.layout, lambda size: self._shelf.make_room(size + BESIDE)
        )
        began = packets[0].t
        unix_ns = began + self._clock.unix() - self._clock.boot()
        clip = _OpenClip(number, writer, began, unix_ns, began, began, continues)
        self._open = clip
        for event in events:
            self._note(event)
            clip.active.add(event.id)
        self._write_sidecar(clip, self._row(clip))
        for packet in packets:
            self._write(clip, packet)

    def _take_waiting(self) -> list[Event]:
        waiting, self._waiting = list(self._waiting.values()), {}
        return waiting

    def _note(self, event: Event) -> None:
        if event.id in self._waiting:
            self._waiting[event.id] = event
        if self._open is not None:
            self._open.events[event.id] = event
            self._open.boxes.setdefault(event.id, []).append((event.ended, event.reason.box))

    def _end(self, event: Event) -> None:
        self._waiting.pop(event.id, None)
        clip = self._open
        if clip is None:
            return
        clip.events[event.id] = event
        clip.active.discard(event.id)
        clip.closes = max(clip.closes, event.ended + self._settings.post_roll)

    def _glimpse(self, glimpse: Glimpse) -> None:
        clip = self._open
        if clip is None or not clip.began <= glimpse.t:
            return
        if clip.best is None or glimpse.score > clip.best.score * BETTER:
            clip.best = glimpse

    def _lose(self) -> None:
        """Pictures are missing: the open clip ends before them, and no later one may start before them."""
        if self._open is not None:
            self._open.cut_short = True
        self._finish()
        self._preroll.clear()

    def _finish(self) -> None:
        clip, self._open = self._open, None
        if clip is None:
            return
        final = self._shelf.mp4(clip.id)
        size = clip.writer.finish(final)
        with final.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if clip.best is not None:
            replace_whole(self._shelf.thumbnail(clip.id), clip.best.jpeg())
        row = replace(self._row(clip), size=size, sha256=digest)
        self._write_sidecar(clip, row)
        self._tell(Saved(self._shelf.keep(row)))

    def _abandon(self) -> None:
        """Leave what is on disk to the next start, which adopts it."""
        clip, self._open = self._open, None
        if clip is not None:
            clip.writer.abandon()

    def _row(self, clip: _OpenClip) -> Clip:
        onset = min((event.began for event in clip.events.values()), default=clip.began)
        labels = [event.label for event in clip.events.values()]
        return Clip(
            id=clip.id,
            camera=self._stream.camera,
            boot_id=self._clock.boot_id,
            began=_milliseconds(clip.began),
            began_unix_ns=_milliseconds(clip.began_unix_ns),
            duration_ns=_milliseconds(clip.last - clip.began + round(SECOND / self._stream.layout.fps)),
            pre_roll_ns=_milliseconds(max(0, onset - clip.began)),
            size=0,
            beside=0,
            sha256="",
            label=next((label for label in labels if label != "motion"), "motion"),
            events=tuple(clip.events),
            continues=clip.continues,
            cut_short=clip.cut_short,
        )

    def _write_sidecar(self, clip: _OpenClip, row: Clip) -> None:
        path = self._shelf.sidecar(clip.id)
        recorded = (RecordedEvent(event, tuple(clip.boxes.get(id_, ()))) for id_, event in clip.events.items())
        sidecar.write(path, Sidecar(row, tuple(recorded)))
        sync_folder(path.parent)


def _milliseconds(nanos: Nanos) -> Nanos:
    """The same time as exactly as the sidecar can say it, so that a row made from a sidecar is the same row."""
    return round(nanos / MILLISECOND) * MILLISECOND
