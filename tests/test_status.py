"""What `camd status` says of a camd that does not run; one that does is in test_run.py."""

import json
from pathlib import Path

import pytest

from camd import ledger, mode
from camd.__main__ import main
from camd.clock import ManualClock
from camd.guard import Verdict
from camd.mode import AWAY
from camd.places import Places

SCHEDULE = "schedule: {battery_clock: yes, timezone: UTC, changes: {evening: {at: '18:00', mode: home}}}"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file; its data and run folders are not there yet."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    path = tmp_path / "camd.yaml"
    path.write_text(f"store: {{data: {tmp_path}/data}}\n{SCHEDULE}\n")
    return path


def test_where_nothing_was_ever_started_nothing_is_made(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--config", str(settings)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["v"] == 1
    assert [told[what] for what in ("mode", "capture", "notify", "guard", "passphrase")] == [
        "home", "stopped", "stopped", "unknown", "none",
    ]  # fmt: skip
    assert told["cameras"] == {"camera": {"status": "offline", "sensor": "unknown"}}
    assert told["ledger"] == {"entries": 0, "intact": True, "hash": "0" * 64, "words": "babab-babab-babab-babab"}
    assert list(settings.parent.iterdir()) == [settings]


def test_it_is_told_in_words(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = Places.of(settings.parent / "data")
    places.make()
    mode.write(places, AWAY)
    entry = ledger.append(places, ManualClock(), "view", clip=1)
    Verdict("notify", ("can start other programs",)).tell(places)
    places.owner.parent.mkdir()
    places.owner.write_text("nonsense")
    assert main(["status", "--config", str(settings)]) == 0
    said = capsys.readouterr().out
    for words in ("mode       away\n", "next       home on ", " at 18:00 UTC", "guard      open:notify\n",
                  "camera     camera: offline, sensor unknown\n", "store      0 clips, 0 of ",
                  f"ledger     1 entries, intact; head {ledger.words(entry.hash)}\n",
                  "passphrase cannot be read"):  # fmt: skip
        assert words in said


def test_a_ledger_that_was_rewritten_is_told(settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = Places.of(settings.parent / "data")
    ledger.append(places, ManualClock(), "view", clip=1)
    places.ledger.write_bytes(places.ledger.read_bytes().replace(b"view", b"seen"))
    assert main(["status", "--config", str(settings)]) == 0
    assert "NOT intact, see 'camd ledger verify'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        ("7f000001", "lusab-babad"),
        ("3f54dcc1", "gutih-tugad"),
        ("d43afd44", "tibup-zujah"),
        ("0c6e6ecc", "budov-kuras"),
    ],
)
def test_a_hash_is_said_in_proquints(digest: str, words: str) -> None:
    assert ledger.words(digest + "0" * 56) == f"{words}-babab-babab"
