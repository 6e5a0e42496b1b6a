"""A head is learned from few labels, used only when it is better, and never at a person's cost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camd.learning import factory
from camd.learning.head import FOLDS, PERSON, Examples, Space, Trial, fit, folds, learn
from camd.model import LABELS
from camd.vision.classify import Head
from tests.learning.visits import CAT, visits
from tests.learning.visits import PERSON as SOMEBODY

ANIMAL, VEHICLE = LABELS.index("animal"), LABELS.index("vehicle")
FACTORY = factory.factory_head()
SUMMARY = factory.summary()
TRAIN = Examples(SUMMARY.train, SUMMARY.train_labels)
TEST = Examples(SUMMARY.test, SUMMARY.test_labels)


def all_are(label: int, seen: np.ndarray) -> Examples:
    """These pictures with one label."""
    return Examples(seen, np.full(len(seen), label))


def tried(home: Examples) -> Trial:
    """What learning from `home` comes to, from the factory's head on."""
    return learn(FACTORY, FACTORY, home, TRAIN, TEST)


def share(head: Head, seen: np.ndarray, label: int) -> float:
    """The share of pictures that `head` calls `label`."""
    return float((head.probabilities(seen).argmax(axis=1) == label).mean())


@pytest.fixture(scope="module")
def cats() -> np.ndarray:
    """Visits of the neighbour's cat that the factory's head takes for a person, and that are no two alike."""
    seen = visits(CAT, 120)
    return np.asarray(seen[FACTORY.probabilities(seen).argmax(axis=1) == PERSON])


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    """Visits of people."""
    return visits(SOMEBODY, 40)


def test_after_five_corrections_the_neighbours_cat_is_a_person_no_more(cats: np.ndarray, people: np.ndarray) -> None:
    alarms, before = cats[:30], share(FACTORY, people, PERSON)
    assert len(alarms) == 30
    trial = tried(all_are(ANIMAL, alarms[:5]))
    assert trial.is_accepted, trial.refusal
    assert share(trial.head, alarms[5:], PERSON) <= 0.2
    assert share(trial.head, people, PERSON) >= before
    assert trial.factory_after.person_recall >= trial.factory_before.person_recall - 0.005


def test_nobody_makes_people_disappear(people: np.ndarray) -> None:
    trial = tried(all_are(VEHICLE, people))
    assert not trial.is_accepted
    assert "people" in trial.refusal or "factory" in trial.refusal


def test_labels_at_random_are_refused(cats: np.ndarray, people: np.ndarray) -> None:
    seen = np.concatenate([cats[:30], people])
    for seed in range(5):
        labels = np.random.default_rng(seed).integers(0, len(LABELS), len(seen))
        assert not tried(Examples(seen, labels)).is_accepted


def test_too_few_labels_are_refused(cats: np.ndarray) -> None:
    assert tried(all_are(ANIMAL, cats[:4])).refusal == "there are fewer than 5 labels to learn from"


def test_without_labels_the_factory_holds_the_head_in_its_place() -> None:
    head = fit(Space.of(FACTORY, TRAIN), Examples(TRAIN.embeddings[:0], TRAIN.labels[:0]))
    assert np.abs(head.probabilities(TEST.embeddings) - FACTORY.probabilities(TEST.embeddings)).max() < 1e-3


def test_the_same_labels_give_the_same_head(cats: np.ndarray) -> None:
    one, other = (tried(all_are(ANIMAL, cats[:10])).head for _ in range(2))
    assert np.array_equal(one.weights, other.weights)


def test_each_label_is_held_back_once_in_whatever_order_they_come(cats: np.ndarray, people: np.ndarray) -> None:
    seen = np.concatenate([cats[:7], people[:4]])
    home = Examples(seen, np.array([ANIMAL] * 7 + [PERSON] * 4))
    trial = tried(home)
    assert trial.home_after.count == trial.home_before.count == len(home)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(home))
        other = tried(Examples(home.embeddings[order], home.labels[order]))
        assert (other.home_after.confusion == trial.home_after.confusion).all()
        assert other.refusal == trial.refusal


@given(st.integers(1, 200))
def test_a_label_is_held_back_alone_while_they_are_few(count: int) -> None:
    held = np.bincount(folds(all_are(ANIMAL, TRAIN.embeddings[:count])))
    assert (len(held), held.sum()) == (min(count, FOLDS), count)
    assert held.max() - held.min() <= 1


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, len(TEST) - 1)), min_size=5, max_size=40), st.integers(0, 3)
)
@settings(max_examples=25, deadline=None)
def test_whatever_is_accepted_finds_everybody_who_was_found(rows: list[tuple[int, int]], shift: int) -> None:
    chosen = np.array([row for _, row in rows])
    labels = (SUMMARY.test_labels[chosen] + np.array([label * (shift > 1) for label, _ in rows])) % len(LABELS)
    trial = tried(Examples(SUMMARY.test[chosen], labels))
    if trial.is_accepted:
        assert trial.factory_after.person_recall >= trial.factory_before.person_recall - 0.005
        assert trial.factory_after.balanced >= trial.factory_before.balanced - 0.01
