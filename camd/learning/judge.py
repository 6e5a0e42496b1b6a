"""Holds the classifier beside others on pictures that none was trained on: `python -m camd.learning.judge CROPS...`.

Idea: camd's own network, a detector (FastestDet) and a person or no-person network (MLPerf Tiny's at 96 pixels) look at
the same pictures in one run. Each label weighs the same. Person or not is asked at the threshold that each was made
for, and at the one that suits it best here, which flatters it.
Rule: only pictures of the test split are looked at.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from camd.config import VisionConfig
from camd.errors import CamdError, UnusableInputError
from camd.learning import factory
from camd.learning import pictures as catalogue
from camd.learning.calibrate import report
from camd.model import LABELS
from camd.terminal import Parser, print_json, say
from camd.vision.crop import Grey

Floats = NDArray[np.float32]

VWW_SIDE: Final = 96  # pixels of the input of MLPerf Tiny's person network
HALF: Final = 0.5  # the threshold that a probability of a person is made for


@dataclass(frozen=True, slots=True)
class Judged:
    """How one of them did: `labels` is None where it only knows people; `person` at its own and its best threshold."""

    name: str
    labels: dict[str, Any] | None
    person: float
    person_best: float

    def json(self) -> dict[str, Any]:
        """As one line of JSON."""
        flat = {"person_or_not": round(self.person, 4), "person_or_not_best": round(self.person_best, 4)}
        return {"type": "judged", "model": self.name, **(self.labels or {}), **flat}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        known = [f"{self.labels['recall'].get(label, 0.0):.3f}" if self.labels else "" for label in LABELS]
        whole = f"{self.labels['balanced_accuracy']:.3f}" if self.labels else ""
        error = f"{self.labels['calibration_error']:.3f}" if self.labels else ""
        return self.name, whole, *known, error, f"{self.person:.3f}", f"{self.person_best:.3f}"


def main(arguments: list[str]) -> int:
    """Let all of them look, and print how right they were."""
    wanted = _parser().parse_args(arguments)
    found = catalogue.read(wanted.crops)
    greys = [found.greys[number] for number in np.flatnonzero(found.is_test)]
    labels = found.labels[found.is_test]
    if not greys:
        raise UnusableInputError("none of these pictures is of a test split.")
    judged = [_by_labels("camd", factory.classifier(VisionConfig()).guess, greys, labels)]
    if wanted.detector:
        judged.append(_by_labels(wanted.detector.name, _detector(wanted.detector), greys, labels))
    if wanted.vww:
        judged.append(_by_person(wanted.vww.name, _person_network(wanted.vww), greys, labels))
    _print(judged, len(greys), wanted.json)
    return 0


def _parser() -> Parser:
    parser = Parser(prog="python -m camd.learning.judge", description=__doc__)
    parser.add_argument("crops", nargs="+", type=Path, metavar="FOLDER", help="pictures with a manifest.csv")
    parser.add_argument("--detector", type=Path, metavar="ONNX", help="a detector with its description beside it")
    parser.add_argument("--vww", type=Path, metavar="TFLITE", help="a person or no-person network of 96 pixels")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each")
    return parser


def _detector(path: Path) -> Callable[[Grey], Any]:
    return factory.classifier(VisionConfig(detector=path)).guess


def _person_network(path: Path) -> Callable[[Grey], float]:
    """The probability of a person, by a network that takes 96x96 colours from 0 to 1 and gives (no person, person)."""
    try:
        net = cv2.dnn.readNetFromTFLite(str(path))
    except cv2.error as error:
        raise UnusableInputError(f"{path}: not a TFLite model that OpenCV can read.") from error

    def person(grey: Grey) -> float:
        net.setInput(cv2.dnn.blobFromImage(cv2.merge([_filled(grey)] * 3), 1 / 255))
        return float(net.forward().reshape(-1)[1])

    return person


def _filled(grey: Grey) -> Grey:
    """The picture in a square, its borders drawn out: of seven ways the one that it did best with on other pictures."""
    scale = VWW_SIDE / max(grey.shape)
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    top, left = (VWW_SIDE - height) // 2, (VWW_SIDE - width) // 2
    around = top, VWW_SIDE - height - top, left, VWW_SIDE - width - left
    return cv2.copyMakeBorder(small, *around, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def _by_labels(name: str, guess: Callable[[Grey], Any], greys: list[Grey], labels: NDArray[np.int64]) -> Judged:
    chances = np.array([guess(grey).probabilities for grey in _tracked(greys, name)], np.float32)
    told = report(chances, labels)
    return Judged(name, told.json(), told.person_or_not, _best(chances[:, 0], labels == 0))


def _by_person(name: str, person: Callable[[Grey], float], greys: list[Grey], labels: NDArray[np.int64]) -> Judged:
    chances = np.array([person(grey) for grey in _tracked(greys, name)], np.float32)
    return Judged(name, None, _balanced(chances, labels == 0, HALF), _best(chances, labels == 0))


def _balanced(chances: Floats, is_person: NDArray[np.bool_], threshold: float) -> float:
    said = chances >= threshold
    return float((said[is_person].mean() + (~said[~is_person]).mean()) / 2)


def _best(chances: Floats, is_person: NDArray[np.bool_]) -> float:
    return max(_balanced(chances, is_person, float(threshold)) for threshold in np.unique(chances))


def _tracked(greys: list[Grey], what: str) -> Any:
    console = Console(stderr=True)
    return track(greys, what, console=console, transient=True, disable=not console.is_terminal)


def _print(judged: list[Judged], count: int, as_json: bool) -> None:
    if as_json:
        for one in judged:
            print_json(one.json())
        return
    table = Table(title=f"{count} pictures", box=SIMPLE_HEAD, title_justify="left")
    for heading in ("", "balanced", *LABELS, "calibration error", "person or not", "at best"):
        table.add_column(heading)
    for one in judged:
        table.add_row(*one.cells())
    Console().print(table)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CamdError as error:
        say(str(error))
        sys.exit(error.exit_code)
