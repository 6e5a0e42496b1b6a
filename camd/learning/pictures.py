"""The pictures that the classifier is trained on: where they are, what they show, whose they are.

Idea: a folder with a `manifest.csv` (file, class, split, source, license) and pictures of one thing each. Training
draws each class as often as the others, and within a class each source by the root of its size, so that a thousand
pictures by one camera do not drown twenty by another. The class may be `unlabelled`: nobody but the teacher says what
such a picture shows.
Rule: a picture without a licence that lets its weights be passed on is never taught from. One of the test split is
looked at all the same, and nothing of it is kept.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.errors import UnusableInputError
from camd.model import LABELS
from camd.vision.crop import Grey, whole

FREE: Final = ("CC0", "Public Domain", "CC BY 2.0", "CC BY 4.0", "CDLA-Permissive", "MIT", "BSD", "Apache-2.0", "drawn")
UNLABELLED: Final = "unlabelled"
UNSAID: Final = -1  # its number
CLASSES: Final[dict[str, int]] = {**{label: number for number, label in enumerate(LABELS)}, UNLABELLED: UNSAID}
UNSAID_SHARE: Final = 0.25  # of all draws
DRAWN: Final = "drawn"  # what the source of a drawn picture begins with
# Of each label's draws. Foliage and insects there are hardly elsewhere; but only one person is drawn, and who sees much
# of him takes whatever is drawn upright for a person.
DRAWN_SHARE: Final = (0.05, 0.12, 0.12, 0.3)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Grey pictures with labels (numbers in `LABELS`, or `UNSAID`), sources and licences.

    `is_test` marks those never trained on, which all have a label.
    `is_free` marks those whose licence lets be passed on what is made of them.
    """

    greys: list[Grey]
    labels: NDArray[np.int64]
    sources: NDArray[np.str_]
    licences: NDArray[np.str_]
    is_test: NDArray[np.bool_]
    is_free: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.greys)

    @property
    def is_labelled(self) -> NDArray[np.bool_]:
        """Which of them somebody has labelled."""
        return np.asarray(self.labels != UNSAID)


def read(folders: Iterable[Path]) -> Pictures:
    """All pictures of the folders whose licence is free, and those of their test split. Raises UnusableInputError."""
    used = [(folder, row) for folder in folders for row in _rows(folder) if _is_used(row)]
    return Pictures(
        [_grey(folder / row["file"]) for folder, row in used],
        np.array([_label(folder, row) for folder, row in used]),
        np.array([_source(row["source"]) for _, row in used]),
        np.array([row["license"] for _, row in used]),
        np.array([row["split"] != "train" for _, row in used]),
        np.array([_is_free(row["license"]) for _, row in used]),
    )


def _is_used(row: dict[str, str]) -> bool:
    return _is_free(row["license"]) if row["split"] == "train" else row["class"] != UNLABELLED


def _label(folder: Path, row: dict[str, str]) -> int:
    if row["class"] not in CLASSES:
        where, want = f"{folder / 'manifest.csv'}: class of {row['file']}", ", ".join(CLASSES)
        raise UnusableInputError(f"{where}: got {row['class']}. want one of {want}.")
    return CLASSES[row["class"]]


def _is_free(licence: str) -> bool:
    return licence.startswith(FREE) and "-SA" not in licence


def chances(pictures: Pictures, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How often each picture is drawn in training, of those that are `chosen`; the sum is 1."""
    weights = np.zeros(len(pictures))
    is_drawn = np.char.startswith(pictures.sources, DRAWN)
    for label, share in enumerate(DRAWN_SHARE):
        mine = chosen & (pictures.labels == label)
        for group, part in ((mine & is_drawn, share), (mine & ~is_drawn, 1 - share)):
            _share_out(weights, pictures.sources, group, part)
        weights[mine] /= weights[mine].sum() or 1  # where nothing is drawn, or all
    weights *= (1 - UNSAID_SHARE) / weights.sum()
    _share_out(weights, pictures.sources, chosen & ~pictures.is_labelled, UNSAID_SHARE)
    return np.asarray(weights / weights.sum())


def _share_out(weights: NDArray[np.float64], sources: NDArray[np.str_], group: NDArray[np.bool_], part: float) -> None:
    names, counts = np.unique(sources[group], return_counts=True)
    roots = np.sqrt(counts)
    for name, count, root in zip(names, counts, roots, strict=True):
        weights[group & (sources == name)] = part * root / roots.sum() / count


def _rows(folder: Path) -> list[dict[str, str]]:
    path = folder / "manifest.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UnusableInputError(f"{path}: cannot be read ({error.strerror}).") from error
    if not rows or not {"file", "class", "split", "source", "license"} <= rows[0].keys():
        raise UnusableInputError(f"{path}: want a header with file, class, split, source and license.")
    return rows


def _source(text: str) -> str:
    """Who took it: the repository or video, without the picture's own name."""
    return re.sub(r" frame \d+$", "", text.split(":")[0])


def _grey(path: Path) -> Grey:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise UnusableInputError(f"{path}: not a picture that OpenCV can read.")
    return whole(picture.astype(np.uint8, copy=False)).grey
