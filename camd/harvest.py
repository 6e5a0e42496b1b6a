"""`python -m camd.harvest OUT_DIR`: cuts out what camd's own detector finds, for the classifier to learn from.

Idea: pictures that people took of things are framed by people; what a detector cuts is off, blurred, or a bush. Drawn
worlds say themselves what comes, and without a visit all that moves in them is `other`; recordings say it in a
`.truth.yaml`, and what moves in them at other times is `other` too.
Rule: the boxes are the tracks' own. A recording is used only when its licence is given.
"""

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import yaml

from camd import score
from camd.camera.stream import FileCamera
from camd.drawn.nuisances import SETTINGS
from camd.drawn.stage import frames
from camd.drawn.visits import VISITS
from camd.drawn.worlds import WORLDS
from camd.errors import CamdError, UnusableInputError
from camd.model import SECOND, Nanos
from camd.score import Span, Truth
from camd.store.files import writing
from camd.terminal import Parser, say
from camd.vision.crop import Crop, Grey, cut
from camd.vision.episode import Limits
from camd.vision.sight import Settings, Sight

SENSITIVITY: Final = 6
SIZES: Final = ((640, 480), (320, 240), (480, 360))  # of drawn worlds, a seed each
SEEDS: Final = 11
VISITORS: Final = {"car": "vehicle", "cat": "animal", "door": "other"}  # the others are people
MOST: Final = 60  # pictures of one world or label
MOST_OF_VIDEO: Final = 200
FIRST_HITS: Final = 2  # frames in which a nuisance was seen at least
SLACK: Final = 1.0  # seconds around an event in which nobody knows what moves
FIELDS: Final = ("file", "class", "split", "source", "license")


@dataclass(frozen=True, slots=True)
class Find:
    """One picture and what it shows."""

    label: str
    crop: Crop


def main(arguments: list[str]) -> int:
    """Write the pictures and their manifest."""
    parser = Parser(prog="python -m camd.harvest", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="where pictures and manifest.csv go")
    parser.add_argument("--videos", nargs="*", type=Path, default=[], metavar="VIDEO", help="with .truth.yaml beside")
    parser.add_argument("--licence", metavar="TEXT", help="of the videos, such as 'CC BY 4.0'")
    parser.add_argument("--worlds", action="store_true", help="draw worlds too")
    wanted = parser.parse_args(arguments)
    if wanted.videos and not wanted.licence:
        parser.error("whose videos? give --licence")
    rows: list[dict[str, str]] = []
    for name, found, licence in _sources(wanted.videos, wanted.licence, wanted.worlds):
        rows += _write(wanted.folder, name, found, licence)
        say(f"{name}: {len(found)} pictures")
    with writing(wanted.folder), (wanted.folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        table.writerows(rows)
    return 0


def _sources(videos: list[Path], licence: str, worlds: bool) -> Iterator[tuple[str, list[Find], str]]:
    for video in videos:
        yield video.stem, _some(list(of_video(video)), MOST_OF_VIDEO), licence
    for number, size in enumerate(SIZES if worlds else ()):
        for name in [*SETTINGS, *(name for name in VISITS if name in WORLDS)]:
            yield f"drawn {name} {number}", _some(list(of_world(name, size, SEEDS + number)), MOST), "drawn"


def of_world(name: str, size: tuple[int, int], seed: int) -> Iterator[Find]:
    """What the detector finds in a drawn world: all of it is one thing."""
    label = "other" if name in SETTINGS else VISITORS.get(name, "person")
    pictures = ((round(t * SECOND), _grey(drawn)) for t, drawn in frames(WORLDS[name](*size, seed)))
    sight = Sight(*size, Settings(SENSITIVITY, Limits(SECOND), "harvest"))
    for t, luma in pictures:
        yield from _found(sight, t, luma, label)


def of_video(video: Path) -> Iterator[Find]:
    """What the detector finds in a recording, as its truth has it. Raises UnusableInputError."""
    truth = _truth(video.with_suffix(".truth.yaml"))
    with FileCamera(video) as camera:
        sight: Sight | None = None
        for frame in camera:
            luma = getattr(frame, "luma", None)
            if luma is None:
                continue
            sight = sight or Sight(luma.shape[1], luma.shape[0], Settings(SENSITIVITY, Limits(SECOND), "harvest"))
            label = _label((frame.t - camera.starts + camera.video_start) / SECOND, truth)
            yield from _found(sight, frame.t, luma, label)


def _found(sight: Sight, t: Nanos, luma: Grey, label: str | None) -> Iterator[Find]:
    sight.look(t, luma)
    for track, box in sight.moving():
        is_enough = track.hits >= FIRST_HITS if label == "other" else track.is_confirmed
        crop = cut(t, luma, box) if label is not None and is_enough else None
        if crop is not None and label is not None:
            yield Find(label, crop)


def _label(seconds: float, truth: Truth) -> str | None:
    """What moves at that time; None when nobody knows."""
    inside = [span.label for span in truth.events if span.began <= seconds <= span.ended]
    near: Iterable[Span] = (*truth.events, *truth.ignore)
    if inside:
        return inside[0] if len(inside) == 1 else None
    return None if any(span.began - SLACK < seconds < span.ended + SLACK for span in near) else "other"


def _some(found: list[Find], most: int) -> list[Find]:
    """At most so many of each label, evenly spread."""
    kept = []
    for label in sorted({find.label for find in found}):
        mine = [find for find in found if find.label == label]
        chosen = np.unique(np.linspace(0, len(mine) - 1, min(most, len(mine))).astype(int))
        kept += [mine[number] for number in chosen]
    return kept


def _write(folder: Path, name: str, found: list[Find], licence: str) -> list[dict[str, str]]:
    rows = []
    for number, find in enumerate(found):
        path = Path(find.label) / f"{name.replace(' ', '-')}-{number:04d}.png"
        with writing(folder):
            (folder / path.parent).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / path), find.crop.grey)
        source = name.rsplit(" ", 1)[0] if licence == "drawn" else name
        rows.append(dict(zip(FIELDS, (str(path), find.label, "train", source, licence), strict=True)))
    return rows


def _truth(path: Path) -> Truth:
    try:
        return score.parse(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnusableInputError(f"{path}: not a truth file: {' '.join(str(error).split())}.") from error


def _grey(picture: np.ndarray) -> Grey:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CamdError as error:
        say(str(error))
        sys.exit(error.exit_code)
