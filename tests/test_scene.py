"""Scenes are what their truth says, twice the same, and the fixtures on disk are theirs."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from camd import scene
from camd.errors import CannotWriteError, UsageError
from camd.scene import SCENES, WORLDS, Branch, Car, Light, Mover, Rain, Route, Scene, Walker

FIXTURES = Path(scene.__file__).parent / "fixtures"
SMALL = Scene(160, 120, 6, 5.0, 9, 1.5, scene.yard)
STANDER = Walker(Route(((0.5, -20, 110), (1.5, 80, 110), (3.5, 80, 110), (4.5, 180, 110))), 60)

movers = st.builds(
    lambda kind, size, contrast, began, seconds, x, toward, y: kind(
        Route(((began, x, y), (began + seconds, toward, y))), size, contrast
    ),
    kind=st.sampled_from([Walker, Car]), size=st.floats(30, 110), contrast=st.floats(0.6, 1.0),
    began=st.floats(0, 3), seconds=st.floats(0.8, 4), x=st.floats(-120, 280), toward=st.floats(-120, 280),
    y=st.floats(60, 118),
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(mover=movers)
def test_an_actor_changes_the_picture_exactly_while_truth_says_so(mover: Mover) -> None:
    whole = _changed_pixels(
        replace(SMALL, width=400), replace(mover, route=Route(((0.0, 200, 118), (5.0, 200, 118)))), 0
    )
    events = scene.truth(replace(SMALL, actors=(mover,)))["events"]
    for number, t in enumerate(SMALL.times()):
        share = _changed_pixels(SMALL, mover, number) / whole
        is_true = any(event["began"] <= round(t, 3) <= event["ended"] for event in events)
        # Before the body is seen, a foot and the shadow may already be: measured, at most 0.26 of a walker's pixels.
        assert share > 0 if is_true else share < 0.3


def test_a_walker_who_stands_still_is_one_event_and_one_picture() -> None:
    standing = replace(SMALL, noise=0.0, actors=(STANDER,))
    assert [event["label"] for event in scene.truth(standing)["events"]] == ["person"]
    assert np.array_equal(scene.picture(standing, 10), scene.picture(standing, 20))
    assert not np.array_equal(scene.picture(standing, 6), scene.picture(standing, 8))


def test_an_actor_who_comes_back_is_a_second_event() -> None:
    away_and_back = Route(((0.0, 80, 110), (1.0, -80, 110), (2.0, -80, 110), (3.0, 80, 110)))
    events = scene.truth(replace(SMALL, actors=(Walker(away_and_back, 60),)))["events"]
    assert [event["began"] < 1 for event in events] == [True, False]


@pytest.mark.parametrize("harmless", [Light(at=1.0, gain=0.6), Branch(165, 0, 100), Rain(20)])
def test_light_wind_and_rain_change_the_picture_and_are_no_events(harmless: scene.Actor) -> None:
    world = replace(SMALL, noise=0.0, actors=(harmless,))
    assert not np.array_equal(scene.picture(world, 0), scene.picture(world, 8))
    assert scene.truth(world)["events"] == []


def test_a_light_acts_on_the_actors_too_and_fades_in() -> None:
    world = replace(SMALL, noise=0.0, actors=(Light(at=1.0, gain=0.5, fade=2.0), STANDER))
    dark, lit = scene.picture(world, 18), scene.picture(replace(world, actors=(STANDER,)), 18)
    assert np.abs(dark - lit / 2).max() <= 0.5
    assert lit.mean() * 0.7 < scene.picture(world, 12).mean() < lit.mean() * 0.8


def test_the_same_scene_gives_the_same_pictures_and_another_seed_others() -> None:
    world = replace(SMALL, seconds=1.0, actors=(STANDER, Rain(20)))
    first, again, other = ([picture for _, picture in scene.frames(w)] for w in (world, world, replace(world, seed=10)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_noise_is_as_loud_as_the_scene_says() -> None:
    loud = scene.picture(replace(SMALL, noise=4.0), 3).astype(np.float32)
    assert np.std(loud - scene.picture(replace(SMALL, noise=0.0), 3)) == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize(
    ("codec", "ending", "name"),
    [
        ("libx264", "mp4", "h264"),
        ("libx265", "mkv", "hevc"),
        ("mpeg4", "avi", "mpeg4"),
        ("mjpeg", "mkv", "mjpeg"),
        ("msmpeg4", "avi", "msmpeg4"),
    ],
)
def test_two_encodings_give_the_same_bytes_and_every_frame(codec: str, ending: str, name: str, tmp_path: Path) -> None:
    one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
    for path in (one, two):
        scene.encode(SMALL, path, codec=codec)
    assert one.read_bytes() == two.read_bytes()
    with av.open(str(one)) as video:
        assert video.streams.video[0].codec_context.name == name
        assert sum(1 for _ in video.decode(video=0)) == 30


def test_a_key_picture_comes_every_two_seconds_and_no_b_frames(tmp_path: Path) -> None:
    scene.encode(replace(SMALL, actors=(Light(at=1.0, gain=0.3),)), tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as video:
        packets = [packet for packet in video.demux(video=0) if packet.size]
    assert [number for number, packet in enumerate(packets) if packet.is_keyframe] == [0, 12, 24]
    assert all(packet.pts == packet.dts for packet in packets)


def test_the_fixtures_are_the_scenes() -> None:
    assert {path.name for path in FIXTURES.glob("*.mp4")} == {f"{name}.mp4" for name in SCENES}


@pytest.mark.parametrize("name", SCENES)
def test_a_fixture_shows_its_scene_with_its_truth_in_less_than_a_megabyte(name: str) -> None:
    world, path = SCENES[name], FIXTURES / f"{name}.mp4"
    assert yaml.safe_load((FIXTURES / f"{name}.truth.yaml").read_text()) == scene.truth(world)
    assert path.stat().st_size < 1_000_000
    with av.open(str(path)) as video:
        pictures = list(video.decode(video=0))
    assert [picture.time for picture in pictures] == pytest.approx(world.times())
    for number in (0, len(pictures) // 2):
        drawn = cv2.cvtColor(scene.picture(replace(world, noise=0.0), number), cv2.COLOR_BGR2GRAY)
        shown = cv2.cvtColor(pictures[number].to_ndarray(format="bgr24"), cv2.COLOR_BGR2GRAY)
        assert np.abs(shown.astype(np.float32) - drawn).mean() < 3


def test_the_demo_has_time_to_learn_to_part_its_visitors_and_to_end() -> None:
    world = SCENES["porch"]
    events = scene.truth(world)["events"]
    assert [event["label"] for event in events] == ["person", "vehicle"]
    assert events[0]["began"] >= 6
    assert all(after["began"] - before["ended"] >= 6 for before, after in pairwise(events))
    assert world.seconds - events[-1]["ended"] >= 4


def test_the_command_writes_a_video_and_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scene.main([str(tmp_path / "new"), "quiet"]) == 0
    assert (tmp_path / "new/quiet.mp4").read_bytes()
    assert (tmp_path / "new/quiet.truth.yaml").read_text() == (FIXTURES / "quiet.truth.yaml").read_text()
    assert "12 s" in capsys.readouterr().err


def test_the_command_films_any_world_at_any_size(tmp_path: Path) -> None:
    assert scene.main([str(tmp_path), "fast@64x64#2"]) == 0
    with av.open(str(tmp_path / "fast-64x64-2.mp4")) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (64, 64)
    told = yaml.safe_load((tmp_path / "fast-64x64-2.truth.yaml").read_text())
    assert told == scene.truth(WORLDS["fast"](64, 64, 2))


def test_a_world_is_640_by_480_and_of_seed_1_when_nothing_is_said() -> None:
    assert scene.named("snow+cat") == scene.named("snow+cat@640x480#1") == WORLDS["snow+cat"](640, 480, 1)
    assert scene.named("walker") is SCENES["walker"]


def test_the_list_has_a_line_for_every_scene_and_world(capsys: pytest.CaptureFixture[str]) -> None:
    assert scene.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("@")[0].split()[0] for line in lines] == [*SCENES, *WORLDS]
    assert all(len(line) <= 120 and line.count("  ") for line in lines)


@pytest.mark.parametrize("name", ["rain@321x240", "rain@32x32", "rain@8000x480"])
def test_a_size_that_no_encoder_takes_is_a_wrong_use(name: str) -> None:
    with pytest.raises(UsageError, match="even numbers from 64 to 4096"):
        scene.named(name)


@pytest.mark.parametrize("name", ["rain@", "rain@640", "rain#x", "+walker", "rain+"])
def test_a_name_half_written_is_a_wrong_use(name: str) -> None:
    with pytest.raises(UsageError, match="no scene"):
        scene.named(name)


def test_a_folder_is_needed_unless_for_the_list() -> None:
    with pytest.raises(UsageError, match="name a folder"):
        scene.main([])


def test_an_unknown_scene_is_a_wrong_use_that_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no scene 'porsch'.*porch"):
        scene.main([str(tmp_path), "porsch"])


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotWriteError, match=r"^[^\n]*quiet.mp4: cannot be written[^\n]*$"):
        scene.main([str(tmp_path / "file"), "quiet"])


def _changed_pixels(world: Scene, mover: Mover, number: int) -> int:
    """Pixels that the mover changes by more than the palest shadow."""
    with_mover = scene.picture(replace(world, actors=(mover,)), number)
    return int((cv2.absdiff(with_mover, scene.picture(world, number)).max(axis=2) > 8).sum())
