"""The notify process: takes alerts out of the outbox to the MQTT broker, and commands from it to capture.

Idea: one loop in the main thread owns everything. paho's thread keeps the connection; its callbacks, and the signals,
only put news into a queue and ring the bell that the loop sleeps on.
Rule: an alert leaves the outbox when the broker has acknowledged it, not before. What is unacknowledged when a
connection ends is sent again on the next one, from the outbox. A command becomes a file for capture or it becomes
nothing; nothing is done here because somebody said so.
It does not promise that an alert arrives once only: who must know drops a second one with the same event id.
"""

import logging
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from queue import SimpleQueue
from typing import assert_never

from camd import guard, systemd, wishes
from camd.alerts.command import Answer, Commands, Refusal, reply_json
from camd.alerts.homeassistant import STATUS
from camd.alerts.link import Acknowledged, Connected, Denied, Heard, Link, Lost, News, Refused
from camd.alerts.message import told_aloud
from camd.alerts.outbox import Outbox, Waiting
from camd.alerts.payload import Anchor, PictureSize, Source, stamped
from camd.alerts.states import all_off, fault, has_given_up, last_words, state
from camd.alerts.topics import Names
from camd.alerts.vitals import Report, Vitals
from camd.alerts.voice import Camera, Node, Voice
from camd.alive import alive, nobody_alive
from camd.bell import Bell
from camd.cage import Reach
from camd.clock import Clock, SystemClock
from camd.config import load
from camd.errors import CannotWriteError
from camd.mode import HOME
from camd.model import SECOND, Alert, Nanos
from camd.places import Places
from camd.terminal import Parser

_log = logging.getLogger(__name__)

IN_FLIGHT = 20  # messages sent and not acknowledged
LATE: Nanos = 2 * SECOND  # an alert that waited for longer is marked as delayed
LOOK_EVERY: Nanos = SECOND
STATS_EVERY: Nanos = 60 * SECOND
HANGS: Nanos = 10 * SECOND  # a capture that has not written its report for so long
DENIED_FOR: Nanos = 30 * SECOND  # until a message that the broker does not take is tried again
MOST_HEARD = 1000  # messages that wait to be looked at; what comes on top is dropped
DRAIN: Nanos = SECOND * 7 // 10  # of the two seconds that stopping may take: for what is in the outbox,
FAREWELL: Nanos = SECOND * 7 // 10  # for the last words to be acknowledged; the rest is for paho's thread


class Stop:
    """A signal asks the process to end."""


Word = News | Stop


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; raises HeldError when another notify serves the same camd."""
    options = _parser().parse_args(arguments)
    config = load(options.config)
    node = Node(config, Places.of(options.data or config.store.data))
    logging.getLogger(guard.__name__).setLevel(logging.INFO)
    verdict = guard.stand("notify", Reach.of_host(config.mqtt.host), config.guard.strict)
    _make(node.places)
    verdict.tell(node.places)
    with ExitStack() as house:
        bell = house.enter_context(closing(Bell(node.places.bell, "camd notify")))
        house.enter_context(alive(node.places.notify_lock))
        news = Mailbox(bell)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: news.put(Stop()))
        outbox = house.enter_context(closing(Outbox(node.places)))
        link = house.enter_context(closing(Link(config.mqtt, node.names, news.put, listened_to(node))))
        Notify(node, outbox, link, SystemClock()).run(news)
    return 0


def listened_to(node: Node) -> tuple[str, ...]:
    """The topics that notify hears: commands, what Home Assistant says of itself, and what lies where we speak."""
    heard = dict.fromkeys(topic for camera in node.cameras for topic in camera.names.commands())
    commands = tuple(heard) if node.config.mqtt.commands else ()
    house = (STATUS,) if node.config.discovery.style != "off" else ()
    return (node.names.info, *node.discovery_topics, *house, *commands)


class Mailbox:
    """News from paho's thread and from signals, for the main loop."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._news: SimpleQueue[Word] = SimpleQueue()

    def put(self, news: Word) -> None:
        """Leave news and wake the loop; safe in a signal handler and in any thread."""
        if isinstance(news, Heard) and self._news.qsize() > MOST_HEARD:
            return
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

    def __init__(self, node: Node, outbox: Outbox, link: Link, clock: Clock) -> None:
        self._node, self._names = node, node.names
        self._outbox, self._link, self._clock = outbox, link, clock
        self._voice, self._vitals = Voice(node, clock), Vitals(clock.boot())
        self._commands = Commands(tuple(camera.names for camera in node.cameras))
        self._events = {camera.names.event for camera in node.cameras}
        self._sent: dict[int, int | None] = {}  # on this connection: mid -> id in the outbox, None for our own words
        self._connected = False
        self._introduced = False  # the broker has had our info at least once
        self._trouble = ""  # as last logged
        self._stopping = False
        self._hangs = False
        self._held_until: Nanos = 0  # the broker denied a message
        self._next_look: Nanos = 0
        self._next_stats: Nanos = 0
        self._discover_at: Nanos | None = None

    def run(self, news: Mailbox) -> None:
        """Work until told to stop, then send what still goes and say goodbye."""
        systemd.tell(READY=1)
        while not self._stopping:
            systemd.tell(WATCHDOG=1)
            self._hear(news, LOOK_EVERY)
            self._look_around()
            self._send_waiting()
        systemd.tell(STOPPING=1)
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
                case Lost(why, to_another):
                    if self._connected or not self._trouble:  # else it is told already why we were not let in
                        self._on_trouble(self._taken_over() if to_another else why)
                case Acknowledged(mid):
                    acknowledged.append(self._sent.pop(mid, None))
                case Denied(mid, why):
                    self._on_denied(mid, why)
                case Heard():
                    self._on_heard(item)
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
        self._say(*self._voice.greeting(), *self._outbox.states())
        self._next_stats = 0

    def _on_trouble(self, why: str) -> None:
        self._warn(f"{why} Alerts wait in the outbox; trying again until it works.")
        self._connected = False

    def _on_denied(self, mid: int, why: str) -> None:
        self._warn(f"{why} Let this account write {self._names.prefix}/{self._names.node}/# in the broker's ACL.")
        if self._sent.pop(mid, None) is not None:
            self._held_until = self._clock.boot() + DENIED_FOR

    def _taken_over(self) -> str:
        whose = f"{self._names.prefix}/{self._names.node}"
        return f"another camd calls itself {whose} too, and the two throw each other out. Change mqtt.node of one."

    def _warn(self, trouble: str) -> None:
        """Log it, once for as long as it lasts."""
        if trouble != self._trouble:
            _log.warning("%s", trouble)
        self._trouble = trouble

    def _on_heard(self, heard: Heard) -> None:
        if heard.topic == STATUS:
            if heard.payload == b"online":
                self._discover_at = self._clock.boot() + self._voice.jitter()
        elif heard.topic == self._names.info:
            self._on_info(self._voice.is_ours(heard.payload))
        elif heard.topic in self._node.discovery_topics:
            if heard.retained:
                self._say(*self._voice.corrected(heard.topic, heard.payload.decode(errors="replace")))
        else:
            self._on_command(heard)

    def _on_info(self, is_ours: bool | None) -> None:
        """Somebody introduced himself. Only who does so after us is there: before, it was who had this name last."""
        if is_ours:
            self._introduced = True
        elif is_ours is False and self._introduced:
            self._warn(self._taken_over())

    def _on_command(self, heard: Heard) -> None:
        now, unix_ns = self._clock.boot(), self._clock.unix()
        ordered = self._commands.hear(heard.topic, heard.payload, heard.retained, now, unix_ns)
        answer = self._passed_on(ordered) if isinstance(ordered, wishes.Wish) else ordered
        if answer is not None and answer.correlation:
            self._say(Alert(self._names.reply(answer.correlation), reply_json(answer.refusal), retain=False))

    def _passed_on(self, wish: wishes.Wish) -> Answer | None:
        """Leave a wish for capture, which answers; what to answer when that cannot be."""
        with nobody_alive(self._node.places.capture_lock) as gone:
            if gone and wish.value != HOME:  # home mode is waited for; the rest would come as a surprise later
                return Answer(wish.correlation, Refusal("unavailable", "", "capture does not run"))
        try:
            taken = wishes.put(self._node.places, wishes.NOTIFY, wish)
        except CannotWriteError as error:
            _log.warning("%s", error)
            return Answer(wish.correlation, Refusal("unavailable", "", "the command could not be passed on"))
        return None if taken else Answer(wish.correlation, Refusal("busy", "", "too many commands wait"))

    def _send_waiting(self) -> None:
        if not self._connected or not self._link.is_up() or self._clock.boot() < self._held_until:
            return
        under_way = set(self._sent.values())
        fresh = [waiting for waiting in self._outbox.pending(IN_FLIGHT) if waiting.id not in under_way]
        for waiting in fresh[: max(0, IN_FLIGHT - len(self._sent))]:
            alert = waiting.alert
            self._sent[self._link.send(alert.topic, self._payload(waiting), alert.retain)] = waiting.id

    def _payload(self, waiting: Waiting) -> str | bytes:
        """Return the payload as it is true now. Times of another boot tell only that it is late, not by how much."""
        now, alert = self._clock.boot(), waiting.alert
        if isinstance(alert.payload, bytes):
            return alert.payload
        if waiting.boot_id != self._clock.boot_id:
            return stamped(alert.payload, delayed=True, latency_ms=None)
        latency_ms = None if alert.since is None else round((now - alert.since) / 1e6, 1)
        is_late = now - waiting.put_at > LATE
        if latency_ms is not None and not is_late and alert.topic in self._events:
            self._vitals.latencies_ms.append(latency_ms)
        return stamped(alert.payload, is_late, latency_ms)

    def _say(self, *alerts: Alert) -> None:
        """Send words of our own, which are true only now and so have no place in the outbox."""
        for alert in alerts:
            self._sent[self._link.send(alert.topic, alert.payload, alert.retain)] = None

    def _look_around(self) -> None:
        now = self._clock.boot()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY
        report = Report.read(self._node.places.status)
        self._look_at_capture(now, report)
        if not self._connected:
            return
        self._say(*self._voice.ledger(), *self._voice.guard())
        if self._discover_at is not None and now >= self._discover_at:
            self._discover_at = None
            self._say(*self._voice.discovery(), *self._outbox.states())
            self._next_stats = 0
        if now >= self._next_stats:
            self._next_stats = now + STATS_EVERY
            waiting = self._outbox.count()
            self._say(self._voice.stats(self._vitals.told(now, report, self._commands.counts, waiting)))

    def _look_at_capture(self, now: Nanos, report: Report | None) -> None:
        """When capture has died or hangs, tell what it no longer can."""
        with nobody_alive(
            self._node.places.capture_lock
        ) as gone:  # until it is told, so that the next one's words come after
            if gone:
                for camera in self._node.cameras:
                    self._look_at_gone(camera, now)
            is_ours = report is not None and report.boot_id == self._clock.boot_id
            hangs = not gone and is_ours and report is not None and now - report.at > HANGS
        if hangs and not self._hangs:
            for names, zones in ((camera.names, camera.zones) for camera in self._node.cameras):
                words = (fault(names, "capture hangs"), state(names.sensor, "unknown"), *all_off(names, zones))
                self._put((*words, self._offline_alert(names, "capture hangs", now)), now)
        self._hangs = hangs

    def _look_at_gone(self, camera: Camera, now: Nanos) -> None:
        last, sensor = (self._outbox.state_of(topic) for topic in (camera.names.status, camera.names.sensor))
        if last != "offline" and not has_given_up(last, sensor):
            alert = () if last is None else (self._offline_alert(camera.names, "capture ended", now),)
            self._put((*last_words(camera.names, camera.zones), *alert), now)

    def _offline_alert(self, names: Names, what: str, now: Nanos) -> Alert:
        anchor = Anchor(self._clock.boot_id, self._clock.unix() - now)
        source = Source(names, anchor, PictureSize(0, 0), page=self._node.config.alerts.page)
        return told_aloud("camera_offline", what, now, source)

    def _put(self, alerts: tuple[Alert, ...], now: Nanos) -> None:
        self._outbox.put(alerts, self._clock.boot_id, now, self._clock.unix())

    def _drain(self, news: Mailbox) -> None:
        deadline = self._clock.boot() + DRAIN
        while self._connected and self._clock.boot() < deadline and self._outbox.pending(1):
            self._send_waiting()
            self._hear(news, deadline - self._clock.boot())

    def _say_goodbye(self, news: Mailbox) -> None:
        if not self._connected:
            return
        cameras = self._node.cameras
        motion = {camera.names.motion for camera in cameras}
        every = (off for camera in cameras for off in all_off(camera.names, camera.zones))
        on = (off for off in every if off.topic in motion or self._outbox.state_of(off.topic) == "ON")
        self._say(*on, state(self._names.available, "stopped"))
        deadline = self._clock.boot() + FAREWELL
        while self._connected and self._clock.boot() < deadline and self._sent:
            self._hear(news, deadline - self._clock.boot())


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
        "camd; 77 refused by guard.strict; 78 bad config",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings; default: where they usually lie")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder; default: the one in the settings")
    return parser
