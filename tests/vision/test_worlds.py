"""Drawn worlds, one of each: every visitor is an event, and nothing else is."""

import pytest

from camd.drawn.worlds import WORLDS
from camd.model import SECOND
from camd.scene import truth
from camd.score import Span, Truth, parse, score
from tests.worlds import events, findings


def _truth(name: str) -> tuple[Truth, list[Span], float]:
    scene = WORLDS[name](320, 240, 1)
    found = [Span(e.began / SECOND, e.ended / SECOND) for e in events(findings(scene))]
    return parse(truth(scene)), found, scene.seconds


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_every_visitor_is_an_event_and_nothing_else_is(name: str) -> None:
    result = score(*_truth(name))
    assert (result.missed, result.false) == (0, 0)


def test_one_who_stands_still_for_long_is_there_until_he_leaves() -> None:
    wanted, found, _ = _truth("stander")
    (stay,) = wanted.events
    assert max(span.ended for span in found) == pytest.approx(stay.ended, abs=1.0)
    covered = sum(max(0.0, span.overlap(stay)) for span in found)
    assert covered > 0.9 * (stay.ended - stay.began)
