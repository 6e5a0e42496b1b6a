"""The cameras: whether each is there, who holds it, what encodes its pictures, and whether capture gets any."""

import importlib.util
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from camd.alerts.vitals import Report
from camd.alive import is_alive
from camd.checkups.finding import Finding, Patient, ill, well, worry
from camd.clock import SystemClock
from camd.model import SECOND
from camd.places import Places

ANSWER_S: Final = 3.0
STALE_S: Final = 10
RUNS, HANGS, STOPPED = "runs", "hangs", "stopped"
PORTS: Final = {"rtsp": 554, "http": 80}
VIDEO: Final = "sys/class/video4linux"
HARDWARE: Final = "bcm2835-codec-encode"  # the H.264 encoder of a Zero 2 W, 3 and 4; a Pi 5 has none


def cameras(patient: Patient) -> list[Finding]:
    """Each camera of the settings."""
    found = []
    for number, each in enumerate(patient.config.each(), 1):
        plain = f"camera {number}"
        found += _camera(patient, f"camera {each.camera.name}", each.camera.source, plain)
    return found


def _camera(patient: Patient, what: str, source: str, plain: str) -> list[Finding]:
    url = urlsplit(source)
    if not source:
        return ill(what, "no source is set", "Set camera.source in the settings.", f"{plain}: no source")
    if url.scheme in PORTS:
        return _network(what, url.hostname or "", url.port or PORTS[url.scheme], f"{plain}: {url.scheme}")
    if source.startswith("/dev/"):
        return _device(patient, what, Path(source), f"{plain}: device")
    if source.partition(":")[0] == "pi":
        return _module(patient, what, f"{plain}: module")
    return _file(what, Path(source), f"{plain}: file")


def _network(what: str, host: str, port: int, plain: str) -> list[Finding]:
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError as error:
        mend = "Is it on, is this its address, and does the router know it?"
        return ill(what, f"{host} port {port} does not answer ({error.strerror or error})", mend, f"{plain}, no answer")
    return well(what, f"{host} port {port} answers", f"{plain}, answers")


def _device(patient: Patient, what: str, path: Path, plain: str) -> list[Finding]:
    if not path.exists():
        there = ", ".join(_devices(patient)) or "none"
        return ill(what, f"{path} is not there. There are: {there}", "Plug it in, or correct the source.", plain)
    holders = [f"{name} ({pid})" for pid, name in _holders(path)]
    if holders and not is_alive(patient.places.capture_lock):
        says = f"{path} is held by {', '.join(holders)}"
        return ill(what, says, "End that program: a camera serves one at a time.", f"{plain}, held by another")
    if not os.access(path, os.R_OK | os.W_OK):
        return ill(what, f"{path} cannot be opened", "Put this user into the group video.", f"{plain}, not allowed")
    held = f", held by {', '.join(holders)}" if holders else ""
    return well(what, f"{path} is there{held}", f"{plain}, there")


def _module(patient: Patient, what: str, plain: str) -> list[Finding]:
    if importlib.util.find_spec("picamera2") is None:
        mend = "sudo apt install python3-picamera2, and camd in a venv with --system-site-packages"
        return ill(what, "picamera2 is not installed for this Python", mend, f"{plain}, no picamera2")
    found = [name for name in _devices(patient).values() if "unicam" in name or "rp1-cfe" in name]
    if not found:
        mend = "Check the ribbon cable, and camera_auto_detect in config.txt; 'rpicam-hello --list-cameras' lists it."
        return ill(what, "the kernel has found no camera module", mend, f"{plain}, none found")
    return well(what, f"the kernel has one ({found[0]})", f"{plain}, there")


def _file(what: str, path: Path, plain: str) -> list[Finding]:
    if not path.is_file() or not os.access(path, os.R_OK):
        return ill(what, f"{path} cannot be read", "Correct the source.", f"{plain}, cannot be read")
    return well(what, f"the video file {path}", plain)


def _devices(patient: Patient) -> dict[str, str]:
    """The video devices that the kernel has, and what it calls them."""
    folder = patient.system / VIDEO
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return {f"/dev/{name}": patient.read(f"{VIDEO}/{name}/name") for name in names}


def _holders(path: Path) -> Iterator[tuple[int, str]]:
    """Processes that have a device open; of other users' only root sees them."""
    wanted = path.resolve()
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid() and _has_open(process, wanted):
            yield int(process.name), (process / "comm").read_text(encoding="utf-8", errors="replace").strip()


def _has_open(process: Path, wanted: Path) -> bool:
    try:
        return any(link.readlink() == wanted for link in (process / "fd").iterdir())
    except OSError:  # it ended, or it is another user's
        return False


def encoder(patient: Patient) -> list[Finding]:
    """What makes H.264 of pictures that are not H.264 yet."""
    if HARDWARE in _devices(patient).values():
        return well("encoder", "the hardware's", "hardware")
    return well("encoder", "none in hardware: what is not H.264 already is encoded by libx264", "libx264")


def capture(patient: Patient) -> list[Finding]:
    """Whether the process runs and gets pictures."""
    runs, cameras = capture_is(patient.places)
    if runs == STOPPED:
        return worry("capture", "does not run", "'sudo systemctl start camd.target', or 'camd run'.", "does not run")
    if runs == HANGS:
        return ill("capture", "hangs: it has told nothing of itself for a while", "Restart it.", "hangs")
    rates = {name: told.get("fps", 0.0) for name, told in cameras.items()}
    plain = ", ".join(f"{rate} pictures a second" for rate in rates.values())
    return well("capture", ", ".join(f"{name}: {rate} pictures a second" for name, rate in rates.items()), plain)


def capture_is(places: Places) -> tuple[str, dict[str, Any]]:
    """Whether capture runs, hangs or is stopped, and what it last told of each camera while it runs."""
    if not is_alive(places.capture_lock):
        return STOPPED, {}
    report = Report.read(places.status)
    if report is None or SystemClock().boot() - report.at > STALE_S * SECOND:
        return HANGS, {}
    return RUNS, report.said.get("cameras", {})
