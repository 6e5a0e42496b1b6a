"""What a clip covers: the seconds before, the event, the seconds after; more events, too long events, lost pictures."""

import shutil
from pathlib import Path

import pytest

from camd.clips.adopt import adopt
from camd.clips.recorder import Recorder
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import MB, RecordConfig, StoreConfig
from camd.model import SECOND, Began, Clip, Ended, Faulted, Finding, Gap, Grew, Saved
from camd.store import sidecar
from camd.store.check import violations
from camd.store.shelf import Shelf
from tests.worlds import Reel, event, places, shelf

SETTINGS = RecordConfig(pre_roll=2 * SECOND, post_roll=1 * SECOND, max_length=60 * SECOND)


def _record(
    reel: Reel, on: Shelf, findings: dict[float, list[Finding | Gap]],
    settings: RecordConfig = SETTINGS,
) -> list[Clip]:  # fmt: skip
    """Play the footage with the findings at their seconds; return the clips that were saved."""
    layout, packets = reel.layout, reel.packets
    told: list[Saved | Faulted] = []
    recorder = Recorder(on, ManualClock()).follow(Stream("porch", layout), settings, told.append)
    due = sorted(findings.items())
    for packet in packets:
        while due and due[0][0] * SECOND <= packet.t:
            for finding in due.pop(0)[1]:
                recorder.take(finding)
        recorder.take(packet)
    recorder.close()
    return [each.clip for each in told if isinstance(each, Saved)]


def _visit(name: str, began: float, ended: float) -> dict[float, list[Finding | Gap]]:
    return {began + 0.1: [Began(event(name, began, began + 0.1))], ended + 1: [Ended(event(name, began, ended))]}


def test_a_clip_holds_pre_roll_event_and_post_roll(reel: Reel, tmp_path: Path) -> None:
    with shelf(tmp_path) as on:
        (clip,) = _record(reel, on, _visit("a", 5.0, 6.0))
    assert clip.began == 2 * SECOND  # the key picture before 5 s - pre-roll
    assert clip.pre_roll_ns == 3 * SECOND
    assert clip.began + clip.duration_ns == pytest.approx(7 * SECOND, abs=SECOND // 10)
    assert clip.events == ("a",)
    assert violations(places(tmp_path)) == []


def test_an_event_near_the_start_gets_all_there_was_before(reel: Reel, tmp_path: Path) -> None:
    with shelf(tmp_path) as on:
        (clip,) = _record(reel, on, _visit("a", 1.0, 2.0))
    assert (clip.began, clip.pre_roll_ns) == (0, 1 * SECOND)


def test_an_event_that_begins_in_the_post_roll_extends_the_clip(reel: Reel, tmp_path: Path) -> None:
    with shelf(tmp_path) as on:
        (clip,) = _record(
            reel,
            on,
            _visit("a", 3.0, 4.0) | {4.9: [Began(event("b", 4.8, 4.9))], 8.0: [Ended(event("b", 4.8, 7.0))]},
        )
    assert clip.events == ("a", "b")
    assert clip.began + clip.duration_ns == pytest.approx(8 * SECOND, abs=SECOND // 10)


def test_a_long_event_goes_on_in_a_clip_that_continues_the_first(reel: Reel, tmp_path: Path) -> None:
    settings = RecordConfig(pre_roll=SECOND, post_roll=SECOND, max_length=4 * SECOND)
    grew: dict[float, list[Finding | Gap]] = {6.5: [Grew(event("a", 2.0, 6.5))]}
    with shelf(tmp_path) as on:
        clips = _record(reel, on, _visit("a", 2.0, 10.0) | grew, settings)
    assert [clip.continues for clip in clips] == [None, 1, 2]
    assert all(clip.events == ("a",) for clip in clips)
    assert [clip.began for clip in clips[1:]] == [c.began + c.duration_ns for c in clips[:-1]]


def test_lost_packets_end_the_clip_as_cut_short(reel: Reel, tmp_path: Path) -> None:
    with shelf(tmp_path) as on:
        clip, rest = _record(reel, on, {3.0: [Began(event("a", 2.9, 3.0))], 5.0: [Gap()]})
    assert clip.cut_short
    assert clip.began + clip.duration_ns <= 5.1 * SECOND
    assert (rest.began, rest.continues, rest.events) == (6 * SECOND, clip.id, ("a",))  # it goes on all the same
    assert not rest.cut_short


def test_the_sidecar_tells_what_the_row_tells(reel: Reel, tmp_path: Path) -> None:
    with shelf(tmp_path) as on:
        (clip,) = _record(reel, on, _visit("a", 5.0, 6.0))
        assert sidecar.read(on.sidecar(clip.id)).clip == clip


@pytest.fixture
def killed(reel: Reel, tmp_path: Path) -> Path:
    """What is on disk when a recorder is gone in the middle of a clip."""
    layout, packets = reel.layout, reel.packets
    with shelf(tmp_path / "live") as on:
        recorder = Recorder(on, ManualClock()).follow(Stream("porch", layout), SETTINGS, lambda _: None)
        recorder.take(packets[0])
        recorder.take(Began(event("a", 0.0, 0.1)))
        for packet in packets[1:]:
            recorder.take(packet)
        shutil.copytree(tmp_path / "live" / "data", tmp_path / "data")
        recorder.close()
    return tmp_path


def test_a_clip_cut_off_by_a_kill_is_taken_in_at_the_next_start(killed: Path) -> None:
    with shelf(killed) as on:
        (clip,) = adopt(on, "porch")
    assert clip.cut_short
    assert clip.events == ("a",)
    assert 9 * SECOND <= clip.duration_ns <= 12 * SECOND
    assert violations(places(killed)) == []


@pytest.mark.logs_errors
def test_what_cannot_be_read_is_set_aside_and_never_deleted(tmp_path: Path) -> None:
    places(tmp_path).make()
    (places(tmp_path).clips / "000007.mp4").write_bytes(b"not a recording")
    with shelf(tmp_path) as on:
        assert adopt(on, "porch") == []
    assert (tmp_path / "data" / "damaged" / "000007.mp4").read_bytes() == b"not a recording"


@pytest.mark.logs_errors
def test_no_room_costs_the_clip_and_not_the_recorder(reel: Reel, tmp_path: Path) -> None:
    full = StoreConfig(max_bytes=10_000, keep_free=1 * MB)
    with shelf(tmp_path, full) as on:
        assert _record(reel, on, _visit("a", 3.0, 4.0) | _visit("b", 8.0, 9.0)) == []
