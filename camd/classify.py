"""`camd classify`: what camd's classifier, or the one you brought, makes of pictures of one thing each.

Rule: the same network, head and preparation as in `camd run`. The answer is always one of person, vehicle, animal and
other; over an event camd asks several pictures, and says `motion` when they do not agree.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from camd import config
from camd.clock import thread_cpu_ns
from camd.errors import UnusableInputError
from camd.learning import factory
from camd.model import LABELS
from camd.places import Places
from camd.terminal import Parser, print_json, say
from camd.vision.classify import Classifier, Guess
from camd.vision.crop import Grey, whole

ROUNDS = 5  # of which the quickest is told: the first pays for what is made once


def main(arguments: list[str]) -> int:
    """`camd classify IMAGE...`."""
    wanted = _parser().parse_args(arguments)
    settings = config.load(wanted.config)
    places = Places.of(wanted.data or settings.store.data)
    cv2.setNumThreads(1)
    classifier = factory.classifier(settings.vision, factory.head_in_use(places.heads, say))
    found, trouble = [], None
    for path in wanted.images:
        try:
            found.append(_answer(path, classifier))
        except UnusableInputError as error:
            trouble = error
            say(str(error))
            continue
        if wanted.json:
            print_json(found[-1])
    if not wanted.json and found:
        Console().print(_table(found))
    return trouble.exit_code if trouble else 0


def _parser() -> Parser:
    parser = Parser(
        prog="camd classify", description=__doc__, epilog="exit codes: 0 well; 65 a picture that cannot be used"
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="a picture that shows one thing")
    parser.add_argument("--json", action="store_true", help="print JSON Lines: an object per picture")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings to use instead of the default file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder whose learned head is used")
    return parser


def _answer(path: Path, classifier: Classifier) -> dict[str, Any]:
    grey = _read(path)
    guess, took = _timed(classifier, grey)
    chances = {label: round(chance, 4) for label, chance in zip(LABELS, guess.probabilities, strict=True)}
    return {"image": str(path), "label": guess.label, "probabilities": chances, "ms": round(took, 3)}


def _read(path: Path) -> Grey:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise UnusableInputError(f"{path}: cannot be read ({error.strerror}).") from error
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if picture is None:
        raise UnusableInputError(f"{path}: not a picture that OpenCV can read. Give a JPEG or PNG.")
    return whole(picture.astype(np.uint8, copy=False)).grey


def _timed(classifier: Classifier, grey: Grey) -> tuple[Guess, float]:
    """The guess, and what it took in milliseconds of CPU."""
    took = []
    for _ in range(ROUNDS):
        began = thread_cpu_ns()
        guess = classifier.guess(grey)
        took.append((thread_cpu_ns() - began) / 1e6)
    return guess, min(took)


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("picture")
    table.add_column("label", no_wrap=True)
    for heading in (*LABELS, "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        chances = (f"{chance:.0%}" for chance in one["probabilities"].values())
        table.add_row(_Path(one["image"]), one["label"], *chances, f"{one['ms']:.2f}")
    return table


@dataclass(frozen=True, slots=True)
class _Path:
    """A path of which the end is shown where there is no room for all of it: pictures often lie in one folder."""

    text: str

    def __rich_measure__(self, _console: Console, options: ConsoleOptions) -> Measurement:
        """Any width."""
        return Measurement(1, cell_len(self.text)).with_maximum(options.max_width)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """As much as there is room for."""
        room = options.max_width
        is_short = cell_len(self.text) <= room
        yield Text(self.text if is_short else "…" + set_cell_size(self.text[::-1], room - 1)[::-1], no_wrap=True)
