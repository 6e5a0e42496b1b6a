"""Drawn worlds, one of each: every visitor is an event, and nothing else is."""

import pytest

from camd.drawn.worlds import WORLDS
from camd.model import SECOND
from camd.scene import truth
from camd.score import Span, Truth, parse, score
from tests.worlds import events, findings


def _truth(name: str, width: int = 320, height: int = 240, seed: int = 1) -> tuple[Truth, list[Span], float]:
    scene = WORLDS[name](width, height, seed)
    found = [Span(e.began / SECOND, e.ended / SECOND) for e in events(findings(scene))]
    return parse(truth(scene)), found, scene.seconds


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_every_visitor_is_an_event_and_nothing_else_is(name: str) -> None:
    result = score(*_truth(name))
    assert (result.missed, result.false) == (0, 0)


@pytest.mark.parametrize(("name", "seed"), [("fast", 4), ("fast", 5), ("noise-6+far", 5), ("foliage+far", 1)])
def test_the_very_fast_and_the_very_far_are_events_at_720p_too(name: str, seed: int) -> None:
    # Lost once: in pieces at the border; in a frame left out; where he lay across the cells of the grid.
    result = score(*_truth(name, 1280, 720, seed))
    assert (result.missed, result.false) == (0, 0)


def test_one_who_stands_still_for_long_is_there_until_he_leaves() -> None:
    wanted, found, _ = _truth("stander")
    (stay,) = wanted.events
    assert max(span.ended for span in found) == pytest.approx(stay.ended, abs=1.0)
    covered = sum(max(0.0, span.overlap(stay)) for span in found)
    assert covered > 0.9 * (stay.ended - stay.began)
