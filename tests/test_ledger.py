"""The ledger: what was written stands, and whoever touches it is seen."""

import json
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camd import ledger
from camd.__main__ import main
from camd.clock import ManualClock
from camd.errors import CannotWriteError, SaidNoError
from camd.places import Places

LENGTH = 5


def places_in(folder: Path) -> Places:
    """Return places whose run folder is a test's own."""
    return Places(folder / "data", folder / "run")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """An empty data folder's places."""
    return places_in(tmp_path)


def write(places: Places, count: int = LENGTH) -> list[bytes]:
    """Append `count` entries and return the file's lines."""
    clock = ManualClock()
    for number in range(count):
        ledger.append(places, clock, "clip-viewed", clip=number, to="the owner", reason="Grüße")
    return places.ledger.read_bytes().splitlines(keepends=True)


WRITTEN = tempfile.TemporaryDirectory()
LINES = write(places_in(Path(WRITTEN.name)))
WHOLE = b"".join(LINES)
HEAD = places_in(Path(WRITTEN.name)).ledger_head.read_bytes()


@contextmanager
def holding(data: bytes, head: bytes | None) -> Iterator[Places]:
    """Give places whose ledger and head hold these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        places = places_in(Path(folder))
        places.data.mkdir()
        places.run.mkdir()
        places.ledger.write_bytes(data)
        if head is not None:
            places.ledger_head.write_bytes(head)
        yield places


def judged(data: bytes, head: bytes | None = None) -> ledger.Verdict:
    """Return the verdict over a file with these bytes."""
    with holding(data, head) as places:
        return ledger.verify(places)


def test_what_was_appended_is_read_back_and_intact(places: Places) -> None:
    clock = ManualClock()
    first = ledger.append(places, clock, "share-intent", clip=7, to="insurer")
    second = ledger.append(places, clock, "share-sent", clip=7, to="insurer")
    assert ledger.entries(places) == [first, second]
    assert (first.seq, second.seq, first.prev, second.prev) == (1, 2, ledger.GENESIS, first.hash)
    assert ledger.verify(places) == ledger.Verdict(2)


def test_an_entry_is_one_canonical_line_that_a_script_can_read() -> None:
    value = json.loads(LINES[0])
    assert value["v"] == 1
    assert (value["seq"], value["time"], value["time_iso"]) == (1, 1_767_225_600.0, "2026-01-01T00:00:00.000Z")
    assert LINES[0] == json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def test_the_head_is_the_newest_entry(places: Places) -> None:
    write(places)
    last = ledger.entries(places)[-1]
    assert ledger.head(places) == ledger.Head(last.seq, last.time, last.hash)


def test_no_ledger_is_an_intact_ledger_of_no_entries(places: Places) -> None:
    assert ledger.verify(places) == ledger.Verdict(0)
    assert ledger.head(places) is None


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_changed_byte_is_seen(at: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[at] ^= change
    verdict = judged(bytes(data))
    assert not verdict.intact
    assert verdict.line == WHOLE[:at].count(b"\n") + 1


@given(st.integers(0, LENGTH - 2), st.integers(1, LENGTH - 1))
def test_any_lines_removed_before_the_end_are_seen(at: int, count: int) -> None:
    left = LINES[:at] + LINES[min(at + count, LENGTH - 1) :]
    assert judged(b"".join(left)).line == at + 1


@given(st.permutations(range(LENGTH)).filter(lambda order: order != list(range(LENGTH))))
def test_lines_in_another_order_are_seen(order: list[int]) -> None:
    assert not judged(b"".join(LINES[number] for number in order)).intact


@given(
    st.integers(0, LENGTH),
    st.sampled_from(LINES) | st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"") + b"\n"),
)
def test_an_inserted_line_is_seen(at: int, line: bytes) -> None:
    assert not judged(b"".join([*LINES[:at], line, *LINES[at:]])).intact


@given(st.integers(0, len(WHOLE) - 1))
def test_any_cut_tail_is_seen_with_the_head(end: int) -> None:
    assert not judged(WHOLE[:end], HEAD).intact
    assert judged(WHOLE, HEAD).intact


@given(st.integers(0, len(HEAD) - 1), st.integers(1, 255))
def test_a_changed_head_is_seen_or_means_the_same(at: int, change: int) -> None:
    data = bytearray(HEAD)
    data[at] ^= change
    with holding(WHOLE, bytes(data)) as places:
        verdict = ledger.verify(places)
        if verdict.intact:
            known = ledger.head(places)
            assert known is not None
            assert known.hash == ledger.entries(places)[known.seq - 1].hash


def test_a_ledger_written_anew_is_seen_with_the_head(places: Places) -> None:
    write(places)
    places.ledger.unlink()
    head = places.ledger_head.read_bytes()
    places.ledger_head.unlink()
    clock = ManualClock()
    for _ in range(LENGTH):
        ledger.append(places, clock, "nothing-happened")
    places.ledger_head.write_bytes(head)
    assert ledger.verify(places) == ledger.Verdict(
        LENGTH, LENGTH, "it is not the entry that was written: the file was rewritten"
    )


def test_a_head_that_is_one_behind_is_a_crash_and_not_a_fault(places: Places) -> None:
    write(places, 2)
    behind = places.ledger_head.read_bytes()
    write(places, 1)
    places.ledger_head.write_bytes(behind)
    assert ledger.verify(places).intact
    assert ledger.append(places, ManualClock(), "next").seq == 4


@given(st.integers(1, len(LINES[-1]) - 1))
@settings(max_examples=30)
def test_a_torn_last_line_is_set_aside_and_told_by_the_next_entry(length: int) -> None:
    torn = LINES[-1][:length]
    with holding(b"".join(LINES[:-1]) + torn, None) as places:
        assert ledger.verify(places).line == LENGTH
        entry = ledger.append(places, ManualClock(), "next")
        assert (places.data / "ledger.torn").read_bytes() == torn + b"\n"
        assert (entry.seq, entry.details["torn_bytes"]) == (LENGTH, length)
        assert ledger.verify(places) == ledger.Verdict(LENGTH)


@pytest.mark.parametrize(
    "harm",
    [
        lambda places: places.ledger.write_bytes(WHOLE[:-10] + b"xxxxxxxxx\n"),
        lambda places: places.ledger.write_bytes(b"".join(LINES[:-1])),
        lambda places: places.ledger.unlink(),
        lambda places: places.ledger.write_bytes(100_000 * b"x"),
        lambda places: places.ledger_head.write_bytes(b"{"),
    ],
)
def test_nothing_is_appended_to_a_ledger_that_was_cut_or_changed(
    places: Places, harm: Callable[[Places], None]
) -> None:
    write(places)
    harm(places)
    before = places.ledger.read_bytes() if places.ledger.exists() else b""
    with pytest.raises(SaidNoError):
        ledger.append(places, ManualClock(), "next")
    assert places.ledger.read_bytes() == before


def test_a_ledger_that_cannot_be_written_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder belongs")
    with pytest.raises(CannotWriteError, match=r"ledger\.jsonl"):
        ledger.append(places_in(tmp_path), ManualClock(), "next")


def _append_many(places: Places) -> None:
    for _ in range(10):
        ledger.append(places, ManualClock(), "from-a-process")


def test_processes_that_append_at_once_make_one_chain(places: Places) -> None:
    processes = [multiprocessing.get_context("fork").Process(target=_append_many, args=(places,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
    assert ledger.verify(places) == ledger.Verdict(40)


def test_the_verb_shows_who_got_what_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setenv("COLUMNS", "200")
    places = Places.of(tmp_path)
    write(places, 2)
    assert main(["ledger", "--data", str(tmp_path)]) == 0
    assert "the owner" in capsys.readouterr().out
    assert main(["ledger", "--json", "--data", str(tmp_path)]) == 0
    assert [json.loads(line)["clip"] for line in capsys.readouterr().out.splitlines()] == [0, 1]
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "intact: 2 entries\n"


def test_words_that_were_written_down_find_their_entry_or_tell_of_a_rewriting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    places = Places.of(tmp_path)
    write(places, 3)
    words = [ledger.words(entry.hash) for entry in ledger.entries(places)]
    verify = ["ledger", "verify", "--data", str(tmp_path)]
    assert main([*verify, "--words", words[1].upper()]) == 0
    assert "are the words of entry 2" in capsys.readouterr().err
    for path in (places.ledger, places.ledger_head):
        path.unlink()
    ledger.append(places, ManualClock(), "clip-viewed", clip=1)  # a chain of its own, and whole
    assert main(verify) == 0
    assert main([*verify, "--words", words[0]]) == 1
    assert "no entry has the words" in capsys.readouterr().out
    assert main(["ledger", "--words", words[0]]) == 64


def test_the_verb_says_where_a_ledger_is_not_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    (tmp_path / "ledger.jsonl").write_bytes(WHOLE.replace(b'"clip":2', b'"clip":3'))
    assert main(["ledger", "verify", "--data", str(tmp_path)]) == 1
    assert "line 3: its content does not fit its hash" in capsys.readouterr().out
    assert main(["ledger", "--data", str(tmp_path)]) == 1
    assert "not intact: line 3" in capsys.readouterr().err
