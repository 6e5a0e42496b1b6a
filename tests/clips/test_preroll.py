"""The pre-roll holds whole groups of pictures, enough of them, and never too many bytes."""

from hypothesis import given
from hypothesis import strategies as st

from camd.clips.preroll import PreRoll
from camd.model import SECOND, Packet
from tests.worlds import packets

streams = st.lists(st.tuples(st.booleans(), st.integers(1, 400), st.integers(1, 300)), max_size=120)


def _stream(parts: list[tuple[bool, int, int]]) -> list[Packet]:
    t, made = 0, []
    for is_key, size, milliseconds in parts:
        t += milliseconds * SECOND // 1000
        made.append(Packet(t, t, is_key, bytes(size)))
    return made


@given(parts=streams, keep_ms=st.integers(0, 5000))
def test_it_holds_at_least_what_was_asked_for_or_all_there_was(
    parts: list[tuple[bool, int, int]], keep_ms: int
) -> None:
    stream, keep = _stream(parts), keep_ms * SECOND // 1000
    preroll = PreRoll(keep, max_bytes=10**9)
    for packet in stream:
        preroll.push(packet)
    keys = [packet.t for packet in stream if packet.is_key]
    wanted_from = stream[-1].t - keep if stream else 0
    start = max([t for t in keys if t <= wanted_from], default=keys[0] if keys else 0)
    assert preroll.since(wanted_from) == [p for p in stream if keys and p.t >= start]


@given(parts=streams, most=st.integers(1, 3000))
def test_it_never_holds_more_bytes_than_allowed_and_starts_with_a_key(
    parts: list[tuple[bool, int, int]], most: int
) -> None:
    preroll = PreRoll(60 * SECOND, most)
    for packet in _stream(parts):
        preroll.push(packet)
        held = preroll.since(0)
        assert preroll.held_bytes == sum(len(p.data) for p in held) <= most
        assert not held or held[0].is_key


def test_what_is_taken_starts_at_the_key_picture_before_the_time_asked_for() -> None:
    preroll = PreRoll(10 * SECOND, 10**6)
    for packet in packets(6):
        preroll.push(packet)
    assert preroll.since(round(3.5 * SECOND))[0].t == 3 * SECOND
    assert preroll.since(-5 * SECOND)[0].t == 0


def test_nothing_is_held_before_the_first_key_picture() -> None:
    preroll = PreRoll(SECOND, 1000)
    for packet in packets(2)[1:9]:
        preroll.push(packet)
    assert preroll.since(0) == []
    preroll.clear()
    assert preroll.held_bytes == 0
