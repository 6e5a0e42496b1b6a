"""Looks at a camera's frames, no more often than wanted, and passes on what vision finds.

Idea: one `Watcher` owns one `Sight` and what may be turned about it while it looks.
Rule: no frame is changed, no disk is waited for. Other settings are taken up between two frames: what is open ends, and
vision begins anew with what it learned of quiet places.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from camd.budget import Pace
from camd.camera.frame import Frame
from camd.config import VisionConfig
from camd.dials import Dials
from camd.labelling import AGAIN, DEGRADED, in_words
from camd.model import SECOND, Began, Box, Degraded, Ended, Event, Finding, Footage, Glimpse, Grew, Nanos, Reason
from camd.vision.episode import Limits
from camd.vision.label import Labeller
from camd.vision.rules import NO_RULES, Judge, Rules
from camd.vision.sight import Settings, Sight

_log = logging.getLogger(__name__)

EARLY: Final = 0.85  # of the analysis interval: a frame that comes so early still counts as due
Observe = Callable[[Frame, Sight], object]
Show = Callable[[Event, Frame], object]
WHOLE: Final = Box(0.0, 0.0, 1.0, 1.0)
ON_REQUEST: Final = Reason("recorded on request", 0, 0, 0, 0.0, 1.0, WHOLE)


def unobserved(frame: Frame, sight: Sight) -> None:
    """Nobody looks over vision's shoulder."""


def unshown(event: Event, frame: Frame) -> None:
    """Nobody wants a picture with an alert."""


def due_after(fps: float) -> Nanos:
    """How long after a frame that was looked at the next one is due, where `fps` of them a second are wanted."""
    return round(EARLY * SECOND / fps)


class Watcher:
    """Looks at frames, no more often than wanted, and passes on what it finds.

    `turn` and `trigger` may be called from any thread; what they want is taken up with the next frame.
    """

    def __init__(
        self,
        settings: VisionConfig,
        salt: str,
        record: Callable[[Footage], object],
        tell: Callable[[Finding], object],
        observe: Observe = unobserved,
        learned: bytes = b"",
        show: Show = unshown,
        labeller: Labeller | None = None,
        rules: Rules = NO_RULES,
    ) -> None:
        self._wanted = Settings(
            settings.sensitivity,
            Limits(settings.merge_gap),
            salt,
            zones=settings.zones,
            ignore=settings.ignore,
            privacy=settings.privacy,
            learned=learned,
        )
        self._judge = Judge(rules)
        self._fps = settings.fps
        self._interval: Nanos = due_after(settings.fps)
        self._record, self._tell, self._observe, self._show = record, tell, observe, show
        self._sight: Sight | None = None
        self._labeller, self._is_degraded, self._detector = labeller, False, settings.detector
        self._due: Nanos | None = None
        self._dials = self._applied = Dials(settings.sensitivity)
        self._turns = 0
        self._unrecorded: set[str] = set()
        self._requests = _Requests(salt)

    def turn(self, dials: Dials) -> None:
        """Go on with these settings."""
        self._dials = dials

    def trigger(self, seconds: float) -> None:
        """Record so long from the next frame on, whatever moves."""
        self._requests.ask(seconds)

    def slow_down(self, pace: Pace) -> None:
        """Look more seldom, or as often as wanted again; to be called where `look` is."""
        self._interval = due_after(self._fps * pace.analysis)
        if self._labeller is not None:
            self._labeller.slow_down(pace.classifier)

    def look(self, frame: Frame) -> None:
        """Look at one frame, if one is due."""
        if self._due is not None and frame.t < self._due:
            return
        self._due = frame.t + self._interval
        for request in self._requests.look(frame.t):
            self._record(request)
        if self._dials != self._applied:
            self._apply(self._dials)
        if not self._applied.detect:
            return
        if self._sight is None:
            height, width = frame.luma.shape
            self._sight = Sight(width, height, replace(self._wanted, start=frame.t), self._labeller)
        for finding in map(self._judge.judged, self._sight.look(frame.t, frame.luma, frame.exposure)):
            if isinstance(finding, Began | Grew):
                self._show(finding.event, frame)
            self._pass_on(finding)
            if isinstance(finding, Began | Grew) and finding.event.id not in self._unrecorded:
                box = finding.event.reason.box
                self._record(Glimpse(frame.t, box.width * box.height, frame.jpeg))
        self._tell_trouble(frame.t)
        self._observe(frame, self._sight)

    def look_away(self) -> None:
        """Ask the classifier about nobody whom it was not asked about yet."""
        if self._labeller is not None:
            self._labeller.look_away()

    def close(self) -> None:
        """The camera has stopped."""
        for request in self._requests.close():
            self._record(request)
        self._end_sight()

    def learned(self) -> bytes:
        """What vision knows of places that are quiet by habit; nothing before the first frame."""
        return self._wanted.learned if self._sight is None else self._sight.quiet.to_bytes()

    def _tell_trouble(self, t: Nanos) -> None:
        """Tell once that nobody tells visitors apart any more, and once that somebody does so again."""
        trouble = self._labeller.trouble if self._labeller is not None else ""
        if bool(trouble) == self._is_degraded:
            return
        self._is_degraded = not self._is_degraded
        if trouble:
            why = in_words(trouble, self._detector)
            _log.warning(DEGRADED, why)
            self._pass_on(Degraded(t, why))
        else:
            _log.info(AGAIN)
            self._pass_on(Degraded(t, "", on=False))

    def _apply(self, dials: Dials) -> None:
        """Take up other settings. Vision begins anew with what it learned, and so settles before it judges."""
        if (dials.sensitivity, dials.detect) != (self._applied.sensitivity, self._applied.detect):
            self._wanted = replace(self._wanted, learned=self.learned())
            self._end_sight()
            self._sight, self._turns = None, self._turns + 1
            salt = f"{self._requests.salt}.{self._turns}"  # a new Sight counts its events from one
            self._wanted = replace(self._wanted, sensitivity=dials.sensitivity, salt=salt)
        self._applied = dials

    def _end_sight(self) -> None:
        if self._sight is not None:
            for finding in self._sight.close():
                self._pass_on(self._judge.judged(finding))

    def _pass_on(self, finding: Finding) -> None:
        if self._is_kept(finding):
            self._record(finding)
        self._tell(finding)

    def _is_kept(self, finding: Finding) -> bool:
        """Whether the recorder hears of it: an event that began while no clips were wanted has none."""
        match finding:
            case Began(event) if not self._applied.clips:
                self._unrecorded.add(event.id)
                return False
            case Grew(event) if event.id in self._unrecorded:
                return False
            case Ended(event) if event.id in self._unrecorded:
                self._unrecorded.discard(event.id)
                return False
        return True


class _Requests:
    """Clips that were asked for: each is an event that only the recorder hears of."""

    def __init__(self, salt: str) -> None:
        self.salt = salt
        self._asked = 0.0
        self._count = 0
        self._open: Event | None = None
        self._until: Nanos = 0

    def ask(self, seconds: float) -> None:
        """Record so long from the next frame on; one that is being recorded goes on for so long."""
        self._asked = seconds

    def look(self, t: Nanos) -> Iterator[Began | Ended]:
        """What a frame at `t` begins and ends."""
        asked, self._asked = self._asked, 0.0
        if asked:
            self._until = max(self._until, t + round(asked * SECOND))
            if self._open is None:
                self._count += 1
                self._open = Event(f"{self.salt}-r{self._count}", "motion", 0.0, t, t, ON_REQUEST)
                yield Began(self._open)
        if self._open is not None and t >= self._until:
            yield from self.close()

    def close(self) -> Iterator[Ended]:
        """End what is open."""
        if self._open is not None:
            yield Ended(replace(self._open, ended=max(self._until, self._open.began)))
        self._open = None
