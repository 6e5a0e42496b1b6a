"""What the store promises in figures: with 100,000 clips, on a slow disk, in bytes written, and when nothing happens.

Rule: each figure is printed beside its limit; what depends on this machine's speed is a ratio or has much room.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from camd.clock import SystemClock, thread_cpu_ns
from camd.config import StoreConfig
from camd.model import SECOND
from camd.places import Places
from camd.store import check
from camd.store.index import Index
from camd.store.shelf import Shelf
from camd.store.wear import written_bytes
from tests.faults.houses import works
from tests.faults.trace import ROOT, Worked
from tests.store.store_world import clip_row

Figure = tuple[str, float, float]  # what, measured, at most
FEW, MANY = 1_000, 100_000


def large_store(folder: Path, reel: Path) -> Iterator[Figure]:
    """Admit and evict, the newest page and a start, with 1,000 and with 100,000 clips."""
    few, many = (_large(folder / str(count), count) for count in (FEW, MANY))
    yield "admit + evict at 100,000 clips over 1,000", many[0] / few[0], 1.5
    yield "newest page of 20 at 100,000 clips, ms", many[1], 1.0
    yield "start-up reconcile of 100,000 clips, s", many[2], 2.0


def _large(folder: Path, count: int) -> tuple[float, float, float]:
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
    return cost, page / 1e6, start / SECOND


def _admit_and_evict(shelf: Shelf, index: Index) -> None:
    shelf.take_in((clip_row(shelf.next_id()),))
    shelf.drop([next(index.unstarred()).id], "it is its turn")


def _cost(act: Callable[[], object], times: int) -> float:
    began = thread_cpu_ns()
    for _ in range(times):
        act()
    return (thread_cpu_ns() - began) / times


def flash(folder: Path, reel: Path) -> Iterator[Figure]:
    """Bytes written for each recorded one, and in ten minutes in which nothing happens."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as disk, works(Path(disk), reel) as house:  # no RAM: it counts
        house.watch(2)
        before = written_bytes()
        for _ in range(8):
            house.watch(24, visit=(4, 20))
        written, quiet = written_bytes(), written_bytes()
        house.watch(600)
        after = written_bytes()
        recorded = sum(clip.size for clip in house.saved())
    if before is not None and written is not None and quiet is not None and after is not None:
        yield "bytes written in 10 quiet minutes", after - quiet, 0
        yield f"bytes written for each of {recorded} recorded", (written - before) / recorded, 1.05


def slow_disk(folder: Path, reel: Path) -> Iterator[Figure]:
    """A live capture whose every fdatasync takes 1.5 s: the camera does not wait, a clip is cut short."""
    video = ROOT / "camd" / "fixtures" / "walker.mp4"
    slow = Worked(folder, reel, program=("tests.faults.slow", str(folder / "data"), str(folder / "run"), str(video)))
    done = slow.run("-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=1500000")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    yield "ms that the camera was late on a stalled disk", told["late_ms"], 500
    yield "clips not marked as cut short on it", float(told["cut_short"] == 0), 0
    yield "violations of its store", len(check.violations(Places(folder / "data", folder / "run"))), 0


FIGURES = (large_store, flash, slow_disk)
