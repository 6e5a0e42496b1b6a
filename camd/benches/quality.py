"""How good the detector is: drawn worlds with exact truth, and videos with truth files.

Idea: each run plays one drawn world (at one size, with one seed) or one video into the watcher that `camd run` uses,
and holds the events against the truth as `camd replay --score` does. Drawn pictures are made while they are watched.
Told beside the score, because one visitor should make one event: `merged`, how often two who were there one after
the other became one event, and `split`, how often one visitor made another event.
"""

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from typing import Any, ClassVar, Final

import cv2
import numpy as np
import yaml

from camd import score
from camd.benches.footage import Size
from camd.benches.report import Bar, Result
from camd.camera.frame import Frame, Veil
from camd.camera.stream import FileCamera
from camd.config import VisionConfig
from camd.drawn.worlds import WORLDS
from camd.errors import UnusableInputError
from camd.model import SECOND, Ended, Finding
from camd.replay import VIDEOS
from camd.scene import Scene, frames, truth
from camd.score import OVERLAP, Score, Span, Truth
from camd.watcher import Watcher

TOLERATED: Final = 0.02  # of the quiet time may be called an event before a run counts as having fallen short
SIZES: Final = (Size(320, 240), Size(640, 480), Size(1280, 720))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawn world to run."""

    name: str
    size: Size
    seed: int

    @property
    def variant(self) -> str:
        """Which of the world's runs it is."""
        return f"{self.size} seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Filmed:
    """A video to run; its truth file lies beside it."""

    path: Path
    variant: ClassVar[str] = "video"

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


Job = Drawn | Filmed


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: the drawn worlds at each size with each seed, then the videos of the folders."""

    worlds: tuple[str, ...] = tuple(WORLDS)
    sizes: tuple[Size, ...] = SIZES
    seeds: int = 1
    folders: tuple[Path, ...] = ()
    vision: VisionConfig = field(default_factory=VisionConfig)
    processes: int = 1

    def jobs(self) -> list[Job]:
        """Every run, worlds first. Raises `UnusableInputError` for a folder that holds no video with a truth file."""
        seeds = range(1, self.seeds + 1)
        drawn = [Drawn(name, size, seed) for name, size, seed in product(self.worlds, self.sizes, seeds)]
        return [*drawn, *(Filmed(video) for folder in self.folders for video in _videos(folder))]


@dataclass(frozen=True, slots=True)
class Run:
    """How one run did."""

    title: ClassVar[str] = ""
    columns: ClassVar[tuple[str, ...]] = ()

    job: Job
    score: Score
    merged: int
    split: int

    def json(self) -> dict[str, Any]:
        """The score of this run."""
        return {"type": "run", "scene": self.job.name, "variant": self.job.variant, **_figures([self])}

    def cells(self) -> tuple[str, ...]:
        """Not shown: the table has a row for all runs of a scene."""
        return ()

    @property
    def fell_short(self) -> bool:
        """Whether a visitor made no event or not one of his own, or nobody made one."""
        too_long = self.score.false_s > TOLERATED * self.score.quiet_s
        return bool(self.score.missed or self.score.false or self.merged or self.split or too_long)


@dataclass(frozen=True, slots=True)
class Summary:
    """All runs of one scene, or all of them."""

    title: ClassVar[str] = "what the detector makes of known scenes (delay: median, p90, worst)"
    columns: ClassVar[tuple[str, ...]] = (
        "scene", "hit", "merged", "split", "false", "false s", "delay s"
    )  # fmt: skip

    kind: str
    scene: str
    runs: tuple[Run, ...]

    def json(self) -> dict[str, Any]:
        """The scores as one."""
        return {"type": self.kind, "scene": self.scene, "runs": len(self.runs), **_figures(self.runs)}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        told = _figures(self.runs)
        hit = f"{told['hit']} of {told['hit'] + told['missed']}"
        counts = [str(told[name]) for name in ("merged", "split", "false")]
        delays = " ".join(f"{told[name]:.2f}" for name in DELAYS if told[name] is not None)
        return self.scene, hit, *counts, f"{told['false_s']:.1f}", delays


@dataclass(frozen=True, slots=True)
class Shortcoming:
    """A run that did not go as it should."""

    title: ClassVar[str] = "runs that fell short"
    columns: ClassVar[tuple[str, ...]] = ("scene", "variant", "missed", "merged", "split", "false", "false s")

    run: Run

    def json(self) -> dict[str, Any]:
        """Which run it was; its figures stand in its own object."""
        return {"type": "short", "scene": self.run.job.name, "variant": self.run.job.variant}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        told = _figures([self.run])
        counts = [str(told[name]) for name in ("missed", "merged", "split", "false")]
        return self.run.job.name, self.run.job.variant, *counts, f"{told['false_s']:.1f}"


DELAYS: Final = ("delay_median", "delay_p90", "delay_worst")


def measure(plan: Plan, bar: Bar) -> Iterator[Result]:
    """Run all that is planned; then how each scene did, and all drawn ones and all videos together."""
    jobs = plan.jobs()
    bar.begin("scenes", len(jobs))
    runs = []
    for run in _judged(jobs, plan):
        bar.done()
        runs.append(run)
        yield run
    for name in dict.fromkeys(run.job.name for run in runs):
        yield Summary("scene", name, tuple(run for run in runs if run.job.name == name))
    for kind, name in ((Drawn, "all drawn"), (Filmed, "all videos")):
        alike = tuple(run for run in runs if isinstance(run.job, kind))
        if alike:
            yield Summary("total", name, alike)
    yield from (Shortcoming(run) for run in runs if run.fell_short)


def judge(vision: VisionConfig, job: Job) -> Run:
    """Run one job. Raises `UnusableInputError` for a video or truth file that cannot be used."""
    match job:
        case Drawn(name, size, seed):
            scene = WORLDS[name](*size, seed)
            right, seconds, found = score.parse(truth(scene)), scene.seconds, _events(_filmed(scene), vision)
        case Filmed(path):
            right = _truth(path)
            with FileCamera(path) as camera:
                found = _events((item for item in camera if isinstance(item, Frame)), vision)
                zero, seconds = camera.video_start / SECOND, (camera.ends - camera.starts) / SECOND
            found = [Span(span.began + zero, span.ended + zero, span.label) for span in found]
    return Run(job, score.score(right, found, seconds), _merged(right, found), _split(right, found))


def _judged(jobs: Sequence[Job], plan: Plan) -> Iterator[Run]:
    """Run the jobs and give their results in order."""
    work, processes = partial(judge, plan.vision), min(plan.processes, len(jobs))
    if processes <= 1:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, jobs)


def _filmed(scene: Scene) -> Iterator[Frame]:
    for seconds, drawn in frames(scene):
        luma = cv2.cvtColor(drawn, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
        yield Frame(round(seconds * SECOND), luma, drawn.copy, Veil())


def _events(film: Iterable[Frame], vision: VisionConfig) -> list[Span]:
    """The events that the watcher finds, in seconds of the camera's clock."""
    found: list[Finding] = []
    watcher = Watcher(vision, "bench", lambda _: None, found.append)
    for frame in film:
        watcher.look(frame)
    watcher.close()
    events = [finding.event for finding in found if isinstance(finding, Ended)]
    return [Span(round(e.began / SECOND, 3), round(e.ended / SECOND, 3), e.label) for e in events]


def _merged(right: Truth, found: Sequence[Span]) -> int:
    """How often one event held two visitors, the second of whom came after the first had left."""
    pairs = [(first, second) for first, second in pairwise(sorted(right.events)) if first.overlap(second) < 0]
    return sum(min(span.overlap(first), span.overlap(second)) > OVERLAP for first, second in pairs for span in found)


def _split(right: Truth, found: Sequence[Span]) -> int:
    """How often one visitor made another event after his first."""
    events = (sum(span.overlap(visit) > OVERLAP for span in found) for visit in right.events)
    return sum(max(0, count - 1) for count in events)


def _figures(runs: Sequence[Run]) -> dict[str, Any]:
    whole = score.total(run.score for run in runs)
    worst = max(whole.delays, default=None)
    return {
        "hit": whole.hit,
        "missed": whole.missed,
        "events": whole.detected,
        "merged": sum(run.merged for run in runs),
        "split": sum(run.split for run in runs),
        "false": whole.false,
        "false_s": round(whole.false_s, 3),
        "quiet_s": round(whole.quiet_s, 3),
        **dict(zip(DELAYS, (whole.delay_median, whole.delay_p90, worst), strict=True)),
    }


def _videos(folder: Path) -> list[Path]:
    """The videos of a folder that have a truth file."""
    if not folder.is_dir():
        raise UnusableInputError(f"{folder}: there is no such folder. Give one with videos and their truth files.")
    videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEOS)
    found = [path for path in videos if _truth_file(path).is_file()]
    if not found:
        how = "Write one beside each video, or make them with 'camd replay --accept'"
        raise UnusableInputError(f"{folder}: no video in this folder has a .truth.yaml file. {how}.")
    return found


def _truth_file(video: Path) -> Path:
    return video.with_suffix(".truth.yaml")


def _truth(video: Path) -> Truth:
    path = _truth_file(video)
    try:
        return score.parse(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnusableInputError(f"{path}: not a truth file: {' '.join(str(error).split())}.") from error
