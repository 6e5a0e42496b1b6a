"""The kinds of value that may stand in the settings file.

Idea: a `Kind` turns one written value into a Python value and back, and says in words what it wants; that text serves
error messages, the comments of camd.yaml and `camd check`.
Rule: the value of a secret is never part of a message. What settings exist is `camd.config`'s business.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from camd.model import SECOND

T = TypeVar("T")
N = TypeVar("N", int, float)

SIZES = {
    "TiB": 2**40,
    "TB": 10**12,
    "GiB": 2**30,
    "GB": 10**9,
    "MiB": 2**20,
    "MB": 10**6,
    "KiB": 2**10,
    "kB": 10**3,
    "B": 1,
}
TIMES = {"d": 86_400 * SECOND, "h": 3600 * SECOND, "min": 60 * SECOND, "s": SECOND, "ms": SECOND // 1000}
_SWITCH = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_WORDS = {"int": "a number", "float": "a number", "bool": "yes/no", "str": "text", "timestamp": "a date"}


class WrongError(Exception):
    """A value is not what its key wants: `what` is wrong with it, and what was `got` if not the text itself."""

    def __init__(self, what: str, got: str | None = None, want: str | None = None) -> None:
        super().__init__(what)
        self.what, self.got, self.want = what, got, want


@dataclass(frozen=True, slots=True)
class Scalar:
    """One plain value: its text as written, and what YAML takes it for (str, int, float, bool, null, ...)."""

    text: str
    tag: str


class Kind(Protocol[T]):
    """What may stand at a key. `show` gives text that `read` reads as the same value."""

    @property
    def want(self) -> str:
        """What is wanted, in words."""

    def read(self, scalar: Scalar) -> T:
        """Return the value; raises WrongError."""

    def show(self, value: T) -> str:
        """Return the value as YAML."""


@dataclass(frozen=True, slots=True)
class Text:
    """Any text of one line."""

    want: str = "text"

    def read(self, scalar: Scalar) -> str:
        """Return the text."""
        if scalar.tag != "str":
            raise WrongError("not text", f"{scalar.text} ({_word(scalar)})", f'{self.want}, put in "quotes"')
        if not scalar.text.isprintable():
            raise WrongError("holds control characters")
        return scalar.text

    def show(self, value: str) -> str:
        """Return the text in quotes."""
        return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Name(Text):
    """A name that can be one level of an MQTT topic."""

    want: str = "a name of 1 to 32 characters without / + #"

    def read(self, scalar: Scalar) -> str:
        """Return the name."""
        # Not super(): slots=True makes a new class, and the zero-argument form still means the old one.
        name = Text.read(self, scalar)
        if not name.strip():
            raise WrongError("an empty name", '""')
        if len(name) > 32:
            raise WrongError(f"{len(name)} characters are too long")
        if set(name) & set("/+#"):
            raise WrongError("/ + # mean something else in MQTT topics")
        return name


@dataclass(frozen=True, slots=True)
class Host(Text):
    """A host name or IP address."""

    want: str = "a host name or address such as 192.168.1.10"

    def read(self, scalar: Scalar) -> str:
        """Return the host."""
        host = Text.read(self, scalar)
        if not host:
            raise WrongError("no host", '""')
        if "@" in host:
            raise WrongError("a user or password does not belong here", "an address with @")
        if "://" in host:
            raise WrongError("a host has no scheme (tls and port are keys of their own)")
        if re.fullmatch(r"[^:]+:\d+", host):
            raise WrongError("the port is a key of its own")
        if re.search(r"[\s/]", host):
            raise WrongError("not a host name")
        return host


@dataclass(frozen=True, slots=True)
class HttpsUrl(Text):
    """The address of a recipient."""

    want: str = "an address that begins with https://"

    def read(self, scalar: Scalar) -> str:
        """Return the address."""
        url = Text.read(self, scalar)
        try:
            parts = urlsplit(url)
            _ = parts.port  # reading it checks it
        except ValueError as error:
            raise WrongError("not an address", "an address that cannot be read") from error
        if "@" in parts.netloc:
            raise WrongError("a user or password in the address can be read by others", f"{parts.scheme}://***")
        if parts.scheme != "https":
            raise WrongError("clips are sent encrypted or not at all")
        if parts.query or parts.fragment:  # signed addresses carry their secret there, and camd prints addresses
            raise WrongError("? and # do not belong in this address", f"https://{parts.hostname}/***")
        if not parts.hostname or not url.isascii() or " " in url:
            raise WrongError("not a complete address")
        return url


@dataclass(frozen=True, slots=True)
class PageUrl(Text):
    """The address of camd's own page, as the house reaches it."""

    want: str = "an address that begins with https:// or http://"

    def read(self, scalar: Scalar) -> str:
        """Return the address, without / at its end."""
        url = Text.read(self, scalar)
        try:
            parts = urlsplit(url)
            _ = parts.port  # reading it checks it
        except ValueError as error:
            raise WrongError("not an address", "an address that cannot be read") from error
        if "@" in parts.netloc:
            raise WrongError("a user or password in the address can be read by others", f"{parts.scheme}://***")
        if parts.scheme not in ("https", "http") or not parts.hostname or not url.isascii() or " " in url:
            raise WrongError("not a complete address")
        if parts.query or parts.fragment or len(url) > 200:
            raise WrongError("? and # do not belong in this address, nor more than 200 characters")
        return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    @property
    def want(self) -> str:
        """The words."""
        return f"{', '.join(self.words[:-1])} or {self.words[-1]}"

    def read(self, scalar: Scalar) -> str:
        """Return the word; whatever else YAML takes it for (off is a switch, 5 a number) does not matter."""
        word = scalar.text.lower()
        if word not in self.words:
            near = get_close_matches(word, self.words, 1)
            raise WrongError(f"no such choice (did you mean {near[0]}?)" if near else "no such choice")
        return word

    def show(self, value: str) -> str:
        """Return the word."""
        return value


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    want: str = "yes or no"

    def read(self, scalar: Scalar) -> bool:
        """Return True for yes, on and true."""
        if scalar.tag != "bool" or scalar.text.lower() not in _SWITCH:
            raise WrongError("not yes or no", f"{scalar.text} ({_word(scalar)})")
        return _SWITCH[scalar.text.lower()]

    def show(self, value: bool) -> str:
        """Return yes or no."""
        return "yes" if value else "no"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    @property
    def want(self) -> str:
        """The range."""
        return f"a whole number from {self.low} to {self.high}"

    def read(self, scalar: Scalar) -> int:
        """Return the number."""
        if scalar.tag != "int" or not re.fullmatch(r"[+-]?[0-9]{1,18}", scalar.text):
            raise WrongError("not a whole number", f"{scalar.text} ({_word(scalar)})")
        return _within(int(scalar.text), self.low, self.high)

    def show(self, value: int) -> str:
        """Return the digits."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `low` to `high`, with a fraction or without."""

    low: float
    high: float

    @property
    def want(self) -> str:
        """The range."""
        return f"a number from {self.low:g} to {self.high:g}"

    def read(self, scalar: Scalar) -> float:
        """Return the number."""
        if scalar.tag == "float" and re.fullmatch(r"[+-]?\.(inf|nan)", scalar.text, re.IGNORECASE):
            raise WrongError("not a finite number")
        if scalar.tag not in ("int", "float") or not re.fullmatch(
            r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", scalar.text
        ):
            raise WrongError("not a number", f"{scalar.text} ({_word(scalar)})")
        number = float(scalar.text)
        if not math.isfinite(number):
            raise WrongError("not a finite number")
        return _within(number, self.low, self.high)

    def show(self, value: float) -> str:
        """Return the shortest digits that mean the number."""
        return repr(value)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A whole count of a smallest thing (a byte, a nanosecond), written as a number and a unit."""

    noun: str
    example: str
    units: Mapping[str, int]
    low: int
    high: int

    @property
    def want(self) -> str:
        """The range, in units."""
        return f"{self.noun} from {self.show(self.low)} to {self.show(self.high)}"

    def read(self, scalar: Scalar) -> int:
        """Return the count."""
        names = ", ".join(self.units)
        if scalar.tag in ("int", "float"):
            raise WrongError(f"a number without a unit ({names})", want=f"{self.want}, such as {self.example}")
        match = re.fullmatch(r"([+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?) *([A-Za-z]+)", scalar.text)
        if scalar.tag != "str" or not match:
            raise WrongError(f"not {self.noun}", want=f"{self.want}, such as {self.example}")
        number, unit = match.groups()
        if unit not in self.units:
            near = get_close_matches(unit.lower(), [name.lower() for name in self.units], 1)
            hint = "".join(f" (did you mean {name}?)" for name in self.units if [name.lower()] == near)
            raise WrongError(f"no such unit{hint}", want=f"one of {names}")
        return _within(int(Decimal(number) * self.units[unit]), self.low, self.high)

    def show(self, value: int) -> str:
        """Return the count in the largest unit that divides it."""
        if value == 0:
            return f"0 {self.example.split()[1]}"
        for unit, count in self.units.items():  # the largest comes first
            if value % count == 0:
                return f"{value // count} {unit}"
        unit, count = list(self.units.items())[-1]  # a part of the smallest unit: 1 ns is 0.000001 ms
        return f"{Decimal(value) / count:f} {unit}"


def size(low: int, high: int) -> Quantity:
    """Return the kind of a size in bytes."""
    return Quantity("a size", "2 GB", SIZES, low, high)


def duration(low: int, high: int) -> Quantity:
    """Return the kind of a time span in nanoseconds."""
    return Quantity("a time", "5 s", TIMES, low, high)


def home(text: str) -> str:
    """Return a path with its ~ expanded; raises WrongError."""
    try:
        return str(Path(text).expanduser())
    except RuntimeError as error:
        raise WrongError("no such user's home folder") from error


def _within(number: N, low: N, high: N) -> N:
    if not low <= number <= high:
        raise WrongError("out of range")
    return number


def _word(scalar: Scalar) -> str:
    return _WORDS.get(scalar.tag, "something else")
