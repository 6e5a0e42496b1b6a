"""A recorder at work in this process, to whose disk things happen while it records."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from camd.clips.adopt import adopt
from camd.clips.recorder import Recorder
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import RecordConfig, StoreConfig
from camd.model import SECOND, Began, Box, Clip, Ended, Event, Faulted, Glimpse, Reason, Saved
from camd.places import Places
from camd.store import check
from camd.store.index import Index
from camd.store.shelf import Shelf
from tests.faults.reels import read

REASON = Reason("faults", 640, 128, 10, 1.5, 1.0, Box(0.1, 0.2, 0.3, 0.4))
SETTINGS = RecordConfig(pre_roll=SECOND // 2, post_roll=SECOND // 2)
PICTURE = b"\xff\xd8" + bytes(12_000) + b"\xff\xd9"  # as large as thumbnails are
NEVER = threading.Event()


class Works:
    """A recorder on the packets of a reel, which begins again at its end, and what the house was told."""

    def __init__(self, places: Places, reel: Path, shelf: Shelf, clock: ManualClock) -> None:
        self.places, self.clock, self.shelf = places, clock, shelf
        self.told: list[Saved | Faulted] = []
        layout, self._packets = read(reel)
        self._recorder = Recorder(shelf, clock).follow(Stream("porch", layout), SETTINGS, self.told.append)
        self._length = self._packets[-1].t + SECOND // 15
        self._at = self._visits = 0

    def watch(self, seconds: float, visit: tuple[float, float] | None = None) -> None:
        """Record so long; somebody is there from the first to the second of the `visit`, seconds from now."""
        start, event = self._now(), None
        while self._now() < start + seconds * SECOND:
            turn, number = divmod(self._at, len(self._packets))
            packet = self._packets[number]
            packet = replace(packet, t=packet.t + turn * self._length, dts=packet.dts + turn * self._length)
            self.clock.wait(packet.t, NEVER)
            since = (packet.t - start) / SECOND
            if visit and event is None and since >= visit[0]:
                self._visits += 1
                event = Event(f"e{self._visits}", "motion", 0.0, packet.t, packet.t, REASON)
                self._recorder.take(Began(event))
                self._recorder.take(Glimpse(packet.t, 1.0, lambda: PICTURE))
            if visit and event is not None and since >= visit[1]:
                self._recorder.take(Ended(replace(event, ended=packet.t)))
                visit = None
            self._recorder.take(packet)
            self._at += 1

    def close(self) -> None:
        """The camera stops."""
        self._recorder.close()

    def saved(self) -> list[Clip]:
        """The clips that the house was told of."""
        return [each.clip for each in self.told if isinstance(each, Saved)]

    def faults(self) -> list[bool]:
        """What it was told of the storage: True when it failed, False when it was well again."""
        return [each.on for each in self.told if isinstance(each, Faulted)]

    def _now(self) -> int:
        turn, number = divmod(self._at, len(self._packets))
        return self._packets[number].t + turn * self._length


@contextmanager
def works(
    folder: Path, reel: Path, max_bytes: int = 500_000_000, clock: Callable[[], ManualClock] = ManualClock
) -> Iterator[Works]:
    """A recorder at work in `folder`; afterwards its store must be whole."""
    places, time = Places(folder / "data", folder / "run"), clock()
    limits = StoreConfig(data=places.data, max_bytes=max_bytes, keep_free=0)
    with Shelf.open(places, limits, time) as shelf:
        adopt(shelf, "porch")
        at_work = Works(places, reel, shelf, time)
        yield at_work
        at_work.close()
    assert check.violations(places) == []
    assert check.leftovers(places) == []


def listed(places: Places) -> list[Clip]:
    """The clips of the index, oldest first."""
    with Index.open(places) as index:
        return sorted(index.clips(), key=lambda clip: clip.id)
