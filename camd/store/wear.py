"""What recording costs the disk: bytes recorded and bytes written, counted since the start.

Rule: the figures lie in the run folder, in RAM, for notify to publish and `camd store wear` to show; counting writes
nothing to disk. What is written is the recorder's thread alone, which touches clips and index and nothing else: alerts
that go to disk are another thread's.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camd.model import Clip
from camd.places import Places

_IO = Path("/proc/thread-self/io")


@dataclass(slots=True)
class Wear:
    """Counts for one recorder, in its thread. What it wrote is the kernel's figure, in whole pages."""

    places: Places
    recorded: int = 0
    clips: int = 0
    cut_short: int = 0
    evicted: int = 0

    def kept(self, clip: Clip) -> None:
        """A clip was kept."""
        self.recorded += clip.size + clip.beside
        self.clips += 1
        self.cut_short += clip.cut_short
        self._tell()

    def gone(self, count: int) -> None:
        """Clips were evicted to make room or for their age."""
        self.evicted += count

    def _tell(self) -> None:
        told = {
            "v": 1,
            "clips": self.clips,
            "cut_short": self.cut_short,
            "evicted": self.evicted,
            "recorded_bytes": self.recorded,
            "written_bytes": written_bytes(),
        }
        with suppress(OSError):  # a figure that is missed
            new = self.places.written.with_suffix(".tmp")
            new.write_text(json.dumps(told) + "\n", encoding="ascii")
            new.replace(self.places.written)


def read(places: Places) -> dict[str, Any] | None:
    """The figures of the recorder that runs, or ran last; None when none did since the machine was booted."""
    try:
        told = json.loads(places.written.read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def written_bytes() -> int | None:
    """Bytes that this thread sent to disk so far; None where the kernel does not say."""
    try:
        lines = dict(line.split(": ") for line in _IO.read_text(encoding="ascii").splitlines())
    except OSError:
        return None
    return int(lines["write_bytes"])
