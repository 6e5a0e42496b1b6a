"""What the store promises in figures: with 100,000 clips, on a slow disk, in bytes written, and when nothing happens.

Rule: each figure is printed beside its limit; what depends on this machine's speed is a ratio or has much room.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from camd.clock import SystemClock, thread_cpu_ns
from camd.config import MB, StoreConfig
from camd.model import SECOND
from camd.places import Places
from camd.store import check
from camd.store.index import Index
from camd.store.shelf import Shelf
from tests.faults import reels, wear
from tests.faults.houses import works
from tests.faults.trace import ROOT, Worked, record
from tests.store.store_world import clip_row

Figure = tuple[str, float, float]  # what, measured, at most
FEW, MANY = 1_000, 100_000


def large_store(folder: Path, reel: Path) -> Iterator[Figure]:
    """Admit and evict, the newest page and a start, with 1,000 and with 100,000 clips."""
    few, many = (_large(folder / str(count), count) for count in (FEW, MANY))
    yield "admit + evict at 100,000 clips over 1,000", many[0] / few[0], 1.5
    yield "newest page of 20 at 100,000 clips, ms", many[1], 1.0
    yield "start-up reconcile of 100,000 clips, s", many[2], 2.0
    yield "MB more after 2,000 admitted and evicted at 100,000 clips", many[3], 4


def _large(folder: Path, count: int) -> tuple[float, float, float, float]:
    """What it costs to admit and evict (ns), a page (ms), a start (s), and what 2,000 evictions take of memory (MB)."""
    places = Places(folder / "data", folder / "run")
    places.make()
    clips = (replace(clip_row(number), beside=900) for number in range(1, count + 1))
    with Index.open(places) as index:
        while batch := list(islice(clips, 10_000)):
            index.add(*batch)
    for number in range(1, count + 1):
        for suffix in ("mp4", "json", "jpg"):
            (places.clips / f"{number:06d}.{suffix}").touch()
    began = thread_cpu_ns()
    with Shelf.open(places, StoreConfig(data=places.data, keep_free=0), SystemClock()) as shelf:
        start = thread_cpu_ns() - began
        with Index.open(places) as index:
            cost = min(_cost(lambda: _admit_and_evict(shelf, index), 200) for _ in range(3))
            page = min(_cost(lambda: index.clips(limit=20), 50) for _ in range(3))
            before = _resident()
            _cost(lambda: _admit_and_evict(shelf, index), 2000)
            grown = _resident() - before
    return cost, page / 1e6, start / SECOND, grown / MB


def _admit_and_evict(shelf: Shelf, index: Index) -> None:
    shelf.take_in((clip_row(shelf.next_id()),))
    shelf.drop([next(index.unstarred()).id], "it is its turn")


def _cost(act: Callable[[], object], times: int) -> float:
    began = thread_cpu_ns()
    for _ in range(times):
        act()
    return (thread_cpu_ns() - began) / times


def flash(folder: Path, reel: Path) -> Iterator[Figure]:
    """Bytes written for each recorded one, while each clip makes another go; and when nothing happens."""
    yield from _wear(folder / "2", reel, 2.0)
    slow = folder / "slow.json"
    reels.encode(folder / "slow.mp4", 600_000)
    reels.write(slow, folder / "slow.mp4")
    yield from _wear(folder / "0.6", slow, 0.6)


def _wear(folder: Path, reel: Path, megabits: float) -> Iterator[Figure]:
    folder.mkdir()
    room = round(megabits * 9 * MB)  # for four clips
    places = (str(folder / "data"), str(folder / "run"))
    ops = record(Worked(folder, reel, program=("tests.faults.wear", *places, str(reel), str(room))))
    for part, written in wear.blocks(ops).items():
        match part.split():
            case ["recorded", kept]:
                yield f"bytes written for each recorded one, {megabits:g} Mbit/s", written / int(kept), 1.05
            case ["quiet", _]:
                yield "bytes written in 10 quiet minutes", written, 0


def memory(folder: Path, reel: Path) -> Iterator[Figure]:
    """Megabytes that this process grows by in three hours with a visit every two minutes, the first hour aside."""
    with works(folder, reel, max_bytes=40 * MB) as house:
        sizes = []
        for _ in range(3):
            for _ in range(30):
                house.watch(120, visit=(60, 64))
            sizes.append(_resident())
    yield "MB more after three hours of recording than after one", (sizes[-1] - sizes[0]) / MB, 4


def _resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def slow_disk(folder: Path, reel: Path) -> Iterator[Figure]:
    """A live capture whose every fdatasync takes 3 s: the camera does not wait, a clip is cut short."""
    video = ROOT / "camd" / "fixtures" / "walker.mp4"
    slow = Worked(folder, reel, program=("tests.faults.slow", str(folder / "data"), str(folder / "run"), str(video)))
    done = slow.run("-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=3000000")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    yield "ms that the camera was late on a stalled disk", told["late_ms"], 500
    yield "clips not marked as cut short on it", float(told["cut_short"] == 0), 0
    yield "violations of its store", len(check.violations(Places(folder / "data", folder / "run"))), 0


FIGURES = (large_store, flash, memory, slow_disk)
