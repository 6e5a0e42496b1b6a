"""What a video costs from file to clip, stage by stage, as multiples of decoding it.

Idea: decoding is what nobody can avoid, so everything is told against a plain decode: PyAV, one thread, every picture
in full quality. *Detect* is camd's camera, which decodes, and its watcher; *remux* is a camera's whole way through the
house, into a store that is thrown away and was opened before.
As whole processes, `camd replay` runs in turn with `dvr-scan -so` (its scan without output) where that is installed.
Rule: CPU time, user and system, of the process that does the work.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import av

from camd.benches.measure import Spread, interleaved, ratios
from camd.benches.report import Bar, Result
from camd.camera.frame import Frame
from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import ManualClock, SystemClock, cpu_seconds
from camd.config import Config
from camd.errors import UnusableInputError
from camd.model import SECOND
from camd.pipeline import House, Pipeline
from camd.places import Places
from camd.recording import Recording
from camd.store.shelf import Shelf
from camd.watcher import Watcher
from camd.worker import AtOnce

T = TypeVar("T")

REFERENCE: Final = "decode"
OURS: Final = "camd replay"
LOOK_EVERY: Final = SECOND // 50  # at the memory of a command that runs


@dataclass(frozen=True, slots=True)
class Plan:
    """Which video, and how often."""

    video: Path
    rounds: int = 5


@dataclass(frozen=True, slots=True)
class StageCost:
    """What a stage and all before it cost."""

    columns: ClassVar[tuple[str, ...]] = ("stage", "CPU ms a frame", "frames a CPU second", "times a plain decode")

    video: str
    frames: int
    stage: str
    ms: Spread
    ratio: Spread

    @property
    def title(self) -> str:
        """Names the video."""
        return f"{self.video}, stage by stage"

    @property
    def per_second(self) -> float:
        """Frames that a second of CPU time is enough for."""
        return 1000 / self.ms.median

    def json(self) -> dict[str, Any]:
        """Milliseconds and ratio as median, min and max."""
        told = {"video": self.video, "frames": self.frames, "stage": self.stage}
        figures = {"ms": self.ms.json(), "frames_per_cpu_s": round(self.per_second, 1), "ratio": self.ratio.json()}
        return {"type": "stage", **told, **figures}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        return self.stage, str(self.ms), f"{self.per_second:.0f}", str(self.ratio)


@dataclass(frozen=True, slots=True)
class ProcessCost:
    """What a whole command costs, from its start to its end; `peak_mb` is the most memory that it held."""

    columns: ClassVar[tuple[str, ...]] = ("command", "CPU s", "peak MB", "times camd replay")

    video: str
    command: str
    cpu_s: Spread
    peak_mb: float
    ratio: Spread

    @property
    def title(self) -> str:
        """Names the video."""
        return f"{self.video}, whole commands"

    def json(self) -> dict[str, Any]:
        """CPU seconds and ratio as median, min and max."""
        told = {"video": self.video, "command": self.command, "peak_mb": round(self.peak_mb, 1)}
        return {"type": "process", **told, "cpu_s": self.cpu_s.json(), "ratio": self.ratio.json()}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        return self.command, str(self.cpu_s), f"{self.peak_mb:.0f}", str(self.ratio)


def measure(plan: Plan, bar: Bar) -> Iterator[Result]:
    """Measure the stages, then whole processes. Raises `UnusableInputError` for a video that cannot be played."""
    yield from _stages(plan, bar)
    yield from _processes(plan, bar)


def _stages(plan: Plan, bar: Bar) -> Iterator[StageCost]:
    video = plan.video
    frames = _detect(video)  # the first to open the file: what is wrong with it is said in the house's words
    bar.begin(video.name, len(STAGES) * plan.rounds)
    passes = {name: partial(stage, video) for name, stage in STAGES.items()}
    costs = interleaved(passes, plan.rounds, bar.done)
    compared = ratios(costs, REFERENCE)
    for name, figures in costs.items():
        ms = Spread.of(1000 * seconds / frames for seconds in figures)
        yield StageCost(video.name, frames, name, ms, compared[name])


def _cost(stage: Callable[[T], object], what: T) -> float:
    began = cpu_seconds()
    stage(what)
    return cpu_seconds() - began


def _demux(video: Path) -> int:
    with av.open(str(video)) as container:
        return sum(packet.size for packet in container.demux(container.streams.video[0]))


def _decode(video: Path) -> int:
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return sum(1 for _ in container.decode(stream))


def _detect(video: Path) -> int:
    """Return the number of frames that the camera gave."""
    watcher, frames = Watcher(Config().vision, "bench", _ignore, _ignore), 0
    with FileCamera(video) as camera:
        for item in camera:
            if isinstance(item, Frame):
                watcher.look(item)
                frames += 1
    watcher.close()
    return frames


def _remux(video: Path) -> float:
    settings, clock = Config(), ManualClock()
    with tempfile.TemporaryDirectory(prefix="camd-bench-") as folder, FileCamera(video) as camera:
        places = Places(Path(folder, "data"), Path(folder, "run"))
        with Shelf.open(places, settings.store, clock) as shelf:
            house = House(settings, clock, Recording(shelf, clock), _ignore)
            return _cost(partial(_play, house), camera)


def _play(house: House, camera: FileCamera) -> None:
    capture = Pipeline(Stream("bench", camera.format), house, AtOnce())
    capture.play(camera, threading.Event())
    capture.close()


# Each returns its CPU seconds.
STAGES: Final[dict[str, Callable[[Path], float]]] = {
    "demux": partial(_cost, _demux),
    REFERENCE: partial(_cost, _decode),
    "detect": partial(_cost, _detect),
    "remux": _remux,
}


def _ignore(_: object) -> None:
    """Whoever is told here does nothing."""


def _processes(plan: Plan, bar: Bar) -> Iterator[ProcessCost]:
    video = str(plan.video.absolute())
    commands = {OURS: [sys.executable, "-m", "camd", "replay", "--json", video]}
    peer = shutil.which("dvr-scan")
    if peer:
        commands["dvr-scan -so"] = [peer, "-so", "-q", "-i", video]
    bar.begin("whole commands", len(commands) * plan.rounds)
    peaks = dict.fromkeys(commands, 0.0)
    with tempfile.TemporaryDirectory(prefix="camd-bench-") as folder:

        def run(name: str) -> float:
            cpu_s, peak_mb = _run(commands[name], Path(folder))
            peaks[name] = max(peaks[name], peak_mb)
            return cpu_s

        costs = interleaved({name: partial(run, name) for name in commands}, plan.rounds, bar.done)
    compared = ratios(costs, OURS)
    for name, figures in costs.items():
        yield ProcessCost(plan.video.name, name, Spread.of(figures), peaks[name], compared[name])


def _run(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Run a command to its end and return its CPU seconds and peak memory in MB."""
    clock, never = SystemClock(), threading.Event()
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peak_kb, ended = 0, os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, process.pid, ended) is None:
        peak_kb = max(peak_kb, _peak_kb(process.pid))
        clock.wait(clock.boot() + LOOK_EVERY, never)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        said = f"'{' '.join(command)}' ended with code {process.returncode}"
        raise UnusableInputError(f"{said}. Run it by itself to see why.")
    return usage.ru_utime + usage.ru_stime, peak_kb / 1000


def _peak_kb(pid: int) -> int:
    """The most memory that a running process has held; 0 when it is just ending. `ru_maxrss` would count ours too."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0
