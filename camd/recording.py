"""The recorder of a process, as its cameras hand it their footage: one lane for all of them, in the order it comes.

Rule: nobody waits for the recorder but a camera that closes. What does not fit into the lane is dropped and told.
"""

from dataclasses import dataclass

from camd.clips.recorder import Following, Recorder
from camd.clips.track import Stream, Tell
from camd.clock import Clock
from camd.config import RecordConfig
from camd.model import Footage, Gap, Packet
from camd.store.shelf import Shelf
from camd.worker import AtOnce, Lane, Lanes


class Recording:
    """The recorder behind its lane; packets that wait weigh `most` bytes at most."""

    def __init__(self, shelf: Shelf, clock: Clock, lanes: Lanes | None = None, most: int = 0) -> None:
        self._recorder = Recorder(shelf, clock)
        self._lane: Lane[_Handed] = (lanes or AtOnce()).every("recorder", _take, _weigh, most)

    def follow(self, stream: Stream, settings: RecordConfig, tell: Tell) -> "Reel":
        """Record this camera from now on; `tell` hears of its clips and of the disk's trouble."""
        return Reel(self._lane, self._recorder.follow(stream, settings, tell))

    def close(self) -> None:
        """Every camera is closed."""
        self._lane.close()


class Reel:
    """One camera's footage on its way to the recorder."""

    def __init__(self, lane: "Lane[_Handed]", following: Following) -> None:
        self._lane, self._following = lane, following
        self._lost = False

    def packet(self, packet: Packet) -> None:
        """Hand a packet over; when the recorder cannot keep up, go on at the next key picture that it has room for."""
        if self._lost and packet.is_key and self.put(Gap()):
            self._lost = False
        if not self._lost:
            self._lost = not self.put(packet)

    def put(self, item: Footage) -> bool:
        """Hand anything over; False when it was dropped instead."""
        return self._lane.put(_Handed(self._following, item))

    def close(self) -> None:
        """The camera has stopped: its clip is finished when this returns."""
        self._lane.put(_Handed(self._following, None))
        self._lane.flush()


@dataclass(frozen=True, slots=True)
class _Handed:
    """What one camera hands over; None: it has stopped."""

    following: Following
    item: Footage | None


def _take(handed: _Handed) -> None:
    if handed.item is None:
        handed.following.close()
    else:
        handed.following.take(handed.item)


def _weigh(handed: _Handed) -> int:
    return len(handed.item.data) if isinstance(handed.item, Packet) else 0
