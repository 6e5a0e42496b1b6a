"""Many pictures of one visitor make one label, which only ever rises."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from camd.model import LABELS, PERSON
from camd.vision.classify import BEYOND_LEARNING, CERTAIN, Guess
from camd.vision.votes import (
    AGREED,
    BEST,
    ENOUGH,
    RANK,
    SURE,
    UNDECIDED,
    Company,
    Rising,
    Verdict,
    Vote,
    Votes,
    average,
)


def vote(label: str, chance: float = 0.9, quality: float = 0.5) -> Vote:
    """A vote for `label`; what it leaves is shared by the others."""
    rest = (1 - chance) / (len(LABELS) - 1)
    return Vote(quality, Guess(tuple(chance if name == label else rest for name in LABELS)))


def labels(*votes: Vote) -> list[str]:
    """The label after each vote."""
    heard = Votes()
    return [heard.add(one).label for one in votes]


VOTES = st.builds(
    vote, st.sampled_from(LABELS), st.floats(0.26, 1.0, allow_nan=False), st.floats(0.0, 1.0, allow_nan=False)
)


def pulled(one: Vote, label: str, pull: float) -> Vote:
    """The same vote of a classifier that learned at home that such a thing is a `label`, so sure as `pull`."""
    plain = one.guess.probabilities
    taught = tuple((1 - pull) * chance + pull * (name == label) for name, chance in zip(LABELS, plain, strict=True))
    return Vote(one.quality, Guess(taught, factory=plain))


PULLED = st.builds(pulled, VOTES, st.sampled_from(LABELS), st.sampled_from([0.0, 0.15, 0.5, CERTAIN]))


def test_nothing_is_said_before_there_are_enough_votes() -> None:
    likely = vote("person", 0.8)
    assert labels(*[likely] * 4) == [UNDECIDED] * (ENOUGH - 1) + ["person"] * (5 - ENOUGH)


def test_two_votes_that_are_plain_and_agree_are_enough() -> None:
    plain, likely, car = vote("person"), vote("person", 0.8), vote("vehicle")
    assert labels(*[plain] * AGREED) == [UNDECIDED] * (AGREED - 1) + ["person"]
    for other in (likely, car, pulled(plain, "animal", CERTAIN), pulled(vote("animal"), "person", CERTAIN)):
        assert labels(plain, other) == labels(other, plain) == [UNDECIDED] * 2


def test_of_whom_learning_makes_something_else_three_votes_are_counted() -> None:
    cat = pulled(vote("person"), "animal", CERTAIN)
    assert labels(cat, cat) == [UNDECIDED] * 2


def test_votes_that_do_not_agree_are_motion() -> None:
    assert set(labels(*[vote("person"), vote("vehicle"), vote("animal"), vote("other")] * 3)) == {UNDECIDED}


def test_one_bad_picture_changes_nothing() -> None:
    assert labels(*[vote("person")] * 5, vote("vehicle", quality=0.1))[-1] == "person"


def test_better_pictures_correct_a_label_once_and_never_back() -> None:
    said = labels(
        *[vote("animal", quality=0.1)] * 4, *[vote("person", 0.97, 0.9)] * 9, *[vote("animal", 0.99, 1.0)] * 9
    )
    assert (said[3], said[-1]) == ("animal", "person")
    assert sum(a != b for a, b in pairwise(said)) == 2


@given(st.lists(VOTES, max_size=40))
@settings(max_examples=40, deadline=None)
def test_a_label_never_flickers(votes: list[Vote]) -> None:
    said = [UNDECIDED, *labels(*votes)]
    changes = [(a, b) for a, b in pairwise(said) if a != b]
    assert len(changes) <= 3
    assert UNDECIDED not in [after for _, after in changes]
    assert all(after != "other" or before == UNDECIDED for before, after in changes)
    assert sum(RANK[before] > RANK["other"] for before, _ in changes) <= 1


@given(st.lists(VOTES, min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_the_confidence_is_the_labels_own_probability(votes: list[Vote]) -> None:
    heard = Votes()
    for one in votes:
        verdict = heard.add(one)
    chances = dict(zip(LABELS, average(heard.counted), strict=True))
    assert len(heard.counted) <= BEST
    assert verdict.confidence == (0.0 if verdict.label == UNDECIDED else round(chances[verdict.label], 3))


@given(st.lists(VOTES, min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_an_average_is_a_distribution_and_as_sure_as_its_surest_vote(votes: list[Vote]) -> None:
    chances = average(votes)
    assert abs(sum(chances) - 1) < 1e-6
    assert max(chances) <= max(max(one.guess.probabilities) for one in votes) + 0.05


def test_the_same_picture_ten_times_is_no_surer_than_once() -> None:
    assert abs(max(average([vote("person", 0.7)] * 10)) - 0.7) < 1e-6
    assert SURE < 0.7


@given(st.lists(PULLED, min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_what_learning_changed_is_known_and_takes_nobody_who_is_surely_a_person(votes: list[Vote]) -> None:
    heard, untaught, was_sure = Votes(), Rising(), False
    for one in votes:
        taught = heard.add(one)
        if heard.lacking:
            assert taught == Verdict()
            continue
        chances = average(vote.untaught for vote in heard.counted)
        plain = untaught.hear(chances)
        was_sure = was_sure or chances[LABELS.index(PERSON)] >= BEYOND_LEARNING
        assert taught.is_learned == (taught.label != plain)
        assert taught.is_person or not was_sure
        assert taught.is_person or (taught.label, plain) != (UNDECIDED, PERSON)


def test_who_is_surely_a_person_is_called_one_whatever_was_learned() -> None:
    sure, likely = vote("person", 0.95), vote("person", 0.8)
    said = [Votes() for _ in range(2)]
    for votes, one in zip(said, (sure, likely), strict=True):
        for _ in range(ENOUGH):
            votes.add(pulled(one, "animal", CERTAIN))
    assert [(votes.verdict.label, votes.verdict.is_person) for votes in said] == [("person", True), ("animal", False)]


def test_what_learning_made_undecided_is_handled_as_a_person() -> None:
    votes = Votes()
    for _ in range(ENOUGH):
        votes.add(pulled(Vote(0.5, Guess((0.62, 0.02, 0.34, 0.02))), "animal", 0.15))
    assert votes.verdict == Verdict(UNDECIDED, is_learned=True, is_person=True)


def test_an_event_is_labelled_by_the_foremost_of_its_visitors() -> None:
    animal, person = Verdict("animal", 0.99), Verdict("person", 0.6)
    assert Company().hear([animal, Verdict(), person]) == person
    assert Company().hear([]) == Verdict()


def test_visitors_who_come_and_go_and_one_whose_track_breaks_do_not_make_it_flicker() -> None:
    animal, vehicle, person = (Verdict(label, 0.7) for label in ("animal", "vehicle", "person"))
    coming, broken, both = Company(), Company(), Company()
    said = [coming.hear(each).label for each in ([vehicle], [vehicle, person], [vehicle, animal], [vehicle, person])]
    assert said == ["vehicle", "person", "person", "person"]
    said = [broken.hear(each).label for each in ([person], [animal], [animal, person], [animal, animal])]
    assert said == ["person", "animal", "animal", "animal"]
    said = [both.hear(each).label for each in ([vehicle, person], [vehicle, animal], [animal, animal])]
    assert said == ["person", "vehicle", "vehicle"]


def test_what_holds_for_one_visitor_holds_for_the_event() -> None:
    spared = Verdict("animal", 0.6, is_learned=True, is_person=True)
    assert Company().hear([Verdict("vehicle", 0.9), spared]) == Verdict("vehicle", 0.9, is_learned=True, is_person=True)


@given(st.lists(st.tuples(st.integers(0, 3), VOTES), max_size=60))
@settings(max_examples=100, deadline=None)
def test_the_label_of_an_event_never_flickers_whoever_comes(votes: list[tuple[int, Vote]]) -> None:
    visitors, company, said = [Votes() for _ in range(4)], Company(), [UNDECIDED]
    for who, one in votes:
        visitors[who].add(one)
        said.append(company.hear(each.verdict for each in visitors).label)
        hidden = {each.verdict.label for each in visitors} - set(said)
        assert all(RANK[label] < RANK[said[-1]] for label in hidden)
    steps = [(before, after) for before, after in pairwise(said) if before != after]
    assert len({after for _, after in steps} - {UNDECIDED}) == len(steps)  # no label comes back
    assert sum(RANK[after] < RANK[before] for before, after in steps) <= 1
    assert all(after != "other" or before == UNDECIDED for before, after in steps)
