"""`camd bench`: how fast and how good camd is on this machine, beside yardsticks in the same run.

Idea: nobody needs to believe our figures. Scenes are drawn here or are your own videos, costs are CPU time and are
told as multiples of something that everybody knows; absolute times are this machine's alone.
Rule: nothing is sent to another machine, and nothing is left behind.
"""

import argparse
import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from fnmatch import fnmatchcase
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Final

from camd import config
from camd.benches import alert, classify, detect, mask, quality, replay
from camd.benches.footage import Size
from camd.benches.report import Bar, Machine, Result, print_lines, print_tables
from camd.drawn.worlds import WORLDS
from camd.errors import UsageError
from camd.terminal import Parser

SMALLEST: Final = 16  # pixels of a side
LARGEST: Final = 4096
FIXTURE: Final = "porch.mp4"  # what the tour replays
PROCESSES: Final = 2  # at most, that draw scenes
TOUR_DETECT: Final = detect.Plan(sizes=(Size(320, 240), Size(640, 480)), rounds=3, kinds=("mixed",))
TOUR_QUALITY: Final = quality.Plan(worlds=("walker", "rain+walker", "light-switch", "foliage"), sizes=(Size(320, 240),))


def main(arguments: list[str]) -> int:
    """`camd bench [detect | quality | replay | classify | mask | alert]`."""
    wanted = _parser().parse_args(arguments)
    with Bar() as bar:
        results = chain([Machine.here()], wanted.bench(wanted, bar))
        if wanted.json:
            print_lines(results)
            return 0
        measured = list(results)
    print_tables(measured)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="camd bench", description=__doc__, epilog="Without BENCH: a short tour of all six.")
    shared = Parser(add_help=False)
    for one in (parser, shared):
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON Lines")
    parser.set_defaults(json=False, bench=_tour)
    benches = parser.add_subparsers(metavar="BENCH", title="benches")
    for name, (what, describe, prepare, bench) in BENCHES.items():
        one = benches.add_parser(name, parents=[shared], help=what, description=describe)
        prepare(one)
        one.set_defaults(bench=bench)
    return parser


def _prepare_detect(parser: argparse.ArgumentParser) -> None:
    _add_sizes(parser, detect.SIZES)
    parser.add_argument("--rounds", type=_positive, default=5, metavar="N", help="how often (default: %(default)s)")
    parser.add_argument(
        "--pace", type=_pace, default=15.0, metavar="FPS", help="frames a second (default: %(default)g)"
    )


def _detect(wanted: Namespace, bar: Bar) -> Iterator[Result]:
    return detect.measure(detect.Plan(_unique(wanted.size), wanted.rounds, wanted.pace), bar)


def _prepare_quality(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="FOLDER",
        help="a folder of videos with .truth.yaml files; with one, scenes are drawn only where --only names some",
    )  # fmt: skip
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="draw these scenes alone; '*' stands for anything, as in 'rain*'"
    )
    _add_sizes(parser, quality.SIZES)
    parser.add_argument(
        "--seeds", type=_positive, default=1, metavar="N", help="draw each scene with N seeds (default: %(default)s)"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings to use instead of the default ones")
    parser.add_argument(
        "--processes", type=_positive, default=min(PROCESSES, os.cpu_count() or 1), metavar="N",
        help="how many runs go on at once (default: %(default)s)",
    )  # fmt: skip


def _quality(wanted: Namespace, bar: Bar) -> Iterator[Result]:
    settings = config.load(wanted.config) if wanted.config else config.Config()
    worlds = _worlds(wanted.only) if wanted.only else () if wanted.folders else tuple(WORLDS)
    plan = quality.Plan(
        worlds, _unique(wanted.size), wanted.seeds, tuple(wanted.folders), settings.vision, wanted.processes
    )
    return quality.measure(plan, bar)


def _prepare_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", type=Path, metavar="VIDEO", help="a video file")
    parser.add_argument("--rounds", type=_positive, default=5, metavar="N", help="how often (default: %(default)s)")


def _replay(wanted: Namespace, bar: Bar) -> Iterator[Result]:
    return replay.measure(replay.Plan(wanted.video, wanted.rounds), bar)


def _prepare_alert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--phases", type=_positive, default=20, metavar="N", help="moments between two frames (default: %(default)s)"
    )


def _alert(wanted: Namespace, bar: Bar) -> Iterator[Result]:
    return alert.measure(alert.Plan(wanted.phases), bar)


def _prepare_classify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=_positive, default=3, metavar="N", help="how often (default: %(default)s)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, for a detector of your own")


def _prepare_mask(parser: argparse.ArgumentParser) -> None:
    _add_sizes(parser, mask.SIZES)


def _mask(wanted: Namespace, bar: Bar) -> Iterator[Result]:
    return mask.measure(_unique(wanted.size), bar)


def _classify(wanted: Namespace, bar: Bar) -> Iterator[Result]:
    settings = config.load(wanted.config) if wanted.config else config.Config()
    return classify.measure(classify.Plan(settings.vision, wanted.rounds), bar)


BENCHES: Final = {
    "detect": ("what a frame costs the detector", detect.__doc__, _prepare_detect, _detect),
    "quality": ("what it finds and what it should not have found", quality.__doc__, _prepare_quality, _quality),
    "replay": ("what a video costs, from file to clip", replay.__doc__, _prepare_replay, _replay),
    "classify": ("what it costs to tell visitors apart", classify.__doc__, _prepare_classify, _classify),
    "mask": ("what private areas cost a recording", mask.__doc__, _prepare_mask, _mask),
    "alert": ("how long until you know", alert.__doc__, _prepare_alert, _alert),
}


def _tour(wanted: Namespace, bar: Bar) -> Iterator[Result]:
    """A little of each."""
    with ExitStack() as stack:
        video = stack.enter_context(resources.as_file(resources.files("camd") / "fixtures" / FIXTURE))
        yield from detect.measure(TOUR_DETECT, bar)
        yield from quality.measure(TOUR_QUALITY, bar)
        yield from replay.measure(replay.Plan(video, rounds=3), bar)
        yield from classify.measure(classify.Plan(config.Config().vision, rounds=1), bar)
        yield from mask.measure(mask.SIZES[-1:], bar)
        yield from alert.measure(alert.Plan(), bar)


def _worlds(patterns: list[str]) -> tuple[str, ...]:
    """The names of the drawn scenes that one of the patterns means."""
    found = [name for name in WORLDS if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if not found:
        raise UsageError(f"no drawn scene is named '{' '.join(patterns)}'. Choose from: {', '.join(WORLDS)}.")
    return tuple(found)


def _add_sizes(parser: argparse.ArgumentParser, sizes: tuple[Size, ...]) -> None:
    shown = " ".join(map(str, sizes))
    parser.add_argument("--size", nargs="+", type=_size, default=sizes, metavar="WxH", help=f"(default: {shown})")


def _unique(sizes: list[Size]) -> tuple[Size, ...]:
    return tuple(dict.fromkeys(sizes))


def _size(text: str) -> Size:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and all(SMALLEST <= int(n) <= LARGEST for n in (width, height))):
        raise argparse.ArgumentTypeError(f"'{text}' is not a size such as 640x480, of {SMALLEST} to {LARGEST} pixels")
    return Size(int(width), int(height))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of 1 or more")
    return int(text)


def _pace(text: str) -> float:
    try:
        fps = float(text)
    except ValueError:
        fps = 0.0
    if not 0.1 <= fps <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a pace of 0.1 to 1000 frames a second")
    return fps
