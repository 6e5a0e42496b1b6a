"""A sidecar says all that is known of a clip, and only a whole one is believed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camd.errors import CannotWriteError, UnusableInputError
from camd.model import SECOND, Box, Clip, Event
from camd.store import sidecar
from camd.store.sidecar import RecordedEvent, Sidecar
from tests.store.store_world import REASON, clip_row, sidecar_of

MS = SECOND // 1000
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
times = st.integers(0, 10**6).map(lambda ms: ms * MS)
boxes = st.builds(Box, *[st.integers(0, 10_000).map(lambda n: n / 10_000)] * 4)
events = st.builds(
    Event, texts, texts, st.floats(0, 1), times, times, st.builds(replace, st.just(REASON), box=boxes), st.tuples(texts)
)
recorded_events = st.builds(RecordedEvent, events, st.tuples(st.tuples(times, boxes)))


def described(clip: Clip, recorded: list[RecordedEvent]) -> Sidecar:
    return Sidecar(replace(clip, events=tuple(each.event.id for each in recorded)), tuple(recorded))


clips = st.builds(
    Clip,
    id=st.integers(1, 10**9),
    camera=texts,
    boot_id=texts,
    began=times,
    began_unix_ns=times,
    duration_ns=times,
    pre_roll_ns=times,
    size=st.integers(0, 10**12),
    beside=st.just(0),
    sha256=texts,
    label=texts,
    events=st.just(()),
    continues=st.none() | st.integers(1, 10**9),
    cut_short=st.booleans(),
    starred=st.booleans(),
)
sidecars = st.builds(described, clips, st.lists(recorded_events, max_size=3))
within_tmp_path = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@within_tmp_path
@given(sidecars)
def test_what_is_written_is_read_again(tmp_path: Path, told: Sidecar) -> None:
    path = tmp_path / "000001.json"
    sidecar.write(path, told)
    found = sidecar.read(path)
    assert found.clip.beside == path.stat().st_size
    assert replace(found, clip=replace(found.clip, beside=0)) == told


@within_tmp_path
@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_writing_again_what_was_read_changes_no_byte(tmp_path: Path, began: int, unix_ns: int) -> None:
    path = tmp_path / "000001.json"
    sidecar.write(path, sidecar_of(replace(clip_row(1), began=began, began_unix_ns=unix_ns)))
    first = path.read_bytes()
    sidecar.write(path, sidecar.read(path))
    assert path.read_bytes() == first


def test_the_keys_are_these(tmp_path: Path) -> None:
    assert sidecar.to_json(sidecar_of(replace(clip_row(1, 500), continues=4))) == {
        "v": 1,
        "id": 1,
        "camera": "porch",
        "boot_id": "11111111-1111-4111-8111-111111111111",
        "began": 1767225660.0,
        "began_iso": "2026-01-01T00:01:00.000Z",
        "began_boot": 60.0,
        "synchronised": True,
        "duration": 12.0,
        "pre_roll": 5.0,
        "label": "person",
        "starred": False,
        "cut_short": False,
        "continues": 4,
        "bytes": 500,
        "sha256": clip_row(1, 500).sha256,
        "event_ids": ["e1"],
        "events": [
            {
                "id": "e1",
                "label": "person",
                "confidence": 0.9,
                "began": 5.0,
                "ended": 9.0,
                "zones": [],
                "reason": {
                    "rule": "motion",
                    "changed_pixels": 900,
                    "threshold": 300,
                    "blocks": 4,
                    "noise_level": 3.5,
                    "light_gain": 1.0,
                    "box": [0.1, 0.2, 0.3, 0.4],
                    "shadow_ratio": 1.0,
                    "track_s": 0.0,
                    "travel": 0.0,
                    "zones": [],
                },
                "boxes": [[5.0, 0.1, 0.2, 0.3, 0.4]],
            }
        ],
    }


@given(st.lists(times, max_size=60).map(sorted))
def test_no_second_has_more_than_five_boxes(moments: list[int]) -> None:
    clip = replace(clip_row(1), began=0)
    event = replace(sidecar_of(clip).events[0], boxes=tuple((t, Box(0, 0, 1, 1)) for t in moments))
    written = [row[0] for row in sidecar.to_json(Sidecar(clip, (event,)))["events"][0]["boxes"]]
    assert all(sum(int(t) == second for t in written) <= 5 for second in set(map(int, written)))
    assert bool(written) == bool(moments)


def broken(key: str, value: Any) -> bytes:
    return json.dumps({**sidecar.to_json(sidecar_of(clip_row(1))), key: value}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        broken("v", 2),
        broken("id", "1"),
        broken("id", True),
        broken("began", None),
        broken("duration", float("nan")),
        broken("duration", 1e300).replace(b"1e+300", b"1e999"),
        broken("events", [{}]),
        broken("events", {}),
        broken("starred", 1),
        broken("continues", "x"),
    ],
)
def test_a_damaged_sidecar_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "000001.json").write_bytes(data)
    with pytest.raises(UnusableInputError, match=r"000001\.json: not a clip's sidecar") as caught:
        sidecar.read(tmp_path / "000001.json")
    assert "\n" not in str(caught.value)


def test_a_newer_format_is_named_with_ours(tmp_path: Path) -> None:
    (tmp_path / "000001.json").write_bytes(broken("v", 2))
    with pytest.raises(UnusableInputError, match="format version 2, this camd reads 1"):
        sidecar.read(tmp_path / "000001.json")


def test_a_missing_sidecar_and_a_missing_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="cannot be read"):
        sidecar.read(tmp_path / "000001.json")
    with pytest.raises(CannotWriteError, match="cannot be written"):
        sidecar.write(tmp_path / "gone" / "000001.json", sidecar_of(clip_row(1)))


def test_a_clip_cannot_be_told_with_the_events_of_another() -> None:
    with pytest.raises(ValueError, match="event ids"):
        Sidecar(replace(clip_row(1), events=("other",)), sidecar_of(clip_row(1)).events)
