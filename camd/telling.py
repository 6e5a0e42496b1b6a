"""How the house hears of one camera, and the camera of the house: teller, housekeeper and controls put together.

Rule: whoever tells never waits. The thread that makes messages and pictures is the teller's own; disks are the
housekeeper's business.
"""

from collections.abc import Callable
from typing import Self

from camd.alerts.outbox import SPILL_AFTER, Outbox
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.policy import Limits, Policy
from camd.alerts.teller import Shot, Teller
from camd.alerts.topics import Names
from camd.camera.frame import Frame
from camd.clock import Clock
from camd.config import Config
from camd.controls import Controls, Dials, Turned
from camd.housekeeper import Housekeeper, Pulse
from camd.model import Event, Happening
from camd.places import Places
from camd.worker import Crew, Lane, Threads


class Telling:
    """How the house hears of one camera, and the camera of the house: teller, housekeeper and controls."""

    def __init__(self, settings: Config, places: Places, crew: Crew, clock: Clock) -> None:
        self._crew, self._clock, self._settings = crew, clock, settings
        self._outbox = Outbox(places)
        self._pulse = Pulse()
        self._size = PictureSize(0, 0)
        alerts = settings.alerts
        policy = Policy(Limits(alerts.cooldown, alerts.per_hour))
        source = _source(settings, clock)
        self.teller = Teller(source, self._outbox, clock, policy, alerts.picture == "kept")
        self.controls = Controls(places, self.teller, clock, Dials.of(settings))
        self._places = places

    def __enter__(self) -> Self:
        self.teller.clear_picture()  # of an earlier start: nobody knows any more whose it is
        self._lane: Lane[Callable[[], None]] = Threads(self._crew).every("teller", _do, lambda _: 0, 0)
        self._keep_house()
        return self

    def __exit__(self, *_: object) -> None:
        self._lane.close()
        self.teller.stop()
        self._crew.stop.set()
        self._keeping.join()
        self._outbox.spill(self._clock.boot() + SPILL_AFTER)
        self._outbox.close()

    def tell(self, happening: Happening) -> None:
        """Tell of a happening; never waits."""
        self._lane.put(lambda: self.teller.tell(happening))

    def show(self, event: Event, frame: Frame) -> None:
        """Here is the picture of what is told next; it is made only when it is wanted."""
        if self._settings.alerts.picture != "off":
            marks = (event.reason.box,) if self._settings.alerts.boxes else ()
            self._lane.put(lambda: self.teller.show(Shot(event.id, lambda: frame.jpeg(marks))))

    def opened(self, turned: Turned, pulse: Pulse, size: PictureSize) -> None:
        """The camera gives pictures of this size; `turned` is what its dials are for, `pulse` counts its frames."""
        pulse.opened(self._clock.boot())
        self.keeper.pulse, self._size = pulse, size
        self._lane.put(lambda: self.teller.start(size))
        self.controls.attach(turned)

    def closed(self, pulse: Pulse) -> None:
        """It gives no more."""
        self.controls.detach()
        pulse.closed()

    def home(self) -> None:
        """The camera was closed for home mode; told after all that happened before."""
        self._lane.put(self.teller.home)

    def _keep_house(self) -> None:
        self.keeper = Housekeeper(
            self._settings,
            self._places,
            self._clock,
            self.teller,
            self._pulse,
            lambda: self.teller.start(self._size),
        )
        self._keeping = self._crew.start("housekeeper", lambda: self.keeper.run(self._crew))


def _do(work: Callable[[], None]) -> None:
    work()


def _source(settings: Config, clock: Clock) -> Source:
    names = Names(settings.mqtt.prefix, settings.mqtt.node, settings.camera.name)
    anchor = Anchor(clock.boot_id, clock.unix() - clock.boot())
    zones = tuple(zone.name for zone in settings.vision.zones)
    alerts = settings.alerts
    return Source(names, anchor, PictureSize(0, 0), zones, alerts.page, alerts.picture != "off")
