"""Commands as files: what the house and the web page want of capture.

Idea: one wish is one small JSON file in the folder of who wishes, renamed into place, and the bell rung. Capture takes
the files in their order and unlinks each before it acts on it, so that no wish is carried out twice.
Rule: a literal table says what may be wished, and each value is checked again where it is taken: whoever writes these
files may have been broken into. What is not in the table is dropped, counted and told in the log.
Home mode can be wished by all, `away` only by those that know who asks.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from camd.bell import ring
from camd.errors import CannotWriteError
from camd.mode import AWAY, HOME
from camd.model import LABELS
from camd.places import Places

_log = logging.getLogger(__name__)

NOTIFY: Final = "notify"
WEB: Final = "web"

MOST_BYTES: Final = 4096  # of one file
MOST_WAITING: Final = 100  # files of one wisher; beyond them nothing is taken in
MOST_MINUTES: Final = 7 * 24 * 60  # of snooze
MOST_SECONDS: Final = 600  # of a clip that was asked for
SENSITIVITY: Final = (1, 10)
VERDICTS: Final = ("correct", "false_alarm")


@dataclass(frozen=True, slots=True)
class Wish:
    """One command. `camera` is "" for what is the whole node's; `correlation` "" when nobody waits for an answer."""

    what: str
    value: Any
    camera: str = ""
    correlation: str = ""


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: object, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most  # NaN is in no range


def _is_feedback(value: object) -> bool:
    if not isinstance(value, dict) or not {"event_id", "verdict"} <= value.keys() <= {"event_id", "verdict", "label"}:
        return False
    name = value["event_id"]
    named = isinstance(name, str) and 0 < len(name) <= 64 and name.isprintable()
    return named and value["verdict"] in VERDICTS and value.get("label") in (None, *LABELS)


# what may be wished -> whether the value makes sense, and what is wanted instead
KINDS: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "mode": (lambda value: value in (HOME, AWAY), "home"),
    "snooze": (lambda value: _is_number(value, MOST_MINUTES), f"minutes from 0 to {MOST_MINUTES}"),
    "detect": (_is_switch, "ON or OFF"),
    "record": (_is_switch, "ON or OFF"),
    "sensitivity": (lambda value: _is_whole(value, *SENSITIVITY), "a whole number from 1 to 10"),
    "trigger": (lambda value: _is_number(value, MOST_SECONDS) and value != 0, f"seconds, at most {MOST_SECONDS}"),
    "feedback": (_is_feedback, 'an object with "event_id", "verdict" (correct or false_alarm) and perhaps "label"'),
}
WISHERS: Final = (NOTIFY, WEB)
MAY_LEAVE_HOME: Final = (WEB,)  # it knows who asks; the terminal writes the mode itself


def is_allowed(who: str, wish: Wish) -> bool:
    """Whether `who` may have this wish; the value must make sense as well."""
    if who not in WISHERS or wish.what not in KINDS or not KINDS[wish.what][0](wish.value):
        return False
    return (wish.what, wish.value) != ("mode", AWAY) or who in MAY_LEAVE_HOME


def put(places: Places, who: str, wish: Wish) -> bool:
    """Leave a wish for capture and wake it; False when too many wait already. Raises CannotWriteError."""
    folder = places.wishes(who)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        waiting = _numbers(folder)
        if len(waiting) >= MOST_WAITING:
            return False
        path = folder / f"{max(waiting, default=0) + 1}.json"
        temp = path.with_suffix(".tmp")
        temp.write_text(json.dumps({"v": 1, **asdict(wish)}), encoding="utf-8")
        temp.replace(path)
    except OSError as error:
        raise CannotWriteError(f"{folder}: cannot be written ({error.strerror}). The command is lost.") from error
    ring(places.wish_bell)
    return True


def home_waits(places: Places) -> bool:
    """Whether somebody wished for home mode while nobody took wishes; it stays, to be answered."""
    paths = (places.wishes(who) / f"{number}.json" for who in WISHERS for number in _numbers(places.wishes(who)))
    return any((wish := _read(path)) is not None and (wish.what, wish.value) == ("mode", HOME) for path in paths)


def take(places: Places) -> Iterator[tuple[str, Wish]]:
    """Take the wishes that wait, as who and what, each once; drop those that nobody may have."""
    for who in WISHERS:
        folder = places.wishes(who)
        for number in _numbers(folder)[:MOST_WAITING]:
            wish = _taken(folder / f"{number}.json")
            if wish is not None and is_allowed(who, wish):
                yield who, wish
            else:
                _log.warning("a command of %s was dropped: it is none that camd knows", who)


def _numbers(folder: Path) -> list[int]:
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return []
    return sorted(int(path.stem) for path in paths if path.suffix == ".json" and path.stem.isdecimal())


def _taken(path: Path) -> Wish | None:
    """Read a wish and unlink it; None when it is not one."""
    wish = _read(path)
    path.unlink(missing_ok=True)
    return wish


def _read(path: Path) -> Wish | None:
    """The wish that lies there; None when it is not one."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        fields = json.loads(data) if len(data) <= MOST_BYTES else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.keys() != {"v", "what", "value", "camera", "correlation"}:
        return None
    texts = [fields[name] for name in ("what", "camera", "correlation")]
    if not all(isinstance(text, str) for text in texts):
        return None
    return Wish(texts[0], fields["value"], texts[1], texts[2])
