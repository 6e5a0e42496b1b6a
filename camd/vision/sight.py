"""Vision put together: one frame in, what happened out.

Rule: pure and deterministic: the same luma at the same times gives the same findings, byte for byte.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import SECOND, Box, Finding, Nanos, Reason, Suppressed
from camd.vision.background import Background, Change, Reducer
from camd.vision.blobs import CELL, Blob, find, is_shadow
from camd.vision.episode import Episode, Limits

LEAST_CELLS: Final = 2  # on the coarse grid: 8x14 pixels of 640x480 still count
SAME_DISMISSAL: Final = 1 * SECOND  # frames apart by less are one suppressed motion
EVERYWHERE: Final = Box(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """`sensitivity` 1 (deaf) to 10 (nervous); `limits` as `Episode` takes them; `salt` makes event ids unique."""

    sensitivity: int
    limits: Limits
    salt: str


class Sight:
    """Looks at the frames of one camera whose pictures have `width` x `height` pixels."""

    def __init__(self, width: int, height: int, settings: Settings) -> None:
        cv2.setNumThreads(1)  # at these sizes OpenCV's threads cost more CPU than they save time
        self._reducer = Reducer(width, height)
        self._background = Background(self._reducer.shape, floor=14.0 - settings.sensitivity)
        self._episode = Episode(settings.limits, settings.salt)
        self._judged: Suppressed | None = None

    def look(self, t: Nanos, luma: NDArray[np.uint8]) -> list[Finding]:
        """Look at one frame: `luma` is (height, width) uint8, read only; `t` is the sensor's time."""
        picture = self._reducer(luma)
        change = self._background.look(t, picture)
        blobs = [] if change.moving is None else find(change.moving, LEAST_CELLS)
        real = self._without_shadows(blobs, change, picture)
        findings = self._episode.look(t, self._reason(change, real, "moved") if real else None)
        return [*self._judge(t, change, blobs, real), *findings]

    def close(self) -> list[Finding]:
        """The camera has stopped: end and report what is open."""
        judged, self._judged = self._judged, None
        return [*([judged] if judged else []), *self._episode.close()]

    def _without_shadows(self, blobs: list[Blob], change: Change, picture: NDArray[np.uint8]) -> list[Blob]:
        """Drop the largest blobs as long as they are shadows: one that is not makes the frame a moving one."""
        for number, blob in enumerate(blobs):
            if change.moving is not None and not is_shadow(blob, change.moving, picture, self._background.mean):
                return blobs[number:]
        return []

    def _judge(self, t: Nanos, change: Change, blobs: list[Blob], real: list[Blob]) -> list[Finding]:
        """Gather frames whose change was no motion, by one rule and without a long gap, into one `Suppressed`."""
        rule = _dismissal(change, blobs, real)
        judged = self._judged
        if judged and rule == judged.reason.rule:
            self._judged = Suppressed(judged.began, t, judged.reason)
            return []
        if rule is None:
            if judged is None or t - judged.ended < SAME_DISMISSAL:
                return []
            self._judged = None
            return [judged]
        self._judged = Suppressed(t, t, self._reason(change, blobs, rule))
        return [judged] if judged else []

    def _reason(self, change: Change, blobs: Iterable[Blob], rule: str) -> Reason:
        blobs = list(blobs)
        cells = sum(blob.cells for blob in blobs)
        per_cell = (CELL * self._reducer.factor) ** 2
        return Reason(
            rule=rule,
            changed_pixels=cells * per_cell if blobs else change.outside * self._reducer.factor**2,
            threshold=LEAST_CELLS * per_cell,
            blocks=cells,
            noise_level=round(self._background.noise_level, 2),
            light_gain=round(change.light_gain, 3),
            box=_around(blobs) if blobs else EVERYWHERE,
        )


def _dismissal(change: Change, blobs: list[Blob], real: list[Blob]) -> str | None:
    """The rule by which a change of this frame is no motion, or None when there is nothing to dismiss."""
    if not change.verdict and change.outside:
        return "more than half of the picture changed"
    if change.light_gain != 1.0:
        return "the light of the whole picture changed"
    if blobs and not real:
        return "a shadow or a pool of light"
    return None


def _around(blobs: list[Blob]) -> Box:
    """The box of the largest blob: the thing that an alert points at."""
    return max(blobs, key=lambda blob: blob.cells).box
