"""Reads one stream that PyAV opened, for as long as there are pictures.

Idea: what is a network camera's, a webcam's or a test picture's own stands in a `Line`: how it is opened, and how a
thread that waits for it is woken up.
Rule: pictures of another size end the stream: whoever opens it again finds out what it is now.
"""

import enum
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from camd.camera.decoder import Copier, Looker, SameSize, is_h264, layout_of, nanos, tick_of, video_of
from camd.camera.encoder import Encoder
from camd.camera.frame import Frame, Veil
from camd.camera.live import Give, Opening
from camd.camera.mends import ENDED
from camd.camera.timeline import Timeline
from camd.clock import Clock
from camd.errors import UnavailableError, UnusableInputError
from camd.model import SECOND, Nanos, Packet

AT_ONCE: Final = SECOND // 100  # between two packets that were there already
MOST_AT_ONCE: Final = 150

Arrival = tuple["av.Packet[VideoStream]", Nanos]


class Line(Protocol):
    """The way to one stream."""

    name: str

    def open(self) -> AbstractContextManager[InputContainer]:
        """Open it until the block ends, once; raises UnavailableError, av.FFmpegError or OSError."""

    def close(self) -> None:
        """Wake up whoever waits for it, opening it or reading; may be called from any thread."""

    def trouble(self) -> str:
        """Why it ended, in words, where that is known; asked when it was let go of."""


class Stamps(enum.Enum):
    """Whose clock a stream's times are of."""

    OWN = enum.auto()  # the camera's
    LOCAL = enum.auto()  # this machine's
    NONE = enum.auto()  # nobody's: the time of arrival is all there is


class Part(enum.Enum):
    """What a stream is read for."""

    ALL = enum.auto()
    RECORDING = enum.auto()
    PICTURES = enum.auto()


@dataclass(frozen=True, slots=True)
class Wants:
    """What is to be made of a stream: `encode` makes its recording anew under the veil."""

    veil: Veil
    stamps: Stamps
    part: Part = Part.ALL
    encode: bool = False


class StreamReader:
    """Reads one stream."""

    def __init__(self, line: Line, wants: Wants, clock: Clock) -> None:
        self._line, self._wants, self._clock = line, wants, clock

    def read(self, give: Give) -> None:
        """Read until the stream ends or is closed; raises UnavailableError."""
        name = self._line.name
        try:
            with self._line.open() as container:
                self._read(container, video_of(container, name), give)
        except (av.FFmpegError, OSError) as error:
            what = self._line.trouble() or f"{name}: the stream broke off ({error.strerror or error}). {ENDED}"
            raise UnavailableError(what) from error
        except UnusableInputError as error:  # another time it may send what can be used
            raise UnavailableError(self._line.trouble() or str(error)) from error
        raise UnavailableError(self._line.trouble() or f"{name}: the camera ended its stream. {ENDED}")

    def close(self) -> None:
        """Let `read` end."""
        self._line.close()

    def _read(self, container: InputContainer, stream: VideoStream, give: Give) -> None:
        if self._wants.part is not Part.PICTURES:
            give(Opening(layout_of(stream), is_h264(stream) and not self._wants.encode))
        way = _Way(self._line.name, stream, self._wants)
        for packet, now in self._settled(container.demux(stream), way):
            for item in way.take(packet, now):
                give(item)

    def _settled(self, packets: Iterator["av.Packet[VideoStream]"], way: "_Way") -> Iterator[Arrival]:
        """Give packets with their times of arrival; those that come at once at the start only when all of them came."""
        began, first = self._clock.boot(), []
        for packet in packets:
            now = self._clock.boot()
            if not packet.size:  # the end
                return
            first.append((packet, now))
            if now - began > AT_ONCE or len(first) >= MOST_AT_ONCE:
                way.place.begin(first)
                yield from first
                break
            began = now
        for packet in packets:
            if packet.size:
                yield packet, self._clock.boot()


class _Placing:
    """Where the times of a stream are on the boot clock, as its packets arrive."""

    def __init__(self, stream: VideoStream, stamps: Stamps) -> None:
        self._tick, self._has_stamps = tick_of(stream), stamps is not Stamps.NONE
        self._timeline = Timeline(is_local=stamps is Stamps.LOCAL)
        self._arrived: Nanos = 0

    def begin(self, first: Sequence[Arrival]) -> None:
        """These came first."""
        stamped = [(nanos(stamp, self._tick), now) for packet, now in first if (stamp := _stamp(packet)) is not None]
        if stamped:
            self._timeline.begin(stamped)

    def arrive(self, packet: "av.Packet[VideoStream]", now: Nanos) -> None:
        """This one came now."""
        self._arrived = now
        stamp = _stamp(packet)
        if stamp is not None:
            self._timeline.arrive(nanos(stamp, self._tick), now)

    def __call__(self, ticks: int) -> Nanos:
        """Boot time of a stream's own."""
        return self._timeline.place(nanos(ticks, self._tick)) if self._has_stamps else self._arrived


class _Way:
    """From demuxed packets to what the house is given."""

    def __init__(self, name: str, stream: VideoStream, wants: Wants) -> None:
        self._name, self._wants = name, wants
        self.place = place = _Placing(stream, wants.stamps)
        copies = is_h264(stream) and not wants.encode
        self._copier = Copier(stream, name, place) if copies and wants.part is not Part.PICTURES else None
        encoder = None if copies or wants.part is Part.PICTURES else Encoder(layout_of(stream), wants.veil)
        self._looker = Looker(stream, name, place, wants.veil, encoder, 0)
        self._decodes = wants.part is not Part.RECORDING or encoder is not None
        self._same = SameSize()
        self._is_playing = False

    def take(self, packet: "av.Packet[VideoStream]", now: Nanos) -> Iterator[Packet | Frame]:
        """What one packet that arrived now gives; raises UnavailableError when the pictures have another size."""
        self._is_playing = self._is_playing or packet.is_keyframe
        if not self._is_playing:  # nobody can decode what comes before the first key picture
            return
        if packet.pts is None:
            packet.pts = packet.dts
        self.place.arrive(packet, now)
        frames = self._decoded(packet)  # first: the filter empties the packet
        if self._copier:
            yield from self._copier.take(packet)
        for frame in frames:
            for item in self._looker.seen(frame):
                self._check(not self._looker.has_changed)
                if isinstance(item, Packet) or self._wants.part is not Part.RECORDING:
                    yield item

    def _decoded(self, packet: "av.Packet[VideoStream]") -> list[VideoFrame]:
        if self._decodes:
            return self._looker.decode(packet)
        self._check(self._same.look(packet))
        return []

    def _check(self, is_same: bool) -> None:
        if not is_same:
            mend = "It is opened anew for that; if it happens often, set one size in the camera itself."
            raise UnavailableError(f"{self._name}: its pictures have another size now. {mend}")


def _stamp(packet: "av.Packet[VideoStream]") -> int | None:
    return packet.dts if packet.dts is not None else packet.pts
