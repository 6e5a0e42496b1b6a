"""An owner and the neighbour's cat: a month of false alarms, five corrections, and what the detector cuts then."""

from dataclasses import replace

import numpy as np
import pytest

from camd.learning import factory
from camd.learning.head import Examples, Trial, learn
from camd.model import LABELS
from camd.vision.classify import Centre, Head, unpacked
from camd.vision.crop import Crop
from tests.learning.visits import CAT, PERSON, film, verdict

FACTORY = factory.factory_head()
SUMMARY = factory.summary()
ALARMS = 30
CORRECTED = 5


def people_in(visits: list[list[Crop]], head: Head) -> int:
    """How many of the visits are told as a person's with this head."""
    return sum(verdict(visit, head).is_person for visit in visits)


def corrected(visits: list[list[Crop]], *given: str) -> Trial:
    """What comes of it when the owner says what these visits show."""
    seen = [unpacked(verdict(visit, FACTORY).embeddings, FACTORY).mean(axis=0) for visit in visits]
    home = Examples(np.array(seen), np.array([LABELS.index(label) for label in given]))
    train, test = Examples(SUMMARY.train, SUMMARY.train_labels), Examples(SUMMARY.test, SUMMARY.test_labels)
    return learn(FACTORY, FACTORY, home, train, test)


@pytest.fixture(scope="module")
def alarms() -> list[list[Crop]]:
    """Visits of the cat that are told as a person."""
    found: list[list[Crop]] = []
    for seed in range(2 * ALARMS):
        visit = film(CAT, seed)
        if verdict(visit, FACTORY).label == "person":
            found.append(visit)
        if len(found) == ALARMS:
            break
    return found


@pytest.fixture(scope="module")
def people() -> list[list[Crop]]:
    """Visits of people."""
    return [film(PERSON, 1000 + seed) for seed in range(15)]


def test_five_corrections_end_the_false_alarms_and_miss_nobody(
    alarms: list[list[Crop]], people: list[list[Crop]]
) -> None:
    assert len(alarms) == ALARMS
    trial = corrected(alarms[:CORRECTED], *["animal"] * CORRECTED)
    assert trial.is_accepted, trial.refusal
    assert people_in(alarms[CORRECTED:], trial.head) <= 0.2 * (ALARMS - CORRECTED)
    assert people_in(people, trial.head) >= people_in(people, FACTORY)
    assert trial.factory_after.person_recall >= trial.factory_before.person_recall - 0.005


def test_a_head_that_takes_everybody_for_the_cat_silences_no_sure_person(people: list[list[Crop]]) -> None:
    size = FACTORY.weights.shape[1]
    everywhere = Centre(np.zeros(size, np.float32), 1e9, LABELS.index("animal"))
    head = replace(FACTORY, centres=(everywhere,), metric=np.eye(size, dtype=np.float32))
    assert people_in(people, head) == people_in(people, FACTORY) == len(people)


def test_who_says_of_people_that_they_are_the_cat_is_refused(people: list[list[Crop]]) -> None:
    known = [visit for visit in people if verdict(visit, FACTORY).label == "person"]
    assert not corrected(known, *["animal"] * len(known)).is_accepted


def test_labels_at_random_are_refused(alarms: list[list[Crop]], people: list[list[Crop]]) -> None:
    seen = [*alarms[:15], *(visit for visit in people if verdict(visit, FACTORY).embeddings)]
    for seed in range(3):
        given = np.random.default_rng(seed).choice(LABELS, len(seen))
        assert not corrected(seen, *given).is_accepted
