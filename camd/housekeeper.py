"""What capture does once a second beside its camera: alerts to disk, how it is to a file, and what time alone brings.

Rule: one thread, which may wait for a disk; nobody waits for it. A camera without a picture for eight seconds is told
as a fault, and so is this process' own standing still, by notify, which reads when the file was written.
"""

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from camd.alerts.outbox import SPILL_AFTER, Outbox
from camd.alerts.teller import Teller
from camd.clock import Clock
from camd.config import Config
from camd.errors import CamdError
from camd.habits import remember
from camd.learning import factory, home
from camd.model import SECOND, Nanos
from camd.places import Places
from camd.pulse import Pulse
from camd.store import heads, wear
from camd.store.files import ClipFiles
from camd.worker import Crew

_log = logging.getLogger(__name__)

BLIND: Final[Nanos] = 8 * SECOND  # without a picture; told within ten
STOOD_STILL: Final[Nanos] = 10 * SECOND  # between two looks that are a second apart
TEND_EVERY: Final[Nanos] = 3600 * SECOND  # to what was learned from clips that the ring may have taken
COUNT_EVERY: Final[Nanos] = 30 * SECOND  # the clips
DAY_S: Final = 86_400
ENOUGH: Final = 1.1  # times keep_free is room again


@dataclass(slots=True)
class Watch:
    """One camera as the housekeeper sees it: `recovered` is called when pictures come again after it was blind."""

    name: str
    teller: Teller
    recovered: Callable[[], object]
    pulse: Pulse = field(default_factory=Pulse)
    _is_blind: bool = False
    _frames: tuple[Nanos, int] = (0, 0)
    _fps: float = 0.0

    def look(self, now: Nanos) -> None:
        """Tell a camera that should give pictures and does not."""
        is_blind = self.pulse.is_open and now - self.pulse.last > BLIND
        if is_blind and not self._is_blind:
            self.teller.fault(f"no picture for {BLIND // SECOND} s")
        if self._is_blind and not is_blind and self.pulse.is_open:
            self.recovered()
        self._is_blind = is_blind

    def figures(self, now: Nanos) -> dict[str, Any]:
        """How it is, in figures."""
        then, frames = self._frames
        if now - then >= 5 * SECOND:
            self._fps = round((self.pulse.offered - frames) * SECOND / (now - then), 1) if then else 0.0
            self._frames = now, self.pulse.offered
        drops = max(0, self.pulse.offered - self.pulse.looked - 1)  # one may be under way
        budget = self.pulse.budget
        return {
            "fps": self._fps if self.pulse.is_open else 0.0,
            "drops": drops,
            "load": round(budget.load, 2) if self.pulse.is_open else 0.0,
            "pace": {"classifier": round(budget.pace.classifier, 2), "analysis": round(budget.pace.analysis, 2)},
        }


@dataclass(slots=True)
class Housekeeper:
    """The thread's own. What is the whole node's is told by its first camera."""

    config: Config
    places: Places
    clock: Clock
    watches: Sequence[Watch]
    _last: Nanos = 0
    _is_low: bool = False
    _day: tuple[int, int] = (0, 0)  # its number, and bytes this process had written when it began
    _clips: dict[str, int] = field(default_factory=dict)
    _counted: Nanos | None = None
    _learned: dict[str, bytes] = field(default_factory=dict)
    _tended: Nanos | None = None

    def run(self, crew: Crew) -> None:
        """Work until the crew stops."""
        outbox = Outbox(self.places)
        try:
            while self.clock.wait(self.clock.boot() + SPILL_AFTER, crew.stop):
                self.look(outbox)
        finally:
            outbox.close()

    def keep(self, camera: str, learned: bytes) -> None:
        """Write down soon what was learned of this camera's quiet places; never waits, from any thread."""
        self._learned[camera] = learned

    def look(self, outbox: Outbox) -> None:
        """One round."""
        now = self.clock.boot()
        stood_still = self._last and now - self._last > STOOD_STILL
        self._last = now
        for watch in self.watches:
            if stood_still:
                watch.teller.repeat()
            watch.look(now)
            watch.teller.look(self._has_clip)
        self._look_for_room()
        self._write_down()
        self._tend_what_was_learned(now)
        self._report(now)
        outbox.thin_out(self.clock.boot_id, now, self.clock.unix())
        outbox.spill(now)

    def _has_clip(self, number: int) -> bool:
        """Whether the clip is there, or a failing disk does not tell."""
        try:
            return ClipFiles.of(self.places, number).mp4.exists()
        except OSError:
            return True

    def _write_down(self) -> None:
        for camera in list(self._learned):
            remember(self.places.quiet(camera), self._learned.pop(camera))

    def _tend_what_was_learned(self, now: Nanos) -> None:
        """Tell once of labels that are of no use, and have what was learned go with the last of its clips."""
        if self._tended is not None and now - self._tended < TEND_EVERY:
            return
        is_start, self._tended = self._tended is None, now
        try:
            if is_start and (outdated := home.outdated(self.places, factory.factory_head())):
                _log.warning("%s. %s", home.OUTDATED.format(len(outdated)), home.SEE_AGAIN)
            for lesson in heads.expire(self.places):
                _log.warning("what was learned of %s is forgotten with the last of them; a star would keep one", lesson)
        except CamdError as error:
            _log.warning("what was learned is looked after in an hour: %s", error)

    def _look_for_room(self) -> None:
        found = disk(self.places.data)
        if found is None:
            return
        free = found["free"]
        if free < self.config.store.keep_free and not self._is_low:
            self._is_low = True
            self.watches[0].teller.aloud("storage_low", "the disk is almost full")
        elif free > self.config.store.keep_free * ENOUGH:
            self._is_low = False

    def _report(self, now: Nanos) -> None:
        """Write how capture is; a run folder that takes nothing is told by the outbox already."""
        if self._counted is None or now - self._counted > COUNT_EVERY:
            self._counted, self._clips = now, clips(self.places.clips)
        said: dict[str, Any] = {
            "v": 1,
            "boot_id": self.clock.boot_id,
            "at_ns": now,
            "pid": os.getpid(),
            "cameras": {watch.name: watch.figures(now) for watch in self.watches},
            "disk": disk(self.places.data),
            "written_today": self._written_today(),
            "store": wear.read(self.places),
            **self._clips,
        }
        temp = self.places.status.with_suffix(".tmp")
        try:
            temp.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
            temp.replace(self.places.status)
        except OSError:
            temp.unlink(missing_ok=True)

    def _written_today(self) -> int | None:
        written = bytes_written()
        if written is None:
            return None
        day = self.clock.unix() // SECOND // DAY_S
        if day != self._day[0]:
            self._day = day, written if self._day[0] else 0
        return written - self._day[1]


def disk(folder: Path) -> dict[str, int] | None:
    """Bytes of the disk that `folder` lies on: all, and those that this user may still write; None: it is not there."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return {"total": found.f_blocks * found.f_frsize, "free": found.f_bavail * found.f_frsize}


def clips(folder: Path) -> dict[str, int]:
    """How many clips there are, and the bytes of all that lies with them; nothing when the disk does not tell."""
    try:
        with os.scandir(folder) as found:
            sizes = {entry.name: _size(entry) for entry in found}
    except OSError:
        return {}
    return {"clips": sum(name.endswith(".mp4") for name in sizes), "clip_bytes": sum(sizes.values())}


def bytes_written() -> int | None:
    """Bytes that this process has sent to disks so far; None where the kernel does not tell."""
    try:
        lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = dict(line.split(": ") for line in lines)
    return int(found["write_bytes"]) if "write_bytes" in found else None


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0
