"""Tells the house: what happened becomes messages in the outbox, states are told at start and before the end.

Rule: never waits for a disk. What has waited for the broker for a second is copied to disk by a thread of its own.
"""

from camd.alerts.message import Source, Told, alerts_of, motion_off, offline, online, tamper_off
from camd.alerts.outbox import SPILL_AFTER, Outbox
from camd.clock import Clock
from camd.model import Alert, Happening
from camd.places import Places
from camd.worker import Crew


class Teller:
    """Puts the messages of one camera into the outbox."""

    def __init__(self, source: Source, outbox: Outbox, clock: Clock) -> None:
        self._source, self._outbox, self._clock = source, outbox, clock
        self._told = Told()

    def start(self) -> None:
        """The camera gives pictures, and nothing moves or is wrong with them yet."""
        names = self._source.names
        self._put((online(names), motion_off(names), tamper_off(names)))

    def tell(self, happening: Happening) -> None:
        """Tell of one happening."""
        self._put(alerts_of(happening, self._source, self._told))

    def stop(self) -> None:
        """The camera is off: no old ON may stay behind."""
        self._put((motion_off(self._source.names), offline(self._source.names)))

    def _put(self, alerts: tuple[Alert, ...]) -> None:
        if alerts:
            self._outbox.put(alerts, self._clock.boot_id, self._clock.boot(), self._clock.unix())


def spill_until_stopped(places: Places, clock: Clock, crew: Crew) -> None:
    """Once a second copy to disk what the broker has not taken, until the crew stops."""
    outbox = Outbox(places)
    try:
        while clock.wait(clock.boot() + SPILL_AFTER, crew.stop):
            outbox.spill(clock.boot())
    finally:
        outbox.close()
