"""The notify process: takes alerts out of the outbox to the MQTT broker, and nothing else anywhere.

Idea: one loop in the main thread owns everything. paho's thread keeps the connection; its callbacks, and the signals,
only put news into a queue and ring the bell that the loop sleeps on.
Rule: an alert leaves the outbox when the broker has acknowledged it, not before. What is unacknowledged when a
connection ends is sent again on the next one, from the outbox.
It does not promise that an alert arrives once only: who must know drops a second one with the same event id.
"""

import fcntl
import logging
import os
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import assert_never

from camd.alerts.link import Acknowledged, Connected, Link, Lost, News, Refused
from camd.alerts.message import Names, motion_off, offline, stamped
from camd.alerts.outbox import Outbox, Waiting
from camd.clock import Clock, SystemClock
from camd.config import load
from camd.errors import CannotWriteError, HeldError
from camd.model import SECOND, Alert, Nanos
from camd.places import Places
from camd.terminal import Parser

_log = logging.getLogger(__name__)

IN_FLIGHT = 20  # messages sent and not acknowledged
LATE: Nanos = 2 * SECOND  # an alert that waited for longer is marked as delayed
LOOK_EVERY: Nanos = SECOND
DRAIN: Nanos = SECOND * 8 // 10  # of the two seconds that stopping may take: for what is in the outbox,
FAREWELL: Nanos = SECOND * 4 // 10  # for the last words to be acknowledged; the rest is for paho's thread


@dataclass(frozen=True, slots=True)
class Stop:
    """A signal asks the process to end."""


Word = News | Stop


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; raises HeldError when another notify serves the same camd."""
    options = _parser().parse_args(arguments)
    config = load(options.config)
    places = Places.of(options.data or config.store.data)
    names = Names(config.mqtt.prefix, config.mqtt.node, config.camera.name)
    _make(places)
    with ExitStack() as house:
        bell = house.enter_context(closing(Bell(places.bell)))
        news = Mailbox(bell)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: news.put(Stop()))
        outbox = house.enter_context(closing(Outbox(places)))
        link = house.enter_context(closing(Link(config.mqtt, names, news.put)))
        Notify(names, places.capture_lock, outbox, link, SystemClock()).run(news)
    return 0


class Bell:
    """The FIFO that wakes notify. Whoever holds it is the one notify of its run folder."""

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # its own writer too, so that it never reads as ended
        try:
            fcntl.flock(self._pipe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._pipe)
            raise HeldError(f"{path.parent}: another 'camd notify' serves this camd. Stop that one first.") from None

    def ring(self) -> None:
        """Wake the one that waits; safe in a signal handler and in any thread."""
        with suppress(BlockingIOError):  # full: it rings already
            os.write(self._pipe, b"\0")

    def wait(self, most: Nanos) -> None:
        """Sleep until the bell rings, at most so long."""
        if select.select([self._pipe], [], [], max(0, most) / SECOND)[0]:
            os.read(self._pipe, 65_536)

    def close(self) -> None:
        """Let go of the FIFO; it stays, for the next one."""
        os.close(self._pipe)


class Mailbox:
    """News from paho's thread and from signals, for the main loop."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._news: SimpleQueue[Word] = SimpleQueue()

    def put(self, news: Word) -> None:
        """Leave news and wake the loop; safe in a signal handler and in any thread."""
        self._news.put(news)
        self._bell.ring()

    def wait(self, most: Nanos) -> Iterator[Word]:
        """Sleep until there may be something to do, at most so long, and give the news so far."""
        if self._news.empty():
            self._bell.wait(most)
        while not self._news.empty():
            yield self._news.get()


class Notify:
    """The loop: what is in the outbox goes to the broker, what is acknowledged leaves the outbox."""

    def __init__(self, names: Names, capture_lock: Path, outbox: Outbox, link: Link, clock: Clock) -> None:
        self._names, self._capture_lock = names, capture_lock
        self._outbox, self._link, self._clock = outbox, link, clock
        self._sent: dict[int, int | None] = {}  # on this connection: mid -> id in the outbox, None for our own words
        self._connected = False
        self._trouble = ""  # as last logged
        self._stopping = False
        self._capture_lives = False
        self._next_look: Nanos = 0

    def run(self, news: Mailbox) -> None:
        """Work until told to stop, then send what still goes and say goodbye."""
        while not self._stopping:
            self._hear(news, LOOK_EVERY)
            self._look_at_capture()
            self._send_waiting()
        self._drain(news)
        self._say_goodbye(news)

    def _hear(self, news: Mailbox, most: Nanos) -> None:
        """Sleep until something happens, at most so long, and take note of it."""
        acknowledged = []
        for item in news.wait(most):
            match item:
                case Connected():
                    self._on_connected()
                case Refused(why):
                    self._on_trouble(why)
                case Lost(why):
                    if self._connected:
                        self._on_trouble(why)
                case Acknowledged(mid):
                    acknowledged.append(self._sent.pop(mid, None))
                case Stop():
                    self._stopping = True
                case _:
                    assert_never(item)
        self._outbox.done(id_ for id_ in acknowledged if id_ is not None)

    def _on_connected(self) -> None:
        if self._trouble:
            _log.warning("connected to the broker.")
        self._connected, self._trouble = True, ""
        self._sent.clear()
        self._say(Alert(self._names.available, "online", retain=True))

    def _on_trouble(self, why: str) -> None:
        if why != self._trouble:
            _log.warning("%s Alerts wait in the outbox; trying again until it works.", why)
        self._connected, self._trouble = False, why

    def _send_waiting(self) -> None:
        if not self._connected or not self._link.is_up():
            return
        under_way = set(self._sent.values())
        fresh = [waiting for waiting in self._outbox.pending(IN_FLIGHT) if waiting.id not in under_way]
        for waiting in fresh[: max(0, IN_FLIGHT - len(self._sent))]:
            alert = waiting.alert
            self._sent[self._link.send(alert.topic, self._payload(waiting), alert.retain)] = waiting.id

    def _payload(self, waiting: Waiting) -> str:
        """Return the payload as it is true now. Times of another boot tell only that it is late, not by how much."""
        now, alert = self._clock.boot(), waiting.alert
        if waiting.boot_id != self._clock.boot_id:
            return stamped(alert.payload, delayed=True, latency_ms=None)
        latency_ms = None if alert.since is None else round((now - alert.since) / 1e6, 1)
        return stamped(alert.payload, now - waiting.put_at > LATE, latency_ms)

    def _say(self, alert: Alert) -> None:
        """Send a word of our own, which is true only now and so has no place in the outbox."""
        self._sent[self._link.send(alert.topic, alert.payload, alert.retain)] = None

    def _look_at_capture(self) -> None:
        """When capture has died, tell what it no longer can."""
        now = self._clock.boot()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        with _unheld(self._capture_lock) as gone:  # until it is told, so that the next capture's words come after
            if gone and self._capture_lives:
                last_words = (offline(self._names), motion_off(self._names))
                self._outbox.put(last_words, self._clock.boot_id, now, self._clock.unix())
            self._capture_lives = not gone

    def _drain(self, news: Mailbox) -> None:
        deadline = self._clock.boot() + DRAIN
        while self._connected and self._clock.boot() < deadline and self._outbox.pending(1):
            self._send_waiting()
            self._hear(news, deadline - self._clock.boot())

    def _say_goodbye(self, news: Mailbox) -> None:
        if not self._connected:
            return
        self._say(motion_off(self._names))
        self._say(Alert(self._names.available, "stopped", retain=True))
        deadline = self._clock.boot() + FAREWELL
        while self._connected and self._clock.boot() < deadline and self._sent:
            self._hear(news, deadline - self._clock.boot())


@contextmanager
def _unheld(lock: Path) -> Iterator[bool]:
    """Give whether nobody holds `lock` exclusively; if so, nobody can until the block ends."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        yield _shared(descriptor)
    finally:
        os.close(descriptor)


def _shared(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make(places: Places) -> None:
    try:
        places.make()
    except OSError as error:
        raise CannotWriteError(f"{error.filename}: cannot make this folder ({error.strerror}).") from error


def _parser() -> Parser:
    parser = Parser(
        prog="camd notify",
        description="Send the alerts in the outbox to the MQTT broker, until stopped. While the broker is away they "
        "wait, and arrive later marked as delayed. 'camd run' and systemd start this.",
        epilog="exit codes: 0 stopped by a signal; 64 wrong usage; 73 cannot write; 75 another notify serves this "
        "camd; 78 bad config",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings; default: where they usually lie")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder; default: the one in the settings")
    return parser
