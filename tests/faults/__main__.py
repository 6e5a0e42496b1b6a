"""The whole fault harness: prints each figure as injected / survived; exit 1 when anything was lost.

tests/faults/run [--workers N] [NAME...]     names of campaigns, all when there are none
"""

import argparse
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from camd.clock import SystemClock
from camd.model import SECOND
from tests.faults import browser, calls, cases, deletions, figures, powercut, reels
from tests.faults.mounts import NotHereError
from tests.faults.powercut import RAM

TIMES_IN_A_ROW = 150
DAMAGED = 400
SEED = 20260101


@dataclass(slots=True)
class Tally:
    """What a campaign came to."""

    injected: int = 0
    skipped: int = 0
    wrong: list[str] = field(default_factory=list)
    note: str = ""

    def add(self, tried: tuple[int, list[str]]) -> None:
        """Count what was tried, and what of it went wrong."""
        self.injected += tried[0]
        self.wrong += tried[1]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a campaign works with."""

    reel: Path
    video: Path  # a reel of 2 Mbit/s, as cameras make it
    folder: Path
    workers: int


def power_cuts(tools: Tools) -> Tally:
    """Every state of the disk after every operation of a session, and of the session after a cut."""
    tally = Tally()
    (tools.folder / "first").mkdir()
    story = powercut.from_nothing(tools.folder / "first", tools.reel)
    tally.add(powercut.run(powercut.cuts(story), tools.workers))
    found = list(powercut.cuts(story, every=67))
    for number, cut in enumerate(found[:: max(1, len(found) // 3)]):
        again = powercut.from_a_cut(cut, tools.folder / f"again-{number}", tools.reel)
        tally.add(powercut.run(powercut.cuts(again, every=3), tools.workers))
    return tally


def lost_indexes(tools: Tools) -> Tally:
    """A power cut that takes the index as well."""
    tally = Tally()
    (tools.folder / "first").mkdir()
    story = powercut.from_nothing(tools.folder / "first", tools.reel)
    tally.add(powercut.run(powercut.without_index(powercut.cuts(story, every=3)), tools.workers))
    return tally


def planted_bugs(tools: Tools) -> Tally:
    """Each must be caught: 'survived' counts those that were."""
    (tools.folder / "bugs").mkdir()
    ops = powercut.from_nothing(tools.folder / "bugs", tools.reel).ops
    caught = powercut.caught(ops, tools.workers)
    return Tally(len(caught), 0, [f"'{bug}' was not caught" for bug, fault in caught.items() if fault is None])


def kills(tools: Tools) -> Tally:
    """kill -9 before each change of the disk."""
    tally = Tally()
    tally.add(calls.run(calls.kills(tools.reel), tools.workers))
    return tally


def kills_in_a_row(tools: Tools) -> Tally:
    """kill -9 at random, again and again on one store."""
    tally = Tally()
    tally.add(calls.kills_in_a_row(tools.reel, TIMES_IN_A_ROW, SEED))
    return tally


def refused_calls(tools: Tools) -> Tally:
    """Errors of each call, once and from then on."""
    tally = Tally()
    tally.add(calls.run(calls.errors(tools.reel), tools.workers))
    return tally


def world(tools: Tools) -> Tally:
    """Full, read-only, swapped and poor file systems, clocks, damaged files, deletion and wipe."""
    tally = Tally()
    for case in cases.QUICK:
        folder = tools.folder / case.__name__
        folder.mkdir()
        try:
            case(folder, tools.reel)
            tally.injected += 1
        except NotHereError as error:
            tally.skipped += 1
            print(f"  skipped: {case.__name__}: {error}")
        except AssertionError as error:
            tally.injected += 1
            tally.wrong.append(f"{case.__name__}: {error}")
    return tally


def damaged_indexes(tools: Tools) -> Tally:
    """Damaged index files: none may serve a wrong row."""
    return _counted(lambda: cases.damaged_indexes(tools.folder, tools.reel, DAMAGED))


def wipes(tools: Tools) -> Tally:
    """kill -9 before each call of a wipe."""
    return _counted(lambda: deletions.wipes_cut_off(tools.folder, tools.reel))


def deletions_(tools: Tools) -> Tally:
    """kill -9 before each call of a deletion."""
    return _counted(lambda: deletions.deletions_cut_off(tools.folder, tools.reel))


def _counted(work: Callable[[], int]) -> Tally:
    try:
        return Tally(work())
    except AssertionError as error:
        return Tally(1, 0, [str(error)])


def figures_(tools: Tools) -> Tally:
    """What is promised in figures; each is printed."""
    tally = Tally()
    for measure in figures.FIGURES:
        folder = tools.folder / measure.__name__
        folder.mkdir()
        for what, measured, most in measure(folder, tools.video):
            tally.injected += 1
            print(f"  {what}: {measured:g} (at most {most:g})", flush=True)
            if measured > most:
                tally.wrong.append(f"{what}: {measured:g} is more than {most:g}")
    return tally


def chromium(tools: Tools) -> Tally:
    """Clips of strange streams play in Chromium and can be sought in."""
    tally = Tally()
    try:
        tally.add(browser.clips_play(tools.folder))
    except NotHereError as error:
        tally.skipped += 1
        print(f"  skipped: {error}")
    return tally


CAMPAIGNS: dict[str, Callable[[Tools], Tally]] = {
    "power-cuts": power_cuts,
    "lost-indexes": lost_indexes,
    "planted-bugs": planted_bugs,
    "kills": kills,
    "kills-in-a-row": kills_in_a_row,
    "refused-calls": refused_calls,
    "world": world,
    "damaged-indexes": damaged_indexes,
    "wipes": wipes,
    "deletions": deletions_,
    "figures": figures_,
    "chromium": chromium,
}


@contextmanager
def _tools(workers: int) -> Iterator[Tools]:
    folder = Path(tempfile.mkdtemp(dir=RAM))
    try:
        reels.write(folder / "reel.json")
        reels.encode(folder / "camera.mp4")
        reels.write(folder / "camera.json", folder / "camera.mp4")
        yield Tools(folder / "reel.json", folder / "camera.json", folder, workers)
    finally:
        shutil.rmtree(folder)


def _cpu_seconds() -> float:
    """Of this process and of all that it started and that ended."""
    return sum(os.times()[:4])


def main() -> int:
    """Run the campaigns and print what came of them."""
    parser = argparse.ArgumentParser(prog="tests/faults/run", description=__doc__)
    parser.add_argument("campaigns", nargs="*", metavar="NAME", help=", ".join(CAMPAIGNS))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes at a time")
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL + 1)
    clock, lost = SystemClock(), 0
    for name in options.campaigns or CAMPAIGNS:
        began, busy = clock.boot(), _cpu_seconds()
        with _tools(options.workers) as tools:
            tally = CAMPAIGNS[name](tools)
        survived, seconds = tally.injected - len(tally.wrong), (clock.boot() - began) / SECOND
        skipped = f", {tally.skipped} skipped" if tally.skipped else ""
        took = f"({seconds:.0f} s, {_cpu_seconds() - busy:.0f} s of CPU)"
        print(f"{name:16} injected {tally.injected:5}  survived {survived:5}{skipped}  {took}", flush=True)
        for wrong in tally.wrong[:20]:
            print(f"  {wrong}")
        lost += len(tally.wrong)
    print("nothing was lost" if not lost else f"{lost} faults were not survived")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
