"""The machine: power, temperature, memory, clock, and what is installed on it.

Sources: the firmware's `get_throttled` as `vcgencmd` and the kernel tell it (Raspberry Pi documentation, "vcgencmd");
the temperatures at which a Pi slows itself down (80 and 85 degrees) are its as well.
"""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from typing import Final

from camd import __version__
from camd.checkups.finding import Finding, Patient, ill, well, worry
from camd.clock import SystemClock

HOT_C: Final = 70.0
TOO_HOT_C: Final = 80.0
LITTLE_MB: Final = 60  # available memory below which Linux begins to throw programs out of it
THROTTLED: Final = "sys/devices/platform/soc/soc:firmware/get_throttled"
NOW: Final = {0: "too little voltage", 1: "its clock is capped", 2: "it is slowed down", 3: "too hot"}
BEFORE: Final = 16  # these bits, so much higher, tell of the time since the start
PACKAGES: Final = ("numpy", "opencv-python-headless", "av", "paho-mqtt", "seccompy", "PyYAML", "picamera2")
POWER: Final = "Use the power supply made for this Pi, and a short thick cable."


def power(patient: Patient) -> list[Finding]:
    """Under-voltage and throttling, now and since the start."""
    bits = _throttled(patient)
    if bits is None:
        return well("power", "this machine does not tell (no Pi firmware)", "not told")
    now = [words for bit, words in NOW.items() if bits >> bit & 1]
    before = [words for bit, words in NOW.items() if bits >> bit + BEFORE & 1]
    if now:
        return ill("power", f"now: {', '.join(now)}", POWER, f"0x{bits:x}")
    if before:
        return worry("power", f"since the start: {', '.join(before)}", POWER, f"0x{bits:x}")
    return well("power", "enough, never slowed down since the start", "0x0")


def _throttled(patient: Patient) -> int | None:
    text = patient.read(THROTTLED) or _vcgencmd()
    try:
        return int(text.rpartition("=")[2], 16)
    except ValueError:
        return None


def _vcgencmd() -> str:
    tool = shutil.which("vcgencmd")
    if tool is None:
        return ""
    asked = subprocess.run([tool, "get_throttled"], capture_output=True, text=True, check=False, timeout=5)
    return asked.stdout.strip()


def temperature(patient: Patient) -> list[Finding]:
    """Of the processor."""
    try:
        degrees = int(patient.read("sys/class/thermal/thermal_zone0/temp")) / 1000
    except ValueError:
        return well("temperature", "this machine does not tell", "not told")
    says = f"{degrees:.0f} °C"
    mend = "Give it air, a heat sink or a fan, and shade."
    if degrees >= TOO_HOT_C:
        return ill("temperature", f"{says}: it slows down to cool off", mend, says)
    return worry("temperature", f"{says}: warm", mend, says) if degrees >= HOT_C else well("temperature", says, says)


def memory(patient: Patient) -> list[Finding]:
    """What is available."""
    lines = dict(line.split(":", 1) for line in patient.read("proc/meminfo").splitlines() if ":" in line)
    try:
        total, free = (int(lines[name].split()[0]) // 1024 for name in ("MemTotal", "MemAvailable"))
    except (KeyError, ValueError):
        return well("memory", "this machine does not tell", "not told")
    says = f"{free} of {total} MB available"
    if free < LITTLE_MB:
        return worry("memory", says, "End what else runs, or lower record.pre_roll and the camera's resolution.", says)
    return well("memory", says, says)


def clock(patient: Patient) -> list[Finding]:
    """Whether the date is known to be right."""
    if SystemClock().synchronised():
        return well("clock", "kept right by a time server", "synchronised")
    mend = "Give it a time server ('timedatectl set-ntp true') or a battery clock. Meanwhile no clip goes for its age."
    return worry("clock", "nobody keeps it right, so dates of clips may be wrong", mend, "not synchronised")


def versions(patient: Patient) -> list[Finding]:
    """What runs here."""
    found = [f"camd {__version__}", f"Python {platform.python_version()}", *filter(None, map(_version, PACKAGES))]
    model = patient.read("proc/device-tree/model")
    system = _release(patient)
    machine = [f"Linux {os.uname().release} {os.uname().machine}", *filter(None, (system, model))]
    text = ", ".join((*found, *machine))
    return well("versions", text, text)


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return ""


def _release(patient: Patient) -> str:
    lines = patient.read("etc/os-release").splitlines()
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "")
