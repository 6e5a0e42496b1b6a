"""What is heard on the `set` topics: commands as wishes, and everything else as a reason to do nothing.

Idea: a plain value (`ON`, `7`) is a command that nobody waits for; a JSON object `{"value", "correlation", "expires"}`
is one that is answered. Both become the same `Wish`, or nothing.
Rule: pure; total on any bytes. What was retained, has expired, came before, comes too often or makes no sense changes
nothing and is counted. No wish can share, delete, unlock or leave home mode: there is none of that kind.
It does not promise that a replay is known again after a restart; who needs that gives `expires`.
"""

import json
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from camd.alerts.payload import to_json
from camd.alerts.topics import NODE_SETTINGS, Names
from camd.mode import AWAY, HOME
from camd.model import SECOND, Nanos
from camd.wishes import KINDS, NOTIFY, Wish, is_allowed

MOST_BYTES: Final = 1024  # of one command
AT_ONCE: Final = 20  # commands that may come together,
EVERY: Final[Nanos] = SECOND // 2  # and how long one more takes to be free again
REMEMBERED: Final = 1000  # correlations
_CORRELATION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,3})?")
_SWITCHES: Final = {"ON": True, "OFF": False}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was done: a `code` for programs, the `field` that is wrong, a `message` for people."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal that somebody waits for."""

    correlation: str
    refusal: Refusal


class _NoneError(Exception):
    """It is no command; `refusal` says why."""

    def __init__(self, code: str, field: str, message: str, correlation: str = "") -> None:
        super().__init__(message)
        self.refusal, self.correlation = Refusal(code, field, message), correlation


@dataclass(slots=True)
class Commands:
    """What one node has heard for its cameras, whose topics are `names`; `counts` says of how many what became."""

    names: tuple[Names, ...]
    counts: dict[str, int] = field(default_factory=dict)
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _busy_until: Nanos = 0

    def hear(self, topic: str, payload: bytes, retained: bool, now: Nanos, unix_ns: int) -> Wish | Answer | None:
        """Return what a message orders, the answer it gets, or nothing; `now` is boot time."""
        names = next((names for names in self.names if topic in names.commands()), self.names[0])
        what = names.commands().get(topic)
        nothing = "unknown" if what is None else "retained" if retained else "flood" if self._is_flood(now) else ""
        if nothing or what is None:
            self._count(nothing)
            return None
        try:
            wish = self._wish(what, "" if what in NODE_SETTINGS else names.camera, payload, unix_ns)
        except _NoneError as error:
            self._count(error.refusal.code)
            is_answered = error.correlation and error.refusal.code != "replayed"
            return Answer(error.correlation, error.refusal) if is_answered else None
        self._count("heard")
        return wish

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _is_flood(self, now: Nanos) -> bool:
        """Commands beyond twenty at once and two a second."""
        if self._busy_until - now > (AT_ONCE - 1) * EVERY:
            return True
        self._busy_until = max(self._busy_until, now) + EVERY
        return False

    def _wish(self, what: str, camera: str, payload: bytes, unix_ns: int) -> Wish:
        text = _text(payload)
        if not text.startswith("{"):
            return self._checked(Wish(what, _plain(what, text), camera))
        fields = _object(text)
        correlation = _correlation(fields.pop("correlation", ""))
        _check_expiry(fields.pop("expires", None), unix_ns, correlation)
        self._check_replay(correlation)
        value = fields if what == "feedback" and "value" not in fields else fields.pop("value", None)
        if fields and value is not fields:
            name = sorted(fields)[0]
            raise _NoneError("malformed", name[:64], "there is no such field", correlation)
        value = _SWITCHES.get(value, value) if isinstance(value, str) else value
        return self._checked(Wish(what, value, camera, correlation))

    def _check_replay(self, correlation: str) -> None:
        if not correlation:
            return
        if correlation in self._seen:
            raise _NoneError("replayed", "correlation", "this command came before", correlation)
        self._seen[correlation] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _checked(self, wish: Wish) -> Wish:
        if wish.what == "mode" and wish.value == AWAY:
            raise _NoneError("forbidden", "value", "home mode is not left over MQTT", wish.correlation)
        if not is_allowed(NOTIFY, wish):
            raise _NoneError("malformed", "value", f"want {KINDS[wish.what][1]}", wish.correlation)
        return wish


def reply_json(refusal: Refusal | None) -> str:
    """The answer to a command: it was carried out, or why not."""
    if refusal is None:
        return to_json({"ok": True, "error": None})
    error = {"code": refusal.code, "field": refusal.field, "message": refusal.message}
    return to_json({"ok": False, "error": error})


def _text(payload: bytes) -> str:
    if len(payload) > MOST_BYTES:
        raise _NoneError("malformed", "", f"a command has at most {MOST_BYTES} bytes")
    try:
        return payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise _NoneError("malformed", "", "not UTF-8") from None


def _plain(what: str, text: str) -> Any:
    """The value of a plain payload; the text itself where it is none, which then makes no sense."""
    if what in ("detect", "record"):
        return _SWITCHES.get(text, text)
    if what == "mode":
        return text if text in (HOME, AWAY) else None
    if _NUMBER.fullmatch(text):
        number = float(text)
        return int(number) if number.is_integer() else number
    return text


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise _NoneError("malformed", "", "not a JSON object") from None
    assert isinstance(found, dict)  # it begins with a brace
    return found


def _refuse(word: str) -> None:
    raise ValueError(word)  # NaN, Infinity: no JSON


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _correlation(given: object) -> str:
    if given == "":
        return ""
    if not isinstance(given, str) or not _CORRELATION.fullmatch(given):
        raise _NoneError("malformed", "correlation", "want 1 to 64 letters, digits, - or _")
    return given


def _check_expiry(given: object, unix_ns: int, correlation: str) -> None:
    if given is None:
        return
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < 1e12:
        raise _NoneError("malformed", "expires", "want UNIX seconds", correlation)
    if given * SECOND <= unix_ns:
        raise _NoneError("expired", "expires", "this command came too late", correlation)
