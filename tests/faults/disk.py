"""What a disk may hold after the power was cut: every operation so far happened in RAM, few of them on the disk.

Idea: a file's bytes are on disk for sure once the file was fsynced, a name once its folder was; of the rest the disk
may hold nothing, all, a part, or zeros where data should be. Names change in the order in which they were changed (what
a journalling file system keeps); data of different files in any order.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tests.faults.trace import Op

SECTOR = 512
RANDOM = 6  # states drawn by chance after each operation, beside the seven that are always tried
Tree = dict[str, bytes]  # what lies where
Keep = Callable[[bytes, list[Op]], bytes]  # what the disk has of a file, from what is safe and what is pending


@dataclass(slots=True)
class _File:
    safe: bytes = b""
    pending: list[Op] = field(default_factory=list)


@dataclass(slots=True)
class _Names:
    """Path -> number of a file, -1 for a folder; and the changes that no fsync of a folder has made last."""

    safe: dict[str, int] = field(default_factory=dict)
    now: dict[str, int] = field(default_factory=dict)
    pending: list[tuple[str, Op, int]] = field(default_factory=list)  # (folder, change, file)


class Disk:
    """A data folder that operations are done to, and the states that a power cut can leave of it."""

    def __init__(self, tree: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """A disk that holds `tree` for sure."""
        self._files = [_File(data) for data in tree.values()]
        names = {path: number for number, path in enumerate(tree)}
        names |= {folder: -1 for path in tree if (folder := path.rpartition("/")[0])}
        self._names = _Names(dict(names), dict(names))

    def do(self, op: Op) -> None:
        """Do one operation."""
        names = self._names
        match op.what:
            case "create":
                if op.path not in names.now:
                    self._files.append(_File())
                    self._change(op, len(self._files) - 1)
            case "mkdir":
                if op.path not in names.now:
                    self._change(op, -1)
            case "rename" | "unlink":
                if op.path in names.now:
                    self._change(op, names.now[op.path])
            case "write" | "truncate":
                if op.path in names.now:
                    self._files[names.now[op.path]].pending.append(op)
            case "sync":
                if op.path in names.now:
                    file = self._files[names.now[op.path]]
                    file.safe, file.pending = _written(file.safe, file.pending), []
            case "sync-folder":
                for folder, change, number in names.pending:
                    if folder == op.path:
                        _rename(names.safe, change, number)
                names.pending = [each for each in names.pending if each[0] != op.path]

    def _change(self, op: Op, number: int) -> None:
        _rename(self._names.now, op, number)
        self._names.pending.append((op.path.rpartition("/")[0], op, number))

    def states(self, seed: int) -> Iterator[Tree]:
        """Ways in which the disk may be found after a cut right now."""
        dice = random.Random(seed)
        none, all_ = 0, len(self._names.pending)
        some = dice.randint(none, all_)
        yield self._tree(none, _lost)
        yield self._tree(all_, _kept)
        yield self._tree(all_, _lost)
        yield self._tree(none, _kept)
        yield self._tree(all_, _zeroed)
        yield self._tree(all_, _torn)
        yield self._tree(some, _kept)
        for _ in range(RANDOM):
            yield self._tree(dice.randint(0, all_), lambda safe, pending: _written(safe, _any(pending, dice)))

    def _tree(self, changes: int, keep: Keep) -> Tree:
        names = dict(self._names.safe)
        for _, change, number in self._names.pending[:changes]:
            _rename(names, change, number)
        contents = {number: keep(file.safe, file.pending) for number, file in enumerate(self._files)}
        return {path: contents[number] for path, number in names.items() if number >= 0 and _has_folder(path, names)}


def _has_folder(path: str, names: Mapping[str, int]) -> bool:
    folder = path.rpartition("/")[0]
    return folder == "" or folder in names


def _lost(safe: bytes, pending: list[Op]) -> bytes:
    return safe


def _written(safe: bytes, pending: list[Op]) -> bytes:
    data = bytearray(safe)
    for op in pending:
        if op.what == "truncate":
            del data[op.at :]
            data.extend(bytes(op.at - len(data)))
        else:
            data.extend(bytes(max(0, op.at - len(data))))
            data[op.at : op.at + len(op.data)] = op.data
    return bytes(data)


_kept = _written


def _zeroed(safe: bytes, pending: list[Op]) -> bytes:
    """The file has its new length, but none of its new bytes came to the disk."""
    return _written(safe, [replace(op, data=bytes(len(op.data))) if op.at >= len(safe) else op for op in pending])


def _torn(safe: bytes, pending: list[Op]) -> bytes:
    """Of the last write only the first half came to the disk, in whole sectors."""
    if not pending:
        return safe
    *before, last = pending
    half = len(last.data) // 2 // SECTOR * SECTOR or len(last.data) // 2
    return _written(safe, [*before, replace(last, data=last.data[:half])])


def _any(pending: list[Op], dice: random.Random) -> list[Op]:
    return [op for op in pending if dice.random() < 0.5]


def _rename(names: dict[str, int], op: Op, number: int) -> None:
    match op.what:
        case "create" | "mkdir":
            names[op.path] = number
        case "rename":
            if names.pop(op.path, None) is not None:
                names[op.to] = number
        case "unlink":
            names.pop(op.path, None)
