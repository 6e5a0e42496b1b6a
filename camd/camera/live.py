"""A camera that gives pictures when it has them: read by threads of its own, missed when it gives none.

Idea: a `Reader` waits for the camera in its thread and puts what comes into one bounded queue; who takes from it never
waits longer than a moment, so that a camera can be closed at once and its silence is noticed.
Rule: a camera is open only once a first picture came. No picture, or nothing to record, for `STALL` is a camera that is
lost; so are an end, an error, and pictures of another size. Lost cameras are for others to open again.
It does not promise: to get a thread back out of a driver that hangs. It says so, and the process has to end.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from camd.camera.frame import Frame
from camd.camera.mends import ENDED, MUTE, SILENT
from camd.clock import Clock
from camd.errors import StuckError, UnavailableError
from camd.model import SECOND, Format, Nanos, Packet

STALL: Final = 5 * SECOND
OPENS_WITHIN: Final = 10 * SECOND
LOOK_S: Final = 0.2
LETS_GO_S: Final = 2.0
MOST_WAITING: Final = 32  # items; a moment of a busy machine


@dataclass(frozen=True, slots=True)
class Opening:
    """What is recorded, and whether it shows what the pictures cover, because it is copied as it came."""

    layout: Format
    copies: bool


Given = Opening | Packet | Frame
Give = Callable[[Given], None]


class Reader(Protocol):
    """Reads one stream of a camera in a thread."""

    def read(self, give: Give) -> None:
        """Give the `Opening` of what is recorded, once, then all there is; raises CamdError when it is lost."""

    def close(self) -> None:
        """Let `read` end soon; may be called from any thread."""


class LiveCamera:
    """The camera that `readers` read, together: one gives what is recorded, and one the pictures to look at.

    `name` says in errors which camera it is. Raises UnavailableError when no picture comes `within` that time, or
    before `shut` is set.
    """

    def __init__(
        self, name: str, readers: Sequence[Reader], clock: Clock, shut: threading.Event, within: Nanos = OPENS_WITHIN
    ) -> None:
        self._name, self._readers, self._clock = name, readers, clock
        self._closed = threading.Event()
        self._waiting: queue.Queue[Given | Exception] = queue.Queue(MOST_WAITING)
        self._threads = [self._thread(reader) for reader in readers]
        for thread in self._threads:
            thread.start()
        try:
            opening, self._first = self._begun(shut, within)
        except BaseException:
            self.close()
            raise
        self.format, self.copies = opening.layout, opening.copies

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ends(self) -> Nanos:
        """It never comes to an end of its own."""
        return self._clock.boot()

    def until(self, shut: threading.Event) -> Iterator[Packet | Frame]:
        """All that it gives until `shut` is set; raises UnavailableError when the camera is lost."""
        yield from self._first
        self._first = []
        seen = {Packet: self._clock.boot(), Frame: self._clock.boot()}
        while not shut.is_set():
            item = self._next()
            if isinstance(item, Packet | Frame):
                seen[type(item)] = self._clock.boot()
                yield item
            elif self._clock.boot() - min(seen.values()) > STALL:
                raise UnavailableError(f"{self._name}: no picture for {STALL // SECOND} s. {SILENT}")

    def close(self) -> None:
        """Nothing in this process holds the camera open when this returns; raises StuckError when it does."""
        self._closed.set()
        for reader in self._readers:
            reader.close()
        for thread in self._threads:
            thread.join(LETS_GO_S)
        if any(thread.is_alive() for thread in self._threads):
            raise StuckError(f"{self._name}: the camera's driver does not let go of it; camd has to start again.")

    def _begun(self, shut: threading.Event, within: Nanos) -> tuple[Opening, list[Packet | Frame]]:
        """Wait for what the pictures are and for the first of them."""
        until, opening = self._clock.boot() + within, None
        first: list[Packet | Frame] = []
        while self._clock.boot() < until and not shut.is_set():
            item = self._next()
            if isinstance(item, Opening):
                opening = item
            elif item is not None:
                first.append(item)
            if opening and any(isinstance(item, Frame) for item in first):
                return opening, first
        raise UnavailableError(f"{self._name}: no picture within {within // SECOND} s. {MUTE}")

    def _next(self) -> Given | None:
        """The next thing that was given, or None after a moment; raises what a reader raised."""
        try:
            item = self._waiting.get(timeout=LOOK_S)
        except queue.Empty:
            return None
        if isinstance(item, Exception):
            raise item
        return item

    def _thread(self, reader: Reader) -> threading.Thread:
        return threading.Thread(target=self._read, args=(reader,), name="camera", daemon=True)

    def _read(self, reader: Reader) -> None:
        try:
            reader.read(self._give)
            self._give(UnavailableError(f"{self._name}: the camera gives no more pictures. {ENDED}"))
        except Exception as error:  # kept, and raised in the thread that takes: a thread has nobody above it
            self._give(error)

    def _give(self, item: Given | Exception) -> None:
        while not self._closed.is_set():
            try:
                self._waiting.put(item, timeout=LOOK_S)
                break
            except queue.Full:
                continue
