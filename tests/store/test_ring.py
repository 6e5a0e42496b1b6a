"""The ring never takes a starred clip, takes the oldest first, and no more than it needs."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from camd.model import SECOND, Clip
from camd.store import ring
from tests.store.store_world import BEGAN_UNIX_NS, clip_row

DAY = 86_400 * SECOND


def clips_of(shapes: list[tuple[int, bool]]) -> list[Clip]:
    return [replace(clip_row(n, size), starred=starred, beside=7) for n, (size, starred) in enumerate(shapes, 1)]


clip_lists = st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=30).map(clips_of)


def freed(clips: tuple[Clip, ...]) -> int:
    return sum(clip.size + clip.beside for clip in clips)


@given(clip_lists, st.integers(-10, 20_000))
def test_choice_is_the_shortest_run_of_the_oldest_unstarred_clips(clips: list[Clip], need: int) -> None:
    unstarred = tuple(clip for clip in clips if not clip.starred)
    chosen = ring.choose(clips, need)
    assert chosen == unstarred[: len(chosen)]
    if need <= 0 or freed(unstarred) < need:
        assert chosen == ()
    else:
        assert freed(chosen) >= need > freed(chosen[:-1])


def test_nothing_is_lost_for_a_room_that_cannot_be_made() -> None:
    clips = clips_of([(100, False), (100, True), (100, False)])
    assert ring.choose(clips, 215) == ()


@given(clip_lists, st.integers(0, 40 * 60))
def test_expired_clips_are_old_and_unstarred(clips: list[Clip], age_s: int) -> None:
    now = BEGAN_UNIX_NS + 40 * 60 * SECOND
    chosen = ring.expired(clips, now, age_s * SECOND)
    old = [clip for clip in clips if clip.began_unix_ns + clip.duration_ns < now - age_s * SECOND]
    assert list(chosen) == [clip for clip in old if not clip.starred]


def test_a_clip_dated_by_an_unset_clock_does_not_expire_after_newer_ones() -> None:
    newer, misdated = clip_row(1), replace(clip_row(2), began_unix_ns=0)
    assert ring.expired([newer, misdated], BEGAN_UNIX_NS + DAY, 30 * DAY) == ()


def test_a_clip_without_a_date_is_as_old_as_the_next_one_that_has_one() -> None:
    now = BEGAN_UNIX_NS + 40 * DAY
    old, young = (replace(clip_row(n), began_unix_ns=now - age * DAY) for n, age in ((2, 35), (4, 1)))
    undated = [replace(clip_row(n), began_unix_ns=0, synchronised=False) for n in (1, 3, 5)]
    clips = [undated[0], old, undated[1], young, undated[2]]
    assert ring.expired(clips, now, 30 * DAY) == (undated[0], old)
    assert ring.expired(undated, now, 30 * DAY) == ()


@given(clip_lists, st.integers(0, 20_000), st.integers(0, 12))
def test_a_plan_is_the_order_in_which_the_ring_takes(clips: list[Clip], left: int, count: int) -> None:
    plan = ring.plan(clips, left, count)
    assert [clip for clip, _ in plan] == [clip for clip in clips if not clip.starred][:count]
    assert all(after == left + freed(tuple(c for c, _ in plan[:n])) for n, (_, after) in enumerate(plan))
