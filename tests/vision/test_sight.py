"""What vision makes of drawn worlds whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from camd.drawn.worlds import WORLDS
from camd.model import SECOND, Began, Polygon, Suppressed, Tampered, Zone
from camd.scene import SCENES, Light, Scene, frames, truth
from camd.vision.background import Reducer
from camd.vision.episode import Limits
from camd.vision.sight import Settings, Sight
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
    (began,) = [f for f in findings(SCENES["walker"]) if isinstance(f, Began)]
    reason = began.event.reason
    assert reason.changed_pixels >= reason.threshold > 0
    assert 0 <= reason.box.x <= 1
    assert 0 < reason.box.height <= 1
    assert reason.rule == "2 of 4 frames moved"


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
