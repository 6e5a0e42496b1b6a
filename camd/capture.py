"""The camera process: every camera in a thread of its own, one recorder, one store, one voice to the house.

Rule: no network in this process but the addresses of its network cameras. It is taken down in the reverse of the order
in which it was put together.
"""

import logging
import os
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from tempfile import gettempdir

from camd import config, guard, ledger, mode, systemd, wishes
from camd.alive import alive
from camd.bell import Bell, ring
from camd.cage import Reach
from camd.clips.adopt import adopt
from camd.clock import Clock, SystemClock
from camd.config import Config
from camd.errors import CannotWriteError, ConfigError, SaidNoError
from camd.eye import Eye
from camd.guard import Verdict
from camd.labelling import Classifiers, Renewed
from camd.lookout import Lookout
from camd.mode import HOME
from camd.pipeline import House
from camd.places import Places, known_stores
from camd.recording import Recording
from camd.signals import heeded
from camd.store import identity, wipe
from camd.store.shelf import Shelf
from camd.telling import Telling
from camd.wanted import as_wanted, parser
from camd.watchdog import Watchdog
from camd.worker import Crew, Threads

_log = logging.getLogger(__name__)

WHAT = "Watch every camera, and record and tell what moves, until stopped. 'camd run' and systemd start this."
PICTURES = "mqtt-pictures"  # what the ledger calls it when pictures with alerts are turned on or off


def main(arguments: list[str]) -> int:
    """`camd capture`: watch every camera until SIGTERM, or until the last file ends."""
    wanted = parser("camd capture", WHAT).parse_args(arguments)
    loaded = config.read(wanted.config)
    os.umask(0o077)
    logging.getLogger("camd").setLevel(logging.INFO)  # what was evicted, and why, is told
    places = Places.of(wanted.data or loaded.config.store.data)
    settings = as_wanted(_overlaid(loaded, places), wanted)
    reach = Reach.of_sources(each.camera.source for each in settings.each())
    _watch(settings, places, guard.stand("capture", reach, settings.guard.strict))
    return 0


def _overlaid(loaded: config.Loaded, places: Places) -> Config:
    """The settings with what was changed while camd ran; a file of those that is damaged is told and left out."""
    try:
        return config.overlaid(loaded, places.settings).config
    except ConfigError as error:
        _log.warning("what was changed while camd ran is left out: %s", error)
        return loaded.config


def _watch(settings: Config, places: Places, verdict: Verdict) -> None:
    clock, crew = SystemClock(), Crew()
    wipe.finish(places, clock, known_stores())
    identity.expect(places, known_stores())
    if wishes.home_waits(places):  # who came home while nobody watched is heard before a camera is opened
        places.make()
        mode.write(places, HOME)
    with ExitStack() as stack:
        stack.enter_context(heeded(partial(_stop, crew, places)))
        eyes = [stack.enter_context(closing(Eye(each, clock))) for each in settings.each()]
        shelf = stack.enter_context(Shelf.open_when_possible(places, settings.store, clock))
        if not places.data.is_relative_to(gettempdir()):  # what lies there is not meant to last
            identity.remember(places, known_stores())
        bell = stack.enter_context(closing(Bell(places.wish_bell, "camd capture")))
        stack.enter_context(alive(places.capture_lock))
        verdict.tell(places)
        adopt(shelf, settings.each()[0].camera.name)
        settings = _with_pictures_noted(settings, places, clock)
        telling = stack.enter_context(Telling(settings, places, crew, clock))
        telling.controls.start()
        systemd.tell(READY=1)
        listening = crew.start("controls", lambda: telling.controls.run(bell, crew))
        watchdog = Watchdog(clock, [each.camera.name for each in settings.each()])
        watching = crew.start("watchdog", lambda: watchdog.run(crew))
        for thread in (listening, watching):
            stack.callback(thread.join)
        stack.callback(_stop, crew, places)
        most = max(each.record.memory for each in settings.each())
        recording = stack.enter_context(closing(Recording(shelf, clock, Threads(crew), most)))
        classifiers = Classifiers(places.heads)
        houses = [_house(each, telling, recording, classifiers, places) for each in settings.each()]
        lookouts = [
            Lookout(eye, house, telling.heralds[house.config.camera.name], watchdog, places, crew, len(eyes) == 1)
            for eye, house in zip(eyes, houses, strict=True)
        ]
        looking = [crew.start(f"camera {lookout.name}", lookout.run) for lookout in lookouts]
        for thread in looking:
            thread.join()
    crew.check()


def _house(settings: Config, telling: Telling, recording: Recording, classifiers: Classifiers, places: Places) -> House:
    """What the footage of one camera runs through."""
    herald = telling.heralds[settings.camera.name]
    return House(
        settings,
        telling.clock,
        recording,
        herald.tell,
        Renewed(places.heads).look,
        keep=partial(telling.keeper.keep, settings.camera.name),
        show=herald.show,
        classifier=classifiers.of(settings.vision, herald.tell),
    )


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


def _stop(crew: Crew, places: Places) -> None:
    crew.stop.set()
    ring(places.wish_bell)
