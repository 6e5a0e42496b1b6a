"""Which clips must go: pure decisions on what the index says.

Rule: a starred clip is never chosen, and the oldest goes first, where order is the clip's number and never its date.
"""

from collections.abc import Iterable
from itertools import islice

from camd.model import Clip, Nanos


def choose(clips_oldest_first: Iterable[Clip], need_bytes: int) -> tuple[Clip, ...]:
    """The oldest unstarred clips that free `need_bytes`, no more of them than needed.

    None at all when all of them together would not do: nothing is lost for a room that cannot be made.
    """
    chosen: list[Clip] = []
    if need_bytes <= 0:
        return ()
    for clip in clips_oldest_first:
        if clip.starred:
            continue
        chosen.append(clip)
        need_bytes -= clip.size + clip.beside
        if need_bytes <= 0:
            return tuple(chosen)
    return ()


def expired(clips_oldest_first: Iterable[Clip], now_unix_ns: int, max_age_ns: Nanos) -> tuple[Clip, ...]:
    """The unstarred clips that are known to have ended more than `max_age_ns` ago.

    A clip recorded while the date was unknown (a Pi has no battery clock) has no age of its own: it is as old as the
    next one after it whose date is known, and without such a one it stays.
    """
    chosen: list[Clip] = []
    undated: list[Clip] = []
    for clip in clips_oldest_first:
        if not clip.synchronised:
            undated.append(clip)
            continue
        if clip.began_unix_ns + clip.duration_ns >= now_unix_ns - max_age_ns:
            break
        chosen += [each for each in (*undated, clip) if not each.starred]
        undated.clear()
    return tuple(chosen)


def plan(clips_oldest_first: Iterable[Clip], left_bytes: int, count: int) -> tuple[tuple[Clip, int], ...]:
    """The next `count` clips to go, each with the bytes that can still be recorded before it must."""
    going = []
    for clip in islice((clip for clip in clips_oldest_first if not clip.starred), count):
        going.append((clip, left_bytes))
        left_bytes += clip.size + clip.beside
    return tuple(going)
