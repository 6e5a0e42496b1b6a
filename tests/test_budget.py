"""What is done more seldom when looking takes too long, in which order, and when it is done again."""

import threading
from itertools import pairwise
from pathlib import Path

import av
from hypothesis import given
from hypothesis import strategies as st

from camd.budget import MOST_PATIENCE, PATIENCE, ROOM, STEPS, TOO_MUCH, WINDOW, Budget
from camd.camera.frame import Frame
from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import Config
from camd.model import SECOND, Happening, Nanos, Saved
from camd.pipeline import House, Pipeline
from camd.recording import Recording
from camd.vision.sight import Sight
from camd.worker import AtOnce
from tests.worlds import film, places, shelf

LENGTH = 40  # seconds


def look(budget: Budget, load: float, seconds: float, now: Nanos) -> tuple[list[int], Nanos]:
    """Looks that take such a part of the time; the steps that they lead to, and when that was."""
    steps = []
    for _ in range(round(seconds * 10)):
        now += SECOND // 10
        if budget.spent(now, round(load * SECOND / 10)):
            steps.append(budget.step)
    return steps, now


def test_the_classifier_first_then_the_analysis() -> None:
    for before, after in pairwise(STEPS):
        assert (after.classifier < before.classifier) != (after.analysis < before.analysis)
    assert [step.analysis for step in STEPS if step.classifier > STEPS[-1].classifier] == [1, 1]


def test_a_load_that_is_too_much_takes_every_step_and_no_more() -> None:
    budget = Budget()
    assert look(budget, 0.9, 60, 0)[0] == [1, 2, 3, 4]
    assert budget.load == 0.9


def test_a_step_that_helped_is_kept_until_there_is_room_for_a_while() -> None:
    budget, now = Budget(), 0
    steps, now = look(budget, 0.9, 6, now)
    assert steps == [1]
    steps, now = look(budget, 0.6, 120, now)  # neither too much nor room
    assert steps == []
    steps, now = look(budget, 0.3, 29, now)
    assert steps == []
    steps, now = look(budget, 0.3, 10, now)
    assert steps == [0]


def test_analysis_is_taken_back_only_where_twice_as_much_has_room() -> None:
    budget, now = Budget(), 0
    steps, now = look(budget, 0.9, 16, now)
    assert steps == [1, 2, 3]
    steps, now = look(budget, 0.3, 120, now)  # at full rate it would be 0.6
    assert steps == []
    steps, now = look(budget, 0.2, 40, now)
    assert steps == [2]


def test_what_was_soon_regretted_is_waited_for_longer() -> None:
    budget, now, waited = Budget(), 0, []
    for _ in range(9):
        _, now = look(budget, 1.0, 5, now)
        began = now
        while budget.step:
            _, now = look(budget, 0.1, 5, now)
        waited.append((now - began) // SECOND)
    assert waited[:4] == [PATIENCE // SECOND + 5, 65, 125, 245]
    assert waited[-1] == MOST_PATIENCE // SECOND + 5


@given(st.lists(st.floats(0, 1.5), min_size=1, max_size=60))
def test_steps_go_one_by_one_and_never_up_with_room(loads: list[float]) -> None:
    budget, now = Budget(), 0
    for load in loads:
        before = budget.step
        _, now = look(budget, load, WINDOW / SECOND, now)
        assert abs(budget.step - before) <= 1
        assert budget.step <= before or budget.load > TOO_MUCH
        assert budget.step >= before or budget.load <= ROOM


class Slow:
    """A step of vision that takes its time, on a clock that is moved by it."""

    def __init__(self, clock: ManualClock, takes: Nanos) -> None:
        self.clock, self.takes = clock, takes
        self.looked: list[Nanos] = []

    def __call__(self, frame: Frame, sight: Sight) -> None:
        self.looked.append(frame.t)
        self.clock.wait(self.clock.boot() + self.takes, threading.Event())


def test_under_load_fewer_pictures_are_looked_at_and_every_one_is_recorded(tmp_path: Path) -> None:
    clock, happened = ManualClock(), list[Happening]()
    slow = Slow(clock, takes=60 * SECOND // 1000)  # of 67 ms between two pictures
    with shelf(tmp_path) as on, FileCamera(film("walker", tmp_path, seconds=LENGTH)) as camera:
        house = House(Config(), clock, Recording(on, clock), happened.append, slow)
        pipeline = Pipeline(Stream("porch", camera.format), house, AtOnce())
        pipeline.watcher.trigger(2 * LENGTH)
        pipeline.play(camera, threading.Event())
        pipeline.close()
    late = [t for t in slow.looked if t >= 30 * SECOND]
    assert pipeline.pulse.budget.pace == STEPS[3]  # which is enough
    assert len(late) <= (LENGTH - 30) * 15 // 2 + 1
    (clip,) = [each.clip for each in happened if isinstance(each, Saved)]
    with av.open(str(places(tmp_path).clips / f"{clip.id:06d}.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == LENGTH * 15


def test_a_replay_never_steps(tmp_path: Path) -> None:
    clock = ManualClock()
    with shelf(tmp_path) as on, FileCamera(film("walker", tmp_path, seconds=12)) as camera:
        house = House(Config(), clock, Recording(on, clock), lambda _: None)
        pipeline = Pipeline(Stream("porch", camera.format), house, AtOnce())
        pipeline.play(camera, threading.Event())
        pipeline.close()
    assert (pipeline.pulse.budget.step, pipeline.pulse.budget.load) == (0, 0.0)
