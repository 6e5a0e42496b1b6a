"""What the house says of events over MQTT becomes labels, at once or when the clip of the event is kept.

Idea: an alert is told at onset, and its clip is there only when it is over. So what is said of an event that this
process saw begin, and of which there is no clip yet, waits in RAM; what is said of any other is refused.
Rule: an event is labelled in the newest clip that holds it, and alone: the others of that clip are not spoken of. A
`false_alarm` without a label means that nobody can tell what it was, or that it was nothing.
It does not promise that what waits outlives the process.
"""

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from camd.alerts.command import Refusal
from camd.clock import Clock
from camd.errors import CamdError
from camd.model import SECOND, Began, Clip, Happening, Nanos, Saved
from camd.places import Places
from camd.store import sidecar, verdicts
from camd.store.files import ClipFiles, size_of
from camd.store.index import Index
from camd.store.verdicts import Verdict

_log = logging.getLogger(__name__)

ACCOUNT: Final = "mqtt"  # whose labels those of the broker are, whoever gave them
NOTHING: Final = "motion"  # the label that nobody can tell
CLIPS_BACK: Final = 500  # among so many of the newest clips the one of an event is looked for
EVENTS_BACK: Final = 1000  # that this process saw begin
PATIENCE: Final[Nanos] = 2 * 3600 * SECOND  # longer than any clip may be
MOST_BYTES: Final = 10_000_000  # of labels
FULL: Final = Refusal("full", "", "there is no room for more labels")
UNKNOWN: Final = Refusal("unknown_event", "event_id", f"no such event now, nor in the newest {CLIPS_BACK} clips")
TOO_LATE: Final = "feedback on event %s: no clip of it was kept, so there is nothing to learn from"


@dataclass(slots=True)
class Feedback:
    """What was said of events. `hear` may be called from any thread, all else from one."""

    places: Places
    clock: Clock
    _begun: OrderedDict[str, None] = field(default_factory=OrderedDict)  # events without a clip so far
    _early: dict[str, tuple[Nanos, dict[str, Any]]] = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set)  # events of `_early` that have a clip by now
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, happening: Happening) -> None:
        """Note which events there are, and which of those that wait have a clip; never waits for a disk."""
        match happening:
            case Began(event):
                with self._lock:
                    self._begun[event.id] = None
                    if len(self._begun) > EVENTS_BACK:
                        self._begun.popitem(last=False)
            case Saved(clip):
                with self._lock:
                    self._kept |= self._early.keys() & set(clip.events)
                    for event_id in clip.events:  # from now on it is the clip's: gone with it, nobody knows it
                        self._begun.pop(event_id, None)

    def take(self, said: dict[str, Any]) -> Refusal | None:
        """Note what was said of an event, or say why not. Raises CamdError."""
        if size_of(self.places.labels) > MOST_BYTES:
            return FULL
        waits = self._wait(said)  # before its clip is looked for, which may be kept meanwhile
        is_done = True
        try:
            is_done = self._label(said)
        finally:
            if is_done:
                self._drop(said["event_id"])
        if is_done or waits:
            return None
        _log.warning("feedback on event %s: %s", said["event_id"], UNKNOWN.message)
        return UNKNOWN

    def look(self) -> None:
        """Once a second: note what waited for its clip, and give up what waits in vain."""
        kept, late = self._over()
        for said in kept:
            try:
                self._label(said)
            except CamdError as error:
                _log.warning("feedback on event %s is lost: %s", said["event_id"], error)
        for said in late:
            _log.warning(TOO_LATE, said["event_id"])

    def _wait(self, said: dict[str, Any]) -> bool:
        """Have it wait if this process saw the event begin; whether it did."""
        event_id = said["event_id"]
        with self._lock:
            if event_id in self._begun:
                self._early[event_id] = self.clock.boot(), said
            return event_id in self._begun

    def _over(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Take out what waits no longer: what has a clip now, and what waited too long for one."""
        now = self.clock.boot()
        with self._lock:
            kept = [event_id for event_id in self._early if event_id in self._kept]
            self._kept.clear()
            ready = [self._early.pop(event_id)[1] for event_id in kept]
            late = [event_id for event_id, (since, _) in self._early.items() if now - since > PATIENCE]
            return ready, [self._early.pop(event_id)[1] for event_id in late]

    def _drop(self, event_id: str) -> None:
        with self._lock:
            self._early.pop(event_id, None)

    def _label(self, said: dict[str, Any]) -> bool:
        """Label the event; False when no clip holds it."""
        event_id = said["event_id"]
        with Index.open(self.places) as index:
            clips = [clip for clip in index.clips(CLIPS_BACK) if event_id in clip.events]
            if not clips:
                return False
            newest, *parts = clips
            label = said.get("label") or self._meant(said, newest)
            given = Verdict(newest.id, label, ACCOUNT, self.clock.unix() // SECOND, event_id)
            counts = verdicts.give(self.places, index, given)
            for part in parts:
                if part.events == (event_id,):
                    index.label(part.id, label)
        if not counts:
            _log.warning("clip %d: %s", newest.id, verdicts.UNCOUNTED)
        return True

    def _meant(self, said: dict[str, Any], clip: Clip) -> str:
        """The label that a verdict without one stands for."""
        if said["verdict"] != "correct":
            return NOTHING
        events = sidecar.read(ClipFiles.of(self.places, clip.id).sidecar).events
        return next(one.event.label for one in events if one.event.id == said["event_id"])
