"""Plays one recording through the house, and keeps what happened.

Idea: a video is a camera, time is moved instead of waited for, and every part is the one that `camd run` uses.
Rule: never sends anything; the notify process is not started.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from rich.progress import Progress

from camd.camera.frame import Frame, Veil
from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import Clock, ManualClock, SystemClock
from camd.config import Config
from camd.errors import CamdError, UnusableInputError
from camd.model import IGNORE, SECOND, Clip, Ended, Event, Happening, Nanos, Packet, Saved, Suppressed
from camd.pipeline import House, Pipeline
from camd.recording import Recording
from camd.score import Span
from camd.store.shelf import Shelf
from camd.vision.classify import Classifier
from camd.vision.sight import Sight
from camd.watcher import due_after
from camd.worker import AtOnce

TOLD_EVERY: Final = 16  # pictures; a bar that moves with every one costs a tenth of what decoding does


@dataclass(frozen=True, slots=True)
class Setting:
    """Where recordings are played: the settings, the store for their clips, how fast, what was learned before, by whom
    visitors are told apart.
    """

    config: Config
    shelf: Shelf
    realtime: bool = False
    learned: bytes = b""
    classifier: Classifier | None = None

    def clock(self) -> Clock:
        """A clock at the time where a video starts."""
        return SystemClock() if self.realtime else ManualClock()


@dataclass(slots=True, eq=False)
class Run:
    """One video's replay: what it is filled with while it is played.

    `starts` is the clock's time of the first picture, `zero` that at which the video's own time is 0. `length` is how
    many seconds the file says it lasts (0 when it does not say), `seconds` how many there were.
    """

    video: Path
    happenings: list[Happening] = field(default_factory=list)
    starts: Nanos = 0
    zero: Nanos = 0
    fps: float = 0.0
    length: float = 0.0
    frames: int = 0
    seconds: float = 0.0
    wall_s: float = 0.0
    trouble: CamdError | None = None

    def events(self) -> list[Event]:
        """The finished events that count, in order."""
        return [event for event in self._ended() if event.handling != IGNORE]

    def suppressed(self) -> list[Suppressed]:
        """What was judged not to be an event, in order, and the events that are ignored by their label."""
        ignored = [Suppressed(one.began, one.ended, one.reason) for one in self._ended() if one.handling == IGNORE]
        dismissed = [happening for happening in self.happenings if isinstance(happening, Suppressed)]
        return sorted([*dismissed, *ignored], key=lambda one: one.ended) if ignored else dismissed

    def _ended(self) -> list[Event]:
        return [happening.event for happening in self.happenings if isinstance(happening, Ended)]

    def clip_of(self, event: Event) -> Clip | None:
        """The first clip that holds the event, as long as it was kept."""
        clips = (happening.clip for happening in self.happenings if isinstance(happening, Saved))
        return next((clip for clip in clips if event.id in clip.events), None)

    def at(self, t: Nanos) -> float:
        """Seconds on the video's own clock."""
        return round((t - self.zero) / SECOND, 3)

    def span(self, event: Event) -> Span:
        """When an event was, on the video's own clock."""
        return Span(self.at(event.began), self.at(event.ended), event.label)

    def spans(self) -> list[Span]:
        """When the finished events were."""
        return [self.span(event) for event in self.events()]


class Viewer(Protocol):
    """Looks on while a video is played."""

    def look(self, frame: Frame, sight: Sight) -> None:
        """Vision has looked at this frame."""

    def pass_by(self, frame: Frame) -> None:
        """This frame went through the house, whether vision looked at it or not."""


def play(run: Run, setting: Setting, progress: Progress, viewers: Sequence[Viewer] = ()) -> None:
    """Play the run's video. What keeps it from being played to its end becomes the run's `trouble`."""
    clock, stop = setting.clock(), threading.Event()
    started = SystemClock().boot()

    def observe(frame: Frame, sight: Sight) -> None:
        for viewer in viewers:
            viewer.look(frame, sight)

    try:
        # Who looks on may want to draw every picture; vision alone does not need them all.
        vision, apart = setting.config.vision, 0 if viewers else due_after(setting.config.vision.fps)
        with FileCamera(run.video, clock.boot(), Veil(vision.privacy), apart=apart) as camera:
            run.starts, run.zero = camera.starts, camera.starts - camera.video_start
            run.fps, run.length = camera.format.fps, camera.length_s or 0.0
            house = House(
                setting.config,
                clock,
                Recording(setting.shelf, clock),
                run.happenings.append,
                observe,
                setting.learned,
                classifier=setting.classifier,
            )
            capture = Pipeline(Stream(setting.config.camera.name, camera.format), house, AtOnce())
            try:
                capture.play(_counted(camera, run, progress, viewers), stop)
            finally:
                capture.close()
                run.frames = camera.pictures
                run.seconds = round((camera.ends - camera.starts) / SECOND, 3)
    except UnusableInputError as error:
        run.trouble = error
    run.wall_s = (SystemClock().boot() - started) / SECOND


def _counted(camera: FileCamera, run: Run, progress: Progress, viewers: Sequence[Viewer]) -> Iterator[Packet | Frame]:
    task = progress.add_task(run.video.name, total=camera.length_s)
    told = 0
    for item in camera:
        yield item
        if isinstance(item, Frame):
            if camera.pictures - told >= TOLD_EVERY:
                told = camera.pictures
                progress.update(task, completed=run.at(item.t))
            for viewer in viewers:
                viewer.pass_by(item)
    progress.remove_task(task)
