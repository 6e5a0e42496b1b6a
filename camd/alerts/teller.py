"""Tells the house: what happened becomes messages in the outbox, states are told when they change.

Rule: never waits for a disk. What has waited for the broker for a second is copied to disk by a thread of its own.
Every method may be called from any thread.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from camd.alerts.command import Refusal, reply_json
from camd.alerts.message import Told, alerts_of, excess_of, told_aloud
from camd.alerts.outbox import Outbox
from camd.alerts.payload import PictureSize, Source
from camd.alerts.policy import Policy
from camd.alerts.states import all_off, at_home, fault, is_fault, offline, online, state, tamper_off
from camd.clock import Clock
from camd.model import SECOND, Alert, Degraded, Faulted, Happening, Nanos, Saved

MOST_PICTURE: Final = 256_000  # bytes; what is more is not sent

Jpeg = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Shot:
    """The picture in which the event `event_id` was seen last: `jpeg` makes it, under the veil."""

    event_id: str
    jpeg: Jpeg


class Teller:
    """Puts the messages of one camera into the outbox. `keeps_picture` says that the broker keeps the last one."""

    def __init__(
        self, source: Source, outbox: Outbox, clock: Clock, policy: Policy, keeps_picture: bool = False
    ) -> None:
        self._source, self._outbox, self._clock, self._told = source, outbox, clock, Told(policy)
        self._keeps_picture = keeps_picture
        self._shot: Shot | None = None
        self._shown: set[str] = set()  # events whose picture was sent and whose clips are not known yet
        self._picture_of: int | None = None  # the clip whose event's picture was sent last
        self._status: tuple[Alert, ...] = ()
        self._snoozed_unix = 0
        self._classifier = "ok"
        self._has_given_up = False
        self._lock = threading.RLock()

    def start(self, size: PictureSize) -> None:
        """The camera gives pictures of this size, and nothing moves or is wrong with them yet."""
        self._source = replace(self._source, size=size)
        names = self._source.names
        self._be(online(names), state(names.sensor, "open"))
        self._put(state(names.classifier, self._classifier), *all_off(names, self._source.zones), tamper_off(names))

    def classifies(self) -> None:
        """A classifier is asked from the next start on, whatever became of it before."""
        self._classifier = "ok"

    def settings(self, **values: str) -> None:
        """Say what settings are now: mode, detect, record, sensitivity."""
        self._put(*(state(self._source.names.state_of(name), value) for name, value in values.items()))

    def tell(self, happening: Happening) -> None:
        """Tell of one happening."""
        with self._lock:
            alerts = alerts_of(happening, self._source, self._told)
            self._put(*alerts)
            if isinstance(happening, Degraded):
                self._classifier = "degraded" if happening.on else "ok"
            if isinstance(happening, Faulted):
                self._status = alerts
            if any(alert.topic == self._source.names.event for alert in alerts):
                self._send_picture()
            if isinstance(happening, Saved) and self._shown & set(happening.clip.events):
                self._picture_of = happening.clip.id

    def show(self, shot: Shot) -> None:
        """Here is the picture of what will be told next."""
        with self._lock:
            self._shot = shot

    def home(self) -> None:
        """The camera was closed because its people are at home."""
        names = self._source.names
        with self._lock:
            self._told = Told(self._told.policy)
            self._be(at_home(names), state(names.sensor, "closed"))
            self._put(*all_off(names, self._source.zones), tamper_off(names))
            self._outbox.withdraw(lambda alert: alert.topic == names.snapshot)  # and has not been sent yet
            self.clear_picture()

    def fault(self, what: str) -> None:
        """The camera should give pictures and does not; told aloud once, however often capture starts meanwhile."""
        names = self._source.names
        with self._lock:
            is_known = is_fault(self._outbox.state_of(names.status))
            self._be(fault(names, what), state(names.sensor, "unknown"))
            self._put(*all_off(names, self._source.zones))
            if not is_known:
                self.aloud("camera_offline", what)

    def give_up(self, what: str) -> None:
        """The camera cannot be used, and capture ends with that: it stays a fault, as others will start it again."""
        self.fault(what)
        self._has_given_up = True

    def aloud(self, kind: str, what: str) -> None:
        """An alert that no motion began."""
        now = self._clock.boot()
        with self._lock:
            if self._told.policy.admits(kind, now):
                self._put(told_aloud(kind, what, now, self._source))

    def repeat(self) -> None:
        """Say again how the camera is: notify may have said otherwise while this process did not run."""
        self._put(*self._status)

    def snooze(self, until_unix: int) -> None:
        """No alerts of events until UNIX second `until_unix`; 0: they are told again."""
        with self._lock:
            left = max(0, until_unix * SECOND - self._clock.unix())
            self._snoozed_unix = until_unix if left else 0
            self._told.policy.snoozed_until = self._clock.boot() + left
            self._put(state(self._source.names.state_of("snooze"), str(self._snoozed_unix)))

    def reply(self, correlation: str, refusal: Refusal | None) -> None:
        """Answer a command."""
        if correlation:
            self._put(Alert(self._source.names.reply(correlation), reply_json(refusal), retain=False))

    def clear_picture(self) -> None:
        """Make the broker, and who shows the last picture, forget it."""
        with self._lock:
            self._shot, self._picture_of = None, None
            self._shown.clear()
            self._put(state(self._source.names.snapshot, ""))

    def look(self, has_clip: Callable[[int], bool]) -> None:
        """Once a second: what time alone brings. `has_clip` says whether a clip is still there."""
        with self._lock:
            excess = self._told.policy.excess(self._clock.boot())
            if excess is not None:
                self._put(excess_of(excess, self._source))
            if self._snoozed_unix and self._snoozed_unix * SECOND <= self._clock.unix():
                self.snooze(0)
            if self._picture_of is not None and not has_clip(self._picture_of):
                self.clear_picture()

    def stop(self) -> None:
        """The camera is off: no old ON may stay behind, and no picture, since nobody sees its clip go from now on."""
        names = self._source.names
        if self._source.has_pictures:
            self.clear_picture()
        self._put(*all_off(names, self._source.zones), state(names.sensor, "closed"))
        if not self._has_given_up:
            self._put(offline(names))

    def _be(self, *status: Alert) -> None:
        self._status = status
        self._put(*status)

    def _send_picture(self) -> None:
        shot, self._shot = self._shot, None
        if shot is None or not self._source.has_pictures:
            return
        picture = shot.jpeg()
        if len(picture) > MOST_PICTURE:
            return
        self._shown.add(shot.event_id)
        self._picture_of = None
        topic = self._source.names.snapshot
        self._put(Alert(topic, picture, retain=self._keeps_picture, key=topic))

    def _put(self, *alerts: Alert) -> None:
        if alerts:
            with self._lock:
                now: Nanos = self._clock.boot()
                self._outbox.put(alerts, self._clock.boot_id, now, self._clock.unix())
