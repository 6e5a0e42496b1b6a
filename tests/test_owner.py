"""The owner's passphrase and the set-up code: who may set it, how often may be guessed, and what it is asked for."""

import io
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from camd import ledger, mode, owner
from camd.__main__ import main
from camd.clock import ManualClock
from camd.errors import RefusedError, UnusableInputError
from camd.mode import AWAY, HOME
from camd.owner import Sealed
from camd.places import Places

FIRST, SECOND = "a lamp and two owls", "the owls have left"
CHEAP = {"n": 2, "r": 1, "p": 1}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return Places.of(tmp_path / "data")


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying a secret costs next to nothing."""
    monkeypatch.setattr(owner, "COST", CHEAP)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def told(places: Places) -> list[tuple[str, object]]:
    return [(entry.what, entry.details.get("by")) for entry in ledger.entries(places)]


def test_what_is_kept_is_a_salted_hash_that_costs_16_mib_to_try(places: Places, clock: ManualClock) -> None:
    owner.begin(places, clock, FIRST)
    kept = json.loads(places.owner.read_bytes())["passphrase"]
    assert 128 * kept["n"] * kept["r"] == 16 * 2**20
    assert kept["p"] == 5
    assert Sealed.of(FIRST).hash != kept["hash"]
    assert FIRST not in places.owner.read_text()
    assert [path.stat().st_mode & 0o777 for path in (places.owner, places.owner.parent)] == [0o600, 0o700]
    owner.confirm(places, FIRST)
    with pytest.raises(RefusedError, match="not the owner's passphrase"):
        owner.confirm(places, FIRST.upper())


@pytest.mark.usefixtures("cheap")
def test_a_passphrase_is_one_however_it_is_typed(places: Places, clock: ManualClock) -> None:
    owner.begin(places, clock, "zwölf Äpfel im Baum")
    owner.confirm(places, "zwo\u0308lf A\u0308pfel im Baum")


@pytest.mark.usefixtures("cheap")
def test_another_passphrase_takes_the_old_one(places: Places, clock: ManualClock) -> None:
    owner.begin(places, clock, FIRST)
    with pytest.raises(RefusedError, match="there is a passphrase already"):
        owner.begin(places, clock, SECOND)
    with pytest.raises(RefusedError, match="not the owner's"):
        owner.change(places, clock, SECOND, SECOND)
    owner.confirm(places, FIRST)
    owner.change(places, clock, FIRST, SECOND)
    owner.confirm(places, SECOND)
    assert told(places) == [("passphrase", "terminal"), ("passphrase", "passphrase")]


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("new", ["", "eleven char", "x" * 1001, "two\nlines and more"])
def test_what_is_no_passphrase_costs_no_code(places: Places, clock: ManualClock, new: str) -> None:
    code = owner.new_code(places, clock)
    for _ in range(owner.TRIES):
        with pytest.raises(RefusedError, match="12 to 1000 characters"):
            owner.redeem(places, clock, code, new)
    owner.redeem(places, clock, code, FIRST)


@pytest.mark.usefixtures("cheap")
def test_a_code_sets_the_passphrase_once(places: Places, clock: ManualClock) -> None:
    code = owner.new_code(places, clock)
    assert owner.is_code(code)
    assert not owner.is_known(places)
    owner.redeem(places, clock, f" {code.lower().replace('-', ' ')}", FIRST)
    owner.confirm(places, FIRST)
    with pytest.raises(RefusedError, match="no set-up code that is good"):
        owner.redeem(places, clock, code, SECOND)
    owner.confirm(places, FIRST)
    assert told(places) == [("setup-code", None), ("passphrase", "code")]


@pytest.mark.usefixtures("cheap")
def test_a_code_of_which_five_were_guessed_is_good_no_more(places: Places, clock: ManualClock) -> None:
    code = owner.new_code(places, clock)
    for left in ("4 of 5 tries", "3 of 5", "2 of 5", "1 of 5", "camd setup --code"):
        with pytest.raises(RefusedError, match=left):
            owner.redeem(places, clock, "BBBB-BBBB", FIRST)
    with pytest.raises(RefusedError, match="no set-up code that is good"):
        owner.redeem(places, clock, code, FIRST)
    assert not owner.is_known(places)


@pytest.mark.usefixtures("cheap")
def test_a_code_lasts_an_hour_of_one_boot_and_until_the_next_one(places: Places, clock: ManualClock) -> None:
    first, other = owner.new_code(places, clock), ManualClock()
    other.boot_id = "another boot"
    second = owner.new_code(places, clock)
    with pytest.raises(RefusedError, match="not the set-up code"):
        owner.redeem(places, clock, first, FIRST)
    with pytest.raises(RefusedError, match="no set-up code"):
        owner.redeem(places, other, second, FIRST)
    clock.wait(owner.VALID + 1, threading.Event())
    with pytest.raises(RefusedError, match="no set-up code"):
        owner.redeem(places, clock, second, FIRST)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"passphrase": 7, "code": null}', '{"passphrase": {"salt": ""}}'])
def test_what_cannot_be_read_is_not_taken_for_nobody(places: Places, text: str) -> None:
    places.owner.parent.mkdir(parents=True)
    places.owner.write_text(text)
    with pytest.raises(UnusableInputError, match="cannot be read"):
        owner.is_known(places)
    mode.write(places, HOME)
    assert main(["mode", "away", "--data", str(places.data)]) == 65
    assert mode.read(places) == HOME


@pytest.mark.usefixtures("cheap")
def test_home_mode_is_left_with_the_passphrase_alone(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def says(verb: str, *words: str, typed: str = "") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return main([verb, *words, "--data", str(places.data)])

    assert says("mode", "home") == says("mode", "away") == 0  # nobody is known yet
    assert says("setup", typed=f"{FIRST}\n{SECOND}\n") == 77
    assert says("setup", typed=f"{FIRST}\n{FIRST}\n") == 0
    assert says("mode", "home") == 0
    assert [says("mode", "away", typed=typed) for typed in ("", "\n", f"{SECOND}\n")] == [77] * 3
    assert mode.read(places) == HOME
    assert says("mode", "away", typed=f"{FIRST}\n") == 0
    assert says("mode", "away") == 0  # it is left already
    assert mode.read(places) == AWAY
    capsys.readouterr()
    assert says("setup", "--code") == 0
    code = capsys.readouterr().out.strip()
    assert says("setup", typed=f"{SECOND}\n{SECOND}\n{SECOND}\n") == 77
    assert says("setup", typed=f"{code}\n{SECOND}\n{SECOND}\n") == 0
    assert says("mode", "home") == says("mode", "away", typed=f"{SECOND}\n") == 0
    assert FIRST not in "".join(capsys.readouterr())


def test_a_terminal_does_not_show_what_is_typed(places: Places, clock: ManualClock) -> None:
    owner.begin(places, clock, FIRST)
    mode.write(places, HOME)
    screen, terminal = os.openpty()
    command = [sys.executable, "-m", "camd", "mode", "away", "--data", str(places.data)]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal) as leaving:
        os.close(terminal)
        shown = os.read(screen, 1000)
        while b"to leave home mode: " not in shown:
            shown += os.read(screen, 1000)
        os.write(screen, f"{FIRST}\n".encode())
    with suppress(OSError):  # nobody holds the other end any more
        shown += os.read(screen, 1000)
    os.close(screen)
    assert leaving.returncode == 0
    assert shown.endswith(b"away\r\n")
    assert FIRST.encode() not in shown
