"""Who is looked at closely, how often, and what happens when the classifier fails."""

from collections.abc import Callable
from copy import copy
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from camd.errors import UnusableInputError
from camd.geometry import COVER
from camd.model import SECOND, Box, Nanos, Polygon
from camd.vision.blobs import Blob, Rect
from camd.vision.border import KNOWN
from camd.vision.classify import Guess, Head
from camd.vision.crop import Grey
from camd.vision.label import EARLY, LONGEST_WAIT, PER_SECOND, SOON, Labeller
from camd.vision.patience import IN_A_ROW, LONGEST_REST, REST, SLOW, Patience
from camd.vision.rules import UNDECIDED
from camd.vision.track import Track
from camd.vision.votes import AGREED, ENOUGH, PLAIN, Verdict

LUMA = np.random.default_rng(1).integers(0, 256, (240, 320), np.uint8)
FRAME = SECOND // 15
BOX = Box(0.4, 0.4, 0.2, 0.3)


class Sure:
    """Calls everything a person, so surely."""

    def __init__(self, chance: float = 0.8) -> None:
        self._chance = chance

    def guess(self, grey: Grey) -> Guess:
        """A person."""
        rest = (1 - self._chance) / 3
        return Guess((self._chance, rest, rest, rest))

    def learn(self, head: Head) -> None:
        """It knows all."""


class Broken(Sure):
    """A model that does not take what it is given."""

    asked = 0

    def guess(self, grey: Grey) -> Guess:
        """Refuse."""
        self.asked += 1
        raise UnusableInputError("the model does not take (1, 1, 64, 64).")


class Late(Sure):
    """A model that moves the clock by what it takes for each picture."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Nanos = 0
        self.takes: Nanos = SECOND

    def guess(self, grey: Grey) -> Guess:
        """Take its time."""
        self.now += self.takes
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
    assert (looking.verdict().label, looking.verdict().confidence) == ("person", 0.8)
    looking.forget()
    assert looking.verdict() == Verdict()


def test_about_whom_nobody_could_doubt_the_classifier_is_asked_twice() -> None:
    for chance, times in ((PLAIN, AGREED), (PLAIN - 0.05, ENOUGH)):
        looking, somebody = labeller(Sure(chance)), track(1)
        for number in range(SOON // FRAME):
            looking.look(number * FRAME, LUMA, [(somebody, BOX)])
        assert (looking.crops, looking.verdict().label) == (times, "person")


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


def test_a_classifier_that_fails_is_left_alone() -> None:
    looking = labeller(Broken())
    for number in range(9):
        looking.look(number * FRAME, LUMA, [(track(1), BOX)])
    assert (looking.crops, looking.verdict()) == (0, Verdict())
    assert looking.trouble == "the model does not take (1, 1, 64, 64)."


def asked(slow: Late, looking: Labeller, t: Nanos, frames: int = 12) -> int:
    """How often the classifier is asked of somebody who comes at `t`, in so many frames."""
    before, somebody = slow.now, track(1)
    looking.forget()
    for number in range(frames):
        looking.look(t + number * FRAME, LUMA, [(somebody, BOX)])
    return (slow.now - before) // slow.takes


def test_a_slow_classifier_rests_for_a_minute_then_for_twice_as_long_and_is_trusted_again_once_it_is_quick() -> None:
    slow = Late()
    looking = labeller(slow, lambda: slow.now)
    assert asked(slow, looking, 0) == IN_A_ROW
    assert looking.trouble == "it takes 1.0 s for one picture, 0.25 s is the most."
    assert asked(slow, looking, REST // 2) == 0
    assert asked(slow, looking, REST + SECOND) == 1  # one picture is enough now
    assert asked(slow, looking, 2 * REST + 2 * SECOND) == 0  # after a minute, again
    assert looking.trouble
    slow.takes = SLOW
    assert asked(slow, looking, 3 * REST + 2 * SECOND) == ENOUGH
    assert (looking.trouble, looking.verdict().label) == ("", "person")


def test_one_slow_picture_costs_no_labels() -> None:
    slow = Late()
    looking = labeller(slow, lambda: slow.now)
    assert asked(slow, looking, 0, frames=IN_A_ROW - 1) == IN_A_ROW - 1
    slow.takes = SLOW
    asked(slow, looking, SECOND, frames=1)
    slow.takes = SECOND
    assert asked(slow, looking, 9 * SECOND, frames=IN_A_ROW - 1) == IN_A_ROW - 1
    assert looking.trouble == ""


def test_who_is_slow_for_ever_is_asked_once_an_hour() -> None:
    patience, t, tries = Patience(), SECOND, []
    while t < 12 * LONGEST_REST:
        if not patience.rests(t):
            tries.append(t)
            patience.answered(t, SECOND)
        t += SECOND
    waits = [(after - before) // SECOND for before, after in pairwise(tries)]
    assert waits[: IN_A_ROW - 1] == [1] * (IN_A_ROW - 1)
    assert waits[IN_A_ROW - 1 : IN_A_ROW + 5] == [60, 120, 240, 480, 960, 1920]
    assert set(waits[IN_A_ROW + 5 :]) == {3600}


class ByShape(Sure):
    """Calls what is narrow a person, and what is wide an animal."""

    def guess(self, grey: Grey) -> Guess:
        """By the shape of the cut."""
        return Guess((0.9, 0.02, 0.06, 0.02) if grey.shape[1] < grey.shape[0] else (0.06, 0.02, 0.9, 0.02))


class Showing(Sure):
    """Puts what it is shown into a list."""

    def __init__(self, shown: list[Grey]) -> None:
        super().__init__()
        self._shown = shown

    def guess(self, grey: Grey) -> Guess:
        """Keep the picture."""
        self._shown.append(grey)
        return super().guess(grey)


def coming(width: int, step: int, frames: int) -> list[tuple[Track, Box]]:
    """Somebody `width` cells wide and 20 tall, who comes in over the left border of 80x60 cells."""
    found, one = [], None
    for number in range(frames):
        right = step * (number + 1)
        rect = Rect(max(0, right - width), 20, min(right, width), 20)
        blob = Blob(60, rect, 1.0)
        if one is None:
            one = Track(0, rect, rect, 0, 60, rule="2 of 4 frames moved")
        else:
            one.follow(number * FRAME, [blob])
        found.append((copy(one), Box(rect.x / 80, rect.y / 60, rect.width / 80, rect.height / 60)))
        found[-1][0].trail = one.trail.copy()
    return found


def told(looking: Labeller, frames: list[tuple[Track, Box]]) -> list[str]:
    """What he is called from frame to frame."""
    said = []
    for number, look in enumerate(frames):
        looking.look(number * FRAME, LUMA, [look])
        said.append(looking.verdict().label)
    return said


def test_who_comes_in_is_named_by_the_whole_of_him() -> None:
    looking = labeller(ByShape())
    said = told(looking, coming(40, 3, 30))
    assert said.index("animal") <= 40 // 3 + ENOUGH + 1
    assert (set(said), looking.last_verdict().label) == ({"motion", "animal"}, "animal")


def test_the_classifier_is_asked_about_parts_of_somebody_only_when_no_more_of_him_was_seen() -> None:
    for step, asked in ((1, ENOUGH), (3, 0)):
        looking = labeller(ByShape())
        told(looking, coming(40, step, 40 // 3 + 2))
        before = looking.crops
        looking.last_verdict()
        assert looking.crops - before == asked


def test_of_whom_no_more_is_seen_is_named_by_what_was() -> None:
    looking = labeller(ByShape())
    said = told(looking, coming(40, 1, 12))
    assert (set(said), looking.crops, looking.last_verdict().label) == ({"motion"}, 0, "person")
    looking = labeller(ByShape())
    told(looking, coming(40, 1, 12))
    looking.look(12 * FRAME + LONGEST_WAIT, LUMA, [])  # the event goes on without him
    assert looking.verdict().label == "person"


def test_of_whom_hardly_anything_is_seen_the_classifier_is_not_asked() -> None:
    looking = labeller(ByShape())
    told(looking, coming(40, 1, EARLY // FRAME + 2))
    assert (looking.last_verdict(), looking.crops) == (Verdict(), 0)


def test_what_is_kept_of_somebody_shows_nothing_private() -> None:
    shown: list[Grey] = []
    everywhere = Polygon("all", ((0, 0), (1, 0), (1, 1), (0, 1)))
    looking = Labeller(Showing(shown), (everywhere,), lambda: 0)
    told(looking, coming(40, 1, 12))
    looking.last_verdict()
    assert [set(grey.flat) for grey in shown] == [{COVER}] * ENOUGH


def test_who_looks_away_asks_no_more_about_what_was_kept() -> None:
    looking = labeller(ByShape())
    told(looking, coming(40, 1, 12))
    looking.look_away()
    assert (looking.last_verdict(), looking.crops) == (Verdict(), 0)


def test_a_classifier_that_fails_in_the_end_is_left_alone_too() -> None:
    broken = Broken()
    looking = labeller(broken)
    told(looking, coming(40, 1, 12))
    assert (looking.trouble, looking.last_verdict()) == ("", Verdict())
    assert (looking.trouble, broken.asked) == ("the model does not take (1, 1, 64, 64).", 1)


def test_who_comes_slowly_is_not_waited_for_longer_than_the_house_waits() -> None:
    looking = labeller(ByShape())
    said = told(looking, coming(200, 1, 30))
    assert said.index(looking.last_verdict().label) * FRAME <= LONGEST_WAIT + ENOUGH * FRAME < UNDECIDED


def test_who_is_always_cut_has_a_name_soon() -> None:
    looking, said = labeller(ByShape()), []
    for number in range(12):  # he walks along the lower border
        rect = Rect(20 + number, 30, 12, 30)
        somebody = Track(0, Rect(20, 30, 12, 30), rect, number * FRAME, 60, rule="2 of 4 frames moved")
        looking.look(number * FRAME, LUMA, [(somebody, Box(rect.x / 80, 0.5, 0.15, 0.5))])
        said.append(looking.verdict().label)
    assert said.index("person") <= KNOWN // FRAME + 1 + ENOUGH
