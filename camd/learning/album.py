"""The owner's labelled clips as one picture: what each shows, what camd called it, and what the new head calls it.

Rule: thumbnails are read where the clips are kept, so one that is gone is not shown; the sheet is the owner's own file.
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.errors import CannotWriteError
from camd.learning.home import Labelled
from camd.places import Places
from camd.store.files import ClipFiles, writing

TILE: Final = 240, 180  # pixels, width and height of a picture
WORDS: Final = 44  # pixels below it
ACROSS: Final = 4
MOST: Final = 60  # pictures
GROUND: Final = (250, 250, 250)
INK: Final = (40, 40, 40)
WRONG: Final = (40, 40, 200)


def write(path: Path, places: Places, labels: list[Labelled], said: list[str]) -> None:
    """Write the newest `MOST` labels as a PNG. Raises CannotWriteError."""
    pairs = list(zip(labels, said, strict=True))[-MOST:]
    tiles = [_tile(places, one, now) for one, now in pairs]
    blank = np.full((TILE[1] + WORDS, TILE[0], 3), GROUND, np.uint8)
    tiles += [blank] * (-len(tiles) % min(ACROSS, len(tiles)))
    across = min(ACROSS, len(tiles))
    rows = [np.hstack(tiles[start : start + across]) for start in range(0, len(tiles), across)]
    made, data = (
        cv2.imencode(path.suffix or ".png", np.vstack(rows)) if path.suffix in (".png", ".jpg") else (False, None)
    )
    if not made or data is None:
        raise CannotWriteError(f"{path}: cannot be written as a picture. Give a name that ends in .png or .jpg.")
    with writing(path):
        path.write_bytes(data.tobytes())


def _tile(places: Places, one: Labelled, now: str) -> NDArray[np.uint8]:
    tile = np.full((TILE[1] + WORDS, TILE[0], 3), GROUND, np.uint8)
    picture = _thumbnail(ClipFiles.of(places, one.clip).thumbnail)
    if picture is not None:
        scale = min(TILE[0] / picture.shape[1], TILE[1] / picture.shape[0])
        size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        tile[: size[1], : size[0]] = small
    _print(tile, f"{one.clip}: {one.label}", TILE[1] + 18, INK)
    _print(tile, f"was {one.called}, now {now}", TILE[1] + 36, INK if now == one.label else WRONG)
    return tile


def _thumbnail(path: Path) -> NDArray[np.uint8] | None:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return None
    found = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    return None if found is None else found.astype(np.uint8, copy=False)


def _print(tile: NDArray[np.uint8], words: str, bottom: int, ink: tuple[int, int, int]) -> None:
    cv2.putText(tile, words, (6, bottom), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
