"""`camd store` and `camd wipe`: what is found is told with its mend, nothing goes unasked, a wipe leaves nothing."""

import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from camd import ledger, upkeep
from camd.alerts.outbox import Outbox
from camd.clock import SystemClock
from camd.errors import HeldError, RefusedError, UsageError
from camd.model import Alert, Clip
from camd.places import Places
from camd.store import check, sidecar
from camd.store.check import violations
from camd.store.files import ClipFiles
from camd.store.index import Index
from tests.store.store_world import ids, open_shelf, store_of


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    places = Places.of(tmp_path / "data")
    store_of(places, 3)
    return places


def listed(places: Places) -> tuple[Clip, ...]:
    with Index.open(places) as index:
        return index.clips()


def store(places: Places, *arguments: str) -> int:
    return upkeep.main([*arguments, "--data", str(places.data)])


def test_a_whole_store_is_whole(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert store(places, "check", "--deep") == 0
    assert capsys.readouterr().err == f"{places.data}: whole\n"


def test_damage_ends_with_1_and_names_its_mend(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    ClipFiles.of(places, 2).sidecar.unlink()
    assert store(places, "check", "--json") == 1
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["v"], told["clip"], told["repair"]) == (1, 2, check.Mend.SIDECAR.value)
    assert not ClipFiles.of(places, 2).sidecar.exists()  # nothing is mended unasked


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    ("name", "data", "left"),
    [
        ("000002.mp4", None, [3, 1]),
        ("000002.json", None, [3, 2, 1]),
        ("000002.json", b"{}", [3, 2, 1]),
        ("000002.jpg", b"another", [3, 2, 1]),
        ("000002.mp4", b"not as recorded".ljust(500), [3, 1]),
        ("notes.txt", b"mine", [3, 2, 1]),
        ("000002.part", b"left over", [3, 2, 1]),
        ("000002.jpg.tmp", b"left over", [3, 2, 1]),
    ],
)
def test_a_repair_leaves_a_whole_store_and_deletes_no_footage(
    places: Places, name: str, data: bytes | None, left: list[int]
) -> None:
    path = places.clips / name
    path.unlink() if data is None else path.write_bytes(data)
    assert store(places, "check", "--deep") == 1
    assert store(places, "check", "--deep", "--repair") == 0
    assert (violations(places), ids(places)) == ([], left)
    if data is not None and path.suffix not in (".jpg", ".json"):
        assert (places.damaged / name).read_bytes() == data


def test_a_sidecar_is_written_again_with_star_and_events(places: Places) -> None:
    with Index.open(places) as index:
        index.star(2)
    ClipFiles.of(places, 2).sidecar.unlink()
    assert store(places, "check", "--repair") == 0
    told = sidecar.read(ClipFiles.of(places, 2).sidecar)
    assert (told.clip.starred, told.clip.events) == (True, ("e2",))


@pytest.mark.logs_errors
def test_a_damaged_index_is_found_and_made_anew(places: Places) -> None:
    places.index.write_bytes(places.index.read_bytes()[:9000])
    assert store(places, "check") == 1
    assert store(places, "check", "--repair") == 0
    assert ids(places) == [3, 2, 1]


def test_a_repair_wants_the_store_for_itself(places: Places) -> None:
    ClipFiles.of(places, 2).sidecar.unlink()
    with open_shelf(places), pytest.raises(HeldError):
        store(places, "check", "--repair")


def test_a_plan_names_the_next_to_go_and_never_a_starred_one(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    with Index.open(places) as index:
        index.star(1)
    assert store(places, "plan", "--json") == 0
    facts, *going = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["clip"] for each in going] == [2, 3]
    assert going[0]["after_bytes"] == facts["left_bytes"] > 0
    assert store(places, "plan") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["clip", "2", "3"]


def test_without_a_store_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing was recorded yet"):
        upkeep.main(["check", "--data", str(tmp_path / "nowhere")])
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("answer", ["", "wipe\n", "yes\n"])
def test_a_wipe_wants_the_word(places: Places, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with pytest.raises(RefusedError, match="nothing was deleted"):
        upkeep.wipe(["--data", str(places.data)])
    assert ids(places) == [3, 2, 1]


def test_a_wipe_leaves_the_ledger_with_one_line(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    places.quiet("porch").write_text("{}")
    (places.data / "somebody's own").write_text("mine")
    monkeypatch.setattr("sys.stdin", io.StringIO("WIPE\n"))
    assert upkeep.wipe(["--data", str(places.data)]) == 0
    assert {path.name for path in places.data.iterdir()} == {"ledger.jsonl", "mode", "outbox.sqlite", "somebody's own"}
    with closing(Outbox(places)) as outbox:  # nothing but the order to the broker to forget its picture
        assert [(each.alert.topic[-9:], each.alert.payload) for each in outbox.pending(9)] == [("/snapshot", "")]
    assert [entry.what for entry in ledger.entries(places)] == ["wipe"]
    assert ledger.verify(places).intact


def test_a_wipe_waits_for_no_recorder(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("WIPE\n"))
    with open_shelf(places), pytest.raises(HeldError):
        upkeep.wipe(["--data", str(places.data)])
    assert ids(places) == [3, 2, 1]


def test_wear_tells_what_was_written_for_what_was_kept(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert store(places, "wear") == 0
    assert "3 clips kept" in capsys.readouterr().err
    assert store(places, "wear", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recorded_bytes"] == sum(clip.size + clip.beside for clip in listed(places))
    assert told["written_bytes"] is None or told["written_bytes"] >= 0


def test_what_waits_for_the_broker_about_a_deleted_clip_is_withdrawn(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [Alert("camd/home/porch/clip", f'{{"v":1,"id":{number},"x":0}}', retain=False) for number in (1, 2, 11)]
    with closing(Outbox(places)) as outbox:
        outbox.put(told, "boot", 0, 0)
        assert upkeep.clips(["delete", "1", "--yes", "--data", str(places.data)]) == 0
        assert [waiting.alert for waiting in outbox.pending(10)] == told[1:]
    assert "1 message about it, which waited for the broker, is withdrawn" in capsys.readouterr().err


def test_a_receipt_names_the_shares_and_takes_their_copies(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    for order, states in {"a": ["confirmed", "intent", "sent"], "b": ["confirmed"]}.items():
        (places.orders / order).mkdir()
        (places.orders / order / "clip.mp4").write_bytes(b"a copy")
        for state in states:
            ledger.append(places, SystemClock(), f"share-{state}", order=order, clip=1, to=f"friend {order}")
    ledger.append(places, SystemClock(), "export", clip=1)
    assert upkeep.clips(["delete", "1", "--yes", "--data", str(places.data)]) == 0
    told = capsys.readouterr().err
    assert "shared with friend a" in told
    assert "sent: the copy there is out of camd's reach" in told
    assert "shared with friend b" in told
    assert "not sent yet; the order keeps its copy" in told
    assert "exported 1 time" in told
    assert not (places.orders / "a" / "clip.mp4").exists()
    assert (places.orders / "b" / "clip.mp4").exists()
