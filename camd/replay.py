"""Runs recordings through the house, faster than real time: the testers' verb.

A video is a camera, time is moved instead of waited for, and every part is the one that `camd run` uses. The same
video, settings and platform give the same output, byte for byte (`wall_s` aside). Nothing is sent to anybody.
"""

import argparse
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from camd import config, score
from camd.clips.adopt import adopt
from camd.clock import ManualClock
from camd.config import Config
from camd.errors import UnusableInputError, UsageError
from camd.learning import factory
from camd.places import Places
from camd.replays import against, report, sheet
from camd.replays.film import Film
from camd.replays.heat import Heat
from camd.replays.playing import Run, Setting, Viewer, play
from camd.replays.report import Detail
from camd.score import Truth
from camd.store.files import writing
from camd.store.shelf import Shelf
from camd.terminal import Parser, print_json, say
from camd.vision.classify import Classifier
from camd.vision.quiet import Quiet

VIDEOS: Final = (".avi", ".mkv", ".mov", ".mp4")
EPILOG: Final = (
    "exit codes: 0 well; 1 a score below what a truth file demands; 64 wrong usage; 65 a video that cannot be used or"
    " breaks off; 73 an output that cannot be written; 75 another camd holds DIR; 78 bad config"
)
# What is told of a run with one kind of settings, and so not beside --against.
ALONE: Final = ("score", "accept", "junit", "explain", "sheet", "heat", "verbose", "data")


def main(arguments: list[str]) -> int:
    """`camd replay VIDEO...`."""
    wanted = _parser().parse_args(arguments)
    settings = config.load(wanted.config)
    videos = [video for given in wanted.videos for video in _videos(given)]
    _check(wanted, videos)
    with ExitStack() as stack:
        desk = _Desk(wanted, _setting(settings, wanted, stack), stack.enter_context(_progress()))
        if wanted.against:
            other = _setting(config.load(wanted.against), wanted, stack)
            return _code([run for video in videos for run in desk.compare(video, other)])
        truths = {video: _truth(video) for video in videos} if wanted.score else {}
        runs = [desk.run(video) for video in videos]
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
        "--learned", type=Path, metavar="FILE", help="apply the quiet places that a camera learned (quiet/CAMERA.json)"
    )
    parser.add_argument("--realtime", action="store_true", help="as slowly as the video was recorded")
    pictures = parser.add_argument_group("why", "what vision made of one video, as pictures to look at or to send")
    pictures.add_argument(
        "--explain", type=_ending(".mp4"), metavar="OUT.mp4",
        help="film it: what moves, what is followed, which rule decided, over the video",
    )  # fmt: skip
    pictures.add_argument(
        "--sheet", type=_ending(".png"), metavar="OUT.png", help="one picture: a row for each event, with its reason"
    )
    pictures.add_argument(
        "--heat", type=_ending(".png"), metavar="OUT.png",
        help="one picture: how often it moves where, and which places are quiet by habit",
    )  # fmt: skip
    scoring = parser.add_argument_group("how good")
    scoring.add_argument(
        "--score", action="store_true", help="hold the events against VIDEO's .truth.yaml; exit 1 below it"
    )
    scoring.add_argument(
        "--accept", action="store_true", help="write the events of this run as .truth.yaml of each video"
    )
    scoring.add_argument(
        "--junit", type=Path, metavar="FILE", help="with --score: write JUnit XML, a test case per video"
    )
    scoring.add_argument(
        "--against", type=Path, metavar="OTHER.yaml",
        help="play each video with these settings too, and print which events appear, vanish or change with them",
    )  # fmt: skip
    return parser


def _ending(suffix: str) -> Callable[[str], Path]:
    def path(text: str) -> Path:
        if Path(text).suffix.lower() != suffix:
            raise argparse.ArgumentTypeError(f"'{text}' does not end in {suffix}")
        return Path(text)

    return path


def _videos(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    found = sorted(path for path in given.iterdir() if path.suffix.lower() in VIDEOS)
    if not found:
        raise UnusableInputError(f"{given}: there are no videos ({', '.join(VIDEOS)}) in this folder.")
    return found


def _check(wanted: Namespace, videos: Sequence[Path]) -> None:
    """Refuse what cannot be had together."""
    beside = [f"--{name}" for name in ALONE if getattr(wanted, name)]
    if wanted.against and beside:
        raise UsageError(f"camd replay: --against cannot be had together with {', '.join(beside)}. Give one of them.")
    if (wanted.explain or wanted.sheet or wanted.heat) and len(videos) > 1:
        raise UsageError(f"camd replay: --explain, --sheet and --heat show one video. got {len(videos)}. Give one.")
    if wanted.explain and wanted.explain.resolve() in [video.resolve() for video in videos]:
        raise UsageError(f"camd replay: --explain would overwrite {wanted.explain}. Give another name.")


def _setting(settings: Config, wanted: Namespace, stack: ExitStack) -> Setting:
    places = _places(wanted.data, stack)
    shelf = stack.enter_context(Shelf.open(places, settings.store, ManualClock()))
    adopt(shelf, settings.camera.name)
    return Setting(settings, shelf, wanted.realtime, _learned(wanted.learned), _classifier(settings, places))


def _classifier(settings: Config, places: Places) -> Classifier | None:
    """Who tells visitors apart, with what was learned in the data folder that is played into."""
    if not settings.vision.classify:
        return None
    return factory.classifier(settings.vision, factory.head_in_use(places.heads, say))


def _learned(path: Path | None) -> bytes:
    try:
        return Quiet.check(path.read_bytes()) if path else b""
    except (OSError, UnusableInputError) as error:
        raise UnusableInputError(f"{path}: {error}") from error


def _places(data: Path | None, stack: ExitStack) -> Places:
    if data:
        return Places.of(data)
    temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camd-replay-")))
    return Places(temporary / "data", temporary / "run")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Desk:
    """Plays videos and shows what came of them, as it was wanted."""

    def __init__(self, wanted: Namespace, setting: Setting, progress: Progress) -> None:
        self._wanted, self._setting, self._progress = wanted, setting, progress

    def run(self, video: Path) -> Run:
        """Play one video, draw it, and show its events."""
        run, vision = Run(video), self._setting.config.vision
        log, heat = sheet.Log(), Heat()
        with ExitStack() as stack:
            viewers: list[Viewer] = [*([log] if self._wanted.sheet else []), *([heat] if self._wanted.heat else [])]
            if self._wanted.explain:
                viewers.append(stack.enter_context(Film(self._wanted.explain, run, vision)))
            play(run, self._setting, self._progress, viewers)
        if self._wanted.sheet and run.frames:
            sheet.write(self._wanted.sheet, run, log, vision)
        if self._wanted.heat and run.frames:
            heat.write(self._wanted.heat)
        self._show(run)
        return run

    def _show(self, run: Run) -> None:
        detail = Detail(suppressed=self._wanted.verbose, kept=bool(self._wanted.data))
        if run.frames and self._wanted.json:
            for line in report.lines(run, detail):
                print_json(line)
            sys.stdout.flush()
        elif run.frames:
            Console().print(report.table(run, detail))
        _tell_trouble(run)

    def compare(self, video: Path, other: Setting) -> tuple[Run, Run]:
        """Play one video with both settings and show what the others change."""
        run, against_ = Run(video), Run(video)
        play(run, self._setting, self._progress)
        play(against_, other, self._progress)
        changes = against.changes(against.found(run), against.found(against_))
        if self._wanted.json:
            for change in changes:
                print_json(against.line(change, run, against_))
            sys.stdout.flush()
        elif run.frames:
            Console().print(against.table(changes, run, self._wanted.against.name))
        _tell_trouble(run)
        return run, against_


def _tell_trouble(run: Run) -> None:
    if run.trouble is not None:
        say(str(run.trouble))


def _conclude(runs: list[Run], truths: dict[Path, Truth], wanted: Namespace) -> int:
    usable = [run for run in runs if run.frames]
    if wanted.accept:
        for run in usable:
            _accept(run)
    fell_short = _score(usable, truths, wanted) if wanted.score else False
    return _code(runs) or int(fell_short)


def _code(runs: list[Run]) -> int:
    return UnusableInputError.exit_code if any(run.trouble for run in runs) else 0


def _accept(run: Run) -> None:
    events = [{"began": span.began, "ended": span.ended, "label": span.label} for span in run.spans()]
    path = _truth_path(run.video)
    with writing(path), path.open("w", encoding="utf-8") as file:
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


def _score(runs: list[Run], truths: dict[Path, Truth], wanted: Namespace) -> bool:
    """Print how each video and all together did; True when one fell short of what its truth file demands."""
    each = report.verdicts(runs, truths)
    if wanted.json:
        for verdict in (*each, report.total(each)):
            print_json(report.verdict_json(verdict))
    else:
        console = Console()
        console.print(report.score_table(each))
        for words in report.shortfalls(each):
            console.print(words, style="red", soft_wrap=True, markup=False, highlight=False)
    if wanted.junit:
        report.write_junit(wanted.junit, runs, each)
    return any(verdict.short for verdict in each)
