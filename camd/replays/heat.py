"""Where it moves by habit, as a picture: what `Quiet` has learned, laid over the last picture of a video.

Rule: made of covered pictures alone; the same video, settings and learned places give the same picture.
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from camd.camera.frame import Frame
from camd.replays.ink import BLACK, WHITE, Canvas, Ink, bar
from camd.store.files import replace_whole
from camd.vision.quiet import LIMIT_HEAT, Quiet
from camd.vision.sight import Sight

COLOURS: Final = cv2.COLORMAP_TURBO
STRENGTH: Final = 0.7  # of the colour where it moves as often as a habit
PANEL: Final = 26  # points
LEAST_WIDTH: Final = 640  # pixels; smaller videos are shown larger
WORDS: Final = "brighter: moves more often; outlined: quiet by habit, starts no event"


class Heat:
    """A viewer that keeps the last frame that vision looked at."""

    def __init__(self) -> None:
        self._last: tuple[Frame, Quiet] | None = None

    def look(self, frame: Frame, sight: Sight) -> None:
        """Keep it."""
        self._last = frame, sight.quiet

    def pass_by(self, frame: Frame) -> None:
        """Nothing to keep."""

    def write(self, path: Path) -> None:
        """Draw the heat map into the PNG `path`. Raises CannotWriteError. Only to be asked after a frame was seen."""
        assert self._last is not None
        frame, quiet = self._last
        _, data = cv2.imencode(".png", _drawn(frame.picture(), quiet))
        replace_whole(path, data.tobytes())


def _drawn(picture: Canvas, quiet: Quiet) -> Canvas:
    factor = -(-LEAST_WIDTH // picture.shape[1])  # so that the words can be read
    height, width = picture.shape[0] * factor, picture.shape[1] * factor
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    heat = cv2.resize(quiet.heat(), (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.minimum(heat.astype(np.float32) * (STRENGTH / LIMIT_HEAT), STRENGTH)[:, :, None]
    shown: Canvas = (picture * (1 - share) + cv2.applyColorMap(heat, COLOURS) * share).astype(np.uint8)
    mask = quiet.mask()
    if mask is not None:
        whole = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(shown, outlines, -1, WHITE, max(1, round(width / 640)))
    return np.vstack((shown, _panel(width)))


def _panel(width: int) -> Canvas:
    unit = width / 640
    panel = np.zeros((max(16, round(PANEL * unit)), width, 3), np.uint8)
    bar(panel, 0, 0, width, panel.shape[0], BLACK)
    pen = Ink.body(WHITE, unit)
    pen.write(panel, pen.cut(WORDS, width - round(20 * unit)), 10 * unit, 18 * unit)
    return panel
