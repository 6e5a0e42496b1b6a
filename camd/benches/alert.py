"""How long it takes from somebody's appearance to the alert, in milliseconds.

Idea: a drawn person steps into view at moments spread evenly between two frames, because what a camera misses is a
matter of luck. Three parts add up: *sensor* is the time from the appearance to the frame on which vision decides,
*processing* the CPU time of that frame, *delivery* the way through outbox, notify process and broker to a subscriber
on this machine. The broker is a mosquitto of the bench's own on loopback; without one there is no delivery to tell.
Rule: all parts are the real ones. Nothing is sent to any other machine.
"""

import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd import config
from camd.alerts.link import Listener
from camd.alerts.outbox import Outbox
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.policy import Policy
from camd.alerts.teller import Teller
from camd.alerts.topics import Names
from camd.benches.detect import camd
from camd.benches.footage import FPS, NOISE, Size
from camd.benches.measure import Spread
from camd.benches.report import Bar, Result
from camd.clock import SystemClock, thread_cpu_ns
from camd.errors import UnavailableError
from camd.model import SECOND, Began
from camd.places import Places
from camd.scene import Route, Scene, Walker, picture, yard
from camd.terminal import say

SIZE: Final = Size(640, 480)
QUIET: Final = 4 * FPS  # frames in which vision learns the empty picture
PATIENCE: Final = 2 * FPS  # frames after which an appearance counts as missed
HOST: Final = "127.0.0.1"
WAIT_S: Final = 10.0  # for a message that must come
MILLISECOND: Final = 1_000_000
SETTINGS: Final = "camera: {{name: bench}}\nmqtt: {{host: {host}, port: {port}, node: bench}}\n"
BROKER: Final = "listener {port} {host}\nallow_anonymous true\npersistence false\n"

Deliver = Callable[[Began], float]  # tells the house and returns the milliseconds until the subscriber has it


@dataclass(frozen=True, slots=True)
class Plan:
    """At how many moments between two frames somebody appears; `broker` is the command of a mosquitto."""

    phases: int = 20
    broker: str = "mosquitto"


@dataclass(frozen=True, slots=True)
class Onset:
    """One appearance; `phase` is how far it was from one frame to the next, `sensor_ms` None when it was missed."""

    title: ClassVar[str] = ""
    columns: ClassVar[tuple[str, ...]] = ()

    phase: float
    sensor_ms: float | None
    processing_ms: float | None = None
    delivery_ms: float | None = None

    @property
    def parts(self) -> dict[str, float | None]:
        """The parts and how they add up, in milliseconds."""
        decision = _sum(self.sensor_ms, self.processing_ms)
        return {
            "sensor_ms": self.sensor_ms,
            "processing_ms": self.processing_ms,
            "decision_ms": decision,
            "delivery_ms": self.delivery_ms,
            "subscriber_ms": _sum(decision, self.delivery_ms),
        }

    def json(self) -> dict[str, Any]:
        """Every part."""
        parts = {name: None if part is None else round(part, 3) for name, part in self.parts.items()}
        return {"type": "onset", "phase": round(self.phase, 3), **parts}

    def cells(self) -> tuple[str, ...]:
        """Not shown."""
        return ()


@dataclass(frozen=True, slots=True)
class Latency:
    """All appearances together; a part is None where there is nothing to tell."""

    columns: ClassVar[tuple[str, ...]] = ("from the appearance to the alert", "ms")

    onsets: tuple[Onset, ...]

    @property
    def title(self) -> str:
        """Says how often and at what pace."""
        return f"{len(self.onsets)} appearances at {FPS} frames a second, {self.missed} missed"

    @property
    def parts(self) -> dict[str, Spread | None]:
        """Each part's spread over the appearances that have it."""
        figures = {name: [onset.parts[name] for onset in self.onsets] for name in self.onsets[0].parts}
        known = {name: [part for part in parts if part is not None] for name, parts in figures.items()}
        return {name: Spread.of(parts) if parts else None for name, parts in known.items()}

    @property
    def missed(self) -> int:
        """Appearances that vision did not see in time."""
        return sum(onset.sensor_ms is None for onset in self.onsets)

    def json(self) -> dict[str, Any]:
        """Milliseconds as median, min and max."""
        told = {name: spread and spread.json() for name, spread in self.parts.items()}
        return {"type": "alert", "fps": FPS, "phases": len(self.onsets), "missed": self.missed, **told}

    def cells(self) -> tuple[str, ...]:
        """One row with a line for each part, in the order in which they add up."""
        names = "sensor", "+ processing", "= decision", "+ delivery", "= subscriber"
        return "\n".join(names), "\n".join(str(spread or "-") for spread in self.parts.values())


def _sum(*parts: float | None) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def measure(plan: Plan, bar: Bar) -> Iterator[Result]:
    """Let somebody appear at every phase."""
    onsets = []
    bar.begin("appearances", plan.phases)
    with ExitStack() as stack:
        deliver = _delivery(plan.broker, stack)
        for number in range(plan.phases):
            onsets.append(_appear((number + 0.5) / plan.phases, deliver))
            yield onsets[-1]
            bar.done()
    yield Latency(tuple(onsets))


def _appear(phase: float, deliver: Deliver | None) -> Onset:
    """Somebody steps into view `phase` of the way from the last quiet frame to the next."""
    onset_s = (QUIET - 1 + phase) / FPS
    scene = replace(_empty(), actors=(_somebody(onset_s),))
    look = camd(SIZE)
    for number in range(QUIET):
        look(number * SECOND // FPS, _quiet(number))
    for number in range(QUIET, QUIET + PATIENCE):
        luma, began = _luma(scene, number), thread_cpu_ns()
        findings = look(number * SECOND // FPS, luma)
        processing_ms = (thread_cpu_ns() - began) / MILLISECOND
        for finding in findings:
            if isinstance(finding, Began):
                sensor_ms = (number / FPS - onset_s) * 1000
                return Onset(phase, sensor_ms, processing_ms, deliver(finding) if deliver else None)
    return Onset(phase, None)


def _empty() -> Scene:
    return Scene(*SIZE, FPS, (QUIET + PATIENCE) / FPS, 1, NOISE, yard)


def _somebody(onset_s: float) -> Walker:
    """As tall as a third of the picture, walking through its middle from `onset_s` on."""
    ground = 0.9 * SIZE.height
    return Walker(Route(((onset_s, 240, ground), (onset_s + 4, 640, ground))), SIZE.height / 3)


def _luma(scene: Scene, number: int) -> NDArray[np.uint8]:
    return cv2.cvtColor(picture(scene, number), cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)


@cache
def _quiet(number: int) -> NDArray[np.uint8]:
    return _luma(_empty(), number)


def _delivery(broker: str, stack: ExitStack) -> Deliver | None:
    """The way to a subscriber, for as long as the stack is open; None when there is no broker to send it through."""
    command = shutil.which(broker, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin")
    if command is None:
        say(f"camd bench alert: no {broker} is installed, so the way to a subscriber is not measured.")
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camd-bench-")))
    port = _free_port()
    stack.enter_context(_child([command, "-c", str(_written(folder / "broker", BROKER, port))]))
    settings = _written(folder / "camd.yaml", SETTINGS, port)
    return stack.enter_context(_house(settings, Places(folder / "data", folder / "run")))


@contextmanager
def _house(settings: Path, places: Places) -> Iterator[Deliver]:
    """Run notify and a subscriber, and give the function that tells the one and waits for the other."""
    clock, mqtt = SystemClock(), config.load(settings).mqtt
    heard: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    names = Names(mqtt.prefix, mqtt.node, "bench")
    source = Source(names, Anchor(clock.boot_id, clock.unix() - clock.boot()), PictureSize(*SIZE))
    places.make()
    notify = [sys.executable, "-m", "camd", "notify", "--config", str(settings), "--data", str(places.data)]
    with (
        Listener(mqtt, lambda topic, payload: heard.put((topic, clock.boot()))),
        _child(notify, RUNTIME_DIRECTORY=str(places.run)),
        closing(Outbox(places)) as outbox,
    ):
        teller = Teller(source, outbox, clock, Policy())
        _arrival(heard, names.available)

        def deliver(began: Began) -> float:
            told = clock.boot()  # which makes an id of its own, too: nobody is told of one event twice
            teller.tell(Began(replace(began.event, id=f"bench-{told}")))
            return (_arrival(heard, "/event") - told) / MILLISECOND

        yield deliver


def _arrival(heard: "queue.SimpleQueue[tuple[str, int]]", topic: str) -> int:
    """Wait for a message on a topic that ends so, and return when it came."""
    while True:
        try:
            arrived_on, at = heard.get(timeout=WAIT_S)
        except queue.Empty:
            raise UnavailableError(
                f"no message on {topic} arrived within {WAIT_S:.0f} s. Is 'camd notify' well?"
            ) from None
        if arrived_on.endswith(topic):
            return at


@contextmanager
def _child(command: list[str], **environment: str) -> Iterator[None]:
    """Run a process for a while, without its words."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, env={**os.environ, **environment})
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _written(path: Path, form: str, port: int) -> Path:
    path.write_text(form.format(host=HOST, port=port), encoding="utf-8")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
