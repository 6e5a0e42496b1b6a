"""Chooses what is looked at closely, and remembers what was thought of it.

Idea: a confirmed visitor is cut out a few times a second, three times at once and then more seldom, the sooner the
plainer it is who comes, and each cut is a vote. What an event shows is the foremost of its visitors, also of those who
have left.
Rule: pure; never more than `PER_SECOND` cuts of one camera. A classifier that fails or is slow is asked no more: events
go on without labels, and `trouble` says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from camd.errors import UnusableInputError
from camd.model import SECOND, Box, Nanos, Polygon
from camd.vision.blobs import Rect
from camd.vision.classify import Classifier, Head
from camd.vision.crop import Grey, cut
from camd.vision.track import Track
from camd.vision.votes import ENOUGH, Company, Verdict, Vote, Votes

PER_SECOND: Final = 6  # cuts of one camera
SOON: Final = SECOND * 6 // 10  # between two votes on one visitor, once there are enough
SELDOM: Final = 2 * SECOND  # the same, once there are many or they are plain
MANY: Final = 7
PLAIN: Final = 0.9  # confidence
SLOW: Final = SECOND // 4  # a classifier that takes longer holds up the detector

Key = tuple[Nanos, Rect]  # a track's birth: no two tracks begin at one time in one place


@dataclass(slots=True)
class _Visitor:
    votes: Votes = field(default_factory=Votes)
    due: Nanos = 0


class Labeller:
    """Labels the visitors of one camera. `private` areas are covered in what the classifier sees.

    `now` is asked before and after the classifier, to see how long it took.
    """

    def __init__(self, classifier: Classifier, private: Sequence[Polygon], now: Callable[[], Nanos]) -> None:
        self.trouble = ""
        self.crops = 0
        self._classifier: Classifier | None = classifier
        self._private, self._now = tuple(private), now
        self._visitors: dict[Key, _Visitor] = {}
        self._company = Company()
        self._next: Nanos = 0
        self._slower = 1.0

    def learn(self, head: Head) -> None:
        """Use what was learned from the owner from now on."""
        if self._classifier is not None:
            self._classifier.learn(head)

    def look(self, t: Nanos, luma: Grey, moving: Sequence[tuple[Track, Box]]) -> None:
        """Look closely at one of those who move, confirmed tracks with their boxes, if one is due."""
        if t < self._next or self._classifier is None:
            return
        due = [(track, box) for track, box in moving if self._visitor(track).due <= t]
        if not due:
            return
        track, box = min(due, key=lambda pair: (self._visitor(pair[0]).votes.count, -pair[0].cells))
        is_urgent = self._visitor(track).votes.count < ENOUGH and self._slower == 1
        self._next = t if is_urgent else t + round(SECOND / PER_SECOND * self._slower)
        self._ask(t, luma, box, self._visitor(track))

    def slow_down(self, share: float) -> None:
        """Look so much more seldom than usual, a share of 1 and less; then nobody is in a hurry either."""
        self._slower = 1 / share

    def verdict(self) -> Verdict:
        """What the visitors since the last `forget` are."""
        return self._company.verdict

    def forget(self) -> None:
        """The event is over."""
        self._visitors.clear()
        self._company = Company()

    def _visitor(self, track: Track) -> _Visitor:
        return self._visitors.setdefault((track.born, track.birth), _Visitor())

    def _ask(self, t: Nanos, luma: Grey, box: Box, visitor: _Visitor) -> None:
        assert self._classifier is not None
        crop = cut(t, luma, box, self._private)
        visitor.due = t + round(SOON * self._slower)
        if crop is None:
            return
        began = self._now()
        try:
            guess = self._classifier.guess(crop.grey)
        except UnusableInputError as error:
            self._give_up(str(error))
            return
        took = self._now() - began
        if took > SLOW:
            self._give_up(f"it took {took / SECOND:.1f} s for one picture, {SLOW / SECOND:.2f} s is the most.")
        self.crops += 1
        verdict, count = visitor.votes.add(Vote(crop.quality, guess)), visitor.votes.count
        self._company.hear(each.votes.verdict for each in self._visitors.values())
        is_plain = count >= MANY or verdict.confidence >= PLAIN
        visitor.due = t + round((SELDOM if is_plain else SOON if count >= ENOUGH else 0) * self._slower)

    def _give_up(self, why: str) -> None:
        self._classifier, self.trouble = None, why
