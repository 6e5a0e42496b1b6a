"""`camd share` on the terminal: a person sees what will leave, and only the right answer lets it go."""

import hashlib
import io
import json
import re
import sys
from pathlib import Path

import pytest

from camd.__main__ import main
from camd.share import order
from tests.share.share_world import FOOTAGE, SHA256, House


def share(
    house: House, monkeypatch: pytest.MonkeyPatch, answer: str, *, to: str = "stick", reason: str = "a test"
) -> int:
    """Run `camd share 7` with `answer` on its stdin."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    return main(["share", "7", "--to", to, "--reason", reason, "--config", str(house.config)])


def test_the_right_answer_sends_what_was_shown(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert share(house, monkeypatch, SHA256[:4] + "\n") == 0
    shown = capfd.readouterr().out
    for fact in ("porch", "2026-01-01T00:00:00.000Z", "12.0 s", f"stick: {house.stick}", "a test", SHA256):
        assert fact in shown
    assert f"bytes      {len(FOOTAGE)}\n" in shown
    assert "A person at the other end may watch this.\n" in shown
    [name] = house.arrived()
    assert hashlib.sha256((house.stick / name).read_bytes()).hexdigest() == SHA256
    assert house.told() == ["share-confirmed", "share-intent", "share-sent"]


def test_a_failed_sending_is_told_and_ends_with_its_code(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    house.stick.rmdir()
    assert share(house, monkeypatch, SHA256[:4]) == 69
    out, err = capfd.readouterr()
    assert out.endswith(": failed\n")
    assert err.count("\n") == 1


UNIT = Path(__file__).parents[2] / "systemd/camd-send.service"
SYSTEMCTL = """\
#!/bin/sh
cd {folder}
(until [ -e "$(echo *)" ]; do sleep 0.02; done; {starts}) >/dev/null 2>&1 &
"""


@pytest.fixture
def installed(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """The house as a service: a systemctl says that what lies ready is sent, by what the unit starts."""
    (line,) = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", UNIT.read_text(), re.MULTILINE)
    starts = line.replace("/opt/camd/bin/camd", f"{sys.executable} -m camd")
    tool = tmp_path / "bin/systemctl"
    tool.parent.mkdir()
    tool.write_text(SYSTEMCTL.format(folder=house.places.sending, starts=starts))
    tool.chmod(0o755)
    house.places.sending.mkdir()
    for name, value in (
        ("PATH", f"{tool.parent}:/bin"),
        ("CAMD_CONFIG", str(house.config)),
        ("PYTHONPATH", str(UNIT.parents[1])),
    ):
        monkeypatch.setenv(name, value)
    return house


@pytest.mark.parametrize(("is_there", "state", "code"), [(True, "sent", 0), (False, "failed", 69)])
def test_as_a_service_the_unit_sends(
    installed: House,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_there: bool,
    state: str,
    code: int,
) -> None:
    if not is_there:
        installed.stick.rmdir()
    monkeypatch.setattr(sys, "stdin", io.StringIO(SHA256[:4]))
    assert main(["share", "7", "--to", "stick", "--reason", "a test"]) == code
    said = capsys.readouterr()
    assert said.out.endswith(f": {state}\n")
    assert "journalctl -u camd-send" in said.err
    assert list(installed.places.sending.iterdir()) == []


@pytest.mark.parametrize("answer", ["", "\n", "yes\n", SHA256[:3] + "\n", SHA256 + "\n", SHA256[1:5] + "\n"])
def test_any_other_answer_leaves_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    assert share(house, monkeypatch, answer) == 77
    assert "Nothing was sent" in capsys.readouterr().err
    assert list(house.places.orders.iterdir()) == []
    assert (house.arrived(), house.places.ledger.exists()) == ([], False)


def test_without_anybody_to_ask_nothing_leaves(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["share", "7", "--to", "stick", "--reason", "x", "--config", str(house.config)]) == 77
    assert house.arrived() == []


def test_a_clip_that_was_changed_is_not_even_shown(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (house.places.clips / "000007.mp4").write_bytes(FOOTAGE[:-1])
    assert share(house, monkeypatch, SHA256[:4]) == 65
    assert "sha256 " not in capsys.readouterr().out
    assert list(house.places.orders.iterdir()) == []


def test_an_unknown_recipient_is_told_with_the_known_ones(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert share(house, monkeypatch, SHA256[:4], to="stik") == 64
    assert "did you mean stick?" in capsys.readouterr().err


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "\x1b[2J", 301 * "x"])
def test_a_reason_is_one_line(house: House, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    assert share(house, monkeypatch, SHA256[:4], reason=reason) == 64
    assert house.arrived() == []


def test_a_clip_that_is_not_there_is_wrong_usage(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["share", "8", "--to", "stick", "--reason", "x", "--config", str(house.config)]) == 64
    assert "there is no clip 8" in capsys.readouterr().err


def test_the_list_shows_every_order_with_its_state(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    order_id = house.order()
    assert main(["share", "list", "--config", str(house.config)]) == 0
    assert capsys.readouterr().out == f"{order_id}  1970-01-01T00:00:01.500Z  confirmed  clip 7 to stick: a test\n"
    assert main(["share", "list", "--json", "--config", str(house.config)]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["v"], value["id"], value["state"], value["sha256"]) == (1, order_id, "confirmed", SHA256)


def test_the_list_clears_away_what_a_killed_terminal_left(house: House) -> None:
    left = house.places.orders / "0123456789abcdef"
    left.mkdir()
    (left / "clip.mp4").write_bytes(FOOTAGE)
    assert order.all_orders(house.places, house.clock) == []
    assert not left.exists()


def test_the_list_leaves_an_order_that_a_person_looks_at(house: House) -> None:
    with order.draft(house.places) as order_id:
        assert order.all_orders(house.places, house.clock) == []
        assert order.folder_of(house.places, order_id).exists()
    assert not order.folder_of(house.places, order_id).exists()
