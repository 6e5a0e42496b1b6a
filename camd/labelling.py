"""Who tells visitors apart, as capture needs it: the classifier, and what was learned at home as soon as it is there.

Rule: whatever is wrong with a model or with what was learned costs labels and is told; it never costs a recording.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from camd.camera.frame import Frame
from camd.config import VisionConfig
from camd.errors import UnusableInputError
from camd.learning import factory
from camd.model import SECOND, Degraded, Nanos
from camd.store.heads import paths
from camd.vision.classify import Classifier, Guess, Head
from camd.vision.crop import Grey
from camd.vision.sight import Sight

_log = logging.getLogger(__name__)

DEGRADED: Final = "events have no labels from now on: %s Recording goes on."
AGAIN: Final = "events have labels again."
SMALLER: Final = "Choose a smaller one, or leave vision.detector empty to use camd's own classifier."
LOOK_AGAIN: Final = 5 * SECOND  # whether another head was learned


def in_words(trouble: str, detector: Path | None) -> str:
    """What befell the model while it was asked, with the file that was brought and how to mend it."""
    return trouble if detector is None else f"{detector}: {trouble} {SMALLER}"


class Classifiers:
    """Who tells visitors apart: one network for all cameras that want the same, since each takes megabytes."""

    def __init__(self, heads: Path) -> None:
        self._heads = heads
        self._made: dict[Path | None, Classifier | str] = {}

    def of(self, settings: VisionConfig, tell: Callable[[Degraded], object]) -> Classifier | None:
        """Who does it for a camera; when nobody can, that is told, and recording goes on."""
        if not settings.classify:
            return None
        if settings.detector not in self._made:
            self._made[settings.detector] = self._make(settings)
        made = self._made[settings.detector]
        if not isinstance(made, str):
            return made
        _log.warning(DEGRADED, made)
        tell(Degraded(0, made))
        return None

    def _make(self, settings: VisionConfig) -> Classifier | str:
        """The classifier, or what is wrong with it: a slow one is tried once, however many cameras want it."""
        try:
            return _Shared(factory.classifier(settings, factory.head_in_use(self._heads, _log.warning)))
        except UnusableInputError as error:
            return str(error)


class _Shared:
    """A classifier that several threads ask, one at a time."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier, self._busy = classifier, threading.Lock()

    def guess(self, grey: Grey) -> Guess:
        """What the picture shows."""
        with self._busy:
            return self._classifier.guess(grey)

    def learn(self, head: Head) -> None:
        """Use this head from now on."""
        with self._busy:
            self._classifier.learn(head)


class Renewed:
    """Looks over vision's shoulder, and has a head that `camd learn` made, or that was taken away, heeded at once."""

    def __init__(self, heads: Path) -> None:
        self._heads, self._known = heads, _stamp(heads)
        self._due: Nanos = 0

    def look(self, frame: Frame, sight: Sight) -> None:
        """Look, if it is time to."""
        if frame.t < self._due:
            return
        self._due = frame.t + LOOK_AGAIN
        stamp = _stamp(self._heads)
        if stamp != self._known:
            self._known = stamp
            sight.learn(factory.head_in_use(self._heads, _log.warning))


def _stamp(heads: Path) -> tuple[int, int]:
    """What changes whenever another head is in use; zeros when none is."""
    try:
        found = next(path.stat() for path in reversed(paths(heads)))
    except (OSError, StopIteration):
        return 0, 0
    return found.st_ino, found.st_mtime_ns
