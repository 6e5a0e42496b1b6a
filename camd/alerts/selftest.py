"""`camd ha selftest`: a whole life of a made-up camera on the configured broker, each message checked as it comes back.

Idea: a node of its own, with a real notify process and a real outbox, in a folder that is gone afterwards; a second
connection listens. What does not come back, or not as its schema says, is told with what to look for.
Rule: nothing is left at the broker. Home Assistant sees a device for some seconds, and is asked once, as at its own
start, whether it is there: others who listen for that say hello again.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from camd import wishes
from camd.alerts import homeassistant
from camd.alerts.checked import faults
from camd.alerts.link import Listener
from camd.alerts.outbox import Outbox
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.policy import Policy
from camd.alerts.states import presence
from camd.alerts.teller import Teller
from camd.alerts.topics import Names
from camd.alerts.voice import Node
from camd.alive import alive
from camd.clock import SystemClock
from camd.config import CameraConfig, Config, Loaded, StoreConfig
from camd.model import SECOND, Began, Box, Clip, Ended, Event, Grew, Happening, Reason, Saved, Tampered
from camd.places import Places
from camd.settings_check import report

WAIT_S: Final = 10.0  # for a message that must come
SIZE: Final = PictureSize(640, 480)
REASON: Final = Reason("2 of 4 frames moved", 4800, 600, 12, 3.1, 1.0, Box(0.25, 0.5, 0.125, 0.25))
CLIP: Final = Clip(1, "selftest", "", 0, 0, 9 * SECOND, 5 * SECOND, 100_000, 1000, "ab" * 32, "person", ("selftest-1",))


class _MissingError(Exception):
    """Something did not come."""


class Ear:
    """Keeps what came back from the broker, and checks it."""

    def __init__(self, root: str) -> None:
        self._root = f"{root}/"
        self._said: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self.wrong: list[str] = []

    def hear(self, topic: str, payload: str) -> None:
        """Take in one message."""
        below = topic.removeprefix(self._root)
        if topic != homeassistant.STATUS and not below.endswith("/set"):
            self.wrong += [f"{topic}: {fault}" for fault in (faults(below, payload) if payload else [])]
        with self._changed:
            self._said.append((topic, payload))
            self._changed.notify_all()

    @property
    def topics(self) -> set[str]:
        """Every topic on which something came."""
        return {topic for topic, _ in tuple(self._said)}

    def forget(self) -> None:
        """Wait for new messages from now on."""
        self._said.clear()

    def wait(self, topic: str, payload: str | None = None) -> str:
        """Return the payload that came on `topic`: this one, if it is given. Raises when none does."""

        def come() -> str | None:
            return next((said for on, said in self._said if on == topic and payload in (None, said)), None)

        with self._changed:
            if not self._changed.wait_for(lambda: come() is not None, WAIT_S):
                wanted = "" if payload is None else f" ({payload!r})"
                raise _MissingError(f"{topic}{wanted} did not come back. May this account write and read it (ACL)?")
            return come() or ""


@dataclass
class Life:
    """The made-up camera."""

    node: Node
    ear: Ear
    broker: Listener
    teller: Teller
    settings: Path
    notify: "subprocess.Popen[bytes] | None" = None

    @property
    def names(self) -> Names:
        """Its topics."""
        return self.node.names

    def wake(self) -> None:
        """Start its notify."""
        command = [sys.executable, "-m", "camd", "notify", "--config", str(self.settings)]
        env = {**os.environ, "RUNTIME_DIRECTORY": str(self.node.places.run)}
        self.notify = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)

    def end(self, number: int) -> None:
        """End its notify by a signal."""
        if self.notify is not None:
            self.notify.send_signal(number)
            self.notify.wait()
            if self.notify.stderr is not None:
                self.notify.stderr.close()
        self.notify = None


def run(config: Config) -> int:
    """Go through it, a line for each step; 0 when all of it is well."""
    name = f"selftest-{secrets.token_hex(3)}"
    failed = 0
    with _life(config, name) as life:
        for what, step in STEPS:
            try:
                step(life)
            except _MissingError as error:
                print(f"NO  {what}: {error}")
                failed += 1
            else:
                print(f"ok  {what}")
        for wrong in dict.fromkeys(life.ear.wrong):
            print(f"NO  {wrong}")
        failed += len(life.ear.wrong)
    print("all well" if not failed else f"{failed} faults")
    return 1 if failed else 0


@contextmanager
def _life(config: Config, name: str) -> Iterator[Life]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camd-selftest-")))
        places = Places(folder / "data", folder / "run")
        places.make()
        stack.enter_context(alive(places.capture_lock))  # notify takes us for capture
        made = _made_up(config, name, places)
        settings = folder / "camd.yaml"
        settings.write_text("\n".join(report(Loaded(made, None, {}))), encoding="utf-8")
        node = Node(made, places)
        ear = Ear(f"{made.mqtt.prefix}/{name}")
        broker = stack.enter_context(Listener(made.mqtt, ear.hear, (*_discovery_topics(node), homeassistant.STATUS)))
        clock = SystemClock()
        source = Source(node.names, Anchor(clock.boot_id, clock.unix() - clock.boot()), SIZE, node.cameras[0].zones)
        outbox = stack.enter_context(closing(Outbox(places)))
        life = Life(node, ear, broker, Teller(source, outbox, clock, Policy()), settings)
        stack.callback(_clean, life)
        stack.callback(life.end, signal.SIGKILL)
        yield life


def _made_up(config: Config, name: str, places: Places) -> Config:
    """The configured broker, and a node of its own."""
    style = "component" if config.discovery.style == "component" else "device"
    return replace(
        config,
        camera=CameraConfig("selftest"),
        cameras=(),
        store=StoreConfig(places.data),
        mqtt=replace(config.mqtt, node=name, commands=True),
        discovery=replace(config.discovery, style=style),
        alerts=replace(config.alerts, labels=(), cooldown=0, per_hour=0),
    )


def _discovery_topics(node: Node) -> tuple[str, ...]:
    style = node.config.discovery.style
    return tuple(topic for device in node.devices for topic in homeassistant.topics(device, style))


def _clean(life: Life) -> None:
    """Leave nothing at the broker."""
    for topic in sorted(life.ear.topics - {homeassistant.STATUS}):
        life.broker.say(topic, "", retain=True)
    shutil.rmtree(life.node.places.run, ignore_errors=True)


def _starts(life: Life) -> None:
    life.wake()
    life.ear.wait(life.names.available, "online")
    life.ear.wait(life.names.info)
    life.ear.wait(life.names.stats)


def _is_found(life: Life) -> None:
    for topic in _discovery_topics(life.node):
        life.ear.wait(topic)


def _gives_states(life: Life) -> None:
    life.teller.start(SIZE)
    life.teller.settings(mode="away", detect="ON", record="ON", sensitivity="5")
    life.teller.snooze(0)
    for topic in presence(life.names, life.node.cameras[0].zones):
        life.ear.wait(topic, "OFF")
    for setting, value in (("detect", "ON"), ("record", "ON"), ("sensitivity", "5"), ("mode", "away"), ("snooze", "0")):
        life.ear.wait(life.names.state_of(setting), value)
    life.ear.wait(life.names.status, "online")


def _tells_an_event(life: Life) -> None:
    names, now = life.names, SystemClock().boot()
    event = Event("selftest-1", "motion", 0.0, now, now, REASON, life.node.cameras[0].zones[:1])
    known = replace(event, label="person", confidence=0.9, ended=now + SECOND)
    life.ear.forget()
    happened: tuple[tuple[Happening, tuple[tuple[str, str | None], ...]], ...] = (
        (Began(event), ((names.motion, "ON"), (names.event, None), (names.events, None))),
        (Grew(known), ((names.label("person"), "ON"),)),
        (Ended(known), ((names.motion, "OFF"), (names.label("person"), "OFF"))),
        (Saved(CLIP), ((names.clip, None),)),
        (Tampered("covered", True, now), ((names.tamper, "ON"),)),
        (Tampered("covered", False, now), ((names.tamper, "OFF"),)),
    )
    for happening, expected in happened:
        life.teller.tell(happening)
        for topic, payload in expected:
            life.ear.wait(topic, payload)


def _hears_commands(life: Life) -> None:
    names = life.names
    life.broker.say(names.set_of("detect"), '{"value":"OFF","correlation":"selftest"}')
    wish = _until(lambda: next(iter(wishes.take(life.node.places)), None), "a command did not arrive")
    life.teller.reply(wish[1].correlation, None)
    life.ear.wait(names.reply("selftest"))


def _ignores_what_was_retained(life: Life) -> None:
    topic = life.names.set_of("record")
    life.broker.say(topic, "OFF", retain=True)
    life.end(signal.SIGKILL)
    for _ in wishes.take(life.node.places):
        pass  # heard while it ran, which is right
    life.ear.forget()
    life.wake()
    life.ear.wait(life.names.stats)
    life.broker.say(topic, "", retain=True)
    if list(wishes.take(life.node.places)):
        raise _MissingError("a retained command was carried out")


def _answers_home_assistant(life: Life) -> None:
    life.ear.forget()
    life.broker.say(homeassistant.STATUS, "online")
    _is_found(life)
    life.ear.wait(life.names.status, "online")


def _is_missed(life: Life) -> None:
    life.ear.forget()
    life.end(signal.SIGKILL)
    life.ear.wait(life.names.available, "offline")


def _comes_back_and_goes(life: Life) -> None:
    life.ear.forget()
    life.wake()
    life.ear.wait(life.names.available, "online")
    life.end(signal.SIGTERM)
    life.ear.wait(life.names.motion, "OFF")
    life.ear.wait(life.names.available, "stopped")


def _is_taken_away(life: Life) -> None:
    for device in life.node.devices:
        for alert in homeassistant.discovery(device, life.node.config.discovery.style):
            for message in homeassistant.removal(str(alert.payload), alert.topic):
                life.broker.say(message.topic, message.payload, retain=True)
                life.ear.wait(message.topic, str(message.payload))


def _until(given: Callable[[], object], what: str) -> "tuple[str, wishes.Wish]":
    """Look again until there is something."""
    clock, nobody = SystemClock(), threading.Event()
    deadline = clock.boot() + round(WAIT_S * SECOND)
    while clock.boot() < deadline:
        found = given()
        if found is not None:
            return found  # type: ignore[return-value]
        clock.wait(clock.boot() + SECOND // 20, nobody)
    raise _MissingError(f"{what}. May this account read its .../set topics (ACL)?")


STEPS: Final[tuple[tuple[str, Callable[[Life], None]], ...]] = (
    ("notify says that it is there", _starts),
    ("Home Assistant is told of node and camera", _is_found),
    ("every state is told", _gives_states),
    ("an event is told from its onset to its clip", _tells_an_event),
    ("a command is heard and answered", _hears_commands),
    ("a retained command changes nothing", _ignores_what_was_retained),
    ("a Home Assistant that starts is told again", _answers_home_assistant),
    ("a killed notify is missed", _is_missed),
    ("a stopped one says goodbye, and nothing stays ON", _comes_back_and_goes),
    ("all of it can be taken away again", _is_taken_away),
)
