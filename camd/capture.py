"""The camera process: frames to vision, packets to the recorder, findings to both recorder and house.

Idea: one `Capture` is one camera's way through the house. How its parts hand over (at once, or through threads) and
which clock it lives on are given from outside, so that a replay and a live camera run through the very same objects.
Rule: no network in this process, ever. The watcher never waits for a disk, the camera for nobody.
"""

import fcntl
import hashlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from camd import config
from camd.alerts.message import Anchor, Names, PictureSize, Source
from camd.alerts.outbox import SPILL_AFTER, Outbox
from camd.alerts.teller import Teller, spill_until_stopped
from camd.camera.frame import Frame, Veil
from camd.camera.stream import FileCamera
from camd.clips.adopt import adopt
from camd.clips.recorder import Recorder, Stream
from camd.clock import Clock, SystemClock
from camd.config import Config, VisionConfig
from camd.errors import CannotWriteError, ConfigError, UnusableInputError
from camd.model import SECOND, Began, Finding, Footage, Format, Gap, Glimpse, Grew, Happening, Nanos, Packet
from camd.places import Places, known_stores
from camd.store import identity, wipe
from camd.store.files import replace_whole
from camd.store.shelf import Shelf
from camd.terminal import Parser
from camd.vision.episode import Limits
from camd.vision.quiet import Quiet
from camd.vision.sight import Settings, Sight
from camd.worker import Crew, Lane, Lanes, Threads

_log = logging.getLogger(__name__)

EARLY: Final = 0.85  # of the analysis interval: a frame that comes so early still counts as due
Tell = Callable[[Happening], object]
Observe = Callable[[Frame, Sight], object]


def unobserved(frame: Frame, sight: Sight) -> None:
    """Nobody looks over vision's shoulder."""


@dataclass(frozen=True, slots=True)
class House:
    """What a camera's footage runs through: the settings, the time, the store, and who hears of it.

    `observe` gets each frame that vision looked at, after everybody was told of what it found. `learned` is what vision
    learned before of places that are quiet by habit.
    """

    config: Config
    clock: Clock
    shelf: Shelf
    tell: Tell
    observe: Observe = unobserved
    learned: bytes = b""


class Capture:
    """One camera's way through the house."""

    def __init__(self, stream: Stream, house: House, lanes: Lanes) -> None:
        config, clock = house.config, house.clock
        self._clock = clock
        self._recorder = Recorder(stream, config.record, house.shelf, clock, house.tell)
        self._recording: Lane[Footage] = lanes.every("recorder", self._recorder.take, _weigh, config.record.memory)
        salt = _salt(clock, stream.camera)
        self._watcher = Watcher(config.vision, salt, self._recording.put, house.tell, house.observe, house.learned)
        self._watching: Lane[Frame] = lanes.newest("watcher", self._watcher.look)
        self._lost = False

    def play(self, items: Iterable[Packet | Frame], stop: threading.Event) -> None:
        """Take a camera's packets and frames at their times until there are no more, or `stop` is set."""
        for item in items:
            match item:
                case Packet():
                    if not self._clock.wait(item.dts, stop):
                        return
                    self._record(item)
                case Frame():
                    self._watching.put(item)

    def close(self) -> None:
        """The camera has stopped: end what is open and finish the clip."""
        self._watching.close()
        self._watcher.close()
        self._recording.close()
        self._recorder.close()

    def learned(self) -> bytes:
        """What vision knows of places that are quiet by habit, for the next start. To be asked once it is closed."""
        return self._watcher.learned()

    def _record(self, packet: Packet) -> None:
        """Hand a packet over; when the recorder cannot keep up, go on at the next key picture that it has room for."""
        if self._lost and packet.is_key and self._recording.put(Gap()):
            self._lost = False
        if not self._lost:
            self._lost = not self._recording.put(packet)


class Watcher:
    """Looks at frames, no more often than wanted, and passes on what it finds."""

    def __init__(
        self,
        settings: VisionConfig,
        salt: str,
        record: Callable[[Footage], object],
        tell: Callable[[Finding], object],
        observe: Observe = unobserved,
        learned: bytes = b"",
    ) -> None:
        limits = Limits(settings.merge_gap, settings.cooldown)
        self._wanted = Settings(
            settings.sensitivity,
            limits,
            salt,
            zones=settings.zones,
            ignore=settings.ignore,
            privacy=settings.privacy,
            learned=learned,
        )
        self._interval: Nanos = round(EARLY * SECOND / settings.fps)
        self._record, self._tell, self._observe = record, tell, observe
        self._sight: Sight | None = None
        self._due: Nanos | None = None

    def look(self, frame: Frame) -> None:
        """Look at one frame, if one is due."""
        if self._due is not None and frame.t < self._due:
            return
        self._due = frame.t + self._interval
        if self._sight is None:
            height, width = frame.luma.shape
            self._sight = Sight(width, height, replace(self._wanted, start=frame.t))
        for finding in self._sight.look(frame.t, frame.luma):
            self._pass_on(finding)
            if isinstance(finding, Began | Grew):
                box = finding.event.reason.box
                self._record(Glimpse(frame.t, box.width * box.height, frame.jpeg))
        self._observe(frame, self._sight)

    def close(self) -> None:
        """The camera has stopped."""
        if self._sight is not None:
            for finding in self._sight.close():
                self._pass_on(finding)

    def learned(self) -> bytes:
        """What vision knows of places that are quiet by habit; nothing before the first frame."""
        return b"" if self._sight is None else self._sight.quiet.to_bytes()

    def _pass_on(self, finding: Finding) -> None:
        self._record(finding)
        self._tell(finding)


def parser(prog: str, description: str | None) -> Parser:
    """The options that `camd capture` and `camd run` have in common."""
    made = Parser(prog=prog, description=description)
    made.add_argument("--config", type=Path, metavar="FILE", help="settings to use instead of the default file")
    made.add_argument("--data", type=Path, metavar="DIR", help="data folder, instead of store.data")
    made.add_argument("--camera", metavar="SOURCE", help="where the pictures come from, instead of camera.source")
    made.add_argument("--loop", action="store_true", help="begin a video file again when it ends")
    return made


def main(arguments: list[str]) -> int:
    """`camd capture`: watch one camera until SIGTERM, or until its file ends."""
    wanted = parser("camd capture", __doc__).parse_args(arguments)
    settings = config.load(wanted.config)
    camera = replace(
        settings.camera, source=wanted.camera or settings.camera.source, loop=wanted.loop or settings.camera.loop
    )
    if not camera.source:
        raise ConfigError("there is no camera yet. Set camera.source in the config, or give --camera FILE.")
    os.umask(0o077)
    logging.getLogger("camd").setLevel(logging.INFO)  # what was evicted, and why, is told
    crew = Crew()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: crew.stop.set())
    _watch(replace(settings, camera=camera), Places.of(wanted.data or settings.store.data), crew)
    return 0


def _watch(settings: Config, places: Places, crew: Crew) -> None:
    clock, source, veil = SystemClock(), Path(settings.camera.source), Veil(settings.vision.privacy)
    wipe.finish(places, clock, known_stores())
    identity.expect(places, known_stores())
    with ExitStack() as stack:
        first = stack.enter_context(FileCamera(source, clock.boot(), veil))
        shelf = stack.enter_context(Shelf.open(places, settings.store, clock))
        identity.remember(places, known_stores())
        stack.enter_context(_alive(places.capture_lock))
        adopt(shelf, settings.camera.name)
        tell = stack.enter_context(_telling(settings, first.format, places, crew))
        house = House(settings, clock, shelf, tell, learned=_recall(places.quiet))
        capture = Capture(Stream(settings.camera.name, first.format), house, Threads(crew))
        stack.callback(lambda: _remember(places.quiet, capture.learned()))
        stack.callback(capture.close)
        capture.play(first, crew.stop)
        ends = first.ends
        while settings.camera.loop and not crew.stop.is_set():
            with FileCamera(source, ends, veil) as again:
                capture.play(again, crew.stop)
                ends = again.ends
    crew.check()


def _recall(path: Path) -> bytes:
    """What vision learned before; a file that cannot be used is set aside, and vision learns anew."""
    try:
        return Quiet.check(path.read_bytes())
    except FileNotFoundError:
        return b""
    except (OSError, UnusableInputError) as error:
        _log.warning("%s: %s", path, error)
        with suppress(OSError):
            path.rename(path.with_suffix(".damaged"))
        return b""


def _remember(path: Path, learned: bytes) -> None:
    """Keep it for the next start; what a full disk refuses is learned again."""
    try:
        if learned:
            replace_whole(path, learned)
    except CannotWriteError as error:
        _log.warning("what was learned is lost: %s", error)


@contextmanager
def _alive(lock: Path) -> Iterator[None]:
    """Hold the lock that tells notify that capture lives; the kernel lets go of it however this process ends."""
    handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _telling(settings: Config, layout: Format, places: Places, crew: Crew) -> Iterator[Tell]:
    """Give the function that tells the house of a happening; it never waits."""
    clock = SystemClock()
    names = Names(settings.mqtt.prefix, settings.mqtt.node, settings.camera.name)
    anchor = Anchor(clock.boot_id, clock.unix() - clock.boot())
    with closing(Outbox(places)) as outbox:
        teller = Teller(Source(names, anchor, PictureSize(layout.width, layout.height)), outbox, clock)
        teller.start()
        lane: Lane[Happening] = Threads(crew).every("teller", teller.tell, lambda _: 0, 0)
        spiller = crew.start("spiller", lambda: spill_until_stopped(places, clock, crew))
        try:
            yield lane.put
        finally:
            lane.close()
            teller.stop()
            crew.stop.set()
            spiller.join()
            outbox.spill(clock.boot() + SPILL_AFTER)


def _weigh(item: Footage) -> int:
    return len(item.data) if isinstance(item, Packet) else 0


def _salt(clock: Clock, camera: str) -> str:
    """Makes event ids unique: no camera starts twice at one time of one boot."""
    return hashlib.sha256(f"{clock.boot_id} {clock.boot()} {camera}".encode()).hexdigest()[:8]
