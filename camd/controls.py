"""What may be turned while camd runs: wishes become other settings, another mode, a clip, an answer.

Idea: one thread of capture sleeps on a bell. It carries out what wishes there are, each once, and looks at the mode,
which the terminal may have changed. What was turned is kept, so that the next start finds it.
Rule: nothing here decides who may wish what; `camd.wishes` did. The camera is opened and closed by capture's main
thread, which waits for `may_look` and stops at `shut`.
"""

import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from camd import mode, wishes
from camd.alerts.command import Refusal
from camd.alerts.teller import Teller
from camd.bell import Bell
from camd.clock import Clock
from camd.config import KEYS, Config
from camd.errors import CamdError
from camd.mode import AWAY
from camd.model import SECOND
from camd.places import Places
from camd.store.files import replace_whole, writing
from camd.store.index import Index
from camd.worker import Crew

_log = logging.getLogger(__name__)

MOST_FEEDBACK: Final = 10_000_000  # bytes
CLIPS_BACK: Final = 500  # among so many of the newest clips the one of an event is looked for
AT_HOME: Final = Refusal("home_mode", "", "home mode: the camera is closed")
OVERLAY: Final = """\
# What was changed while camd ran. It wins over camd.yaml; remove this file to go back to that.
vision:
  detect: {detect}
  sensitivity: {sensitivity}
record:
  clips: {clips}
"""


@dataclass(frozen=True, slots=True)
class Dials:
    """What can be turned: how sharp vision looks, whether it looks at all, and whether clips are kept."""

    sensitivity: int
    detect: bool = True
    clips: bool = True

    @classmethod
    def of(cls, config: Config) -> "Dials":
        """As they stand in the settings."""
        return cls(config.vision.sensitivity, config.vision.detect, config.record.clips)


class Turned(Protocol):
    """What the dials are for."""

    def turn(self, dials: Dials) -> None:
        """Go on with these, from the next frame on."""

    def trigger(self, seconds: float) -> None:
        """Record so long from the next frame on, whatever moves."""


@dataclass(slots=True)
class Controls:
    """The dials of one camera."""

    places: Places
    teller: Teller
    clock: Clock
    dials: Dials
    shut: threading.Event = field(default_factory=threading.Event)
    may_look: threading.Event = field(default_factory=threading.Event)
    _turned: Turned | None = None
    _mode: str = ""

    def start(self) -> None:
        """Say how everything is turned, and take up the mode."""
        self._say_dials()
        self.teller.snooze(self._snoozed())
        self.heed_mode()

    def run(self, bell: Bell, crew: Crew) -> None:
        """Carry out wishes until the crew stops."""
        try:
            while not crew.stop.is_set():
                self.look()
                bell.wait(SECOND)
        finally:  # whatever ended this, the main thread must not wait for it
            self.shut.set()
            self.may_look.set()

    def look(self) -> None:
        """Carry out what is wished now."""
        for _, wish in wishes.take(self.places):
            try:
                refusal = ORDERS[wish.what](self, wish.value)
            except CamdError as error:
                _log.warning("a command failed: %s", error)
                refusal = Refusal("failed", "", str(error)[:200])
            self.teller.reply(wish.correlation, refusal)
        self.heed_mode()

    def heed_mode(self) -> None:
        """Open the way for the camera, or close it."""
        word = mode.read(self.places)
        if word == self._mode:
            return
        self._mode = word
        if word == AWAY:
            self.shut.clear()
            self.may_look.set()
        else:
            self.may_look.clear()
            self.shut.set()
            if why := mode.trouble(self.places):
                _log.warning("%s", why)
        self.teller.settings(mode=word)

    def attach(self, turned: Turned) -> None:
        """The camera looks: this is what is turned from now on."""
        self._turned = turned
        turned.turn(self.dials)

    def detach(self) -> None:
        """The camera is closed."""
        self._turned = None

    def _change_mode(self, word: str) -> Refusal | None:
        if mode.read(self.places) != word:
            mode.write(self.places, word)
        self.heed_mode()
        return None

    def _snooze(self, minutes: float) -> Refusal | None:
        until = round(self.clock.unix() / SECOND + minutes * 60) if minutes else 0
        replace_whole(self.places.snooze, f"{until}\n".encode())
        self.teller.snooze(until)
        return None

    def _detect(self, is_on: bool) -> Refusal | None:
        return self._turn(replace(self.dials, detect=is_on))

    def _record(self, is_on: bool) -> Refusal | None:
        return self._turn(replace(self.dials, clips=is_on))

    def _sensitivity(self, step: int) -> Refusal | None:
        return self._turn(replace(self.dials, sensitivity=step))

    def _turn(self, dials: Dials) -> Refusal | None:
        if dials != self.dials:
            replace_whole(self.places.settings, overlay(dials).encode())
            self.dials = dials
            if self._turned is not None:
                self._turned.turn(dials)
        self._say_dials()
        return None

    def _trigger(self, seconds: float) -> Refusal | None:
        if self._turned is None:
            return AT_HOME
        self._turned.trigger(seconds)
        return None

    def _feedback(self, value: dict[str, Any]) -> Refusal | None:
        said = {"v": 1, "time": round(self.clock.unix() / SECOND, 3), **value}
        with writing(self.places.feedback), self.places.feedback.open("a", encoding="utf-8") as file:
            if file.tell() > MOST_FEEDBACK:
                return Refusal("full", "", "there is no room for more feedback")
            file.write(json.dumps(said, ensure_ascii=False) + "\n")
        label = value.get("label")
        if label:
            self._label(value["event_id"], label)
        return None

    def _label(self, event_id: str, label: str) -> None:
        with Index.open(self.places) as index:
            for clip in index.clips(CLIPS_BACK):
                if event_id in clip.events:
                    index.label(clip.id, label)

    def _say_dials(self) -> None:
        on, off = "ON", "OFF"
        self.teller.settings(
            detect=on if self.dials.detect else off,
            record=on if self.dials.clips else off,
            sensitivity=str(self.dials.sensitivity),
        )

    def _snoozed(self) -> int:
        with suppress(OSError, ValueError):
            return int(self.places.snooze.read_text(encoding="ascii"))
        return 0


# what is wished -> what is done, with the value that was found to make sense
ORDERS: Final[dict[str, Callable[[Controls, Any], Refusal | None]]] = {
    "mode": Controls._change_mode,
    "snooze": Controls._snooze,
    "detect": Controls._detect,
    "record": Controls._record,
    "sensitivity": Controls._sensitivity,
    "trigger": Controls._trigger,
    "feedback": Controls._feedback,
}
assert set(ORDERS) == set(wishes.KINDS), "every wish is carried out"


def overlay(dials: Dials) -> str:
    """The dials as a settings file."""
    rows = {"detect": "vision.detect", "sensitivity": "vision.sensitivity", "clips": "record.clips"}
    return OVERLAY.format(**{name: KEYS[row].show(getattr(dials, name)) for name, row in rows.items()})
