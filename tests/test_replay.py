"""The testers' verb: its output, its exit codes, and that it is the same each time."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import av
import pytest
import yaml

from tests.worlds import film

FIXTURES = Path(__file__).parent.parent / "camd" / "fixtures"
REAL = ["car-detection.mp4", "bottle-detection.mp4", "one-by-one-person-detection.mp4"]


def _replay(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "camd", "replay", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _objects(*arguments: object) -> list[dict[str, Any]]:
    ended = _replay("--json", *arguments)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def _timeless(lines: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in json.loads(line).items() if k != "wall_s"} for line in lines.splitlines()]


def test_json_has_an_object_per_event_and_a_summary(tmp_path: Path) -> None:
    event, summary = _objects("--data", tmp_path, FIXTURES / "walker.mp4")
    assert list(event) == ["v", "type", "video", "event", "began", "ended", "label", "confidence", "clip", "pre_roll",
                           "zones", "reason"]  # fmt: skip
    assert (event["v"], event["type"], event["event"], event["label"]) == (1, "event", 1, "motion")
    assert event["clip"] == "clips/000001.mp4"
    assert (tmp_path / event["clip"]).is_file()
    assert len(json.dumps(event["reason"])) < 2000
    assert list(summary) == ["v", "type", "video", "frames", "seconds", "wall_s", "events", "suppressed"]
    assert (summary["frames"], summary["seconds"], summary["events"]) == (180, 12.0, 1)


def test_without_a_data_folder_no_clip_is_kept() -> None:
    assert _objects(FIXTURES / "walker.mp4")[0]["clip"] is None


def test_a_data_folder_is_a_store_that_may_be_used_again(tmp_path: Path) -> None:
    clips = [_objects("--data", tmp_path, FIXTURES / "walker.mp4")[0]["clip"] for _ in range(2)]
    assert clips == ["clips/000001.mp4", "clips/000002.mp4"]


def test_verbose_tells_what_was_suppressed_and_why() -> None:
    found = [o for o in _objects("--verbose", FIXTURES / "switch.mp4") if o["type"] == "suppressed"]
    assert {o["reason"]["rule"] for o in found} == {"the light of the whole picture changed"}


def test_two_runs_give_the_same_bytes() -> None:
    first, second = (_replay("--json", "--verbose", FIXTURES / "porch.mp4").stdout for _ in range(2))
    assert _timeless(first) == _timeless(second)
    assert first.splitlines()[:-1] == second.splitlines()[:-1]


def test_score_says_how_it_went_and_ends_with_1_below_what_is_demanded(tmp_path: Path) -> None:
    for suffix in (".mp4", ".truth.yaml"):
        shutil.copy(FIXTURES / f"porch{suffix}", tmp_path / f"porch{suffix}")
    assert _replay("--score", tmp_path).returncode == 0
    (tmp_path / "porch.truth.yaml").write_text("v: 1\nevents: [{began: 1.0, ended: 2.0}]\n")
    fallen = _replay("--score", "--json", "--junit", tmp_path / "j.xml", tmp_path)
    assert fallen.returncode == 1
    scored = [json.loads(line) for line in fallen.stdout.splitlines() if '"score"' in line]
    assert [(s["video"], s["missed"], s["false"]) for s in scored] == [("porch.mp4", 1, 2), ("total", 1, 2)]
    suite = Xml.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


def test_accept_writes_a_truth_that_the_same_run_meets(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "porch.mp4", tmp_path)
    assert _replay("--accept", tmp_path).returncode == 0
    assert len(yaml.safe_load((tmp_path / "porch.truth.yaml").read_text())["events"]) == 2
    assert _replay("--score", tmp_path).returncode == 0


def test_score_without_truth_says_how_to_make_one(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "porch.mp4", tmp_path)
    ended = _replay("--score", tmp_path)
    assert ended.returncode == 65
    assert "--accept" in ended.stderr


def test_unusable_videos_end_with_65_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    for video in (tmp_path / "empty.mp4", tmp_path / "absent.mp4", Path("/dev/null")):
        ended = _replay("--json", video)
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (65, "", 1)


def test_a_video_that_breaks_off_gives_its_events_then_65(tmp_path: Path) -> None:
    video = film("walker", tmp_path, seconds=12, suffix=".mkv")
    with video.open("r+b") as file:
        file.truncate(video.stat().st_size * 8 // 10)
    ended = _replay("--json", video)
    kinds = [json.loads(line)["type"] for line in ended.stdout.splitlines()]
    assert (ended.returncode, kinds, ended.stderr.count("\n")) == (65, ["event", "summary"], 1)


def test_one_bad_video_does_not_keep_the_others_from_being_played(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    shutil.copy(FIXTURES / "walker.mp4", tmp_path / "b.mp4")
    ended = _replay("--json", tmp_path)
    assert ended.returncode == 65
    assert [json.loads(line)["video"] for line in ended.stdout.splitlines()] == ["b.mp4", "b.mp4"]


@pytest.mark.parametrize("name", REAL)
def test_every_event_of_real_recordings_is_hit_and_its_clip_is_whole(name: str, videos: Path, tmp_path: Path) -> None:
    objects = _objects("--data", tmp_path, videos / name)
    events = [o for o in objects if o["type"] == "event"]
    for began, ended in _truth(videos / name):
        assert any(min(e["ended"], ended) - max(e["began"], began) > 0.2 for e in events), (began, ended)
    for event in events:
        with av.open(str(tmp_path / event["clip"])) as clip:
            times = [frame.time for frame in clip.decode(video=0)]
        assert event["pre_roll"] >= min(5.0, event["began"]) - 0.001
        assert times[-1] >= event["pre_roll"]  # the clip holds the moment of the alert
        assert times[0] < 0.1


def _truth(video: Path) -> list[tuple[float, float]]:
    with av.open(str(video)) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    notes = json.loads(video.with_suffix(".json").read_text())
    return [(times[first], times[min(last, len(times) - 1)]) for first, last, _ in notes["events"]]
