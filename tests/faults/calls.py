"""Faults of single system calls: a kill before each of them, and each refused once or from then on.

Idea: strace puts the fault into a real session: `kill -9` on entering the Nth call, or an error in its place. After it
camd starts on what is left; nothing that was acknowledged may be lost, and a session that lives goes on by itself.
"""

import random
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from camd.places import Places
from tests.faults.expected import Expected, recover
from tests.faults.powercut import RAM
from tests.faults.trace import ROOT, Worked

CHANGES = ("write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "ftruncate", "mkdir")
ERRORS = (  # calls, what they are refused with, and which of them: 1 is each, 3 every third
    ("write", "ENOSPC", 1),
    ("pwrite64", "ENOSPC", 1),
    ("write", "EIO", 1),
    ("pwrite64", "EIO", 1),
    ("pwrite64", "EDQUOT", 5),
    ("fsync", "EIO", 1),
    ("fdatasync", "EIO", 1),
    ("fsync", "ENOSPC", 4),
    ("fdatasync", "ENOSPC", 4),
    ("rename", "EIO", 1),
    ("unlink", "EIO", 1),
    ("ftruncate", "EIO", 1),
    ("mkdir", "ENOSPC", 1),
    ("openat", "EMFILE", 2),
    ("openat", "ENOSPC", 4),
    ("openat", "EROFS", 4),
    ("pwrite64", "EROFS", 4),
    ("unlink", "EROFS", 1),
)
_ENDS = (0, 73)  # well, or "cannot write"; anything else is a fault of ours


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the `nth` such call (or, `sticky`, of it and all later ones): KILL or an error's name."""

    call: str
    what: str
    nth: int
    sticky: bool = False

    def options(self) -> tuple[str, ...]:
        """strace's way to say it."""
        how = "signal=KILL" if self.what == "KILL" else f"error={self.what}"
        when = f"{self.nth}{'+' if self.sticky else ''}"
        return ("-o", "/dev/null", "-e", f"trace={self.call}", "-e", f"inject={self.call}:{how}:when={when}")

    def __str__(self) -> str:
        return f"{self.what} {'from' if self.sticky else 'at'} {self.call} number {self.nth}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A fault to be put into a session that goes by these marks when it is whole."""

    fault: Fault
    reel: Path
    whole: tuple[str, ...]


@cache
def counts(reel: Path) -> dict[str, list[int]]:
    """Each call that a whole session makes -> the numbers of those that concern its store (not Python's own files)."""
    whole(reel)  # first, so that Python has compiled its files and opens the same ones each time
    folder = Path(tempfile.mkdtemp(dir=RAM))
    try:
        work, log = Worked(folder, reel), folder / "log"
        done = work.run("-o", str(log), "-e", f"trace={','.join((*CHANGES, 'openat'))}")
        assert done.returncode == 0, done.stderr
        lines = log.read_text(errors="replace").splitlines()
        opens = [line for line in lines if line.startswith("openat")]
        found = {call: sum(line.startswith(f"{call}(") for line in lines) for call in CHANGES}
        ours = [number for number, line in enumerate(opens, 1) if str(folder) in line]
        return {**{call: list(range(1, count + 1)) for call, count in found.items()}, "openat": ours}
    finally:
        shutil.rmtree(folder)


@cache
def whole(reel: Path) -> tuple[str, ...]:
    """The marks of a session without a fault."""
    folder = Path(tempfile.mkdtemp(dir=RAM))
    try:
        return tuple(Worked(folder, reel).run().stdout.splitlines())
    finally:
        shutil.rmtree(folder)


def survives(trial: Trial) -> list[str]:
    """Put the fault in; what is wrong afterwards."""
    folder = Path(tempfile.mkdtemp(dir=RAM))
    try:
        work = Worked(folder, trial.reel)
        done = work.run(*trial.fault.options())
        places = Places(folder / "data", folder / "run")
        marks = done.stdout.splitlines()
        if trial.fault.what == "KILL":
            wrong = [] if done.returncode in (0, -9, 137) else [f"it ended with {done.returncode}"]
            expected = Expected.after(marks, list(trial.whole[len(marks) :]))
        else:
            wrong = _lived(trial.fault, done.returncode, marks, done.stderr)
            expected = Expected.after(marks, [])
            expected.going |= _taken(trial.whole)  # a refused eviction may have been done all the same
        places.make()
        return [f"{trial.fault}: {each}" for each in wrong + recover(places, work.max_bytes, expected)]
    finally:
        shutil.rmtree(folder)


def run(trials: Iterable[Trial], workers: int) -> tuple[int, list[str]]:
    """Try them all; returns how many there were, and what was wrong."""
    tried, wrong = 0, []
    with get_context("spawn").Pool(workers) as pool:
        for faults in pool.imap_unordered(survives, trials):
            tried += 1
            wrong += faults[:1]
    return tried, wrong


def kills(reel: Path, every: int = 1) -> list[Trial]:
    """A kill before each change of the disk (or before every so many)."""
    marks = whole(reel)
    each = [Fault(call, "KILL", nth) for call in CHANGES for nth in counts(reel)[call]]
    return [Trial(fault, reel, marks) for fault in each[::every]]


def errors(reel: Path, every: int = 1) -> list[Trial]:
    """Each error of each call, once and from then on."""
    marks = whole(reel)
    faults = []
    for call, what, step in ERRORS:
        for nth in counts(reel)[call][::step]:
            faults += [Fault(call, what, nth), Fault(call, what, nth, sticky=True)]
    return [Trial(fault, reel, marks) for fault in faults[::every]]


def kills_in_a_row(reel: Path, times: int, seed: int) -> tuple[int, list[str]]:
    """Kill session after session on one store, each at a moment drawn by chance; nothing may be lost on the way."""
    dice = random.Random(seed)
    each = [Fault(call, "KILL", nth) for call in CHANGES[:6] for nth in counts(reel)[call]]
    folder = Path(tempfile.mkdtemp(dir=RAM))
    seen: list[str] = []
    wrong: list[str] = []
    try:
        work = Worked(folder, reel, max_bytes=1_000_000_000)  # nothing has to go
        for turn in range(times):
            done = work.run(*dice.choice(each).options())
            seen += done.stdout.splitlines()
            if turn % 10 == 9 or turn == times - 1:
                expected = Expected.after(seen, [])
                found = recover(Places(folder / "data", folder / "run"), work.max_bytes, expected)
                wrong += [f"after {turn + 1} kills: {fault}" for fault in found]
    finally:
        shutil.rmtree(folder)
    return times, wrong


def _lived(fault: Fault, code: int, marks: list[str], stderr: str) -> list[str]:
    """What must hold of a session that was not killed: it ended in order, and recording went on when it could."""
    if code not in _ENDS:
        return [f"it ended with {code}: {(stderr.strip().splitlines() or ['nothing said'])[-1]}"]
    told = [mark for mark in marks if mark.startswith("fault")]
    if not fault.sticky and told and told[-1] != "fault False":
        return ["recording did not go on"]
    return []


def _taken(marks: Iterable[str]) -> set[int]:
    return {int(mark.split()[1]) for mark in marks if mark.startswith(("dropped", "deleting"))}


assert (ROOT / "tests").is_dir(), "sessions run from the project's folder"
