"""Power cuts: every state in which the disk may be found after every operation of a session, and planted bugs.

Idea: the operations of a real session are recorded once; each prefix of them, with what was not synced lost, kept,
zeroed or torn, is laid out as a folder on which camd starts. A bug is planted by changing the order of the recorded
operations, as the faulty program would have issued them; the harness must see it.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from tests.faults.disk import Disk, Tree
from tests.faults.expected import Expected, lay_out, recover
from tests.faults.trace import MAX_BYTES, Op, Worked, marks, record

RAM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass(frozen=True, slots=True)
class Cut:
    """A state of the disk after `after` operations, and what must hold once camd has started on it."""

    after: int
    tree: Tree
    expected: Expected


@dataclass(frozen=True, slots=True)
class Story:
    """What a session did, on a disk that held `tree` when `before` had been acknowledged."""

    ops: list[Op]
    tree: Tree
    before: list[str]


def cuts(story: Story, every: int = 1) -> Iterator[Cut]:
    """The distinct states after each operation (or after every so many)."""
    seen: set[bytes] = set()
    disk, ops = Disk(story.tree), story.ops
    for number, op in enumerate(ops, 1):
        disk.do(op)
        if number % every:
            continue
        expected = Expected.after(story.before + marks(ops[:number]), marks(ops[number:]))
        for tree in disk.states(number):
            key = _key(tree)
            if key not in seen:
                seen.add(key)
                yield Cut(number, tree, expected)


def survives(cut: Cut) -> list[str]:
    """What is wrong after a start on this state; nothing when it survives."""
    folder = Path(tempfile.mkdtemp(dir=RAM))
    try:
        found = recover(lay_out(cut.tree, folder), MAX_BYTES, cut.expected)
        return [f"after operation {cut.after}: {fault}" for fault in found]
    finally:
        shutil.rmtree(folder)


def from_nothing(folder: Path, reel: Path) -> Story:
    """A session in a new folder."""
    return Story(record(Worked(folder, reel)), {}, [])


def from_a_cut(cut: Cut, folder: Path, reel: Path) -> Story:
    """The session after a power cut, which begins by mending what that left."""
    lay_out(cut.tree, folder)
    ops = record(Worked(folder, reel))
    before = [f"kept {n} {digest}" for n, digest in cut.expected.kept.items() if n not in cut.expected.going]
    return Story(ops, cut.tree, before)


def without_index(found: Iterable[Cut]) -> Iterator[Cut]:
    """The same states, where the cut took the index as well: nothing kept, starred or deleted may hang on it."""
    for cut in found:
        left = {path: data for path, data in cut.tree.items() if not path.startswith("/index.sqlite")}
        yield replace(cut, tree=left)


def run(found: Iterable[Cut], workers: int) -> tuple[int, list[str]]:
    """Try every state; returns how many there were, and what was wrong."""
    count, wrong = 0, []
    with get_context("spawn").Pool(workers) as pool:
        for faults in pool.imap_unordered(survives, found, chunksize=8):
            count += 1
            wrong += faults[:1]
    return count, wrong


def is_caught(bug: str, ops: list[Op]) -> str | None:
    """The first thing that goes wrong with a planted bug; None when nothing does."""
    planted = Story(BUGS[bug](ops), {}, [])
    return next((fault for cut in cuts(planted) for fault in survives(cut)), None)


def caught(ops: list[Op], workers: int) -> dict[str, str | None]:
    """What each planted bug is caught by."""
    with get_context("spawn").Pool(workers) as pool:
        return dict(zip(BUGS, pool.starmap(is_caught, [(bug, ops) for bug in BUGS], chunksize=1), strict=True))


def _key(tree: Tree) -> bytes:
    digest = hashlib.sha256()
    for path, data in sorted(tree.items()):
        digest.update(f"{path} {len(data)} ".encode() + data)
    return digest.digest()


# --- planted bugs: the operations as a faulty program would have issued them

Plant = Callable[[list[Op]], list[Op]]


def _without(unwanted: Callable[[Op], bool]) -> Plant:
    return lambda ops: [op for op in ops if not unwanted(op)]


def _is_wal(op: Op) -> bool:
    return op.path.endswith("-wal")


def _is_finish(op: Op) -> bool:
    return op.what == "rename" and op.to.endswith(".mp4")


def _is_unlink(op: Op) -> bool:
    return op.what == "unlink" and op.path.endswith(".mp4")


def _commit_after(ops: list[Op], start: int) -> list[int]:
    """Where the next transaction of the index stands: its writes and its sync."""
    end = next(n for n in range(start, len(ops)) if _is_wal(ops[n]) and ops[n].what == "sync")
    begin = next(n for n in range(start, end) if _is_wal(ops[n]))
    return [n for n in range(begin, end + 1) if _is_wal(ops[n])]


def _commit_before(ops: list[Op], end: int) -> list[int]:
    """Where the transaction before stands."""
    sync = next(n for n in range(end - 1, -1, -1) if _is_wal(ops[n]) and ops[n].what == "sync")
    begin = sync
    while _is_wal(ops[begin - 1]) and ops[begin - 1].what == "write":
        begin -= 1
    return list(range(begin, sync + 1))


def _row_before(is_step: Callable[[Op], bool]) -> Plant:
    """The row is written before a step that must come first."""

    def plant(ops: list[Op]) -> list[Op]:
        for n in [n for n, op in enumerate(ops) if is_step(op)]:
            commit = _commit_after(ops, n)
            moved = [ops[k] for k in commit]
            rest = [op for k, op in enumerate(ops[n:], n) if k not in commit]
            ops = [*ops[:n], *moved, *rest]
        return ops

    return plant


def _unlink_first(ops: list[Op]) -> list[Op]:
    for n in [n for n, op in enumerate(ops) if _is_unlink(op)]:
        first = _commit_before(ops, n)[0]
        ops = [*ops[:first], ops[n], *ops[first:n], *ops[n + 1 :]]
    return ops


def _told_too_soon(ops: list[Op]) -> list[Op]:
    for n in [n for n, op in enumerate(ops) if op.what == "mark" and op.data.startswith(b"kept")]:
        first = max(k for k in range(n) if _is_finish(ops[k])) - 3  # before the last fragment is synced
        ops = [*ops[:first], ops[n], *ops[first:n], *ops[n + 1 :]]
    return ops


def _no_folder_sync_after(is_step: Callable[[Op], bool]) -> Plant:
    def plant(ops: list[Op]) -> list[Op]:
        steps = [n for n, op in enumerate(ops) if is_step(op)]
        unwanted = {next(k for k in range(n, len(ops)) if ops[k].what == "sync-folder") for n in steps}
        return [op for k, op in enumerate(ops) if k not in unwanted]

    return plant


def _renamed_unsynced(ops: list[Op]) -> list[Op]:
    """A recording gets its name before its last bytes are synced."""
    unwanted: set[int] = set()
    for n in (n for n, op in enumerate(ops) if _is_finish(op)):
        syncs = [k for k in range(n) if ops[k].what == "sync" and ops[k].path == ops[n].path]
        unwanted.update(syncs[-4:])
    return [op for k, op in enumerate(ops) if k not in unwanted]


def _in_place(ops: list[Op]) -> list[Op]:
    """Sidecars are written over themselves, without a temp that is renamed."""
    changed = []
    for op in ops:
        if op.what == "rename" and op.to.endswith(".json"):
            continue
        path = op.path.removesuffix(".tmp") if op.path.endswith(".json.tmp") else op.path
        changed.append(Op(op.what, path, op.data, op.at, op.to))
    return changed


BUGS: dict[str, Plant] = {
    "no fsync of recordings": _without(lambda op: op.what == "sync" and op.path.endswith((".part", ".mp4"))),
    "no fsync at a recording's end": _renamed_unsynced,
    "no fsync of sidecars": _without(lambda op: op.what == "sync" and op.path.endswith(".json.tmp")),
    "no fsync of the clips folder": _without(lambda op: op.what == "sync-folder" and op.path == "/clips"),
    "synchronous=OFF": _without(lambda op: op.what == "sync" and "index.sqlite" in op.path),
    "synchronous=NORMAL": _without(lambda op: op.what == "sync" and _is_wal(op)),
    "the row before the recording has its name": _row_before(_is_finish),
    "unlinked before the row is garbage": _unlink_first,
    "told before the recording is whole": _told_too_soon,
    "no folder fsync after unlink": _no_folder_sync_after(_is_unlink),
    "a sidecar written in place": _in_place,
}
