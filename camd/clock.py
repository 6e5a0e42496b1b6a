"""The only place that reads a clock.

Idea: three clocks. *Boot time* never steps and orders everything; *UNIX time* is for people and may be wrong on a
Pi, which has no battery clock; *waiting* is a clock's business, so that a replay can move time instead of sleeping.
Rule: only edges hold a `Clock`; pure code computes with the times on the values it is given.
"""

import ctypes
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from camd.model import SECOND, Nanos


class Clock(Protocol):
    """What an edge may know of time."""

    @property
    def boot_id(self) -> str:
        """Names this boot of this machine: boot times of different boots cannot be compared."""

    def boot(self) -> Nanos:
        """Nanoseconds since the machine was booted, suspended time included."""

    def unix(self) -> int:
        """Nanoseconds since 1970 UTC, as far as the machine knows."""

    def synchronised(self) -> bool:
        """Whether UNIX time is known to be right; only then may anything expire by date."""

    def wait(self, until: Nanos, stop: threading.Event) -> bool:
        """Wait until boot time `until`; False when `stop` was set before."""


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self.boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def boot(self) -> Nanos:
        """Read CLOCK_BOOTTIME."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def unix(self) -> int:
        """Read CLOCK_REALTIME."""
        return time.time_ns()

    def synchronised(self) -> bool:
        """Ask the kernel (adjtimex) whether a time service keeps CLOCK_REALTIME right."""
        # struct timex is 208 bytes on 64-bit Linux; zeroed (modes = 0) it only reads. TIME_ERROR (5): unsynchronised.
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(208))
        return 0 <= state < 5

    def wait(self, until: Nanos, stop: threading.Event) -> bool:
        """Sleep until boot time `until`; False when `stop` was set before."""
        return not stop.wait(max(0, until - self.boot()) / SECOND)


class ManualClock:
    """A clock that stands still until it is told to wait. It starts at boot time 0 on 2026-01-01 UTC."""

    boot_id = "00000000-0000-4000-8000-000000000000"

    def __init__(self, unix_ns: int = 1_767_225_600 * SECOND) -> None:
        self._now: Nanos = 0
        self._unix_at_boot = unix_ns

    def boot(self) -> Nanos:
        """Nanoseconds this clock was moved since it was made."""
        return self._now

    def unix(self) -> int:
        """The start date, moved on by the same amount as the boot time."""
        return self._unix_at_boot + self._now

    def synchronised(self) -> bool:
        """Right by definition."""
        return True

    def wait(self, until: Nanos, stop: threading.Event) -> bool:
        """Move time to `until`, never back; False when `stop` is set."""
        self._now = max(self._now, until)
        return not stop.is_set()


def cpu_seconds() -> float:
    """CPU seconds of this process so far, for figures about camd itself."""
    return time.process_time()


def thread_cpu_ns() -> int:
    """CPU nanoseconds of the calling thread so far: what a step costs, whatever else runs on the machine."""
    return time.thread_time_ns()


def rfc3339(unix_ns: int) -> str:
    """`unix_ns` as RFC 3339 UTC text with milliseconds, such as 2026-01-01T00:00:05.300Z."""
    moment = datetime.fromtimestamp(unix_ns / SECOND, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
