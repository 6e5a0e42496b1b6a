"""What the owner said of clips and of events in them: a line for each label given, which camd learns from.

Idea: JSON Lines, only ever appended to. A line names a clip and holds nothing of it: what the clip looked like stands
in its sidecar alone and goes when the clip goes, and the line then says nothing any more. A clip that its owner deletes
leaves a blank line (`said.py`).
Rule: of one account no more than `PER_DAY` labels count on one day, the first ones. Of the labels of one event, and of
those of one clip, the newest of these counts, and what was said of its events before does not. Who takes back a label
of his own that counts may always do so: it adds none.
Not promised: that who gave a label is who they say; accounts are the page's business.
"""

import fcntl
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from typing import BinaryIO, Final

from camd.errors import UnusableInputError
from camd.model import LABELS
from camd.places import Places
from camd.store.files import sync_folder, writing
from camd.store.index import Index

_log = logging.getLogger(__name__)

PER_DAY: Final = 40  # labels of one account; nobody corrects more by hand, a script does
DAY_S: Final = 86_400
UNCOUNTED: Final = (
    f"camd does not learn from this label: it learns from {PER_DAY} of one account in a day."
    " Label that clip again tomorrow (UTC)."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`by` says that clip `clip`, or one `event` of it, shows `label`, at UNIX second `at`.

    The label motion means that nobody can tell. Without an event it is said of all that the clip holds.
    """

    clip: int
    label: str
    by: str
    at: int
    event: str = ""


def give(places: Places, index: Index, verdict: Verdict) -> bool:
    """Note a verdict for good, also on the clip if it is said of all that this holds; return whether it counts.

    Raises UsageError when there is no such clip, CannotWriteError.
    """
    if not verdict.event or index.clip(verdict.clip).events == (verdict.event,):
        index.label(verdict.clip, verdict.label)
    return append(places, verdict)


def append(places: Places, verdict: Verdict) -> bool:
    """Note a verdict for good, on a line of its own whatever was there; return whether it counts.

    Raises CannotWriteError.
    """
    line = json.dumps({"v": 1, **asdict(verdict)}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    path = places.labels
    with writing(path):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(path, "a+b", opener=partial(os.open, mode=0o600)) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line if _ends_whole(file) else b"\n" + line)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    return verdict in _counting(read(places))


def _ends_whole(file: BinaryIO) -> bool:
    """Whether the last line ends; one that a power cut or a full disk broke off does not."""
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def read(places: Places) -> list[Verdict]:
    """All verdicts in the order they were given; a line that is none is told in the log and passed over.

    Raises UnusableInputError when the file cannot be read.
    """
    path = places.labels
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnusableInputError(f"{path}: your labels cannot be read ({error.strerror}).") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(_verdict(json.loads(line)))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            _log.warning(
                "%s:%d: not a label (%s); it is passed over. Delete that line, and label its clip again.",
                path,
                number,
                error,
            )
    return found


def counted(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Those that camd may learn from, in the order they were given."""
    return [verdict for verdict in _counting(verdicts) if verdict.label in LABELS]


def _counting(verdicts: Iterable[Verdict]) -> list[Verdict]:
    given: Counter[tuple[str, int]] = Counter()
    newest: dict[tuple[int, str], Verdict] = {}
    for verdict in verdicts:
        what, day = (verdict.clip, verdict.event), (verdict.by, verdict.at // DAY_S)
        before = newest.get(what)
        is_correction = before is not None and before.by == verdict.by
        if is_correction or given[day] < PER_DAY:
            given[day] += not is_correction
            newest.pop(what, None)
            newest[what] = verdict
    return _not_said_again(list(newest.values()))


def _not_said_again(verdicts: list[Verdict]) -> list[Verdict]:
    """Without what was said of an event before all of its clip was labelled."""
    whole = {verdict.clip: number for number, verdict in enumerate(verdicts) if not verdict.event}
    return [verdict for number, verdict in enumerate(verdicts) if number >= whole.get(verdict.clip, 0)]


def _verdict(data: dict[str, object]) -> Verdict:
    clip, label, by, at, event = (*(data[key] for key in ("clip", "label", "by", "at")), data.get("event", ""))
    if type(clip) is not int or type(at) is not int or not all(isinstance(text, str) for text in (label, by, event)):
        raise ValueError("a value has the wrong type")
    return Verdict(clip, str(label), str(by), at, str(event))
