"""What vision learned of a camera's quiet places, kept from one start to the next.

Rule: it is worth a file, never a camera: one that cannot be read is set aside, one that cannot be written is told.
"""

import logging
from contextlib import suppress
from pathlib import Path

from camd.errors import CannotWriteError, UnusableInputError
from camd.store.files import replace_whole
from camd.vision.quiet import Quiet

_log = logging.getLogger(__name__)


def recall(path: Path) -> bytes:
    """What vision learned before; a file that cannot be used is set aside, and vision learns anew."""
    try:
        return Quiet.check(path.read_bytes())
    except FileNotFoundError:
        return b""
    except (OSError, UnusableInputError) as error:
        _log.warning("%s: %s", path, error)
        with suppress(OSError):
            path.rename(path.with_suffix(".damaged"))
        return b""


def remember(path: Path, learned: bytes) -> None:
    """Keep it for the next start; what a full disk refuses is learned again."""
    try:
        if learned:
            replace_whole(path, learned)
    except CannotWriteError as error:
        _log.warning("what was learned is lost: %s", error)
