"""The cameras: whether each is there, who holds it, whether it gives a picture, and what encodes its pictures.

Idea: nothing tells as much as a first picture, so it is taken by the very code of capture, with the rights of camd's
own user. A camera that capture has open is left to it, and in home mode none is opened; then what can be seen from
outside is all that is told.
"""

import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from camd.alive import is_alive
from camd.camera.frame import Frame, Veil
from camd.camera.live import OPENS_WITHIN
from camd.camera.source import Optics, opened
from camd.checkups import rights
from camd.checkups.capture import said
from camd.checkups.finding import Finding, Health, Patient, ill, well, worry
from camd.checkups.masks import Seen, masks
from camd.clock import SystemClock
from camd.config import Config
from camd.errors import CamdError
from camd.model import SECOND
from camd.settings_camera import PI, is_device, is_network, is_pi

ANSWER_S: Final = 3.0
PICTURE_WITHIN: Final = OPENS_WITHIN
HEEDS_EVERY: Final = SECOND // 5
PORTS: Final = {"rtsp": 554, "http": 80}
VIDEO: Final = "sys/class/video4linux"
MODULE: Final = ("unicam", "rp1-cfe")  # what receives a camera module's pictures, on a Pi up to 4 and on a 5
HARDWARE: Final = "bcm2835-codec-encode"  # the H.264 encoder of a Zero 2 W, 3 and 4; a Pi 5 has none
AT_HOME: Final = "not opened in home mode"
OF_EACH: Final = ("camera", "masks")  # findings that bear a camera's name
MEND: Final = "Mend what it names: the camera, its settings, or the file."


def cameras(patient: Patient) -> list[Finding]:
    """Each camera of the settings, with its private areas."""
    with rights.of_camd(patient):
        told = said(patient.config, patient.places)
    runs = is_alive(patient.places.capture_lock)
    found = []
    for number, each in enumerate(patient.config.each(), 1):
        is_open = runs and told[each.camera.name].sensor == "open"
        found += _camera(patient, each, f"camera {number}", is_open)
    return found


def _camera(patient: Patient, each: Config, plain: str, is_open: bool) -> list[Finding]:
    """One camera; `is_open`: capture has it open."""
    (there,) = _there(patient, each.camera.source, f"camera {each.camera.name}", plain, is_open)
    if there.health is Health.ILL:
        return [there, *masks(each, None)]
    if is_open or not patient.is_watched():
        why = "capture has it open" if is_open else AT_HOME
        return [replace(there, says=f"{there.says}; {why}"), *masks(each, None)]
    return _tried(patient, each, there)


def _tried(patient: Patient, each: Config, there: Finding) -> list[Finding]:
    """What comes of opening it."""
    clock = SystemClock()
    began = clock.boot()
    try:
        seen = _seen(patient, each)
    except CamdError as error:
        if not patient.is_watched():  # home mode was entered meanwhile
            return [replace(there, says=f"{there.says}; {AT_HOME}"), *masks(each, None)]
        says = f"{there.says}; {error}"
        return [*ill(there.what, says, there.mend or MEND, f"{there.plain}, no picture"), *masks(each, None)]
    words = f"a first picture of {seen.layout.width}x{seen.layout.height} after {(clock.boot() - began) / SECOND:.1f} s"
    return [*well(there.what, f"{there.says}; {words}", f"{there.plain}, {words}"), *masks(each, seen)]


def _seen(patient: Patient, each: Config) -> Seen:
    """Open the camera until its first picture is there; raises CamdError when none comes."""
    settings, clock = each.camera, SystemClock()
    optics = Optics(Veil(each.vision.privacy), each.record.encode)
    whose = nullcontext() if is_network(settings.source) else rights.of_camd(patient)
    with (
        whose,
        closed_at_home(patient) as shut,
        opened(settings, optics, clock.boot(), clock, shut, PICTURE_WITHIN) as camera,
    ):
        next((item for item in camera.until(shut) if isinstance(item, Frame)), None)
        return Seen(camera.format, camera.copies)


@contextmanager
def closed_at_home(patient: Patient) -> Iterator[threading.Event]:
    """Give what is set once home mode is entered: a camera that a doctor looks through closes as all others do."""
    shut, done, clock = threading.Event(), threading.Event(), SystemClock()

    def heed() -> None:
        while clock.wait(clock.boot() + HEEDS_EVERY, done):
            if not patient.is_watched():
                shut.set()

    thread = threading.Thread(target=heed, name="home")
    thread.start()
    try:
        yield shut
    finally:
        done.set()
        thread.join()


def _there(patient: Patient, source: str, what: str, plain: str, is_open: bool) -> list[Finding]:
    """What can be seen of it from outside."""
    if not source:
        return ill(what, "no source is set", "Set camera.source in the settings.", f"{plain}: no source")
    if is_network(source):
        return _network(what, source, plain)
    if is_device(source):
        return _device(patient, what, Path(source), f"{plain}: device", is_open)
    if is_pi(source):
        return _module(patient, what, source, f"{plain}: module", is_open)
    return _file(patient, what, Path(source), f"{plain}: file")


def _network(what: str, source: str, plain: str) -> list[Finding]:
    url = urlsplit(source)
    host, port, plain = url.hostname or "", url.port or PORTS[url.scheme], f"{plain}: {url.scheme}"
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError as error:
        mend = "Is it on, is this its address, and does the router know it?"
        return ill(what, f"{host} port {port} does not answer ({error.strerror or error})", mend, f"{plain}, no answer")
    return well(what, f"{host} port {port} answers", f"{plain}, answers")


def _device(patient: Patient, what: str, path: Path, plain: str, is_open: bool) -> list[Finding]:
    if not path.exists():
        there = ", ".join(_devices(patient)) or "none"
        return ill(what, f"{path} is not there. There are: {there}", "Plug it in, or correct the source.", plain)
    with rights.of_camd(patient):
        is_allowed = os.access(path, os.R_OK | os.W_OK, effective_ids=True)
    if not is_allowed:
        mend = "Put the user that camd runs as into the group video."
        return ill(what, f"{path} cannot be opened", mend, f"{plain}, not allowed")
    return _held(what, [path], f"{path} is there", f"{plain}, there", is_open)


def _module(patient: Patient, what: str, source: str, plain: str, is_open: bool) -> list[Finding]:
    nodes = [device for device, name in _devices(patient).items() if any(word in name for word in MODULE)]
    count = len({_receiver(patient, device) for device in nodes})
    match = PI.fullmatch(source)
    if not nodes:
        mend = "Check the ribbon cable, and camera_auto_detect in config.txt; 'rpicam-hello --list-cameras' lists it."
        return ill(what, "the kernel has found no camera module", mend, f"{plain}, none found")
    if match and int(match[1] or 0) >= count:
        mend = "Check the other cable, or correct the source; 'rpicam-hello --list-cameras' lists what there is."
        return ill(what, f"{source}: the kernel has found {count} and counts from 0", mend, f"{plain}, one of {count}")
    return _held(what, list(map(Path, nodes)), f"the kernel has {count}", f"{plain}, there", is_open)


def _receiver(patient: Patient, device: str) -> Path:
    """What a video device belongs to: one receiver has several, each module has a receiver."""
    return (patient.system / VIDEO / Path(device).name / "device").resolve()


def _held(what: str, paths: Iterable[Path], says: str, plain: str, is_open: bool) -> list[Finding]:
    """Who has the camera open."""
    holders = dict.fromkeys(f"{name} ({pid})" for path in paths for pid, name in _holders(path))
    if holders and not is_open:
        mend = "End that program: a camera serves one at a time."
        return worry(what, f"{says}, held by {', '.join(holders)}", mend, f"{plain}, held by another")
    return well(what, says, plain)


def _file(patient: Patient, what: str, path: Path, plain: str) -> list[Finding]:
    if hidden := rights.hides(patient, path):
        return ill(what, f"{path}: camd's units see nothing in {hidden}", "Put it elsewhere.", f"{plain}, hidden")
    try:
        with rights.of_camd(patient):
            path.open("rb").close()
    except OSError as error:
        mend = "Correct the source, or let the user that camd runs as read it, and all folders above."
        return ill(what, f"{path} cannot be read ({error.strerror})", mend, f"{plain}, cannot be read")
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
