"""The camera process: frames to vision, packets to the recorder, findings to both recorder and house.

Idea: one `Capture` is one camera's way through the house. How its parts hand over (at once, or through threads) and
which clock it lives on are given from outside, so that a replay and a live camera run through the very same objects.
Rule: no network in this process, ever. The watcher never waits for a disk, the camera for nobody.
"""

import hashlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from camd import config, ledger, mode
from camd.alerts.payload import PictureSize
from camd.alive import alive
from camd.bell import Bell
from camd.camera.frame import Frame
from camd.clips.adopt import adopt
from camd.clips.recorder import Recorder, Stream
from camd.clock import Clock, SystemClock
from camd.config import Config
from camd.errors import CannotWriteError, ConfigError, SaidNoError, UnusableInputError
from camd.eye import Eye
from camd.housekeeper import Pulse
from camd.labelling import Renewed, classifier
from camd.mode import AWAY
from camd.model import SECOND, Footage, Gap, Happening, Nanos, Packet
from camd.places import Places, known_stores
from camd.store import identity, wipe
from camd.store.files import replace_whole
from camd.store.shelf import Shelf
from camd.telling import Telling
from camd.terminal import Parser
from camd.vision.classify import Classifier
from camd.vision.label import Labeller
from camd.vision.quiet import Quiet
from camd.vision.rules import Rules
from camd.watcher import Observe, Show, Watcher, unobserved, unshown
from camd.worker import Crew, Lane, Lanes, Threads

_log = logging.getLogger(__name__)

KEEP_EVERY: Final = 3600 * SECOND  # what was learned of quiet places; a file of some ten kilobytes
KEPT_MOST: Final = 4_000_000  # bytes of it that wait for the disk
PICTURES = "mqtt-pictures"  # what the ledger calls it when pictures with alerts are turned on or off

Tell = Callable[[Happening], object]


def unkept(learned: bytes) -> None:
    """What is learned of a recording is nobody's habit."""


@dataclass(frozen=True, slots=True)
class House:
    """What a camera's footage runs through: the settings, the time, the store, and who hears of it.

    `observe` gets each frame that vision looked at, after everybody was told of what it found. `learned` is what vision
    learned before of places that are quiet by habit, and `keep` gets what it has learned since, once an hour. `show`
    gets the frame of what is about to be told. `classifier` tells visitors apart; None: nobody does.
    """

    config: Config
    clock: Clock
    shelf: Shelf
    tell: Tell
    observe: Observe = unobserved
    learned: bytes = b""
    keep: Callable[[bytes], None] = unkept
    show: Show = unshown
    classifier: Classifier | None = None


class Capture:
    """One camera's way through the house."""

    def __init__(self, stream: Stream, house: House, lanes: Lanes) -> None:
        config, clock = house.config, house.clock
        self._clock = clock
        self._recorder = Recorder(stream, config.record, house.shelf, clock, house.tell)
        self._recording: Lane[Footage] = lanes.every("recorder", self._recorder.take, _weigh, config.record.memory)
        salt = _salt(clock, stream.camera)
        labeller = Labeller(house.classifier, config.vision.privacy, clock.boot) if house.classifier else None
        rules = Rules(config.vision.zones, config.alerts.labels, config.alerts.ignore)
        record = self._recording.put
        self.watcher = Watcher(
            config.vision, salt, record, house.tell, house.observe, house.learned, house.show, labeller, rules
        )
        self._watching: Lane[Frame] = lanes.newest("watcher", self._look)
        self._keeping: Lane[bytes] = lanes.every("keeper", house.keep, len, KEPT_MOST)
        self._kept: Nanos | None = None
        self.pulse = Pulse()
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
                    self.pulse.frame(self._clock.boot())
                    self._watching.put(item)

    def close(self) -> None:
        """The camera has stopped: end what is open and finish the clip."""
        self._watching.close()
        self.watcher.close()
        self._recording.close()
        self._recorder.close()
        self._keeping.close()

    def learned(self) -> bytes:
        """What vision knows of places that are quiet by habit, for the next start. To be asked once it is closed."""
        return self.watcher.learned()

    def _look(self, frame: Frame) -> None:
        self.pulse.looked += 1
        self.watcher.look(frame)
        if self._kept is None:
            self._kept = frame.t
        elif frame.t - self._kept >= KEEP_EVERY:  # so a pulled plug costs an hour of what was learned
            self._keeping.put(self.watcher.learned())
            self._kept = frame.t

    def _record(self, packet: Packet) -> None:
        """Hand a packet over; when the recorder cannot keep up, go on at the next key picture that it has room for."""
        if self._lost and packet.is_key and self._recording.put(Gap()):
            self._lost = False
        if not self._lost:
            self._lost = not self._recording.put(packet)


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
    loaded = config.read(wanted.config)
    given = loaded.config.camera
    camera = replace(given, source=wanted.camera or given.source, loop=wanted.loop or given.loop)
    if not camera.source:
        raise ConfigError("there is no camera yet. Set camera.source in the config, or give --camera FILE.")
    os.umask(0o077)
    logging.getLogger("camd").setLevel(logging.INFO)  # what was evicted, and why, is told
    places = Places.of(wanted.data or loaded.config.store.data)
    settings = replace(_overlaid(loaded, places), camera=camera)
    _watch(settings, places)
    return 0


def _overlaid(loaded: config.Loaded, places: Places) -> Config:
    """The settings with what was changed while camd ran; a file of those that is damaged is told and left out."""
    try:
        return config.overlaid(loaded, places.settings).config
    except ConfigError as error:
        _log.warning("what was changed while camd ran is left out: %s", error)
        return loaded.config


def _watch(settings: Config, places: Places) -> None:
    clock, crew = SystemClock(), Crew()
    wipe.finish(places, clock, known_stores())
    identity.expect(places, known_stores())
    with ExitStack() as stack:
        eye = stack.enter_context(closing(Eye(settings, clock)))
        if mode.read(places) == AWAY or not places.index.exists():
            eye.open()  # first: a camera that cannot be used is told before anything is made
        shelf = stack.enter_context(Shelf.open(places, settings.store, clock))
        if not places.data.is_relative_to(gettempdir()):  # what lies there is not meant to last
            identity.remember(places, known_stores())
        bell = stack.enter_context(closing(Bell(places.wish_bell, "camd capture")))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _stop(crew, bell))
        stack.enter_context(alive(places.capture_lock))
        adopt(shelf, settings.camera.name)
        settings = _with_pictures_noted(settings, places, clock)
        telling = stack.enter_context(Telling(settings, places, crew, clock))
        telling.controls.start()
        listening = crew.start("controls", lambda: telling.controls.run(bell, crew))
        stack.callback(listening.join)
        stack.callback(_stop, crew, bell)
        house = House(
            settings,
            clock,
            shelf,
            telling.tell,
            Renewed(places.head).look,
            keep=partial(_remember, places.quiet),
            show=telling.show,
            classifier=classifier(settings.vision, places.head, telling.tell),
        )
        while not crew.stop.is_set() and _look(eye, house, telling, places, crew):
            pass
    crew.check()


def _with_pictures_noted(settings: Config, places: Places, clock: Clock) -> Config:
    """The ledger says since when pictures go to the broker; without that line none goes there."""
    wanted = settings.alerts.picture
    try:
        noted = [entry.details.get("picture") for entry in ledger.entries(places) if entry.what == PICTURES]
        if wanted != (noted[-1] if noted else "off"):
            ledger.append(places, clock, PICTURES, picture=wanted)
    except (CannotWriteError, SaidNoError) as error:
        _log.warning("no pictures go to the broker, because the ledger cannot say so: %s", error)
        return replace(settings, alerts=replace(settings.alerts, picture="off"))
    return settings


def _stop(crew: Crew, bell: Bell) -> None:
    crew.stop.set()
    bell.ring()


def _look(eye: Eye, house: House, telling: Telling, places: Places, crew: Crew) -> bool:
    """One time of looking, or of being at home; False when the camera has no more to give."""
    if not telling.controls.may_look.is_set():
        eye.close()
        telling.home()
        telling.controls.may_look.wait()
        return True
    layout = eye.open()
    house = replace(house, learned=_recall(places.quiet))
    capture = Capture(Stream(house.config.camera.name, layout), house, Threads(crew))
    telling.opened(capture.watcher, capture.pulse, PictureSize(layout.width, layout.height))
    try:
        has_ended = eye.play(capture.play, telling.controls.shut)
    finally:
        telling.closed(capture.pulse)
        capture.close()
        _remember(places.quiet, capture.learned())
    return not has_ended


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


def _weigh(item: Footage) -> int:
    return len(item.data) if isinstance(item, Packet) else 0


def _salt(clock: Clock, camera: str) -> str:
    """Makes event ids unique: no camera starts twice at one time of one boot."""
    return hashlib.sha256(f"{clock.boot_id} {clock.boot()} {camera}".encode()).hexdigest()[:8]
