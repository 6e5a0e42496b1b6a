"""What is done about an event, by label and zone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camd.model import ALERT, IGNORE, LABELS, RECORD, SECOND, Began, Ended, Event, Grew, Zone
from camd.vision.rules import LOUDER, UNDECIDED, Judge, Rules
from tests.worlds import event

DOOR = Zone("door", labels=("person", "vehicle"), quiet=("vehicle",))
GARDEN = Zone("garden")
HOUSE = Rules((DOOR, GARDEN))


def of(label: str, *zones: str, seconds: float = 0.0, is_learned: bool = False, is_person: bool = False) -> Event:
    """An event with this label in these zones."""
    made = event("e1", 0.0, seconds)
    return replace(made, label=label, zones=zones, is_learned=is_learned, is_person=is_person)


@pytest.mark.parametrize(
    ("rules", "what", "handling"),
    [
        (Rules(), of("animal"), ALERT),
        (Rules(), of("motion"), ALERT),
        (HOUSE, of("person", "door"), ALERT),
        (HOUSE, of("vehicle", "door"), RECORD),
        (HOUSE, of("animal", "door"), IGNORE),
        (HOUSE, of("animal", "garden"), ALERT),
        (HOUSE, of("animal", "door", "garden"), ALERT),  # where it counts, it counts
        (HOUSE, of("animal"), ALERT),  # recorded from no zone
        (Rules(told=("person",)), of("animal"), RECORD),
        (Rules(told=("person",)), of("motion", seconds=9), RECORD),
        (Rules(told=("person",), ignored=("other",)), of("other"), IGNORE),
        (replace(HOUSE, ignored=("animal",)), of("animal", "garden"), IGNORE),
        (replace(HOUSE, ignored=("animal",)), of("animal", "garden", is_learned=True), RECORD),
        (HOUSE, of("animal", "door", is_learned=True), RECORD),
        (HOUSE, of("animal", "door", is_learned=True, is_person=True), ALERT),
        (Rules(told=("person",)), of("motion", is_learned=True, is_person=True), RECORD),  # a label may yet come
        (Rules(told=("person",)), of("motion", seconds=9, is_learned=True, is_person=True), ALERT),
    ],
)
def test_a_rule_is_of_a_label_everywhere_or_in_a_zone(rules: Rules, what: Event, handling: str) -> None:
    assert rules.handling(what) == handling


def test_what_nobody_has_told_apart_yet_waits_for_a_moment_where_there_are_rules() -> None:
    moments = [of("motion", "door", seconds=seconds) for seconds in (0, 1.9, UNDECIDED / SECOND)]
    assert [HOUSE.handling(moment) for moment in moments] == [RECORD, RECORD, ALERT]
    assert HOUSE.handling(of("motion", "door", seconds=1), is_over=True) == ALERT
    assert HOUSE.handling(of("motion", "garden")) == ALERT  # nothing is silent there


def test_an_event_that_is_ignored_says_so() -> None:
    ignored = Judge(HOUSE).judged(Ended(of("animal", "door")))
    assert isinstance(ignored, Ended)
    assert ignored.event.handling == IGNORE
    assert ignored.event.reason.rule == "animal is ignored in door"


def test_who_turns_out_to_be_a_person_is_told() -> None:
    judge = Judge(HOUSE)
    found = [judge.judged(one) for one in (Began(of("motion", "door")), Grew(of("animal", "door")))]
    found.append(judge.judged(Grew(of("person", "door"))))
    assert [one.event.handling for one in found if isinstance(one, Began | Grew)] == [RECORD, IGNORE, ALERT]


def test_what_was_told_is_kept_whatever_it_turns_out_to_be() -> None:
    judge = Judge(Rules(ignored=("animal",)))
    found = [judge.judged(one) for one in (Began(of("person")), Grew(of("animal")), Ended(of("animal")))]
    found.append(judge.judged(Began(of("animal"))))  # another one
    assert [one.event.handling for one in found if isinstance(one, Began | Grew | Ended)] == [
        ALERT,
        RECORD,
        RECORD,
        IGNORE,
    ]


SOME = st.lists(st.sampled_from(LABELS), unique=True).map(tuple)
ZONES = st.lists(st.builds(Zone, st.sampled_from(["a", "b", "c"]), labels=SOME, quiet=SOME), max_size=3).map(tuple)


@given(ZONES, SOME, SOME, st.sampled_from(LABELS), st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple))
def test_what_learning_alone_says_is_never_ignored_and_never_louder(
    zones: tuple[Zone, ...], told: tuple[str, ...], ignored: tuple[str, ...], label: str, there: tuple[str, ...]
) -> None:
    rules = Rules(zones, told, ignored)
    learned, known = (rules.handling(of(label, *there, is_learned=is_learned)) for is_learned in (True, False))
    assert learned != IGNORE
    assert LOUDER.index(learned) == min(LOUDER.index(known), LOUDER.index(RECORD))


@given(ZONES, SOME, SOME, st.sampled_from(LABELS), st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple))
def test_who_is_a_person_without_what_was_learned_is_no_quieter_than_a_person(
    zones: tuple[Zone, ...], told: tuple[str, ...], ignored: tuple[str, ...], label: str, there: tuple[str, ...]
) -> None:
    rules = Rules(zones, told, ignored)
    taught, plain = of(label, *there, is_learned=True, is_person=True), of("person", *there)
    assert LOUDER.index(rules.handling(taught)) <= LOUDER.index(rules.handling(plain))
