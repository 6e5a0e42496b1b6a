"""The outbox on real files: what goes in comes out, whatever dies in between."""

import json
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from camd.alerts.outbox import MARGIN, MOST, MOST_BYTES, OLDEST, Outbox
from camd.bell import Bell
from camd.model import SECOND, Alert, Nanos
from camd.places import Places
from tests.brokers import until

BOOT = "boot-1"
WRITER = """
import sys
from pathlib import Path
from camd.alerts.outbox import Outbox
from camd.model import SECOND, Alert
from camd.places import Places
outbox = Outbox(Places(Path(sys.argv[1]), Path(sys.argv[2])))
for number in range(1_000_000):
    outbox.put([Alert("t", str(number), False)], "boot-1", number * SECOND, 0)
    print(number, flush=True)
    outbox.spill((number + 1) * SECOND)
"""


def places_in(folder: Path) -> Places:
    """A data folder and a run folder side by side."""
    places = Places(folder / "data", folder / "run")
    places.make()
    return places


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_in(tmp_path)


@pytest.fixture
def outbox(places: Places) -> Iterator[Outbox]:
    with closing(Outbox(places)) as it:
        yield it


def put(outbox: Outbox, *payloads: str, now: Nanos = 0) -> None:
    """Put events with these payloads."""
    outbox.put([Alert("camd/pi/porch/event", payload, False, now) for payload in payloads], BOOT, now, 0)


def payloads(outbox: Outbox, limit: int = 2 * MOST) -> list[str]:
    """What waits, in order."""
    return [str(waiting.alert.payload) for waiting in outbox.pending(limit)]


def on_disk(places: Places) -> list[int]:
    """The ids in the disk file."""
    with closing(sqlite3.connect(places.outbox)) as disk:
        return [id_ for (id_,) in disk.execute("SELECT id FROM alert ORDER BY id")]


def in_ram(places: Places, table: str = "alert") -> list[int]:
    """The ids in a table of the RAM file, as another process sees them."""
    with closing(sqlite3.connect(places.outbox_ram)) as ram:
        return [id_ for (id_,) in ram.execute(f"SELECT id FROM {table} ORDER BY id")]


def lose_ram(places: Places) -> None:
    """What a boot does."""
    places.outbox_ram.unlink()


def test_what_was_put_comes_out_whole_and_in_order(outbox: Outbox) -> None:
    alerts = [Alert("a", "first", False, 5), Alert("b", "ON", True, None)]
    outbox.put(alerts, BOOT, now=7, unix_ns=9)
    waiting = outbox.pending(10)
    assert [w.alert for w in waiting] == alerts
    assert [(w.boot_id, w.put_at, w.put_unix_ns) for w in waiting] == [(BOOT, 7, 9)] * 2
    assert outbox.pending(1) == waiting[:1]


def test_what_is_acknowledged_in_time_never_touches_the_disk(outbox: Outbox, places: Places) -> None:
    put(outbox, "quick", now=10 * SECOND)
    before = places.outbox.stat().st_mtime_ns
    outbox.spill(11 * SECOND - 1)
    outbox.done([waiting.id for waiting in outbox.pending(1)])
    outbox.spill(12 * SECOND)
    assert (on_disk(places), places.outbox.stat().st_mtime_ns) == ([], before)


def test_what_waits_for_a_second_survives_a_power_cut(outbox: Outbox, places: Places) -> None:
    put(outbox, "old", now=0)
    put(outbox, "young", now=SECOND)
    outbox.spill(2 * SECOND - 1)
    lose_ram(places)
    assert payloads(outbox) == ["old"]


def test_an_acknowledged_alert_leaves_the_disk_too(outbox: Outbox, places: Places) -> None:
    put(outbox, "old")
    outbox.spill(SECOND)
    outbox.done([waiting.id for waiting in outbox.pending(1)])
    assert on_disk(places) == []
    lose_ram(places)
    assert payloads(outbox) == []


def test_an_id_that_is_on_disk_is_not_given_again(outbox: Outbox, places: Places) -> None:
    put(outbox, "one", "two")
    outbox.spill(SECOND)
    lose_ram(places)
    put(outbox, "three")
    assert [(w.id, w.alert.payload) for w in outbox.pending(9)] == [(1, "one"), (2, "two"), (3, "three")]


def test_an_acknowledged_id_is_not_given_again(outbox: Outbox) -> None:
    for expected in (1, 2, 3):
        put(outbox, "x")
        (only,) = outbox.pending(9)
        assert only.id == expected
        outbox.done([only.id])


def test_a_state_replaces_its_predecessors_while_the_broker_is_away(outbox: Outbox) -> None:
    for number, state in enumerate(("ON", "OFF", "ON", "OFF")):
        outbox.put([Alert("motion", state, True), Alert("event", f"e{number}", False)], BOOT, number, 0)
    outbox.spill(2 * SECOND)
    assert payloads(outbox) == ["e0", "e1", "e2", "OFF", "e3"]


def test_states_that_still_get_through_are_all_told(outbox: Outbox) -> None:
    outbox.put([Alert("motion", "ON", True), Alert("motion", "OFF", True)], BOOT, 0, 0)
    outbox.spill(SECOND - 1)
    assert payloads(outbox) == ["ON", "OFF"]


@pytest.mark.logs_errors
def test_a_full_outbox_drops_the_oldest_that_are_no_states(outbox: Outbox) -> None:
    outbox.put([Alert("motion", "ON", True)], BOOT, 0, 0)
    put(outbox, *map(str, range(MOST + 2)))
    assert payloads(outbox) == ["ON", *map(str, range(3 + MARGIN, MOST + 2))]
    assert outbox.dropped == 3 + MARGIN


def alert(number: int, kind: str = "motion") -> str:
    """An alert's payload, as much of it as the outbox looks at."""
    return json.dumps({"event_type": kind, "event_id": f"e{number}", "camera": "porch", "began": number})


def summaries(outbox: Outbox) -> list[dict[str, Any]]:
    """What waits of alerts that stand for many."""
    said = [json.loads(payload) for payload in payloads(outbox) if payload.startswith("{")]
    return [each for each in said if each.get("event_type") == "summary"]


@pytest.mark.logs_errors
def test_of_alerts_that_are_given_up_one_says_how_many(outbox: Outbox) -> None:
    put(outbox, *(alert(number) for number in range(MOST + 1)))
    put(outbox, *(alert(number, "person") for number in range(MOST + 1, MOST + 200)))
    (summary,) = summaries(outbox)
    told = [json.loads(payload)["event_id"] for payload in payloads(outbox)][:-1]
    assert summary["count"] + len({*told} - {summary["event_id"]}) == MOST + 200
    assert (summary["cause"], summary["began"], summary["camera"]) == ("broker", 0, "porch")
    assert summary["counts"] == {"motion": summary["count"]}
    assert summary["text"] == f"{summary['count']} events while the broker was away"


def test_what_waits_for_a_week_becomes_a_number(outbox: Outbox, places: Places) -> None:
    put(outbox, alert(1), alert(2), '{"type":"update"}', now=0)
    put(outbox, alert(3), now=OLDEST)
    outbox.spill(OLDEST)
    outbox.thin_out(BOOT, OLDEST, 0)
    assert [each["count"] for each in summaries(outbox)] == []  # not a moment before
    outbox.thin_out(BOOT, OLDEST + 1, 0)
    (summary,) = summaries(outbox)
    assert (summary["count"], summary["ended"]) == (2, 2)
    assert len(payloads(outbox)) == 2
    outbox.spill(OLDEST + 2 * SECOND)
    assert on_disk(places) == in_ram(places)


def test_what_waits_from_an_earlier_boot_waits_since_this_one_began(outbox: Outbox) -> None:
    put(outbox, alert(1), now=9 * OLDEST)
    outbox.thin_out("another boot", OLDEST, 0)
    assert summaries(outbox) == []
    outbox.thin_out("another boot", OLDEST + 1, 0)
    assert [each["count"] for each in summaries(outbox)] == [1]


def test_more_bytes_than_may_wait_are_given_up(outbox: Outbox) -> None:
    large = json.dumps({"event_type": "motion", "camera": "porch", "began": 1, "text": "x" * 8000})
    put(outbox, *[large] * (MOST_BYTES // len(large) + 1))
    outbox.thin_out(BOOT, 0, 0)
    assert sum(map(len, payloads(outbox))) < MOST_BYTES * 2 // 3
    assert len(summaries(outbox)) == 1


def test_a_newer_message_with_the_same_key_is_enough_while_nobody_hears(outbox: Outbox) -> None:
    for number in range(3):
        outbox.put([Alert("events", f"u{number}", False, key="e1"), Alert("events", f"v{number}", False)], BOOT, 0, 0)
    outbox.spill(SECOND)
    assert payloads(outbox) == ["v0", "v1", "u2", "v2"]


def test_a_picture_waits_in_ram_alone(outbox: Outbox, places: Places) -> None:
    outbox.put([Alert("snapshot", b"\xff\xd8 picture", False, key="snapshot"), Alert("event", "e", False)], BOOT, 0, 0)
    outbox.spill(2 * SECOND)
    assert [waiting.alert.payload for waiting in outbox.pending(9)] == [b"\xff\xd8 picture", "e"]
    assert on_disk(places) == [2]
    outbox.put([Alert("snapshot", "", True)], BOOT, 3 * SECOND, 0)  # cleared before it was sent
    outbox.spill(5 * SECOND)
    assert payloads(outbox) == ["e", ""]


def test_states_are_known_after_they_were_told(outbox: Outbox) -> None:
    outbox.put([Alert("motion", "ON", True), Alert("status", "online", True)], BOOT, 0, 0)
    outbox.done([1, 2])
    outbox.put([Alert("motion", "OFF", True), Alert("event", "e", False)], BOOT, 0, 0)
    assert outbox.states() == [Alert("status", "online", True)]  # motion still waits to be told
    outbox.done([3])
    assert outbox.states() == [Alert("motion", "OFF", True), Alert("status", "online", True)]
    assert (outbox.state_of("status"), outbox.state_of("nothing"), outbox.count()) == ("online", None, 1)


def test_an_alert_acknowledged_while_it_is_copied_leaves_the_disk_again(places: Places) -> None:
    with closing(Outbox(places)) as capture, closing(Outbox(places)) as notify:
        put(capture, "slow")
        (slow,) = notify.pending(1)
        with closing(sqlite3.connect(places.outbox, isolation_level=None)) as disk:
            disk.execute("BEGIN IMMEDIATE")  # a disk that takes its time
            spilling = threading.Thread(target=capture.spill, args=(SECOND,))
            spilling.start()
            with closing(sqlite3.connect(places.outbox_ram)) as ram:
                until(lambda: ram.execute("SELECT copied FROM alert").fetchall() == [(1,)])
            answering = threading.Thread(target=notify.done, args=([slow.id],))
            answering.start()
            until(lambda: not in_ram(places))  # nobody holds the RAM file meanwhile
            disk.execute("ROLLBACK")
        spilling.join()
        answering.join()
        capture.spill(2 * SECOND)
    assert on_disk(places) == []


def test_a_killed_writer_loses_nothing(places: Places) -> None:
    command = [sys.executable, "-c", WRITER, str(places.data), str(places.run)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline().strip() for _ in range(30)]
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    with closing(Outbox(places)) as outbox:
        found = payloads(outbox)
        assert found[: len(said)] == said
        lose_ram(places)
        assert payloads(outbox)[: len(said) - 1] == said[:-1]  # the last may not have been a second old


def test_without_a_usable_disk_everything_but_the_disk_works(
    outbox: Outbox, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    places.outbox.mkdir()  # no SQLite file can be here
    put(outbox, "one", "two")
    for second in range(1, 4):
        outbox.spill(second * SECOND)
    outbox.done([outbox.pending(1)[0].id])
    assert payloads(outbox) == ["two"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    places.outbox.rmdir()
    outbox.spill(5 * SECOND)
    assert on_disk(places) == [2]
    assert "can be used again" in caplog.records[-1].getMessage()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB; only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "camd", folder], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_on_a_full_disk_alerts_live_in_ram(tmp_path: Path, small_disk: Path) -> None:
    places = Places(small_disk, tmp_path / "run")
    places.make()
    with closing(Outbox(places)) as outbox:
        put(outbox, *("x" * 1000 for _ in range(100)))
        outbox.spill(SECOND)
        assert on_disk(places) == []
        outbox.done([waiting.id for waiting in outbox.pending(70)])
        assert in_ram(places, "gone") == []  # nothing to remember for ever
        outbox.spill(SECOND)
        assert on_disk(places) == list(range(71, 101))


def test_what_a_read_only_disk_keeps_does_not_come_back(tmp_path: Path, small_disk: Path) -> None:
    places = Places(small_disk, tmp_path / "run")
    places.make()
    with closing(Outbox(places)) as outbox:
        put(outbox, "one", "two")
        outbox.spill(SECOND)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    lose_ram(places)
    with closing(Outbox(places)) as outbox:
        outbox.done([outbox.pending(1)[0].id])
        assert (payloads(outbox), on_disk(places)) == (["two"], [1, 2])
        outbox.close()
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
        outbox.spill(SECOND)
        assert on_disk(places) == [2]


def test_what_was_acknowledged_stays_so_while_ram_is_full(tmp_path: Path, small_disk: Path) -> None:
    places = Places(tmp_path / "data", small_disk)
    places.make()
    with closing(Outbox(places)) as outbox:
        put(outbox, "one", "two")
        with pytest.raises(OSError, match="No space left"):
            (small_disk / "filler").write_bytes(bytes(100_000))
        outbox.done([1])
        assert (payloads(outbox), in_ram(places)) == (["two"], [1, 2])
        (small_disk / "filler").unlink()
        assert (payloads(outbox), in_ram(places)) == (["two"], [2])


@pytest.mark.logs_errors
def test_without_a_run_folder_alerts_are_dropped_and_counted(outbox: Outbox, places: Places) -> None:
    places.run.rmdir()
    put(outbox, "one", "two")
    places.make()
    put(outbox, "three")
    assert (payloads(outbox), outbox.dropped) == (["three"], 2)


@pytest.mark.logs_errors
@pytest.mark.parametrize("name", ["outbox", "outbox_ram"])
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
def test_a_damaged_file_is_set_aside(places: Places, name: str, is_open: bool) -> None:
    path: Path = getattr(places, name)
    with closing(Outbox(places)) as outbox:
        put(outbox, *map(str, range(100)))
        outbox.spill(SECOND)
        if not is_open:
            outbox.close()
        path.write_bytes(b"no database at all" * 1000)
        outbox.spill(SECOND)
        assert payloads(outbox) == [str(number) for number in range(100)]
        put(outbox, "new", now=SECOND)
        outbox.spill(2 * SECOND)
        outbox.spill(3 * SECOND)
        assert payloads(outbox)[-1] == "new"
        assert on_disk(places) == list(range(1, 102))
    assert path.with_name(f"{path.name}.damaged").read_bytes().startswith(b"no database")


def test_another_process_follows_when_a_file_was_replaced(places: Places) -> None:
    with closing(Outbox(places)) as capture, closing(Outbox(places)) as notify:
        put(capture, "before")
        assert payloads(notify) == ["before"]
        lose_ram(places)
        put(capture, "after")
        assert payloads(notify) == ["after"]


def test_putting_rings_the_bell(outbox: Outbox, places: Places) -> None:
    with closing(Bell(places.bell, "a test")) as bell:
        listening = threading.Thread(target=bell.wait, args=(60 * SECOND,))
        listening.start()
        put(outbox, "ding")
        listening.join(10)
        assert not listening.is_alive()


@dataclass(frozen=True)
class Put:
    """What the model knows of an alert."""

    payload: str
    topic: str
    at: Nanos


class Outboxes(RuleBasedStateMachine):
    """Capture and notify on one outbox, with boots in between: what waits is what the model says."""

    TOPICS = ("event", "events", "motion", "status")  # the last two are states

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.places = places_in(self.folder)
        self.capture, self.notify = Outbox(self.places), Outbox(self.places)
        self.now: Nanos = 10 * SECOND
        self.waiting: list[Put] = []
        self.safe: set[str] = set()
        self.count = 0

    @rule(topics=st.lists(st.sampled_from(TOPICS), max_size=4))
    def put(self, topics: list[str]) -> None:
        new = [Put(str(self.count + number), topic, self.now) for number, topic in enumerate(topics)]
        alerts = [Alert(it.topic, it.payload, it.topic in self.TOPICS[2:]) for it in new]
        self.capture.put(alerts, BOOT, self.now, 0)
        self.waiting += new
        self.count += len(new)

    @rule(nanos=st.sampled_from([1, SECOND - 1, SECOND, 3 * SECOND]))
    def time_passes(self, nanos: Nanos) -> None:
        self.now += nanos

    @rule()
    def spill(self) -> None:
        self.capture.spill(self.now)
        old = [it for it in self.waiting if not self.now - SECOND < it.at <= self.now]
        latest = {it.topic: it for it in self.waiting if it.topic in self.TOPICS[2:]}
        replaced = [it for it in old if latest.get(it.topic, it) != it]
        self.waiting = [it for it in self.waiting if it not in replaced]
        self.safe |= {it.payload for it in old}

    @rule(chosen=st.sets(st.integers(0, 5), min_size=1))
    def done(self, chosen: set[int]) -> None:
        pending = self.notify.pending(6)
        ids = {waiting.id for number, waiting in enumerate(pending) if number in chosen}
        gone = {waiting.alert.payload for waiting in pending if waiting.id in ids}
        self.notify.done(ids)
        self.waiting = [it for it in self.waiting if it.payload not in gone]

    @rule()
    def reopen(self) -> None:
        self.capture.close()
        self.notify.close()
        self.capture, self.notify = Outbox(self.places), Outbox(self.places)

    @rule()
    def boot(self) -> None:
        self.capture.pending(1)
        lose_ram(self.places)
        self.reopen()
        self.now = 0
        self.waiting = [it for it in self.waiting if it.payload in self.safe]

    @invariant()
    def what_waits_is_what_was_put_and_not_acknowledged(self) -> None:
        assert payloads(self.notify) == [it.payload for it in self.waiting]

    @invariant()
    def ids_only_rise(self) -> None:
        ids = [waiting.id for waiting in self.notify.pending(2 * MOST)]
        assert ids == sorted(set(ids))
        assert set(on_disk(self.places)) <= set(ids)

    def teardown(self) -> None:
        self.capture.close()
        self.notify.close()
        shutil.rmtree(self.folder)


TestOutboxes = Outboxes.TestCase
TestOutboxes.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
