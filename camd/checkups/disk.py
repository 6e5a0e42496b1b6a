"""The disk that clips lie on: whether it can be written, how fast, how much is left, and what it says of its health."""

import os
import tempfile
from pathlib import Path
from typing import Final

from camd import units
from camd.checkups import rights
from camd.checkups.finding import Finding, Patient, ill, well, worry
from camd.clock import SystemClock
from camd.config import MB
from camd.errors import CamdError
from camd.model import SECOND
from camd.store.room import free_bytes

PIECE: Final = MB
PIECES: Final = 8
SLOW_MB_S: Final = 1.0  # a 1080p clip of 6 Mbit/s needs 0.75
WORN: Final = 0x09  # JEDEC eMMC's and SD's DEVICE_LIFE_TIME_EST: 0x09 is 80 to 90 % used, 0x0B more than all of it
MOUNTS: Final = "proc/self/mountinfo"


def writing(patient: Patient) -> list[Finding]:
    """How fast a recording could be written and synced here."""
    folder = patient.places.data
    if hidden := rights.hides(patient, folder):
        return ill("disk", f"{folder}: camd's units see nothing in {hidden}", "Let store.data be elsewhere.", "hidden")
    if not folder.is_dir():
        mend = units.how_to_make(folder) if patient.is_service else "It is made at the first start."
        return worry("disk", f"{folder} is not there yet", mend, "no data folder")
    try:
        with rights.of_camd(patient):
            seconds, worst = _trial(folder)
    except OSError as error:
        mend = f"Let camd's user write there, or mount the disk that belongs at {folder}."
        return ill("disk", f"{folder} cannot be written ({error.strerror})", mend, f"refuses ({error.errno})")
    speed = PIECE * PIECES / MB / seconds
    says = f"{speed:.1f} MB/s written and synced, {1000 * worst:.0f} ms at worst"
    if speed < SLOW_MB_S:
        return ill("disk", f"{says}: too slow", "Use a faster card (class A1 or better) or a USB disk.", says)
    return well("disk", says, says)


def _trial(folder: Path) -> tuple[float, float]:
    """Seconds that some pieces took, and the longest that one did."""
    clock, piece, worst = SystemClock(), os.urandom(PIECE), 0
    with tempfile.TemporaryFile(dir=folder) as file:
        began = clock.boot()
        for _ in range(PIECES):
            before = clock.boot()
            file.write(piece)
            file.flush()
            os.fdatasync(file.fileno())
            worst = max(worst, clock.boot() - before)
        return max(clock.boot() - began, 1) / SECOND, worst / SECOND


def room(patient: Patient) -> list[Finding]:
    """What is left for clips."""
    settings = patient.config.store
    try:
        free = free_bytes(_nearest(patient.places.clips))
    except CamdError as error:
        return worry("room", str(error), "Is the disk there, and is it well?", "not told")
    says = f"{free / MB:.0f} MB free, {settings.keep_free / MB:.0f} MB of it are left to everything else"
    if free <= settings.keep_free:
        mend = "Make room, or lower store.keep_free or store.max_bytes. Meanwhile each clip makes an old one go."
        return worry("room", says, mend, says)
    return well("room", says, says)


def _nearest(folder: Path) -> Path:
    """The folder, or the one above in which it would be made."""
    return next(one for one in (folder, *folder.parents) if os.access(one, os.F_OK) and one.is_dir())


def health(patient: Patient) -> list[Finding]:
    """What the file system and the card say of themselves."""
    device = _device(patient)
    if not device:
        return []
    errors = patient.read(f"sys/fs/ext4/{device}/errors_count")
    if errors not in ("", "0"):
        mend = "Save the clips ('camd clips export'), then check the disk with fsck, and replace it."
        return ill("disk health", f"the file system on {device} found {errors} errors", mend, f"{errors} errors")
    whole = device.rpartition("p")[0] if device.startswith("mmcblk") and "p" in device else device
    used = [int(word, 16) for word in patient.read(f"sys/block/{whole}/device/life_time").split()]
    if used and max(used) >= WORN:
        says = f"{whole} has used {max(used) * 10 - 10} % of its life or more"
        return worry("disk health", says, "Replace it soon; clips are files and can be copied.", f"wear {max(used)}")
    return well("disk health", f"{device} tells of no error", "no error told")


def _device(patient: Patient) -> str:
    """The name of the block device that clips lie on, such as mmcblk0p2; "" where it has none."""
    number = _nearest(patient.places.data).stat().st_dev
    link = patient.system / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    return link.resolve().name if link.exists() else ""
