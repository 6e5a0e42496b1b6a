"""One session of a recorder, to be broken: five visits, the ring takes two, one is starred, one labelled, one deleted.

    python -m tests.faults.session DATA RUN REEL MAX_BYTES

Rule: what is acknowledged is written to stdout at that moment, by `writev`, which no fault is put into. It is the same
session each time, call by call, so that what a fault cut off is known from a whole one.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from camd.clips.adopt import adopt
from camd.clips.recorder import Following, Recorder
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import RecordConfig, StoreConfig
from camd.errors import CamdError
from camd.model import SECOND, Began, Box, Ended, Event, Faulted, Glimpse, Packet, Reason, Saved
from camd.places import Places
from camd.store.files import size_of
from camd.store.index import Index
from camd.store.shelf import Shelf
from tests.faults.reels import read

REASON = Reason("faults", 640, 128, 10, 1.5, 1.0, Box(0.1, 0.2, 0.3, 0.4))
VISITS = ((0.6, 1.0), (2.8, 3.2), (4.9, 5.3), (7.2, 8.4), (10.2, 10.6))  # seconds
SETTINGS = RecordConfig(pre_roll=SECOND // 2, post_roll=SECOND // 2)


def mark(*words: object) -> None:
    """Acknowledge something."""
    os.writev(1, [" ".join(map(str, words)).encode() + b"\n"])


class Marks(logging.Handler):
    """Makes a mark of each clip that the ring takes."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("clip ") and "evicted" in text:
            mark("dropped", text.split()[1])


def tell(told: Saved | Faulted) -> None:
    """Hear of clips as the house does."""
    if isinstance(told, Saved):
        mark("kept", told.clip.id, told.clip.sha256)
    else:
        mark("fault", told.on)


def play(recorder: Following, shelf: Shelf, clock: ManualClock, packets: list[Packet]) -> None:
    """The recorder's side: footage and findings in their order."""
    visits = [
        Event(f"e{n}", "motion", 0.0, round(began * SECOND), round(ended * SECOND), REASON)
        for n, (began, ended) in enumerate(VISITS)
    ]
    open_bytes, never = dict[int, int](), threading.Event()
    newest = shelf.next_id()
    length = packets[-1].t + SECOND // 15
    quiet = [replace(packet, t=packet.t + length, dts=packet.dts + length) for packet in packets]
    for packet in packets + quiet:  # in the second half nobody comes: time to recover from a fault
        clock.wait(packet.t, never)
        for event in visits:
            if event.began <= packet.t < event.began + SECOND // 15:
                recorder.take(Began(event))
                recorder.take(Glimpse(packet.t, 1.0, lambda: b"\xff\xd8 a picture \xff\xd9" * 20))
            if event.ended <= packet.t < event.ended + SECOND // 15:
                recorder.take(Ended(event))
        recorder.take(packet)
        for number in range(newest + 1, newest + 2 + 2 * len(VISITS)):
            size = size_of(shelf.part(number))
            if size > open_bytes.get(number, 0):
                open_bytes[number] = size
                mark("fragment", number, size)


def own(index: Index, shelf: Shelf) -> None:
    """The owner's side: a star, a label, a deletion."""
    numbers = sorted(index.ids())[-3:]
    if len(numbers) == 3:
        first, second, third = numbers
        attempt("starred", first, lambda: index.star(first))
        attempt("labelled", third, lambda: index.label(third, "animal"))
        mark("deleting", second)
        attempt("deleted", second, lambda: shelf.drop([second], "its owner wants it gone"))


def attempt(done: str, number: int, act: Callable[[], object]) -> None:
    """Do something for the owner, who is told when it cannot be done."""
    try:
        act()
    except CamdError as error:
        mark("refused", done, number, type(error).__name__)
    else:
        mark(done, number)


def main(data: str, run: str, reel: str, max_bytes: str) -> int:
    """Run the session; what the world refuses ends it with the code that the user would see."""
    logging.getLogger("camd").addHandler(Marks(logging.INFO))
    logging.getLogger("camd").setLevel(logging.INFO)
    places, clock = Places(Path(data), Path(run)), ManualClock()
    layout, packets = read(Path(reel))
    limits = StoreConfig(data=places.data, max_bytes=int(max_bytes), keep_free=0)
    try:
        with Shelf.open(places, limits, clock) as shelf:
            for clip in adopt(shelf, "porch"):
                mark("kept", clip.id, clip.sha256)
            recorder = Recorder(shelf, clock).follow(Stream("porch", layout), SETTINGS, tell)
            play(recorder, shelf, clock, packets)
            recorder.close()
            with Index.open(places) as index:
                own(index, shelf)
    except CamdError as error:
        mark("ended", type(error).__name__)
        return error.exit_code
    mark("ended", "well")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
