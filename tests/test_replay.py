"""The testers' verb: its output, its exit codes, and that it is the same each time."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import av
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from camd.errors import UsageError
from camd.replay import main
from camd.replays.against import Found, changes
from camd.replays.playing import Run
from camd.vision.quiet import Quiet
from tests.worlds import event as made_up
from tests.worlds import film

FIXTURES = Path(__file__).parent.parent / "camd" / "fixtures"
REAL = {"car-detection.mp4": 3, "bottle-detection.mp4": 7, "one-by-one-person-detection.mp4": 6}  # visitors


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
    assert (event["v"], event["type"], event["event"], event["label"]) == (1, "event", 1, "person")
    assert event["clip"] == "clips/000001.mp4"
    assert (tmp_path / event["clip"]).is_file()
    assert len(json.dumps(event["reason"])) < 2000
    assert list(summary) == ["v", "type", "video", "frames", "seconds", "wall_s", "events", "suppressed"]
    assert (summary["frames"], summary["seconds"], summary["events"]) == (180, 12.0, 1)


def test_without_a_data_folder_no_clip_is_kept() -> None:
    assert _objects(FIXTURES / "walker.mp4")[0]["clip"] is None


def test_the_table_names_the_clips_that_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(FIXTURES / "walker.mp4")])
    assert "clip" not in capsys.readouterr().out
    main(["--data", str(tmp_path), str(FIXTURES / "walker.mp4")])
    kept = capsys.readouterr().out
    assert re.search(r"began .* ended .* clip .* what .* why", kept)
    assert re.search(r"4\.\d\d s .*8\.\d\d s .* 1 .* person ", kept)


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
    assert main(["--accept", str(tmp_path)]) == 0
    assert len(yaml.safe_load((tmp_path / "porch.truth.yaml").read_text())["events"]) == 2
    assert main(["--score", str(tmp_path)]) == 0


def test_the_total_says_how_many_videos_fell_short(tmp_path: Path) -> None:
    for name in ("porch", "walker"):
        shutil.copy(FIXTURES / f"{name}.mp4", tmp_path / f"{name}-by-the-gate-behind-the-house.mp4")
        (tmp_path / f"{name}-by-the-gate-behind-the-house.truth.yaml").write_text(
            "v: 1\nevents: [{began: 5.0, ended: 8.0}]\n"
        )
    told = _replay("--score", tmp_path).stdout.splitlines()
    assert any("total: 1 of 2 videos fell short  2 of 2" in line for line in told)
    assert told[-1] == "porch-by-the-gate-behind-the-house.mp4: precision 0.50, want 1.00: 1 false events"
    assert max(map(len, told[:-1])) <= 80


def test_score_without_truth_says_how_to_make_one(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "porch.mp4", tmp_path)
    ended = _replay("--score", tmp_path)
    assert ended.returncode == 65
    assert "--accept" in ended.stderr


def test_unusable_videos_end_with_65_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.mp4").touch()
    for video in (tmp_path / "empty.mp4", tmp_path / "absent.mp4", Path("/dev/null")):
        code = main(["--json", str(video)])
        out, trouble = capsys.readouterr()
        assert (code, out, trouble.count("\n")) == (65, "", 1)


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


def test_against_finds_what_other_settings_join(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("vision: {merge_gap: 10 s}\n")
    first, second = _objects("--against", tmp_path / "other.yaml", FIXTURES / "porch.mp4")
    assert (first["type"], first["video"], first["change"]) == ("against", "porch.mp4", "changes")
    assert first["event"]["began"] == first["other"]["began"]
    assert first["other"]["ended"] == second["event"]["ended"]
    assert (second["change"], second["event"]["event"], second["other"]) == ("vanishes", 2, None)


def test_against_tells_people_what_a_vanished_event_became(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.yaml").write_text("vision: {merge_gap: 10 s}\n")
    main(["--against", str(tmp_path / "other.yaml"), str(FIXTURES / "porch.mp4"), str(FIXTURES / "quiet.mp4")])
    told = capsys.readouterr().out
    assert re.search(r"changes .* ends 9\.\d s later", told)
    assert re.search(r"vanishes .* part of the one from 6\.", told)
    assert "no event with either" in told


def test_against_cannot_be_had_with_a_score() -> None:
    with pytest.raises(UsageError, match="--against cannot be had together with --score"):
        main(["--score", "--against", "other.yaml", str(FIXTURES / "porch.mp4")])


def _found(spans: list[tuple[int, int]]) -> list[Found]:
    told = [made_up(str(number), began, began + length) for number, (began, length) in enumerate(spans, 1)]
    run = Run(Path("made-up"))
    return [Found(number, one, run.span(one)) for number, one in enumerate(told, 1)]


runs = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=6).map(_found)


@given(runs, runs)
def test_every_event_of_either_side_is_told_of_once(events: list[Found], others: list[Found]) -> None:
    told = changes(events, others)
    assert sorted(change.event.number for change in told if change.event) == [one.number for one in events]
    assert sorted(change.other.number for change in told if change.other) == [one.number for one in others]
    assert all(c.event.span.overlap(c.other.span) >= 0 for c in told if c.event and c.other)


@pytest.mark.parametrize(
    ("event", "other", "kind"),
    [
        ((10, 5), (10, 5), "same"),
        ((10, 5), (10, 6), "same"),  # ends 1 s later: within the tolerance of a truth file
        ((10, 5), (10, 7), "changes"),
        ((10, 5), (11, 4), "changes"),  # begins 1 s later: not within it
        ((10, 5), (20, 5), "vanishes"),
    ],
)
def test_what_is_the_same_and_what_is_not(event: tuple[int, int], other: tuple[int, int], kind: str) -> None:
    assert changes(_found([event]), _found([other]))[0].kind == kind


@dataclass(frozen=True)
class Replayed:
    """A real recording, how many visitors it has, and what its replay into `data` told."""

    video: Path
    visitors: int
    data: Path
    events: list[dict[str, Any]]


@pytest.fixture(scope="module", params=REAL)
def replayed(request: pytest.FixtureRequest, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    video, data = videos / request.param, tmp_path_factory.mktemp("data")
    told = _objects("--data", data, video)
    return Replayed(video, REAL[request.param], data, [o for o in told if o["type"] == "event"])


def test_every_visitor_of_a_real_recording_is_an_event_of_his_own(replayed: Replayed) -> None:
    assert len(replayed.events) == replayed.visitors
    for began, ended in _truth(replayed.video):
        assert any(min(e["ended"], ended) - max(e["began"], began) > 0.2 for e in replayed.events), (began, ended)


def test_the_clips_of_a_real_recording_are_whole(replayed: Replayed) -> None:
    for event in replayed.events:
        with av.open(str(replayed.data / event["clip"])) as clip:
            times = [frame.time for frame in clip.decode(video=0)]
        assert event["pre_roll"] >= min(5.0, event["began"]) - 0.001
        assert times[-1] >= event["pre_roll"]  # the clip holds the moment of the alert
        assert times[0] < 0.1


def test_where_nobody_moves_there_is_no_event(videos: Path) -> None:
    assert _objects(videos / "brightness_change.avi")[-1]["events"] == 0


def _truth(video: Path) -> list[tuple[float, float]]:
    with av.open(str(video)) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    notes = json.loads(video.with_suffix(".json").read_text())
    return [(times[first], times[min(last, len(times) - 1)]) for first, last, _ in notes["events"]]


def test_learned_quiet_places_are_applied_and_a_wrong_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "quiet.json").write_bytes(Quiet.empty((60, 80)).to_bytes())
    assert _objects("--learned", tmp_path / "quiet.json", FIXTURES / "walker.mp4")[-1]["events"] == 1
    (tmp_path / "wrong.json").write_text("nothing")
    ended = _replay("--learned", tmp_path / "wrong.json", FIXTURES / "walker.mp4")
    assert (ended.returncode, ended.stderr.count("\n")) == (65, 1)
