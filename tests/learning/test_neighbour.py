"""An owner, a running camera and the neighbour's cat: a month of false alarms, five corrections, and what is told then.

What counts is the most that was ever told of a visit, from its first picture on, when half of the cat is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from camd.learning import factory
from camd.learning.head import Examples, Trial, learn
from camd.model import LABELS
from camd.vision.classify import Centre, Head
from tests.learning.visits import CATS, PERSON, Watched, Who, watched

FACTORY = factory.factory_head()
SUMMARY = factory.summary()
ALARMS = 30
CORRECTED = 5
SOUGHT = 60  # visits of one cat
PEOPLE = range(1000, 1015)


@dataclass(frozen=True, slots=True)
class Alarms:
    """Visits of one cat, by their seeds, that a camera with the factory's head tells as a person's."""

    cat: Who
    seeds: list[int]
    visits: list[Watched]

    def left(self, head: Head) -> int:
        """How many of those that were not corrected are false alarms with this head."""
        return sum(watched(self.cat, seed, head).is_person for seed in self.seeds[CORRECTED:])


def corrected(visits: Sequence[Watched], *given: str) -> Trial:
    """What comes of it when the owner says what these visits show."""
    home = Examples(
        np.array([visit.seen.mean(axis=0) for visit in visits]), np.array([LABELS.index(label) for label in given])
    )
    train, test = Examples(SUMMARY.train, SUMMARY.train_labels), Examples(SUMMARY.test, SUMMARY.test_labels)
    return learn(FACTORY, FACTORY, home, train, test)


@pytest.fixture(scope="module")
def alarms() -> Alarms:
    """The first cat that is a false alarm often enough."""
    for cat in CATS:
        found = Alarms(cat, [], [])
        for seed in range(SOUGHT):
            visit = watched(cat, seed, FACTORY)
            if visit.label == "person":
                found.seeds.append(seed)
                found.visits.append(visit)
            if len(found.seeds) == ALARMS:
                return found
    pytest.fail("no cat is taken for a person often enough: draw others")


@pytest.fixture(scope="module")
def people() -> list[Watched]:
    """Visits of people, as a camera with the factory's head tells them."""
    return [watched(PERSON, seed, FACTORY) for seed in PEOPLE]


def told(head: Head) -> int:
    """How many of the people are told as such with this head."""
    return sum(watched(PERSON, seed, head).is_person for seed in PEOPLE)


def test_five_corrections_end_the_false_alarms_and_miss_nobody(alarms: Alarms, people: list[Watched]) -> None:
    trial = corrected(alarms.visits[:CORRECTED], *["animal"] * CORRECTED)
    assert trial.is_accepted, trial.refusal
    assert alarms.left(trial.head) <= 0.2 * (ALARMS - CORRECTED)
    assert told(trial.head) == sum(visit.is_person for visit in people) == len(people)
    assert trial.factory_after.person_recall >= trial.factory_before.person_recall - 0.005


def test_a_head_that_takes_everybody_for_the_cat_silences_no_sure_person(people: list[Watched]) -> None:
    size = FACTORY.weights.shape[1]
    everywhere = Centre(np.zeros(size, np.float32), 1e9, LABELS.index("animal"))
    head = replace(FACTORY, centres=(everywhere,), metric=np.eye(size, dtype=np.float32))
    assert told(head) == len(people)


def test_who_says_of_people_that_they_are_the_cat_is_refused(people: list[Watched]) -> None:
    assert not corrected(people, *["animal"] * len(people)).is_accepted


def test_labels_at_random_are_refused(alarms: Alarms, people: list[Watched]) -> None:
    seen = [*alarms.visits[:15], *people]
    for seed in range(3):
        given = np.random.default_rng(seed).choice(LABELS, len(seen))
        assert not corrected(seen, *given).is_accepted
