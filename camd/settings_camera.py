"""The kinds of value that say where a camera is and what its pictures are, and what of them does not fit together.

Rule: an address holds no account: what is wrong with one is told without it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from camd.settings_kinds import Number, Scalar, Text, WrongError, home
from camd.settings_paths import File

SCHEMES = ("rtsp", "http")
COPIED = "rtsp://"  # what comes so is H.264 and recorded as it is
UNMASKED = (
    "the recording would show what vision.privacy covers",
    "a camera whose H.264 is copied as it is",
    "record.encode: yes (it costs CPU), or no private areas",
)
PI = re.compile(r"pi(?::([0-9]))?")  # the camera module, and which one where there are two


def is_network(source: str) -> bool:
    """Whether the source is an address."""
    return source.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def is_device(source: str) -> bool:
    """Whether the source is a webcam's device."""
    return source.startswith("/dev/")


def is_pi(source: str) -> bool:
    """Whether the source is a camera module."""
    return PI.fullmatch(source) is not None


def check_source(source: str) -> str:
    """Return a source with its ~ expanded; raises WrongError, which tells no password."""
    if "://" in source:
        return _address(source)
    return home(source) if source.startswith("~") else source


def _address(url: str) -> str:
    scheme = url.split("://")[0].lower()
    if "@" in url:  # wherever: a password may hold a / itself
        raise WrongError(
            "a user or password in the address can be read by others",
            f"{scheme}://***",
            "camera.password_file, and %40 for an @ of the path itself",
        )
    if scheme not in SCHEMES:
        raise WrongError("cameras are reached by rtsp:// (H.264) and http:// (motion JPEG)", f"{scheme}://***")
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
    except ValueError as error:
        raise WrongError("not an address", f"{scheme}://***") from error
    if not parts.hostname or not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
        raise WrongError("not a complete address", f"{scheme}://***")
    return scheme + url[len(scheme) :]


@dataclass(frozen=True, slots=True)
class Source(Text):
    """A video file, a camera module, a device or the address of a camera."""

    want: str = "a file, pi, pi:1, a device or a URL without a password"

    def read(self, scalar: Scalar) -> str:
        """Return the source, with ~ expanded."""
        return check_source(Text.read(self, scalar))


@dataclass(frozen=True, slots=True)
class Stream(Text):
    """The address of a camera's second stream."""

    want: str = "a URL without a password"

    def read(self, scalar: Scalar) -> str:
        """Return the address."""
        source = Text.read(self, scalar)
        if "://" not in source:
            raise WrongError("not an address")
        return check_source(source)


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a picture, and how many there are in a second."""

    width: int
    height: int
    fps: float


@dataclass(frozen=True, slots=True)
class SizeKind:
    """A size, such as 1280x720@15."""

    want: str = "WIDTHxHEIGHT@FPS, such as 1280x720@15"

    def read(self, scalar: Scalar) -> Size:
        """Return the size."""
        match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})@([0-9]{1,3}(?:\.[0-9]{1,3})?)", scalar.text.replace(" ", ""))
        if not match:
            raise WrongError("not a size with a rate")
        size = Size(int(match[1]), int(match[2]), float(match[3]))
        if not (160 <= size.width <= 4096 and 120 <= size.height <= 2304 and 1 <= size.fps <= 120):
            raise WrongError("out of range", want="160x120 to 4096x2304, and 1 to 120 pictures a second")
        if size.width % 2 or size.height % 2:
            raise WrongError("H.264 wants even numbers of pixels")
        return size

    def show(self, value: Size) -> str:
        """Return WIDTHxHEIGHT@FPS."""
        return f"{value.width}x{value.height}@{value.fps:g}"


@dataclass(frozen=True, slots=True)
class Focus:
    """How a lens that can move is set: None for by itself, or dioptres."""

    want: str = "auto, or dioptres from 0 to 32: 0 is far away, 2 half a metre"

    def read(self, scalar: Scalar) -> float | None:
        """Return dioptres, None for auto."""
        return None if scalar.text.lower() == "auto" else Number(0, 32).read(scalar)

    def show(self, value: float | None) -> str:
        """Return the number, or auto."""
        return "auto" if value is None else f"{value:g}"


@dataclass(frozen=True, slots=True)
class Tuning:
    """What libcamera knows of a camera module: a word, or the path of a tuning file."""

    want: str = "normal, infrared, or the path of a file, beginning with / or ~"

    def read(self, scalar: Scalar) -> str:
        """Return the word, or the absolute path of a file that can be read."""
        if scalar.text.lower() in ("normal", "infrared"):
            return scalar.text.lower()
        return str(File(self.want).read(scalar))

    def show(self, value: str) -> str:
        """Return the word, or the path in quotes."""
        return value if value in ("normal", "infrared") else Text.show(Text(), value)


class Camera(Protocol):
    """The settings that have to fit together."""

    @property
    def source(self) -> str:
        """Where its pictures come from."""

    @property
    def detect_source(self) -> str:
        """Where those come from that are looked at."""

    @property
    def password_file(self) -> Path | None:
        """Where its account stands."""


def conflicts(camera: Camera) -> Iterator[tuple[str, str, str, str]]:
    """Give what does not fit together, as key, what is wrong, got, want."""
    if not camera.source:
        return
    if not is_network(camera.source):
        for key in ("detect_source", "password_file"):
            if getattr(camera, key):
                yield key, "only a camera on the network has this", f"source: {camera.source}", f"no {key}"
    elif camera.detect_source:
        one, other = (urlsplit(url).hostname for url in (camera.source, camera.detect_source))
        if one != other:
            yield "detect_source", "another camera than source", f"{other}", f"an address of {one}"
