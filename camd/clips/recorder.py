"""The recorder of a store: the clips of every camera, and what happens to them when the disk refuses.

Idea: each camera has a `Track` of its own; the shelf is theirs together, and so is its trouble.
Rule: one recorder to a store, one thread to a recorder. Trouble with the disk costs the open clips, never the process:
it is told once, tried again at the next key picture a second later, and what goes on meanwhile is recorded from there.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from camd.clips.adopt import adopt
from camd.clips.track import TROUBLE, Stream, Tell, Track
from camd.clock import Clock
from camd.config import RecordConfig
from camd.model import SECOND, Faulted, Footage, Nanos, Packet, Saved
from camd.store.shelf import Shelf

_log = logging.getLogger(__name__)

RETRY: Final = SECOND  # after trouble with the disk, until it is tried again


class Recorder:
    """Takes the footage of every camera that it follows."""

    def __init__(self, shelf: Shelf, clock: Clock) -> None:
        self._shelf, self._clock = shelf, clock
        self._tracks: list[Track] = []
        self._told: set[Track] = set()  # whose house knows of the trouble
        self._trouble: Exception | None = None
        self._retry: Nanos = 0

    def follow(self, stream: Stream, settings: RecordConfig, tell: Tell) -> "Following":
        """Record this camera, from what it gives first. `tell` hears of its clips, and of trouble with the disk.

        May be called in any thread; nothing else may.
        """
        return Following(self, Track(stream, settings, self._shelf, self._clock, tell))

    def take(self, track: Track, item: Footage) -> None:
        """Take the next packet or finding of a camera."""
        if track not in self._tracks:
            self._tracks.append(track)
            track.is_stopped = self._trouble is not None
        if self._trouble is not None and isinstance(item, Packet) and item.is_key:
            self._try(self._recover)
        self._try(lambda: track.take(item))

    def leave(self, track: Track) -> None:
        """The camera has stopped: finish its open clip, and forget its last seconds."""
        if track not in self._tracks:
            return
        self._try(track.finish)
        track.wipe()
        self._tracks.remove(track)
        self._told.discard(track)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except TROUBLE as error:
            self._fail(error)
        if self._trouble is not None:
            self._tell_trouble()

    def _recover(self) -> None:
        """Try the disk again after trouble; what the trouble left is taken in before anything new is recorded."""
        if self._clock.boot() < self._retry:
            return
        self._shelf.take_again()
        tell = {track.stream.camera: track.tell for track in self._tracks}
        for clip in adopt(self._shelf, self._tracks[0].stream.camera):
            if clip.boot_id == self._clock.boot_id and clip.cut_short and clip.camera in tell:
                tell[clip.camera](Saved(clip))
        self._trouble = None
        _log.warning("clips can be kept again")
        for track in self._tracks:
            track.is_stopped = False
            if track in self._told:
                track.tell(Faulted("storage", on=False))
        self._told.clear()

    def _fail(self, error: Exception) -> None:
        """Close every file, so that the disk can be unmounted and mended, and try again in a while."""
        self._retry = self._clock.boot() + RETRY
        if str(error) != str(self._trouble):
            _log.error("clips cannot be kept: %s", error)
        self._trouble = error
        for track in self._tracks:
            track.abandon()
        self._shelf.let_go()

    def _tell_trouble(self) -> None:
        for track in self._tracks:
            if track not in self._told:
                self._told.add(track)
                track.tell(Faulted("storage", on=True))


@dataclass(frozen=True, slots=True)
class Following:
    """One camera as its recorder follows it."""

    _recorder: Recorder
    _track: Track

    def take(self, item: Footage) -> None:
        """Take the next packet or finding of the camera."""
        self._recorder.take(self._track, item)

    def close(self) -> None:
        """The camera has stopped."""
        self._recorder.leave(self._track)
