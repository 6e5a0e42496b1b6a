"""Chooses what is looked at closely, and remembers what was thought of it.

Idea: a confirmed visitor is cut out a few times a second, three times at once and then more seldom, the sooner the
plainer it is who comes, and each cut is a vote. While he comes in over the border of the picture he is cut out, too, in
case that no more of him is ever seen, and what he is waits for the whole of him, but not for long. What an event shows
is the foremost of its visitors, also of those who have left.
Rule: pure; never more than `PER_SECOND` cuts of one camera. A classifier that fails or is slow is left alone for a
while: events go on without labels, and `trouble` says why.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from camd.errors import UnusableInputError
from camd.model import SECOND, Box, Nanos, Polygon
from camd.vision.blobs import Rect
from camd.vision.border import is_part
from camd.vision.classify import Classifier, Guess, Head
from camd.vision.crop import Grey, cut
from camd.vision.patience import Patience
from camd.vision.track import Track
from camd.vision.votes import ENOUGH, Company, Verdict, Vote, Votes

PER_SECOND: Final = 6  # cuts of one camera
SOON: Final = SECOND * 6 // 10  # between two votes on one visitor, once there are enough
SELDOM: Final = 2 * SECOND  # the same, once there are many or they are plain
MANY: Final = 7
PLAIN: Final = 0.9  # confidence
EARLY: Final = SECOND * 3 // 10  # after his birth, a cut of somebody who comes in shows a foot
LONGEST_WAIT: Final = SECOND  # for the whole of somebody; with three votes the label comes before rules wait no more

Key = tuple[Nanos, Rect]  # a track's birth: no two tracks begin at one time in one place


@dataclass(slots=True)
class _Visitor:
    votes: Votes = field(default_factory=Votes)
    seen: Nanos = 0
    due: Nanos = 0
    part_due: Nanos = 0  # of a vote that shows a part of him


@dataclass(frozen=True, slots=True)
class _Look:
    """One visitor as he is in a frame.

    `is_part` says that he comes in or goes out, `comes_in` that more of him is to be expected.
    """

    visitor: _Visitor
    box: Box
    cells: int
    is_part: bool
    comes_in: bool

    @property
    def is_urgent(self) -> bool:
        """Whether nobody knows yet who he is, and no more of him is to be expected."""
        return self.visitor.votes.is_wanting and not self.comes_in

    @property
    def rank(self) -> tuple[int, int]:
        """Whose turn it is: his of whom least is known, the larger one first."""
        votes = self.visitor.votes
        return votes.count + len(votes.parts), -self.cells

    def is_due(self, t: Nanos) -> bool:
        """Whether a vote on him is: on a part of him only where there are not enough others."""
        if self.is_part and not self.visitor.votes.is_wanting:
            return False
        return t >= (self.visitor.part_due if self.comes_in else self.visitor.due)

    def put_off(self, t: Nanos, slower: float) -> None:
        """A vote was taken at `t`: the next one may wait."""
        votes = self.visitor.votes
        if self.comes_in:
            self.visitor.part_due = t + round((SOON if len(votes.parts) >= ENOUGH else 0) * slower)
            return
        is_plain = votes.count >= MANY or votes.verdict.confidence >= PLAIN
        self.visitor.due = t + round((SELDOM if is_plain else 0 if votes.is_wanting else SOON) * slower)


class Labeller:
    """Labels the visitors of one camera. `private` areas are covered in what the classifier sees.

    `now` is asked before and after the classifier, to see how long it took.
    """

    def __init__(self, classifier: Classifier, private: Sequence[Polygon], now: Callable[[], Nanos]) -> None:
        self.crops = 0
        self._classifier, self._patience = classifier, Patience()
        self._private, self._now = tuple(private), now
        self._visitors: dict[Key, _Visitor] = {}
        self._company = Company()
        self._next: Nanos = 0
        self._slower = 1.0

    @property
    def trouble(self) -> str:
        """Why the classifier is not asked, in words; "" when it is."""
        return self._patience.trouble

    def learn(self, head: Head) -> None:
        """Use what was learned from the owner from now on."""
        self._classifier.learn(head)

    def look(self, t: Nanos, luma: Grey, moving: Sequence[tuple[Track, Box]]) -> None:
        """Look closely at one of those who move, confirmed tracks with their boxes, if one is due."""
        seen = [self._seen(t, track, box) for track, box in moving]
        self._conclude(visitor for visitor in self._visitors.values() if t - visitor.seen >= LONGEST_WAIT)
        if self._patience.rests(t):
            return
        due = [look for look in seen if look.is_due(t) and (self._hurries(look) or t >= self._next)]
        if not due:
            return
        look = min(due, key=lambda look: look.rank)
        if not self._hurries(look):
            self._next = t + round(SECOND / PER_SECOND * self._slower)
        self._ask(t, luma, look)

    def slow_down(self, share: float) -> None:
        """Look so much more seldom than usual, a share of 1 and less; then nobody is in a hurry either."""
        self._slower = 1 / share

    def verdict(self) -> Verdict:
        """What the visitors since the last `forget` are."""
        return self._company.verdict

    def last_verdict(self) -> Verdict:
        """The same once the event is over: no more will be seen of any of them."""
        self._conclude(self._visitors.values())
        return self._company.verdict

    def forget(self) -> None:
        """The event is over."""
        self._visitors.clear()
        self._company = Company()

    def _hurries(self, look: _Look) -> bool:
        return look.is_urgent and self._slower == 1

    def _seen(self, t: Nanos, track: Track, box: Box) -> _Look:
        new = _Visitor(part_due=track.born + EARLY)
        visitor = self._visitors.setdefault((track.born, track.birth), new)
        visitor.seen = t
        is_partly_there = is_part(track, box)
        comes_in = is_partly_there and t - track.born < LONGEST_WAIT
        return _Look(visitor, box, track.cells, is_partly_there, comes_in)

    def _conclude(self, visitors: Iterable[_Visitor]) -> None:
        """No more will be seen of these."""
        open_ = [visitor for visitor in visitors if not visitor.votes.is_concluded]
        for visitor in open_:
            visitor.votes.conclude()
        if open_:
            self._hear()

    def _hear(self) -> None:
        self._company.hear(each.votes.verdict for each in self._visitors.values())

    def _ask(self, t: Nanos, luma: Grey, look: _Look) -> None:
        crop = cut(t, luma, look.box, self._private)
        guess = self._guess(t, crop.grey) if crop is not None else None
        if crop is None or guess is None:
            look.visitor.due = look.visitor.part_due = t + SECOND // PER_SECOND  # it may be another's turn
            return
        self.crops += 1
        look.visitor.votes.add(Vote(crop.quality, guess, look.comes_in))
        self._hear()
        look.put_off(t, self._slower)

    def _guess(self, t: Nanos, grey: Grey) -> Guess | None:
        """What the classifier says; None when it cannot."""
        began = self._now()
        try:
            guess = self._classifier.guess(grey)
        except UnusableInputError as error:
            self._patience.failed(t, str(error))
            return None
        self._patience.answered(t, self._now() - began)
        return guess
