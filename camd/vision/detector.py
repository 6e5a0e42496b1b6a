"""A detector that the owner brings, asked about the moving thing alone.

Idea: a YOLO-like network looks at the crop, laid into the square it was made for; the best box of each class says how
sure it is of that class, the classes are gathered into camd's labels, and what no class claims is `other`.
Rule: pure, and the same `guess` as camd's own classifier has. It gives no embedding, so nothing is learned on top.
Not promised: calibrated probabilities; they are the detector's own scores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.errors import UnusableInputError
from camd.model import LABELS, SECOND, Nanos
from camd.vision.classify import Guess, Head, read_onnx, run
from camd.vision.crop import Grey

# What camd's labels are called in COCO, the names that most detectors know.
COCO: Final[dict[str, tuple[str, ...]]] = {
    "person": ("person",),
    "vehicle": ("bicycle", "car", "motorbike", "motorcycle", "aeroplane", "airplane", "bus", "train", "truck", "boat"),
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
}
# Layout of the output -> what it is; N boxes, C classes, and a grid of H x W cells.
LAYOUTS: Final[dict[str, str]] = {
    "yolov5": "(1, N, 5 + C): box, objectness, classes",
    "yolov8": "(1, 4 + C, N): box, classes",
    "fastestdet": "(1, 5 + C, H, W): objectness, box, classes",
}
FILL: Final = 114  # grey level around the crop, as YOLO's training has it
LONGEST_TRIAL: Final = 2 * SECOND  # for the first picture, which takes longer: 8 times what `label.py` bears later
FILLED: Final = 0.8  # of the square's side that the crop takes: things at its border are found badly


@dataclass(frozen=True, slots=True)
class Description:
    """What must be known of a detector beside its file.

    `width` and `height` are its input in pixels; `layout` is one of `LAYOUTS`; `classes` are the names of its classes
    in order; `labels` says which of them are a person, a vehicle, an animal; `is_rgb` that it wants red first;
    `scale` is the value that white has.
    """

    width: int
    height: int
    layout: str
    classes: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]
    is_rgb: bool = False
    scale: float = 1.0


class Detector:
    """The owner's detector. Raises UnusableInputError when its file cannot be used as it is described, or is too slow.

    `now` is asked before and after a trial picture. That cannot be broken off, and holds up whoever waits for it once.
    """

    def __init__(self, onnx: bytes, description: Description, now: Callable[[], Nanos]) -> None:
        self._net = read_onnx(onnx)
        self._about = description
        self._groups = [
            [number for number, name in enumerate(description.classes) if name in description.labels.get(label, ())]
            for label in LABELS
        ]
        began = now()
        self.guess(np.full((description.height, description.width), FILL, np.uint8))
        if (took := now() - began) > LONGEST_TRIAL:
            most = LONGEST_TRIAL / SECOND
            raise UnusableInputError(
                f"it took {took / SECOND:.1f} s for one picture, {most:.0f} s is the most: choose a smaller one."
            )

    def guess(self, grey: Grey) -> Guess:
        """Say what `grey`, (height, width) uint8, shows."""
        scores = self._scores(run(self._net, self._blob(grey)))
        found = [max((float(scores[number]) for number in group), default=0.0) for group in self._groups]
        found[-1] += max(0.0, 1.0 - sum(found))
        whole = sum(found)
        return Guess(tuple(value / whole for value in found))

    def learn(self, head: Head) -> None:
        """A detector has no embedding that a head could be made for."""

    def _blob(self, grey: Grey) -> NDArray[np.float32]:
        about = self._about
        scale = FILLED * min(about.width / grey.shape[1], about.height / grey.shape[0])
        size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
        square = np.full((about.height, about.width), FILL, np.uint8)
        left, top = (about.width - size[0]) // 2, (about.height - size[1]) // 2
        square[top : top + size[1], left : left + size[0]] = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC)
        picture = cv2.cvtColor(square, cv2.COLOR_GRAY2BGR)
        blob = cv2.dnn.blobFromImage(picture, about.scale / 255, swapRB=about.is_rgb)
        return cast("NDArray[np.float32]", blob)

    def _scores(self, out: NDArray[np.float32]) -> NDArray[np.float32]:
        """The best score of each class (C,), 0..1."""
        count = len(self._about.classes)
        match self._about.layout:
            case "fastestdet" if out.ndim == 4 and out.shape[1] == 5 + count:
                # objectness ** 0.6 * class ** 0.4, as FastestDet itself weighs them
                rows = out[0, 0] ** 0.6 * out[0, 5:] ** 0.4
            case "yolov5" if out.ndim == 3 and out.shape[2] == 5 + count:
                rows = (out[0, :, 4:5] * out[0, :, 5:]).T
            case "yolov8" if out.ndim == 3 and out.shape[1] == 4 + count:
                rows = out[0, 4:]
            case layout:
                raise UnusableInputError(
                    f"the detector's output has the shape {out.shape}, which is not that of layout {layout} with"
                    f" {count} classes: {LAYOUTS[layout]}."
                )
        return cast("NDArray[np.float32]", np.clip(rows.reshape(count, -1).max(axis=1), 0.0, 1.0))
