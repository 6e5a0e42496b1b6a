"""Which events are told aloud, over whole days of them."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from camd.alerts.policy import HOUR, Excess, Limits, Policy
from camd.model import RECORD, SECOND, Event, Nanos
from tests.alerts.test_message import EVENT

MINUTE = 60 * SECOND


def event(number: int, at: Nanos, label: str = "motion", zones: tuple[str, ...] = ()) -> Event:
    """An event that was last seen at `at`."""
    return replace(EVENT, id=f"e{number}", label=label, zones=zones, began=at, ended=at)


def told(policy: Policy, *events: Event) -> list[bool]:
    return [policy.is_told(it) for it in events]


def test_an_event_is_told_once() -> None:
    assert told(Policy(), event(1, 0), event(1, SECOND), event(2, SECOND)) == [True, False, True]


def test_an_event_is_told_when_its_label_is_wanted_and_not_before() -> None:
    quiet = replace(event(1, 0), handling=RECORD)
    assert told(Policy(), quiet, event(1, 1, "person"), event(1, 2, "person")) == [False, True, False]


def test_a_cooldown_is_of_one_label_in_one_zone() -> None:
    policy = Policy(Limits(cooldown=MINUTE))
    assert told(policy, event(1, 0, "person", ("door",)), event(2, 1, "person", ("door",))) == [True, False]
    assert told(policy, event(3, 2, "person", ("path",)), event(4, 3, "animal", ("door",))) == [True, True]
    assert told(policy, event(5, 4, "person", ("door", "street"))) == [True]  # the street was silent
    assert told(policy, event(6, 4 + MINUTE, "person", ("door",))) == [True]


def test_a_snooze_is_silent_and_then_over() -> None:
    policy = Policy(snoozed_until=MINUTE)
    assert told(policy, event(1, MINUTE - 1), event(2, MINUTE)) == [False, True]


def test_what_a_full_hour_withholds_is_told_as_a_number_when_there_is_room() -> None:
    policy = Policy(Limits(per_hour=2))
    assert told(policy, *(event(number, number * MINUTE) for number in range(5))) == [True, True, False, False, False]
    assert policy.excess(HOUR + MINUTE) is None  # not an hour since the first was withheld
    assert policy.excess(HOUR + 2 * MINUTE) == Excess(2 * MINUTE, 4 * MINUTE, {"motion": 3})
    assert policy.excess(HOUR + 2 * MINUTE) is None
    assert told(policy, event(9, HOUR + 2 * MINUTE), event(10, HOUR + 2 * MINUTE)) == [True, False]  # it took a place


@given(
    st.lists(st.tuples(st.integers(0, 20 * 60), st.sampled_from(["motion", "person"])), max_size=200),
    st.integers(1, 10),
    st.integers(0, 600),
)
def test_no_hour_holds_more_than_it_may(gaps: list[tuple[int, str]], most: int, cooldown_s: int) -> None:
    policy, now, aloud = Policy(Limits(cooldown=cooldown_s * SECOND, per_hour=most)), 0, []
    withheld = counted = 0
    for number, (gap, label) in enumerate(gaps):
        now += gap * SECOND
        excess = policy.excess(now)
        if excess is not None:
            aloud.append(now)
            counted += sum(excess.counts.values())
        it = event(number, now, label)
        if policy.is_told(it):
            aloud.append(now)
        policy.forget(it)
        withheld += 1
    assert all(sum(then - HOUR < other <= then for other in aloud) <= most for then in aloud)
    assert counted <= withheld
