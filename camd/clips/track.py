"""One camera's clips: the seconds before an event, the event, the seconds after it.

Idea: packets and findings come in one order. An event opens a clip out of the pre-roll; another that begins before the
clip is closed extends it; a clip that grows too long is closed at a key picture and goes on in a continuation.
Rule: a clip is of one set-up of the stream and one run of its clock: where either breaks, the clip ends and another
begins. Trouble with the disk passes through; the recorder then has every camera `abandon` its clip, and go on later.
A clip whose events all turn out to be ignored by its owner's rules is written like any other, and discarded at its end.
It does not promise: a clip for an event that begins before the stream's first key picture; it starts there.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

from camd.clips.open_clip import OpenClip
from camd.clips.parameters import parameters
from camd.clips.preroll import PreRoll
from camd.clips.writer import SHORTEST, Writer
from camd.clock import Clock
from camd.config import RecordConfig
from camd.errors import CannotWriteError
from camd.model import (
    SECOND,
    Began,
    Clip,
    Degraded,
    Ended,
    Event,
    Faulted,
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
from camd.store.sidecar import Sidecar
from camd.store.trust import DamagedIndexError

LATENESS: Final = 2 * SECOND  # a finding may come so much later than the packets it is about
BESIDE: Final = 100_000  # bytes kept free for the sidecar and thumbnail of the open clip
BETTER: Final = 1.2  # times the score that a new thumbnail must have
JUMP: Final = 10 * SECOND  # a step of the stream's own time that no camera makes: its clock was set
TROUBLE: Final = (OSError, CannotWriteError, DamagedIndexError)

Tell = Callable[[Saved | Faulted], object]


@dataclass(frozen=True, slots=True)
class Stream:
    """What a recorder must know of its camera: the name, and what its packets are."""

    camera: str
    layout: Format


class Track:
    """Takes a camera's footage and puts clips on the shelf. Every method but `abandon` may raise `TROUBLE`.

    `tell` hears of each clip that is durable.
    """

    def __init__(self, stream: Stream, settings: RecordConfig, shelf: Shelf, clock: Clock, tell: Tell) -> None:
        self.stream, self.tell = stream, tell
        self.is_stopped = False  # the disk is in trouble: what begins has to wait
        self._settings, self._shelf, self._clock = settings, shelf, clock
        self._preroll = PreRoll(settings.pre_roll + LATENESS, settings.memory)
        self._waiting: dict[str, Event] = {}  # events that go on, to be recorded from the next key picture
        self._over: set[str] = set()  # those of them that have ended meanwhile
        self._open: OpenClip | None = None
        self._cut: OpenClip | None = None  # the clip that trouble or a gap ended and the next one carries on
        self._parameters: frozenset[bytes] = frozenset()
        self._last_dts: Nanos | None = None

    def take(self, item: Footage) -> None:
        """Take the next packet or finding of the camera."""
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

    def finish(self) -> None:
        """Finish the open clip, if there is one."""
        clip = self._open
        if clip is None:
            return
        if clip.is_ignored:
            self._discard(clip)
            return
        final = self._shelf.mp4(clip.id)
        size = clip.writer.finish(final)
        with final.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if clip.best is not None:
            replace_whole(self._shelf.thumbnail(clip.id), clip.best.jpeg())
        row = replace(self._row(clip), size=size, sha256=digest)
        self._write_sidecar(clip, row)
        kept = self._shelf.keep(row)
        self._open = None
        self.tell(Saved(kept))

    def _discard(self, clip: OpenClip) -> None:
        """Leave nothing of it: all that it holds is what its owner ignores."""
        self._open = None
        clip.writer.abandon()
        self._shelf.discard(clip.id, "all that it holds is ignored")

    def abandon(self) -> None:
        """Leave what is on disk to be adopted, and record nothing until `is_stopped` is no more."""
        self.is_stopped = True
        clip, self._open = self._open, None
        if clip is None:
            return
        self._wait_on(clip)
        clip.writer.abandon()
        with suppress(*TROUBLE):  # the same trouble again
            self._shelf.leave(clip.id)
            if self._shelf.part(clip.id).exists():  # a finished one may have its row after all
                self._write_sidecar(clip, replace(self._row(clip), cut_short=True))

    def wipe(self) -> None:
        """Forget the seconds before now."""
        self._preroll.clear()

    def _push(self, packet: Packet) -> None:
        if self._breaks(packet):
            self._lose()
        self._preroll.push(packet)
        clip = self._open
        if clip is None:
            if packet.is_key:
                self._idle(packet)
        elif not clip.active and packet.t > clip.closes:
            self.finish()
        elif packet.is_key and packet.t - clip.began >= self._settings.max_length:
            self._carry_on(clip, packet)
        else:
            self._write(clip, packet)

    def _breaks(self, packet: Packet) -> bool:
        """Whether this picture cannot stand in one file with those before it."""
        last, self._last_dts = self._last_dts, packet.dts
        jumped = last is not None and not last - SECOND <= packet.dts <= last + JUMP
        if not packet.is_key:
            return jumped
        before, self._parameters = self._parameters, parameters(packet.data) or self._parameters
        return jumped or bool(before and before != self._parameters)

    def _idle(self, packet: Packet) -> None:
        """Between clips, once per group of pictures: unlink what others deleted, and start what had to wait."""
        if self.is_stopped:
            return
        self._shelf.tidy()
        if self._waiting:
            self._resume()

    def _resume(self) -> None:
        """Record what had to wait, from where it was lost as far as the pre-roll still holds it."""
        waiting, cut = list(self._waiting.values()), self._cut
        since = cut.group_before if cut else min(event.began for event in waiting) - self._settings.pre_roll
        self._start(since, waiting, continues=cut.id if cut and not cut.is_ignored else None)

    def _write(self, clip: OpenClip, packet: Packet) -> None:
        if packet.is_key and packet.t - clip.group >= SHORTEST:
            clip.group_before, clip.group = clip.group, packet.t
        clip.last = max(clip.last, packet.t)
        clip.writer.write(packet)

    def _carry_on(self, clip: OpenClip, packet: Packet) -> None:
        going_on = [clip.events[id_] for id_ in clip.active]
        closes = clip.closes
        self.finish()
        self._start(packet.t, going_on, continues=None if clip.is_ignored else clip.id)
        if self._open is not None and not going_on:
            self._open.closes = closes

    def _begin(self, event: Event) -> None:
        if self.is_stopped:
            self._waiting[event.id] = event
        elif self._open is None:
            self._start(event.began - self._settings.pre_roll, [event], continues=None)
        else:
            self._note(event)
            self._open.active.add(event.id)

    def _start(self, since: Nanos, events: list[Event], continues: int | None) -> None:
        self._waiting.update((event.id, event) for event in events)  # until a clip has them
        packets = self._preroll.since(since)
        if not packets or self._is_too_late(packets[0].t):
            return
        clip = self._opened(packets[0], continues)
        self._hand_over(clip)
        self._write_sidecar(clip, self._row(clip))
        for packet in packets:
            self._write(clip, packet)

    def _is_too_late(self, first: Nanos) -> bool:
        """Forget what ended before the first picture that there is; whether nothing is left to record."""
        had = len(self._waiting)
        for id_ in self._over & {id_ for id_, event in self._waiting.items() if event.ended < first}:
            del self._waiting[id_]
        self._over &= self._waiting.keys()
        return had > 0 and not self._waiting

    def _hand_over(self, clip: OpenClip) -> None:
        """Let the clip have the events that waited for it."""
        for event in self._waiting.values():
            self._note(event)
            if event.id in self._over:
                clip.closes = max(clip.closes, event.ended + self._settings.post_roll)
            else:
                clip.active.add(event.id)
        self._waiting, self._over, self._cut = {}, set(), None

    def _opened(self, first: Packet, continues: int | None) -> OpenClip:
        self._shelf.make_room(BESIDE)
        number = self._shelf.next_id()
        make_room = partial(self._make_room, number)
        writer = Writer(self._shelf.part(number), self.stream.layout, make_room)
        began = first.t
        unix_ns = began + self._clock.unix() - self._clock.boot()
        known = self._clock.synchronised()
        self._open = OpenClip(number, writer, began, unix_ns, known, began, began, began, began, continues)
        return self._open

    def _make_room(self, number: int, size: int) -> None:
        self._shelf.make_room(size + BESIDE, number)

    def _note(self, event: Event) -> None:
        if event.id in self._waiting:
            self._waiting[event.id] = event
        if self._open is not None:
            self._open.note(event)

    def _end(self, event: Event) -> None:
        if event.id in self._waiting:
            self._waiting[event.id] = event
            self._over.add(event.id)
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
        """Pictures are missing: the open clip ends before them, and no later one may start before them.

        An event that goes on is recorded further from the next key picture.
        """
        self._preroll.clear()
        if self._open is not None:
            self._open.cut_short = True
            self._wait_on(self._open)
        self.finish()

    def _wait_on(self, clip: OpenClip) -> None:
        """Let what still goes on in the clip be recorded in another one that continues it."""
        going_on = {id_: clip.events[id_] for id_ in clip.events if id_ in clip.active}
        self._waiting.update(going_on)
        self._cut = clip if going_on else None

    def _row(self, clip: OpenClip) -> Clip:
        return clip.row(self.stream.camera, self.stream.layout.fps, self._clock.boot_id)

    def _write_sidecar(self, clip: OpenClip, row: Clip) -> None:
        path = self._shelf.sidecar(clip.id)
        sidecar.write(path, Sidecar(row, clip.recorded()))
        sync_folder(path.parent)
