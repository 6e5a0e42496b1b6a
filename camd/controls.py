"""What may be turned while camd runs: wishes become other settings, another mode, a clip, an answer.

Idea: one thread of capture sleeps on a bell. It carries out what wishes there are, each once, and looks at the mode,
which the terminal may have changed. What was turned is kept, so that the next start finds it.
Rule: nothing here decides who may wish what; `camd.wishes` did. Cameras are opened and closed by their own threads,
which heed the gate.
"""

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from textwrap import indent
from typing import Any, Final

from camd import mode, wishes
from camd.alerts.command import Refusal
from camd.alerts.teller import Teller
from camd.bell import Bell
from camd.clock import Clock
from camd.config import KEYS, SEVERAL
from camd.dials import Dials, Turned
from camd.errors import CamdError, CannotWriteError, UnavailableError
from camd.feedback import Feedback
from camd.gate import Gate
from camd.mode import HOME
from camd.model import SECOND
from camd.places import Places
from camd.store.files import replace_whole
from camd.timer import Timer
from camd.wishes import Wish
from camd.worker import Crew

_log = logging.getLogger(__name__)

AT_HOME: Final = Refusal("home_mode", "", "home mode: the camera is closed")
NO_CAMERA: Final = Refusal("no_camera", "", "there is no camera of this name")
NOT_OPEN: Final = Refusal("unavailable", "", "the camera gives no pictures now")
CHANGED: Final = "# What was changed while camd ran. It wins over camd.yaml; remove this file to go back to that.\n"
SECTIONS: Final = """\
vision:
  detect: {detect}
  sensitivity: {sensitivity}
record:
  clips: {clips}
"""


@dataclass(slots=True)
class Board:
    """The dials of one camera, what they are for while it looks, and who tells how they stand."""

    teller: Teller
    dials: Dials
    _turned: Turned | None = None

    def attach(self, turned: Turned) -> None:
        """The camera looks: this is what is turned from now on."""
        self._turned = turned
        turned.turn(self.dials)

    def detach(self) -> None:
        """The camera is closed."""
        self._turned = None

    def turn(self, dials: Dials) -> None:
        """Go on with these."""
        self.dials = dials
        if self._turned is not None:
            self._turned.turn(dials)

    def trigger(self, seconds: float) -> bool:
        """Record so long; False while nobody looks."""
        if self._turned is None:
            return False
        self._turned.trigger(seconds)
        return True

    def say(self) -> None:
        """Say how the dials stand."""
        on, off = "ON", "OFF"
        self.teller.settings(
            detect=on if self.dials.detect else off,
            record=on if self.dials.clips else off,
            sensitivity=str(self.dials.sensitivity),
        )


@dataclass(slots=True)
class Controls:
    """The mode of the node and the dials of its cameras. `has_names`: each camera's settings stand under its name."""

    places: Places
    clock: Clock
    gate: Gate
    boards: dict[str, Board]
    has_names: bool = False
    timer: Timer | None = None
    feedback: Feedback = field(init=False)
    _mode: str = ""

    def __post_init__(self) -> None:
        self.feedback = Feedback(self.places, self.clock)

    def start(self) -> None:
        """Say how everything is turned, and take up the mode."""
        for board in self.boards.values():
            board.say()
        self._say_snooze(self._snoozed())
        self.heed_mode()

    def run(self, bell: Bell, crew: Crew) -> None:
        """Carry out wishes until the crew stops."""
        try:
            while not crew.stop.is_set():
                self.look()
                if late := self.gate.overdue():
                    _give_up(late)
                bell.wait(SECOND // 2 if self.gate.shut.is_set() else SECOND)
        finally:  # whatever ended this, no camera must wait for it
            self.gate.release()

    def look(self) -> None:
        """Carry out what is wished now."""
        for _, wish in wishes.take(self.places):
            try:
                refusal = self._carry_out(wish)
            except CamdError as error:
                _log.warning("a command failed: %s", error)
                refusal = Refusal("failed", "", str(error)[:200])
            self._node.reply(wish.correlation, refusal)
        self.feedback.look()
        self._heed_schedule()
        self.heed_mode()

    def heed_mode(self) -> None:
        """Open the way for the cameras, or close it, and say so when it is news."""
        word = self.gate.now()
        if word == self._mode:
            return
        self._mode = word
        if word == HOME:
            self._forget_pictures()
        self._node.settings(mode=word)

    def _forget_pictures(self) -> None:
        """What shows the present is gone from RAM when its people are at home."""
        if why := mode.trouble(self.places):
            _log.warning("%s", why)
        for path in self.places.previews():
            path.unlink(missing_ok=True)

    @property
    def _node(self) -> Teller:
        """Who tells what is the whole node's."""
        return next(iter(self.boards.values())).teller

    def _carry_out(self, wish: Wish) -> Refusal | None:
        if wish.what in OF_THE_NODE:
            return OF_THE_NODE[wish.what](self, wish.value)
        board = self.boards.get(wish.camera)
        return NO_CAMERA if board is None else OF_A_CAMERA[wish.what](self, board, wish.value)

    def _change_mode(self, word: str) -> Refusal | None:
        try:
            if self.gate.now() != word:
                mode.write(self.places, word)
        except CannotWriteError:
            if word == HOME:
                self.gate.bar()
            raise
        finally:
            self.heed_mode()
        return None

    def _heed_schedule(self) -> None:
        """Change the mode when it is time to."""
        try:
            if self.timer is not None and (word := self.timer.due()):
                self._change_mode(word)
        except CannotWriteError as error:
            _log.warning("schedule: %s", error)

    def _snooze(self, minutes: float) -> Refusal | None:
        until = round(self.clock.unix() / SECOND + minutes * 60) if minutes else 0
        replace_whole(self.places.snooze, f"{until}\n".encode())
        self._say_snooze(until)
        return None

    def _say_snooze(self, until: int) -> None:
        for board in self.boards.values():
            board.teller.snooze(until)

    def _detect(self, board: Board, is_on: bool) -> Refusal | None:
        return self._turn(board, replace(board.dials, detect=is_on))

    def _record(self, board: Board, is_on: bool) -> Refusal | None:
        return self._turn(board, replace(board.dials, clips=is_on))

    def _sensitivity(self, board: Board, step: int) -> Refusal | None:
        return self._turn(board, replace(board.dials, sensitivity=step))

    def _turn(self, board: Board, dials: Dials) -> Refusal | None:
        if dials != board.dials:
            stand = {name: dials if each is board else each.dials for name, each in self.boards.items()}
            replace_whole(self.places.settings, overlay(stand, self.has_names).encode())
            board.turn(dials)
        board.say()
        return None

    def _trigger(self, board: Board, seconds: float) -> Refusal | None:
        if self._mode == HOME:
            return AT_HOME
        return None if board.trigger(seconds) else NOT_OPEN

    def _feedback(self, said: dict[str, Any]) -> Refusal | None:
        return self.feedback.take(said)

    def _snoozed(self) -> int:
        with suppress(OSError, ValueError):
            return int(self.places.snooze.read_text(encoding="ascii"))
        return 0


# what is wished -> what is done, with the value that was found to make sense
OF_THE_NODE: Final[dict[str, Callable[[Controls, Any], Refusal | None]]] = {
    "mode": Controls._change_mode,
    "snooze": Controls._snooze,
    "feedback": Controls._feedback,
}
OF_A_CAMERA: Final[dict[str, Callable[[Controls, Board, Any], Refusal | None]]] = {
    "detect": Controls._detect,
    "record": Controls._record,
    "sensitivity": Controls._sensitivity,
    "trigger": Controls._trigger,
}
assert {*OF_THE_NODE, *OF_A_CAMERA} == set(wishes.KINDS), "every wish is carried out"


def overlay(dials: Mapping[str, Dials], has_names: bool) -> str:
    """The dials of the cameras as a settings file; without names there is one camera, and they are the house's."""
    if not has_names:
        return CHANGED + "".join(map(_sections, dials.values()))
    entries = (f"  {KEYS['camera.name'].show(name)}:\n{indent(_sections(one), '    ')}" for name, one in dials.items())
    return f"{CHANGED}{SEVERAL}:\n{''.join(entries)}"


def _sections(dials: Dials) -> str:
    rows = {"detect": "vision.detect", "sensitivity": "vision.sensitivity", "clips": "record.clips"}
    return SECTIONS.format(**{name: KEYS[row].show(getattr(dials, name)) for name, row in rows.items()})


def _give_up(cameras: list[str]) -> None:
    """A driver does not let go: the kernel closes what a process held, and the next start reads the mode first."""
    _log.error("home mode: %s did not close in time. This process ends, which closes it.", ", ".join(cameras))
    os._exit(UnavailableError.exit_code)
