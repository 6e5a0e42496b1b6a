"""Runs recordings through the house, faster than real time: the testers' verb.

Idea: a video is a camera, time is moved instead of waited for, and every part is the one that `camd run` uses. The
same video, settings and platform give the same output, byte for byte (`wall_s` aside).
Rule: never sends anything; the notify process is not started.
"""

import sys
import tempfile
import threading
from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as Xml

import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from camd import config, score
from camd.camera.frame import Frame, Veil
from camd.camera.stream import FileCamera
from camd.capture import Capture, House
from camd.clips.recorder import Stream
from camd.clock import Clock, ManualClock, SystemClock
from camd.config import Config
from camd.errors import CamdError, UnusableInputError
from camd.model import SECOND, Clip, Ended, Event, Happening, Nanos, Packet, Saved, Suppressed
from camd.places import Places
from camd.score import Score, Span, Truth
from camd.store.shelf import Shelf
from camd.terminal import Parser, print_json, say
from camd.worker import AtOnce

VIDEOS: Final = (".avi", ".mkv", ".mov", ".mp4")
EPILOG: Final = (
    "exit codes: 0 well; 1 a score below what a truth file demands; 64 wrong usage; 65 a video that cannot be used or"
    " breaks off; 75 another camd holds DIR; 78 bad config"
)


def main(arguments: list[str]) -> int:
    """`camd replay VIDEO...`."""
    wanted = _parser().parse_args(arguments)
    settings = config.load(wanted.config)
    videos = [video for given in wanted.videos for video in _videos(given)]
    truths = {video: _truth(video) for video in videos} if wanted.score else {}
    with ExitStack() as stack:
        places = _places(wanted, stack)
        shelf = stack.enter_context(Shelf.open(places, settings.store, ManualClock()))
        progress = stack.enter_context(_progress())
        runs = []
        for video in videos:
            run = _play(video, _Setting(settings, shelf, wanted.realtime), progress)
            _show(run, wanted)
            runs.append(run)
    return _conclude(runs, truths, wanted)


def _parser() -> Parser:
    parser = Parser(prog="camd replay", description=__doc__, epilog=EPILOG)
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO", help="a video file, or a folder of them")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings to use instead of the default file")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep the clips in this folder, a store like any other"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON Lines: an object per event and a summary per video"
    )
    parser.add_argument("--verbose", action="store_true", help="also print what was seen and judged not to be an event")
    parser.add_argument(
        "--score", action="store_true", help="hold the events against VIDEO's .truth.yaml; exit 1 below it"
    )
    parser.add_argument(
        "--accept", action="store_true", help="write the events of this run as .truth.yaml of each video"
    )
    parser.add_argument(
        "--junit", type=Path, metavar="FILE", help="with --score: write JUnit XML, a test case per video"
    )
    parser.add_argument("--realtime", action="store_true", help="as slowly as the video was recorded")
    return parser


def _videos(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    found = sorted(path for path in given.iterdir() if path.suffix.lower() in VIDEOS)
    if not found:
        raise UnusableInputError(f"{given}: there are no videos ({', '.join(VIDEOS)}) in this folder.")
    return found


def _places(wanted: Namespace, stack: ExitStack) -> Places:
    if wanted.data:
        return Places.of(wanted.data)
    temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camd-replay-")))
    return Places(temporary / "data", temporary / "run")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@dataclass(frozen=True, slots=True)
class _Setting:
    config: Config
    shelf: Shelf
    realtime: bool

    def clock(self) -> Clock:
        return SystemClock() if self.realtime else ManualClock()


@dataclass(slots=True, eq=False)
class _Run:
    """One video's replay. `zero` is the clock's time at which the video's own time is 0."""

    video: Path
    happenings: list[Happening] = field(default_factory=list)
    zero: Nanos = 0
    frames: int = 0
    seconds: float = 0.0
    wall_s: float = 0.0
    trouble: CamdError | None = None

    def events(self) -> list[Event]:
        return [happening.event for happening in self.happenings if isinstance(happening, Ended)]

    def suppressed(self) -> list[Suppressed]:
        return [happening for happening in self.happenings if isinstance(happening, Suppressed)]

    def clip_of(self, event: Event) -> Clip | None:
        """The first clip that holds the event, as long as it was kept."""
        clips = (happening.clip for happening in self.happenings if isinstance(happening, Saved))
        return next((clip for clip in clips if event.id in clip.events), None)

    def at(self, t: Nanos) -> float:
        """Seconds on the video's own clock."""
        return round((t - self.zero) / SECOND, 3)

    def spans(self) -> list[Span]:
        return [Span(self.at(event.began), self.at(event.ended), event.label) for event in self.events()]


def _play(video: Path, setting: _Setting, progress: Progress) -> _Run:
    run, clock, stop = _Run(video), setting.clock(), threading.Event()
    started = SystemClock().boot()
    try:
        with FileCamera(video, clock.boot(), Veil(setting.config.vision.privacy)) as camera:
            run.zero = clock.boot() - camera.video_start
            house = House(setting.config, clock, setting.shelf, run.happenings.append)
            capture = Capture(Stream(setting.config.camera.name, camera.format), house, AtOnce())
            try:
                capture.play(_counted(camera, run, progress), stop)
            finally:
                capture.close()
                run.seconds = round((camera.ends - camera.starts) / SECOND, 3)
    except UnusableInputError as error:
        run.trouble = error
    run.wall_s = (SystemClock().boot() - started) / SECOND
    return run


def _counted(camera: FileCamera, run: _Run, progress: Progress) -> Iterator[Packet | Frame]:
    task = progress.add_task(run.video.name, total=camera.length_s)
    for item in camera:
        if isinstance(item, Frame):
            run.frames += 1
            progress.update(task, completed=run.at(item.t))
        yield item
    progress.remove_task(task)


def _show(run: _Run, wanted: Namespace) -> None:
    if run.frames and wanted.json:
        for line in _lines(run, wanted):
            print_json(line)
        sys.stdout.flush()
    elif run.frames:
        Console().print(_table(run, wanted))
    if run.trouble is not None:
        say(str(run.trouble))


def _lines(run: _Run, wanted: Namespace) -> Iterator[dict[str, Any]]:
    """The objects of one video, in order of time."""
    name = run.video.name
    for number, event in enumerate(run.events(), start=1):
        yield {"type": "event", "video": name, "event": number, **_event_json(run, event, wanted)}
    if wanted.verbose:
        for dismissed in run.suppressed():
            span = {"began": run.at(dismissed.began), "ended": run.at(dismissed.ended)}
            yield {"type": "suppressed", "video": name, **span, "reason": asdict(dismissed.reason)}
    yield {
        "type": "summary",
        "video": name,
        "frames": run.frames,
        "seconds": run.seconds,
        "wall_s": round(run.wall_s, 3),
        "events": len(run.events()),
        "suppressed": len(run.suppressed()),
    }


def _event_json(run: _Run, event: Event, wanted: Namespace) -> dict[str, Any]:
    clip = run.clip_of(event)
    return {
        "began": run.at(event.began),
        "ended": run.at(event.ended),
        "label": event.label,
        "confidence": round(event.confidence, 2),
        "clip": f"clips/{clip.id:06d}.mp4" if clip and wanted.data else None,
        "pre_roll": round((event.began - clip.began) / SECOND, 3) if clip else None,
        "zones": list(event.zones),
        "reason": asdict(event.reason),
    }


def _table(run: _Run, wanted: Namespace) -> Table:
    what = f"{len(run.events())} events, {len(run.suppressed())} suppressed"
    caption = f"{run.frames} frames, {run.seconds:.1f} s, in {run.wall_s:.1f} s: {what}"
    table = Table("began", "ended", "what", "why", title=run.video.name, caption=caption, title_justify="left")
    rows = [(event.began, event.ended, event.label, event.reason.rule) for event in run.events()]
    if wanted.verbose:
        rows += [(d.began, d.ended, "suppressed", d.reason.rule) for d in run.suppressed()]
    for began, ended, what, why in sorted(rows):
        table.add_row(f"{run.at(began):.2f} s", f"{run.at(ended):.2f} s", what, why)
    return table


def _conclude(runs: list[_Run], truths: dict[Path, Truth], wanted: Namespace) -> int:
    usable = [run for run in runs if run.frames]
    if wanted.accept:
        for run in usable:
            _accept(run)
    fell_short = _score(usable, truths, wanted) if wanted.score else False
    if any(run.trouble for run in runs):
        return UnusableInputError.exit_code
    return 1 if fell_short else 0


def _accept(run: _Run) -> None:
    events = [{"began": span.began, "ended": span.ended, "label": span.label} for span in run.spans()]
    path = _truth_path(run.video)
    with path.open("w", encoding="utf-8") as file:
        yaml.safe_dump({"v": 1, "events": events}, file, sort_keys=False)
    say(f"{path}: written, {len(events)} events")


def _truth(video: Path) -> Truth:
    path = _truth_path(video)
    try:
        return score.parse(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        how = "Write one, or make one of what is detected with --accept"
        raise UnusableInputError(f"{path}: there is no truth file for this video. {how}.") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnusableInputError(f"{path}: not a truth file: {' '.join(str(error).split())}.") from error


def _truth_path(video: Path) -> Path:
    return video.with_suffix(".truth.yaml")


def _score(runs: list[_Run], truths: dict[Path, Truth], wanted: Namespace) -> bool:
    """Print how each video and all together did; True when one fell short of what its truth file demands."""
    scores = {run: score.score(truths[run.video], run.spans(), run.seconds) for run in runs}
    short = {run: score.shortfalls(truths[run.video], result) for run, result in scores.items()}
    rows = [(run.video.name, scores[run], short[run]) for run in runs]
    rows.append(("total", score.total(scores.values()), []))
    if wanted.json:
        for name, result, words in rows:
            print_json({"type": "score", "video": name, **_score_json(result), "short": words})
    else:
        Console().print(_score_table(rows))
    if wanted.junit:
        _write_junit(wanted.junit, runs, short)
    return any(short.values())


def _score_json(result: Score) -> dict[str, Any]:
    return {
        "hit": result.hit,
        "missed": result.missed,
        "false": result.false,
        "false_s_per_quiet_hour": round(result.false_s_per_quiet_hour, 1),
        "delay_median": result.delay_median,
        "delay_p90": result.delay_p90,
        "labels_right": result.labels_right,
        "labels_known": result.labels_known,
    }


def _score_table(rows: Iterable[tuple[str, Score, list[str]]]) -> Table:
    table = Table("video", "hit", "missed", "false", "false s per quiet h", "delay median", "p90", "labels right", "")
    for name, result, words in rows:
        numbers = _score_json(result)
        delays = ["" if numbers[key] is None else f"{numbers[key]:.2f} s" for key in ("delay_median", "delay_p90")]
        labels = f"{result.labels_right} of {result.labels_known}"
        counts = [str(numbers[key]) for key in ("hit", "missed", "false", "false_s_per_quiet_hour")]
        table.add_row(name, *counts, *delays, labels, "; ".join(words) or "ok")
    return table


def _write_junit(path: Path, runs: list[_Run], short: dict[_Run, list[str]]) -> None:
    failures = sum(bool(words) for words in short.values())
    suite = Xml.Element("testsuite", name="camd replay", tests=str(len(runs)), failures=str(failures))
    for run in runs:
        case = Xml.SubElement(suite, "testcase", classname="camd.replay", name=run.video.name, time=f"{run.wall_s:.3f}")
        if short[run]:
            Xml.SubElement(case, "failure", message="; ".join(short[run]))
    Xml.indent(suite)
    Xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
