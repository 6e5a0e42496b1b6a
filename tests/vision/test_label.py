"""Who is looked at closely, how often, and what happens when the classifier fails."""

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from camd.errors import UnusableInputError
from camd.model import SECOND, Box, Nanos
from camd.vision.blobs import Rect
from camd.vision.classify import Guess, Head
from camd.vision.crop import Grey
from camd.vision.label import PER_SECOND, SLOW, Labeller
from camd.vision.track import Track
from camd.vision.votes import ENOUGH, Verdict

LUMA = np.random.default_rng(1).integers(0, 256, (240, 320), np.uint8)
FRAME = SECOND // 15
BOX = Box(0.4, 0.4, 0.2, 0.3)


class Sure:
    """Calls everything a person."""

    def guess(self, grey: Grey) -> Guess:
        """A person."""
        return Guess((0.94, 0.02, 0.02, 0.02))

    def learn(self, head: Head) -> None:
        """It knows all."""


class Broken(Sure):
    """A model that does not take what it is given."""

    def guess(self, grey: Grey) -> Guess:
        """Refuse."""
        raise UnusableInputError("the model does not take (1, 1, 64, 64).")


class Late(Sure):
    """A model that moves the clock by a second."""

    def __init__(self) -> None:
        self.now: Nanos = 0

    def guess(self, grey: Grey) -> Guess:
        """Take a second."""
        self.now += SECOND
        return super().guess(grey)


def track(number: int) -> Track:
    """A confirmed track that was born in its own place."""
    rect = Rect(number * 10, 10, 8, 20)
    return Track(0, rect, rect, 0, 60, rule="2 of 4 frames moved")


def labeller(classifier: Sure, now: Callable[[], Nanos] = lambda: 0) -> Labeller:
    """A labeller where nothing is private."""
    return Labeller(classifier, (), now)


def test_who_is_seen_a_few_times_has_a_label() -> None:
    looking, somebody = labeller(Sure()), track(1)
    for number in range(ENOUGH - 1):
        looking.look(number * FRAME, LUMA, [(somebody, BOX)])
    assert looking.verdict() == Verdict()
    looking.look(ENOUGH * FRAME, LUMA, [(somebody, BOX)])
    assert (looking.verdict().label, looking.verdict().confidence) == ("person", 0.94)
    looking.forget()
    assert looking.verdict() == Verdict()


@given(st.integers(1, 12), st.integers(30, 900))
@settings(max_examples=40, deadline=None)
def test_a_crowd_costs_no_more_than_a_few_cuts_a_second(people: int, frames: int) -> None:
    looking, crowd = labeller(Sure()), [(track(number), BOX) for number in range(people)]
    for number in range(frames):
        looking.look(number * FRAME, LUMA, crowd)
    assert looking.crops <= frames / 15 * PER_SECOND + people * ENOUGH + 1


def test_in_a_crowd_everybody_gets_a_turn() -> None:
    looking, crowd = labeller(Sure()), [(track(number), BOX) for number in range(6)]
    for number in range(18):
        looking.look(number * FRAME, LUMA, crowd)
    assert looking.crops == 18
    for one in crowd:
        alone = labeller(Sure())
        alone.look(0, LUMA, [one])
        assert alone.crops == 1


def test_a_classifier_that_fails_is_asked_no_more() -> None:
    looking = labeller(Broken())
    for number in range(9):
        looking.look(number * FRAME, LUMA, [(track(1), BOX)])
    assert (looking.crops, looking.verdict()) == (0, Verdict())
    assert looking.trouble == "the model does not take (1, 1, 64, 64)."


def test_a_classifier_that_is_slow_is_asked_no_more() -> None:
    slow = Late()
    looking = labeller(slow, lambda: slow.now)
    for number in range(9):
        looking.look(number * FRAME, LUMA, [(track(1), BOX)])
    assert slow.now == SECOND > SLOW
    assert looking.trouble == "it took 1.0 s for one picture, 0.25 s is the most."
