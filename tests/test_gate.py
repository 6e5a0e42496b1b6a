"""Whether cameras may look: every picture asks, every change of the mode ends a look, and who is late is found."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camd import mode
from camd.clock import ManualClock
from camd.gate import Gate
from camd.mode import AWAY, HOME
from camd.model import SECOND
from camd.places import Places
from tests.worlds import places as places_in


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    where = places_in(tmp_path)
    where.make()
    mode.write(where, AWAY)
    made = Gate(where, ManualClock())
    made.heed()
    return made


def pass_(gate: Gate, seconds: float) -> None:
    gate.clock.wait(gate.clock.boot() + round(seconds * SECOND), threading.Event())


def test_a_picture_asks_the_file_itself(gate: Gate) -> None:
    look = gate.look("porch")
    assert look.admits()
    mode.write(gate.places, HOME)
    assert not look.admits()  # nobody rang, nobody looked: the camera found out
    assert (gate.shut.is_set(), gate.may_look.is_set(), gate.now()) == (True, False, HOME)


def test_home_and_back_ends_a_look_that_never_saw_it(gate: Gate) -> None:
    look = gate.look("porch")
    mode.write(gate.places, HOME)
    mode.write(gate.places, AWAY)
    assert not look.admits()
    assert (gate.shut.is_set(), gate.may_look.is_set()) == (False, True)
    assert gate.look("porch").admits()


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"out\n", b"away home\n", None])
def test_what_cannot_be_read_is_home(gate: Gate, damage: bytes | None) -> None:
    look = gate.look("porch")
    if damage is None:
        gate.places.mode.unlink()
    else:
        gate.places.mode.write_bytes(damage)
    assert not look.admits()
    assert gate.now() == HOME
    assert mode.trouble(gate.places)


@given(st.binary(max_size=12))
def test_away_is_one_word_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    where = places_in(tmp_path_factory.getbasetemp() / "words")
    where.make()
    where.mode.write_bytes(data)
    assert (mode.read(where) == AWAY) is (data.strip() == b"away")


def test_who_is_open_so_late_that_two_seconds_are_near_is_told(gate: Gate) -> None:
    gate.look("porch")
    gate.look("garden")
    pass_(gate, 10)
    assert gate.overdue() == []
    mode.write(gate.places, HOME)
    gate.now()
    gate.closed("garden")
    pass_(gate, 1)
    assert gate.overdue() == []
    pass_(gate, 0.5)
    assert gate.overdue() == ["porch"]
    gate.closed("porch")
    assert gate.overdue() == []


STUCK = """
import sys, threading
from camd.bell import Bell
from camd.controls import Board, Controls
from camd.dials import Dials
from camd import mode
from camd.clock import SystemClock
from camd.gate import Gate
from camd.places import Places
from camd.worker import Crew
from tests.worlds import teller
from pathlib import Path
places = Places(Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "run")
places.make()
mode.write(places, mode.AWAY)
gate, crew = Gate(places, SystemClock()), Crew()
controls = Controls(places, SystemClock(), gate, {"porch": Board(teller(places), Dials(5))})
controls.start()
gate.look("porch")
mode.write(places, mode.HOME)
controls.run(Bell(places.wish_bell, "this"), crew)
"""


def test_a_driver_that_does_not_let_go_ends_the_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STUCK, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (ended.returncode, "porch did not close in time" in ended.stderr) == (69, True)
    assert mode.read(Places(tmp_path / "data", tmp_path / "run")) == HOME


def test_a_disk_that_takes_no_file_is_in_home_mode_without_one(gate: Gate) -> None:
    gate.places.mode.with_name("mode.tmp").mkdir()
    mode.write(gate.places, HOME)
    assert not gate.places.mode.exists()
    assert gate.now() == HOME


def test_home_mode_that_the_disk_takes_no_word_of_lasts_until_the_mode_is_written(gate: Gate) -> None:
    look = gate.look("porch")
    gate.bar()
    assert (look.admits(), gate.now(), mode.read(gate.places)) == (False, HOME, AWAY)
    gate.heed()
    assert gate.now() == HOME
    mode.write(gate.places, AWAY)
    assert gate.now() == AWAY
    assert gate.look("porch").admits()
