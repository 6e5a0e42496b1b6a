"""How the node is, in figures: read from the kernel and from what capture writes about itself.

Rule: a figure that cannot be had is None, never a guess. Nothing here raises for a machine that lacks a sensor.
"""

import json
import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from camd.alerts.payload import seconds
from camd.model import SECOND, Nanos

TEMPERATURE: Final = Path("/sys/class/thermal/thermal_zone0/temp")  # thousandths of a degree; the CPU's on a Pi
LATENCIES: Final = 500  # the newest alerts whose latency counts
TICKS: Final = os.sysconf("SC_CLK_TCK")
PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Report:
    """What capture wrote about itself at boot time `at` of the boot `boot_id`; `said` is all of it."""

    boot_id: str
    at: Nanos
    said: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Report | None":
        """Return the report at `path`; None when there is none that can be understood."""
        try:
            said = json.loads(path.read_bytes())
            return cls(str(said["boot_id"]), int(said["at_ns"]), said)
        except (OSError, ValueError, KeyError, TypeError):
            return None


@dataclass(slots=True)
class Vitals:
    """The figures of one notify process and the capture beside it, since `began`."""

    began: Nanos
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))
    _busy: dict[int, tuple[Nanos, float]] = field(default_factory=dict)  # pid -> when, CPU seconds then

    def told(self, now: Nanos, report: Report | None, commands: dict[str, int], waiting: int) -> dict[str, Any]:
        """The stats message at boot time `now`; `waiting` counts messages in the outbox."""
        said = {} if report is None else report.said
        pids = [os.getpid(), *([said["pid"]] if isinstance(said.get("pid"), int) else [])]
        return {
            "uptime": seconds(now - self.began),
            "cpu_percent": self._cpu_percent(now, pids),
            "rss": sum(_rss(pid) for pid in pids),
            "temperature": temperature(),
            "disk": said.get("disk"),
            "written_today": said.get("written_today"),
            "store": said.get("store"),
            "clips": said.get("clips"),
            "clip_bytes": said.get("clip_bytes"),
            "latency_ms": {"p50": percentile(self.latencies_ms, 0.5), "p95": percentile(self.latencies_ms, 0.95)},
            "cameras": said.get("cameras", {}),
            "commands": commands,
            "waiting": waiting,
        }

    def _cpu_percent(self, now: Nanos, pids: list[int]) -> float:
        """Of one core, since the last time it was asked."""
        share = 0.0
        for pid in pids:
            busy = _cpu_seconds(pid)
            before, then = self._busy.get(pid, (self.began, 0.0))
            share += max(0.0, busy - then) / max(now - before, 1) * SECOND
            self._busy[pid] = (now, busy)
        return round(100 * share, 1)


def percentile(figures: "deque[float]", share: float) -> float | None:
    """The figure that so many are not above; None of none."""
    if not figures:
        return None
    return sorted(figures)[min(len(figures) - 1, int(share * len(figures)))]


def temperature() -> float | None:
    """Degrees Celsius of the processor, None where the kernel does not tell."""
    try:
        return round(int(TEMPERATURE.read_text(encoding="ascii")) / 1000, 1)
    except (OSError, ValueError):
        return None


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    except (OSError, ValueError, IndexError):
        return 0.0


def _rss(pid: int) -> int:
    """Bytes of memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except (OSError, ValueError, IndexError):
        return 0
