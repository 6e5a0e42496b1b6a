"""What is told of a camera that somebody, or the weather, has got at; times are seconds."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from camd.benches.counted import calls_of
from camd.drawn.worlds import WORLDS
from camd.model import SECOND, Tampered
from camd.scene import frames
from camd.vision.reduce import Reducer
from camd.vision.tamper import ACCEPT, Tamper
from tests.worlds import grey

Grey = NDArray[np.uint8]
Fault = Callable[[Grey], Grey]
FPS = 3  # of made-up films; each frame is then a third of a look


def told(name: str) -> list[tuple[str, bool, int]]:
    """What is told of a drawn world: kind, on, and the second."""
    scene = WORLDS[name](320, 240, 1)
    reduced, tamper = Reducer(320, 240), Tamper()
    found = [turn for t, luma in grey(frames(scene)) for turn in tamper.look(t, reduced(luma))]
    return [(turn.kind, turn.on, turn.t // SECOND) for turn in found]


def film(fault: Fault, since: int, until: int, seconds: int) -> Iterator[tuple[int, Grey]]:
    """A made-up view under noise of sigma 1, changed by `fault` from one second to another."""
    chance = np.random.default_rng(1)
    view = cv2.resize(chance.integers(40, 220, (12, 16)).astype(np.uint8), (160, 120), interpolation=cv2.INTER_NEAREST)
    for number in range(seconds * FPS):
        seen = fault(view.astype(np.uint8)) if since <= number / FPS < until else view
        noisy = np.clip(seen + chance.standard_normal(seen.shape), 0, 255).astype(np.uint8)
        yield number * SECOND // FPS, noisy


def turns(fault: Fault, since: int = 20, until: int = 60, seconds: int = 80) -> list[tuple[str, bool, int]]:
    """What is told of such a film."""
    tamper = Tamper()
    found = [turn for t, picture in film(fault, since, until, seconds) for turn in tamper.look(t, picture)]
    return [(turn.kind, turn.on, turn.t // SECOND) for turn in found]


def out_of_focus(view: Grey) -> Grey:
    return cv2.GaussianBlur(view, (0, 0), 4.0).astype(np.uint8)


def turned_away(view: Grey) -> Grey:
    return np.roll(view, (37, 63), (0, 1))


def taped(view: Grey) -> Grey:
    return np.full_like(view, 90)


def unlit(view: Grey) -> Grey:
    return (16 + view * 0.01).astype(np.uint8)


def approached(view: Grey) -> Grey:
    """Somebody stands close before the lens: plain, and most of the picture."""
    near = view.copy()
    cv2.ellipse(near, (80, 120), (70, 95), 0, 0, 360, (50,), cv2.FILLED)
    return near


def test_a_covered_lens_is_told_within_five_seconds() -> None:
    assert told("covered") == [("covered", True, 13)]  # the hand comes at 9 and covers all by 9.8


def test_a_frozen_picture_is_told_after_ten_seconds() -> None:
    assert told("frozen") == [("frozen", True, 20)]


@pytest.mark.parametrize("name", ["snow", "infrared-switch", "insects+walker", "car", "lightning"])
def test_weather_light_and_visitors_are_no_tampering(name: str) -> None:
    assert told(name) == []


@pytest.mark.parametrize(
    ("fault", "kind", "on"),
    [(taped, "covered", 23), (unlit, "covered", 23), (out_of_focus, "blurred", 35), (turned_away, "moved", 36)],
)
def test_a_fault_is_told_when_it_lasts_and_when_it_is_over(fault: Fault, kind: str, on: int) -> None:
    assert turns(fault) == [(kind, True, on), (kind, False, 63)]


@pytest.mark.parametrize("fault", [out_of_focus, turned_away, approached])
def test_what_is_over_within_ten_seconds_is_a_visitor(fault: Fault) -> None:
    assert turns(fault, 20, 30) == []


def test_a_moment_of_darkness_is_not_told() -> None:
    assert turns(unlit, 20, 22) == []


def test_light_alone_is_no_fault() -> None:
    assert turns(lambda view: (view * 0.3).astype(np.uint8)) == []


def test_a_camera_that_starts_in_the_dark_says_dark() -> None:
    assert turns(unlit, 0, 30, 60) == [("dark", True, 3), ("dark", False, 33)]


def test_dusk_without_a_lamp_is_dark_and_nothing_else() -> None:
    tamper, lit = Tamper(), list(film(lambda view: view, 0, 0, 10))
    found: list[Tampered] = []
    for second in range(1200):
        dimmed = 16 + (lit[second % 10 * FPS][1] - 16.0) * np.exp(-second / 200)
        for turn in range(FPS):
            found += tamper.look(second * SECOND + turn * SECOND // FPS, dimmed.astype(np.uint8))
    assert [(turn.kind, turn.on) for turn in found] == [("dark", True)]


def test_another_view_that_stays_becomes_the_usual_one() -> None:
    first, *rest = turns(turned_away, 20, 2000, 20 + ACCEPT // SECOND + 60)
    assert first[:2] == ("moved", True)
    assert [turn[:2] for turn in rest] == [("moved", False)]
    assert ACCEPT // SECOND < rest[0][2] - 20 < ACCEPT // SECOND + 20


def test_private_pixels_hide_no_cover() -> None:
    private = np.zeros((120, 160), np.uint8)
    private[:, :60] = 255
    veiled = Tamper(private)
    found = []
    for t, picture in film(taped, 20, 60, 50):
        picture[:, :60] = 200
        found += veiled.look(t, picture)
    assert [(turn.kind, turn.on) for turn in found] == [("covered", True)]


def test_a_picture_that_is_all_private_tells_nothing() -> None:
    tamper = Tamper(np.full((120, 160), 255, np.uint8))
    assert [turn for t, picture in film(taped, 0, 40, 40) for turn in tamper.look(t, picture)] == []


def test_a_picture_may_lie_in_memory_with_gaps() -> None:
    tamper, wide = Tamper(), np.zeros((120, 192), np.uint8)
    for t, picture in film(taped, 0, 0, 20):
        wide[:, :160] = picture
        assert tamper.look(t, wide[:, :160]) == []


@pytest.mark.parametrize("fault", [lambda view: view, turned_away, taped])
def test_a_frame_costs_three_array_calls_at_most_and_most_frames_none(fault: Fault) -> None:
    tamper = Tamper()
    costs = []
    for t, picture in film(fault, 10, 20, 20):
        for late in range(5):  # at 15 frames a second
            calls = calls_of(lambda at=t + late * SECOND // 15, now=picture: tamper.look(at, now))  # type: ignore[misc]
            costs.append(len(calls))
    assert max(costs) == 3
    assert sum(cost > 0 for cost in costs) <= len(costs) / 5
