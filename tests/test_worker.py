"""Lanes hand over in order, drop only what may be dropped, and never swallow a failure."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camd.worker import AtOnce, Crew, Direct, Latest, Queued, Threads


@given(items=st.lists(st.integers()))
def test_every_lane_handles_each_item_in_order(items: list[int]) -> None:
    for lanes in (AtOnce(), Threads(Crew())):
        seen: list[int] = []
        lane = lanes.every("test", seen.append, lambda _: 0, 0)
        assert all(lane.put(item) for item in items)
        lane.close()
        assert seen == items


def test_a_lane_that_is_behind_drops_what_has_weight_and_keeps_what_has_none() -> None:
    gate, seen = threading.Event(), list[int]()

    def slow(item: int) -> None:
        gate.wait()
        seen.append(item)

    lane = Queued(Crew(), "test", slow, weigh=lambda item: item, most=10)
    taken = [lane.put(item) for item in (6, 6, 0, 4, 1)]
    gate.set()
    lane.close()
    assert taken == [True, False, True, True, False]
    assert seen == [6, 0, 4]


def test_on_a_newest_lane_the_last_item_is_always_handled() -> None:
    seen: list[int] = []
    lane = Latest(Crew(), "test", seen.append)
    for item in range(1000):
        lane.put(item)
    lane.close()
    assert seen[-1] == 999
    assert seen == sorted(seen)
    assert len(seen) + lane.skipped == 1000


def test_a_failure_in_a_thread_stops_everybody_and_is_raised_to_who_asks() -> None:
    crew = Crew()

    def fail(item: int) -> None:
        raise ValueError("broken")

    lane = Threads(crew).every("test", fail, lambda _: 0, 0)
    lane.put(1)
    lane.close()
    assert crew.stop.is_set()
    with pytest.raises(ValueError, match="broken"):
        crew.check()


def test_a_direct_lane_fails_where_it_stands() -> None:
    with pytest.raises(ZeroDivisionError):
        Direct[int](lambda item: print(1 // item)).put(0)
