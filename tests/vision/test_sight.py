"""What vision makes of drawn worlds whose truth is known."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from camd.benches.counted import calls_of
from camd.drawn.worlds import WORLDS
from camd.model import SECOND, Began, Exposure, Polygon, Suppressed, Tampered, Zone
from camd.scene import SCENES, Light, Scene, frames, truth
from camd.vision.episode import Limits
from camd.vision.reduce import Reducer
from camd.vision.sight import Settings, Sight, _Exposed
from tests.worlds import events, findings, grey


@pytest.mark.parametrize("seed", range(3))
def test_a_walker_is_one_event_from_first_to_last_step(seed: int) -> None:
    scene = replace(SCENES["walker"], seed=seed)
    (event,) = events(findings(scene))
    (truth,) = _truth(scene)
    assert event.began / SECOND == pytest.approx(truth[0], abs=0.5)
    assert event.ended / SECOND == pytest.approx(truth[1], abs=1.0)


def test_a_light_switch_is_not_an_event() -> None:
    found = findings(SCENES["switch"])
    assert events(found) == []
    assert {f.reason.rule for f in found if isinstance(f, Suppressed)} == {"the light of the whole picture changed"}


@pytest.mark.parametrize("noise", [2.0, 6.0])
def test_noise_is_not_an_event(noise: float) -> None:
    assert events(findings(replace(SCENES["quiet"], noise=noise))) == []


def test_a_walker_is_seen_although_the_light_changes_while_he_walks() -> None:
    scene = SCENES["walker"]
    (began, ended), *_ = _truth(scene)
    lit = replace(scene, actors=(*scene.actors, Light(at=(began + ended) / 2, gain=0.7)))
    assert [round(event.began / SECOND) for event in events(findings(lit))][:1] == [round(began)]


def test_a_picture_is_reduced_to_the_analysed_width_at_every_resolution() -> None:
    for width, height in ((320, 240), (640, 480), (768, 432), (1280, 720), (1920, 1080), (2304, 1296), (4096, 2304)):
        reducer = Reducer(width, height)
        small = reducer(np.full((height, width), 77, np.uint8))
        assert small.shape == reducer.shape
        assert 160 <= small.shape[1] <= 319
        assert small.min() == small.max() == 77


def test_the_same_pictures_give_the_same_findings() -> None:
    assert findings(SCENES["walker"]) == findings(SCENES["walker"])


def test_a_reason_tells_where_and_how_much() -> None:
    (began,) = [f for f in findings(WORLDS["walker"](320, 240, 1)) if isinstance(f, Began)]
    reason = began.event.reason
    assert reason.changed_pixels >= reason.threshold > 0
    assert 0 <= reason.box.x <= 1
    assert 0 < reason.box.height <= 1
    assert reason.rule == "2 of 4 frames moved"
    assert 0 < reason.track_s < 0.5
    assert 0 < reason.travel < 0.5
    assert 0.3 < reason.shadow_ratio < 1.0  # he is darker than the wall
    assert len(json.dumps(reason.json())) < 2000


def test_luma_is_only_read() -> None:
    scene = replace(SCENES["quiet"], seconds=1.0)
    sight = Sight(scene.width, scene.height, Settings(5, Limits(SECOND), "test"))
    for t, luma in grey(frames(scene)):
        luma.flags.writeable = False
        sight.look(t, luma)


def _truth(scene: Scene) -> list[tuple[float, float]]:
    return [(float(e["began"]), float(e["ended"])) for e in truth(scene)["events"]]


def test_a_covered_lens_is_told_and_is_no_visitor() -> None:
    found = findings(WORLDS["covered"](320, 240, 1))
    assert [(f.kind, f.on) for f in found if isinstance(f, Tampered)][:1] == [("covered", True)]
    assert not [f for f in findings(SCENES["switch"]) if isinstance(f, Tampered)]


def test_an_event_names_its_zone_and_there_is_none_outside_of_all_zones() -> None:
    scene = SCENES["walker"]
    left, sky = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), ((0.0, 0.0), (1.0, 0.0), (1.0, 0.1), (0.0, 0.1))
    assert {e.zones for e in events(findings(scene, zones=(Zone("left", left),)))} == {("left",)}
    assert events(findings(scene, zones=(Zone("sky", sky),))) == []
    assert events(findings(scene, privacy=(Polygon("all", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))),))) == []


def test_a_quiet_frame_takes_at_most_fifteen_calls_with_everything_on() -> None:
    scene, corner = SCENES["quiet"], ((0.8, 0.0), (1.0, 0.0), (1.0, 0.2))
    areas = (Polygon("corner", corner),)
    zones = (Zone("low", ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)), 7),)
    settings = Settings(5, Limits(SECOND), "test", zones=zones, ignore=areas, privacy=areas)
    sight, costs = Sight(2 * scene.width, 2 * scene.height, settings), []
    for t, luma in grey(frames(scene)):
        large = np.repeat(np.repeat(luma, 2, axis=0), 2, axis=1)
        costs.append(len(calls_of(lambda at=t, now=large: sight.look(at, now))))  # type: ignore[misc]
    assert max(costs[15:]) <= 15
    assert sum(costs[15:]) / len(costs[15:]) < 10


def _exposed(step_at: float, after: Exposure) -> list[float]:
    """When an event began, in seconds, of somebody who enters at 4 s, where the exposure is another from then on."""
    scene, before = SCENES["walker"], Exposure(0.01, 1.0)
    sight, began = Sight(scene.width, scene.height, Settings(5, Limits(SECOND), "test")), []
    for t, luma in grey(frames(scene)):
        found = sight.look(t, luma, before if t < step_at * SECOND else after)
        began += [t / SECOND for f in found if isinstance(f, Began)]
    return began


def test_for_half_a_second_after_the_exposure_stepped_nothing_is_said() -> None:
    (usual,) = _exposed(0.0, Exposure(0.01, 1.0))
    (late,) = _exposed(usual, Exposure(0.02, 1.0))
    assert usual < late <= usual + 1.2  # half a second, and nine frames to be followed in
    assert _exposed(usual, Exposure(0.0102, 1.0)) == [usual]


def test_a_ramp_of_the_exposure_silences_vision_but_once() -> None:
    exposed = _Exposed()
    ramp = [0.01 * 1.2**n for n in range(6)]
    assert [exposed.stepped(Exposure(time_s, 1.0)) for time_s in [0.01, *ramp[1:], ramp[-1]]] == [
        False, True, False, False, False, False, False,
    ]  # fmt: skip


def test_after_a_setting_nothing_is_said_until_the_picture_is_steady() -> None:
    scene = SCENES["walker"]
    (usual,) = _exposed(0.0, Exposure(0.01, 1.0))
    sight = Sight(scene.width, scene.height, Settings(5, Limits(SECOND), "test"))
    began = []
    for t, luma in grey(frames(scene)):
        if t == round(usual * SECOND):
            sight.settle(t)
        began += [t / SECOND for f in sight.look(t, luma) if isinstance(f, Began)]
    assert began
    assert usual < began[0] <= usual + 1.2  # half a second, and nine frames to be followed in


def test_while_somebody_is_plainly_there_every_second_frame_waits() -> None:
    scene = WORLDS["walker"](320, 240, 1)
    sight = Sight(320, 240, Settings(5, Limits(SECOND), "test"))
    waits: list[tuple[bool, bool]] = []
    for t, luma in grey(frames(scene)):
        was_event = sight.seen().is_event if waits else False
        sight.look(t, luma)
        waits.append((sight.seen().t < t, was_event))
    assert all(was_event for waited, was_event in waits if waited)
    assert not any(first and second for (first, _), (second, _) in pairwise(waits))
    assert sum(waited for waited, _ in waits) > 0.3 * sum(was_event for _, was_event in waits)
