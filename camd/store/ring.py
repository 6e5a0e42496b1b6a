"""Which clips must go: pure decisions on what the index says.

Rule: a starred clip is never chosen, and the oldest goes first, where order is the clip's number and never its date.
"""

from collections.abc import Iterable

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
    """The unstarred clips that ended more than `max_age_ns` ago.

    A clip is taken to be no older than those recorded before it: one that was dated by a clock not yet set (a Pi has
    no battery clock) does not vanish because it seems to be from last year.
    """
    chosen: list[Clip] = []
    for clip in clips_oldest_first:
        if clip.began_unix_ns + clip.duration_ns >= now_unix_ns - max_age_ns:
            break
        if not clip.starred:
            chosen.append(clip)
    return tuple(chosen)
