"""Who tells visitors apart, as capture needs it: the classifier, and what was learned at home as soon as it is there.

Rule: whatever is wrong with a model or with what was learned costs labels and is told; it never costs a recording.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from camd.camera.frame import Frame
from camd.config import VisionConfig
from camd.errors import UnusableInputError
from camd.learning import factory
from camd.model import SECOND, Degraded, Nanos
from camd.vision.classify import Classifier, Head
from camd.vision.sight import Sight

_log = logging.getLogger(__name__)

DEGRADED: Final = "events have no labels from now on: %s Recording goes on."
LOOK_AGAIN: Final = 5 * SECOND  # whether another head was learned


def classifier(settings: VisionConfig, head: Path, tell: Callable[[Degraded], object]) -> Classifier | None:
    """Who tells visitors apart; when nobody can, that is told, and recording goes on."""
    if not settings.classify:
        return None
    try:
        return factory.classifier(settings, _learned_head(head))
    except UnusableInputError as error:
        _log.warning(DEGRADED, error)
        tell(Degraded(0, str(error)))
        return None


def _learned_head(path: Path) -> Head:
    """What was learned at home; a damaged file is told of, and the factory head used instead."""
    try:
        return factory.learned_head(path) or factory.factory_head()
    except UnusableInputError as error:
        _log.warning("what was learned from your labels is not used: %s", error)
        return factory.factory_head()


class Renewed:
    """Looks over vision's shoulder, and has a head that `camd learn` made or took back used at once."""

    def __init__(self, path: Path) -> None:
        self._path, self._known = path, _stamp(path)
        self._due: Nanos = 0

    def look(self, frame: Frame, sight: Sight) -> None:
        """Look, if it is time to."""
        if frame.t < self._due:
            return
        self._due = frame.t + LOOK_AGAIN
        stamp = _stamp(self._path)
        if stamp != self._known:
            self._known = stamp
            sight.learn(_learned_head(self._path))


def _stamp(path: Path) -> tuple[int, int]:
    """What changes whenever the file is replaced; zeros when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns
