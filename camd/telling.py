"""How the house hears of the cameras, and the cameras of the house: tellers, housekeeper and controls put together.

Rule: whoever tells never waits. The thread that makes messages and pictures is the tellers' own; disks are the
housekeeper's business.
"""

from collections.abc import Callable
from functools import partial
from typing import Self

from camd.alerts.outbox import SPILL_AFTER, Outbox
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.policy import Limits, Policy
from camd.alerts.teller import Shot, Teller
from camd.alerts.topics import Names
from camd.camera.frame import Frame
from camd.clock import Clock
from camd.config import AlertsConfig, Config
from camd.controls import Board, Controls
from camd.dials import Dials, Turned
from camd.gate import Gate
from camd.housekeeper import Housekeeper, Watch
from camd.model import Event, Happening
from camd.places import Places
from camd.pulse import Pulse
from camd.timer import Timer
from camd.worker import Crew, Lane, Threads


class Telling:
    """How the house hears of the cameras, and they of it. `heralds` has one of each camera, by name."""

    def __init__(self, settings: Config, places: Places, crew: Crew, clock: Clock) -> None:
        self._crew, self.clock = crew, clock
        self._outbox = Outbox(places)
        self._at_home: set[str] = set()
        self.gate = Gate(places, clock)
        self.heralds = {each.camera.name: self._herald(each, places) for each in settings.each()}
        boards = {name: herald.board for name, herald in self.heralds.items()}
        timer = Timer(settings.schedule, places, clock)
        self.controls = Controls(places, clock, self.gate, boards, bool(settings.cameras), timer)
        self.keeper = Housekeeper(settings, places, clock, [herald.watch for herald in self.heralds.values()])

    def __enter__(self) -> Self:
        for herald in self.heralds.values():
            herald.teller.clear_picture()  # of an earlier start: nobody knows any more whose it is
        self._lane: Lane[Callable[[], None]] = Threads(self._crew).every("teller", _do, lambda _: 0, 0)
        self._keeping = self._crew.start("housekeeper", lambda: self.keeper.run(self._crew))
        return self

    def __exit__(self, *_: object) -> None:
        self._lane.close()
        for herald in self.heralds.values():
            herald.teller.stop()
        self._crew.stop.set()
        self._keeping.join()
        self._outbox.spill(self.clock.boot() + SPILL_AFTER)
        for each in (self._outbox, *(herald.outbox for herald in self.heralds.values())):
            each.close()

    def is_last(self, name: str, is_closed: bool) -> bool:
        """Note whether a camera is closed for home mode; whether it is the last one that was waited for."""
        (self._at_home.add if is_closed else self._at_home.discard)(name)
        return len(self._at_home) == len(self.heralds)

    def _herald(self, settings: Config, places: Places) -> "Herald":
        alerts, outbox = settings.alerts, Outbox(places)
        policy = Policy(Limits(alerts.cooldown, alerts.per_hour))
        teller = Teller(_source(settings, self.clock), outbox, self.clock, policy, alerts.picture == "kept")
        return Herald(self, settings.camera.name, teller, outbox, Board(teller, Dials.of(settings)), alerts)

    def later(self, work: Callable[[], None]) -> None:
        """Do this in the tellers' thread."""
        self._lane.put(work)


class Herald:
    """How the house hears of one camera."""

    def __init__(
        self, telling: Telling, name: str, teller: Teller, outbox: Outbox, board: Board, alerts: AlertsConfig
    ) -> None:
        self._telling, self._name, self._alerts = telling, name, alerts
        self.teller, self.outbox, self.board = teller, outbox, board
        self._size = PictureSize(0, 0)
        self.watch = Watch(name, teller, lambda: teller.start(self._size))

    @property
    def gate(self) -> Gate:
        """Whether the camera may look."""
        return self._telling.gate

    def tell(self, happening: Happening) -> None:
        """Tell of a happening; never waits."""
        self._telling.controls.feedback.hear(happening)
        self._telling.later(partial(self.teller.tell, happening))

    def show(self, event: Event, frame: Frame) -> None:
        """Here is the picture of what is told next; it is made only when it is wanted."""
        if self._alerts.picture != "off":
            marks = (event.reason.box,) if self._alerts.boxes else ()
            self._telling.later(partial(self.teller.show, Shot(event.id, partial(frame.jpeg, marks))))

    def classifies(self) -> None:
        """Visitors are told apart once the camera is open."""
        self._telling.later(self.teller.classifies)

    def opened(self, turned: Turned, pulse: Pulse, size: PictureSize) -> None:
        """The camera gives pictures of this size; `turned` is what its dials are for, `pulse` counts its frames."""
        pulse.opened(self._telling.clock.boot())
        self.watch.pulse, self._size = pulse, size
        self._telling.is_last(self._name, False)
        self._telling.later(partial(self.teller.start, size))
        self.board.attach(turned)

    def closed(self, pulse: Pulse) -> None:
        """It gives no more."""
        self.board.detach()
        pulse.closed()

    def home(self) -> None:
        """The camera was closed for home mode; told after all that happened before, and aloud by the last of them."""
        self._telling.later(self._be_at_home)

    def fault(self, what: str) -> None:
        """The camera should give pictures and does not."""
        self._telling.later(partial(self.teller.fault, what))

    def gives_up(self, why: str) -> None:
        """This process ends, because the camera cannot be used."""
        self._telling.later(partial(self.teller.give_up, why))

    def ended(self) -> None:
        """The camera has no more to give, while others go on."""
        self._telling.is_last(self._name, True)
        self._telling.later(self.teller.stop)

    def _be_at_home(self) -> None:
        self.teller.home()
        if self._telling.is_last(self._name, True):
            self.teller.aloud("home_mode", "home mode")


def _do(work: Callable[[], None]) -> None:
    work()


def _source(settings: Config, clock: Clock) -> Source:
    names = Names(settings.mqtt.prefix, settings.mqtt.node, settings.camera.name)
    anchor = Anchor(clock.boot_id, clock.unix() - clock.boot())
    zones = tuple(zone.name for zone in settings.vision.zones)
    alerts = settings.alerts
    return Source(names, anchor, PictureSize(0, 0), zones, alerts.page, alerts.picture != "off")
