"""What recording costs the disk: bytes recorded and bytes written, counted since the start.

Rule: the figures lie in the run folder, in RAM, for notify to publish; counting writes nothing to disk.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from camd.model import Clip
from camd.places import Places

_IO = Path("/proc/self/io")


@dataclass(slots=True)
class Wear:
    """Counts for one recorder. `written` is what the kernel says this process sent to disk, in whole pages."""

    places: Places
    recorded: int = 0
    clips: int = 0
    cut_short: int = 0
    evicted: int = 0

    def kept(self, clip: Clip) -> None:
        """A clip was kept."""
        self.recorded += clip.size
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


def written_bytes() -> int | None:
    """Bytes that this process sent to disk so far; None where the kernel does not say."""
    try:
        lines = dict(line.split(": ") for line in _IO.read_text(encoding="ascii").splitlines())
    except OSError:
        return None
    return int(lines["write_bytes"])
