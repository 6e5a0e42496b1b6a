"""Which camera a source is, and how it is opened.

Idea: a literal table, imported when it is used, so that a process loads nothing of cameras that it does not have.
Rule: what a source may look like is checked with the settings; here everything that is no camera is a file. A live
camera is spoken with by its readers' threads alone: who opens it waits for it no longer than `LiveCamera` lets them.
"""

import importlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from camd import config
from camd import settings_camera as kinds
from camd.camera.address import Address, Login
from camd.camera.frame import Frame, Veil
from camd.camera.live import OPENS_WITHIN, LiveCamera
from camd.camera.reader import Part, Stamps, StreamReader, Wants
from camd.camera.stream import FileCamera
from camd.clock import Clock
from camd.config import CameraConfig
from camd.errors import ConfigError, UnavailableError
from camd.model import Format, Nanos, Packet

# kind of source -> (module, class of its line, whose clock its times are of)
LINES: Final = {
    "rtsp": ("camd.camera.network", "RtspLine", Stamps.OWN),
    "http": ("camd.camera.network", "MjpegLine", Stamps.NONE),
    "device": ("camd.camera.webcam", "WebcamLine", Stamps.LOCAL),
}


class Camera(Protocol):
    """An open camera. `copies` says that its recording shows what its pictures cover."""

    copies: bool
    format: Format

    def __enter__(self) -> Self:
        """Stay open until the block ends."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""

    def close(self) -> None:
        """Let go of it; nothing in this process holds it open afterwards."""

    @property
    def ends(self) -> Nanos:
        """When what comes after it would begin."""

    def until(self, shut: threading.Event) -> Iterator[Packet | Frame]:
        """What it gives until it ends or `shut` is set; raises CamdError when it is lost."""


@dataclass(frozen=True, slots=True)
class Optics:
    """What is wanted of a camera besides where it is: what is covered, and whether its recording is encoded anew."""

    veil: Veil
    encode: bool


def is_live(settings: CameraConfig) -> bool:
    """Whether its pictures come when they are taken, and no others."""
    return _kind(settings.source) != "file"


def opened(
    settings: CameraConfig,
    optics: Optics,
    starts: Nanos,
    clock: Clock,
    shut: threading.Event,
    within: Nanos = OPENS_WITHIN,
) -> Camera:
    """Open the camera; a file's first picture is put at `starts`. Waits `within` for a live one's, until `shut` is set.

    Raises UnavailableError or UnusableInputError.
    """
    kind = _kind(settings.source)
    if kind == "file":
        return FileCamera(Path(settings.source), starts, optics.veil, encode=optics.encode)
    if kind == "pi":
        camera: Camera = _camera_module()(settings, optics.veil, clock, shut, within)
        return camera
    module, name, stamps = LINES[kind]
    line = _from(module, name)
    is_device = kind == "device"
    lines = [line(settings.source, settings.size)] if is_device else _network(line, settings)
    wants = Wants(optics.veil, stamps, encode=optics.encode)
    parts = [Part.ALL] if len(lines) == 1 else [Part.RECORDING, Part.PICTURES]
    readers = [StreamReader(one, replace(wants, part=part), clock) for one, part in zip(lines, parts, strict=True)]
    return LiveCamera(lines[0].name, readers, clock, shut, within)


def _kind(source: str) -> str:
    if kinds.is_pi(source):
        return "pi"
    if kinds.is_device(source):
        return "device"
    return source.split("://")[0] if kinds.is_network(source) else "file"


def _camera_module() -> Any:
    try:
        return _from("camd.camera.pi", "opened")
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"pi: the camera module needs picamera2, and this Python has no {error.name}. Install python3-picamera2 by "
            "apt and run camd from a venv made with --system-site-packages, as systemd/install does."
        ) from error


def _network(line: Callable[[Address], Any], settings: CameraConfig) -> list[Any]:
    """The way to the stream that is recorded and, if there is one, to that which is looked at."""
    login = _login(settings.password_file) if settings.password_file else Login()
    urls = (settings.source, settings.detect_source)
    return [line(Address.of(url, login)) for url in urls if url]


def _login(path: Path) -> Login:
    name, colon, password = config.secret(path).partition(":")
    if not (name and colon and password):
        raise ConfigError(f"{path}: not an account. got a line that is not shown. want NAME:PASSWORD.")
    return Login(name, password)


def _from(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)
