"""What a session writes: the blocks of 4 KiB that each sync takes to the disk, counted from its system calls.

    python -m tests.faults.wear DATA RUN REEL MAX_BYTES

Idea: a disk writes whole blocks, so a fragment that ends in the middle of one has it written twice. Counted so, the
figure is the same on every machine; the kernel's own (`write_bytes`) counts pages or larger pieces, by its version.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.faults.houses import works
from tests.faults.trace import Op

BLOCK = 4096
VISITS = 5
QUIET_S = 600


def blocks(ops: Iterable[Op]) -> dict[str, int]:
    """Bytes that were written up to each mark, since the one before: mark -> bytes in whole blocks."""
    dirty: defaultdict[str, set[int]] = defaultdict(set)
    found, count = dict[str, int](), 0
    for op in ops:
        match op.what:
            case "write":
                dirty[op.path].update(range(op.at // BLOCK, (op.at + len(op.data) - 1) // BLOCK + 1))
            case "sync":
                count += len(dirty.pop(op.path, ()))
            case "rename":
                dirty[op.to] = dirty.pop(op.path, set())
            case "unlink":
                dirty.pop(op.path, None)
            case "mark":
                found[op.data.decode().strip()] = BLOCK * (count + sum(map(len, dirty.values())))
                dirty.clear()
                count = 0
    return found


def main(data: str, run: str, reel: str, max_bytes: str) -> int:
    """Fill the store, then record visits of 16 s, then nothing; each part ends with a mark."""
    folder = Path(data).parent
    assert Path(run).parent == folder, "both lie in one folder"
    with works(folder, Path(reel), int(max_bytes)) as house:
        house.watch(2)
        for part in ("filled", "recorded"):
            before = len(house.saved())
            for _ in range(VISITS):
                house.watch(24, visit=(4, 20))
            kept = sum(clip.size + clip.beside for clip in house.saved()[before:])
            _mark(f"{part} {kept}")
        house.watch(QUIET_S)
        _mark("quiet 0")
    return 0


def _mark(text: str) -> None:
    os.writev(1, [text.encode() + b"\n"])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
