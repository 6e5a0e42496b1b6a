"""Worlds are what their truth says, at every size, and the same twice."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from camd.drawn.actor import Mover
from camd.drawn.brush import Picture
from camd.drawn.lens import Grain
from camd.drawn.movers import Door
from camd.drawn.nuisances import SETTINGS
from camd.drawn.scenery import Backdrop, front_garden, park, room, still, yard
from camd.drawn.stage import Scene, picture, truth
from camd.drawn.visits import VISITS
from camd.drawn.worlds import WORLDS

SIZES = ((320, 240), (640, 480), (1280, 720))
VISITED = [name for name in WORLDS if name.split("+")[-1] in VISITS.keys() - {"door"}]
SHOWN = sorted(SETTINGS.keys() - {"noise-2", "noise-6", "noise-10", "night", "frozen"})


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_the_same_twice_and_another_for_another_seed(name: str) -> None:
    first, again, other = (WORLDS[name](160, 120, seed) for seed in (3, 3, 4))
    assert first == again
    assert np.array_equal(picture(first, 165), picture(again, 165))
    assert not np.array_equal(picture(first, 165), picture(other, 165))


@pytest.mark.parametrize("backdrop", [yard, front_garden, room, park])
def test_a_backdrop_is_painted_the_same_twice(backdrop: Backdrop) -> None:
    first = still(backdrop, 160, 120, 1)
    still.cache_clear()
    assert np.array_equal(first, still(backdrop, 160, 120, 1))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", WORLDS)
def test_nobody_comes_for_eight_seconds_and_all_have_left_before_the_end(name: str, seed: int) -> None:
    world = WORLDS[name](640, 480, seed)
    events = truth(world)["events"]
    assert 20 <= world.seconds <= 45
    assert len(events) == (0 if name in SETTINGS else 2 if name == "pair" else 1)
    assert all(event["began"] >= 8 and world.seconds - event["ended"] >= 3 for event in events)


@pytest.mark.parametrize("name", VISITED)
def test_a_visitor_changes_the_picture_exactly_while_truth_says_so(name: str) -> None:
    world = WORLDS[name](240, 180, 1)
    empty = replace(world, actors=tuple(actor for actor in world.actors if not actor.label))
    inside = [number for number in range(len(world.times())) if _is_true(world, number)]
    numbers = sorted({*range(90, len(world.times()), 10), *inside[:: max(1, len(inside) // 6)]})
    changed = np.array([_changed(picture(world, number), picture(empty, number)) for number in numbers])
    there = np.array([number in inside for number in numbers])
    assert changed[there].min() > 0
    # A foot and the shadow come before the body, and leave after it.
    assert changed[~there].max() < 0.3 * changed.max()


def test_one_who_stands_still_is_one_event_of_half_a_minute() -> None:
    (event,) = truth(WORLDS["stander"](640, 480, 2))["events"]
    assert 28 < event["ended"] - event["began"] < 32


def test_a_fast_one_is_there_for_about_half_a_second() -> None:
    (event,) = truth(WORLDS["fast"](640, 480, 2))["events"]
    assert 0.3 <= event["ended"] - event["began"] <= 0.6


def test_one_far_away_is_about_eight_by_fourteen_pixels() -> None:
    world = WORLDS["far"](640, 480, 1)
    empty = replace(world, actors=world.actors[-1:])
    rows, columns = np.nonzero(_difference(picture(world, 250), picture(empty, 250)) > 8)
    assert np.ptp(columns) + 1 == pytest.approx(8, abs=2)
    assert np.ptp(rows) + 1 == pytest.approx(14, abs=1)


@pytest.mark.parametrize("name", SHOWN)
def test_a_nuisance_is_to_be_seen(name: str) -> None:
    world = _without_noise(WORLDS[name](160, 120, 1))
    numbers = range(3, len(world.times()), 8)
    assert max(_changed(picture(world, number), picture(world, 0)) for number in numbers) > 10


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_tells_the_same_story_at_every_size(name: str) -> None:
    stories = [truth(WORLDS[name](width, height, 1))["events"] for width, height in SIZES]
    assert len({tuple(event["label"] for event in events) for events in stories}) == 1
    for small, large in zip(stories[0], stories[-1], strict=True):
        assert small["began"] == pytest.approx(large["began"], abs=0.5)
        assert small["ended"] == pytest.approx(large["ended"], abs=0.5)


@pytest.mark.parametrize("name", [*SETTINGS, *sorted(VISITS.keys() - {"entering"})])
def test_a_world_looks_the_same_at_twice_the_size(name: str) -> None:
    small, large = (_without_noise(WORLDS[name](width, 3 * width // 4, 1)) for width in (160, 320))
    for number in (100, 165):
        halved = cv2.resize(picture(large, number), (160, 120), interpolation=cv2.INTER_AREA).astype(np.uint8)
        softly = [cv2.GaussianBlur(each, (0, 0), 4).astype(np.uint8) for each in (picture(small, number), halved)]
        assert _difference(*softly).mean() < 4  # the grain of their surfaces differs


@pytest.mark.parametrize("sigma", [2.0, 6.0, 10.0])
def test_grain_is_as_loud_as_it_says_and_new_in_every_picture(sigma: float) -> None:
    grey = np.full((240, 320, 3), 128, np.uint8)
    one, two = grey.copy(), grey.copy()
    Grain(sigma).paint(one, 1.0)
    Grain(sigma).paint(two, 1 + 1 / 15)
    assert np.std(one[..., 0]) == pytest.approx(sigma, rel=0.03)
    assert abs(np.corrcoef(one[..., 0].ravel(), two[..., 0].ravel())[0, 1]) < 0.02


def test_a_frozen_picture_repeats_even_its_noise() -> None:
    world = WORLDS["frozen"](160, 120, 1)
    assert not np.array_equal(picture(world, 100), picture(world, 101))
    assert np.array_equal(picture(world, 140), picture(world, 300))


def test_who_stands_in_a_frozen_picture_is_seen_to_its_end() -> None:
    world = replace(WORLDS["walker"](160, 120, 1), freezes=13.0)
    (event,) = truth(world)["events"]
    assert event["ended"] == pytest.approx(world.times()[-1], abs=0.001)


def test_covering_the_lens_is_left_out_of_the_score_and_then_all_is_dark() -> None:
    world = WORLDS["covered"](160, 120, 1)
    (stretch,) = truth(world)["ignore"]
    assert picture(world, round((stretch["began"] - 0.5) * 15)).mean() > 100
    assert picture(world, round(stretch["ended"] * 15)).mean() < 15


def test_a_door_is_an_event_only_while_it_moves() -> None:
    world = WORLDS["door"](160, 120, 1)
    door = next(actor for actor in world.actors if isinstance(actor, Door))
    (event,) = truth(world)["events"]
    assert event == {"began": pytest.approx(door.at, abs=0.07), "ended": pytest.approx(event["began"] + 1.4, abs=0.07),
                     "label": "other"}  # fmt: skip
    shown = [picture(_without_noise(world), round(t * 15)) for t in (2, event["began"], event["ended"] + 0.1, 20)]
    assert [_changed(a, b) > 50 for a, b in pairwise(shown)] == [False, True, False]


def test_every_mover_of_the_house_comes_in_some_world() -> None:
    labels = {event["label"] for world in WORLDS.values() for event in truth(world(160, 120, 1))["events"]}
    assert labels == {"person", "vehicle", "animal", "other"}
    assert any(isinstance(actor, Mover) for actor in WORLDS["rain+walker"](160, 120, 1).actors)


def _without_noise(world: Scene) -> Scene:
    return replace(world, actors=tuple(actor for actor in world.actors if not isinstance(actor, Grain)))


def _is_true(world: Scene, number: int) -> bool:
    return any(actor.seen(world.width, world.height, number / world.fps) for actor in world.actors)


def _difference(one: Picture, other: Picture) -> Picture:
    return np.asarray(cv2.absdiff(one, other).max(axis=2), np.uint8)


def _changed(one: Picture, other: Picture) -> int:
    """Pixels that differ by more than the palest shadow of somebody at dusk."""
    return int((_difference(one, other) > 5).sum())
