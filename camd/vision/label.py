"""Chooses what is looked at closely, and remembers what was thought of it.

Idea: a confirmed visitor is cut out of the picture, and what the classifier says of the cut is a vote: at once until
there are enough, then more seldom, the sooner the plainer it is who comes. While he comes in over the border of the
picture he is waited for, but not for long; cuts of what is there of him are kept meanwhile, and the classifier is asked
about them only when he is gone and no more of him was seen. What an event shows is the foremost of its visitors, also
of those who have left.
Rule: pure; beyond the first three about each visitor, never more than `PER_SECOND` questions of one camera. What is
kept has its private areas covered, and goes with the visitor. A classifier that fails or is slow is left alone for a
while: events go on without labels, and `trouble` says why.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from camd.errors import UnusableInputError
from camd.model import SECOND, Box, Nanos, Polygon
from camd.vision.blobs import Rect
from camd.vision.border import is_part
from camd.vision.classify import Classifier, Head
from camd.vision.crop import Crop, Grey, cut
from camd.vision.patience import Patience
from camd.vision.track import Track
from camd.vision.votes import ENOUGH, PLAIN, Company, Verdict, Vote, Votes

PER_SECOND: Final = 6  # questions of one camera
SOON: Final = SECOND * 6 // 10  # between two votes on one visitor, once there are enough
SELDOM: Final = 2 * SECOND  # the same, once there are many or they are plain
MANY: Final = 7
EARLY: Final = SECOND * 3 // 10  # after his birth, a cut of somebody who comes in shows a foot
PART_EVERY: Final = SECOND // 8  # a cut of him is kept
LONGEST_WAIT: Final = SECOND  # for the whole of somebody; with three votes the label comes before rules wait no more

Key = tuple[Nanos, Rect]  # a track's birth: no two tracks begin at one time in one place


@dataclass(slots=True)
class _Visitor:
    """What is known of somebody, `parts` of whom are kept, the newest first, which show most of him."""

    votes: Votes = field(default_factory=Votes)
    seen: Nanos = 0
    due: Nanos = 0
    parts: list[Crop] = field(default_factory=list)
    part_due: Nanos = 0

    def take(self, vote: Vote) -> None:
        """Count a vote on the whole of him."""
        self.votes.add(vote)
        if not self.votes.lacking:
            self.parts = []

    def keep(self, crop: Crop) -> None:
        """Keep what is there of him."""
        self.parts = [crop, *self.parts][:ENOUGH]

    def let_go(self) -> list[Crop]:
        """Keep nothing any more; return as many parts as votes are lacking, or none where there are too few of them."""
        lacking, parts = self.votes.lacking, self.parts
        self.parts = []
        return parts[:lacking] if len(parts) >= lacking else []


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
    def rank(self) -> tuple[int, int]:
        """Whose turn it is: his of whom least is known, the larger one first."""
        return self.visitor.votes.count, -self.cells

    def is_due(self, t: Nanos) -> bool:
        """Whether a vote on him is: while he comes in never, and on a part of him where there are not enough others."""
        if self.comes_in or (self.is_part and not self.visitor.votes.lacking):
            return False
        return t >= self.visitor.due

    def is_part_due(self, t: Nanos) -> bool:
        """Whether what is there of him is to be kept, in case that no more of him is ever seen."""
        return self.comes_in and bool(self.visitor.votes.lacking) and t >= self.visitor.part_due

    def put_off(self, t: Nanos, slower: float) -> None:
        """A vote was taken at `t`: the next one may wait."""
        votes = self.visitor.votes
        is_plain = votes.count >= MANY or votes.verdict.confidence >= PLAIN
        self.visitor.due = t + round((SELDOM if is_plain else 0 if votes.lacking else SOON) * slower)


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
        for look in seen:
            if look.is_part_due(t):
                self._keep(t, luma, look)
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

    def look_away(self) -> None:
        """Ask no more about what was kept until now."""
        for visitor in self._visitors.values():
            visitor.let_go()

    def forget(self) -> None:
        """The event is over."""
        self._visitors.clear()
        self._company = Company()

    def _hurries(self, look: _Look) -> bool:
        return look.visitor.votes.lacking > 0 and self._slower == 1

    def _seen(self, t: Nanos, track: Track, box: Box) -> _Look:
        new = _Visitor(part_due=track.born + EARLY)
        visitor = self._visitors.setdefault((track.born, track.birth), new)
        visitor.seen = t
        is_partly_there = is_part(track, box)
        comes_in = is_partly_there and t - track.born < LONGEST_WAIT
        return _Look(visitor, box, track.cells, is_partly_there, comes_in)

    def _keep(self, t: Nanos, luma: Grey, look: _Look) -> None:
        """Keep what is there of somebody who comes in."""
        look.visitor.part_due = t + round(PART_EVERY * self._slower)
        crop = cut(t, luma, look.box, self._private)
        if crop is not None:
            look.visitor.keep(crop)

    def _conclude(self, visitors: Iterable[_Visitor]) -> None:
        """No more will be seen of these."""
        open_ = [visitor for visitor in visitors if not visitor.votes.is_concluded]
        for visitor in open_:
            votes = [self._vote(crop) for crop in visitor.let_go()]
            visitor.votes.conclude([vote for vote in votes if vote is not None])
        if open_:
            self._hear()

    def _hear(self) -> None:
        self._company.hear(each.votes.verdict for each in self._visitors.values())

    def _ask(self, t: Nanos, luma: Grey, look: _Look) -> None:
        crop = cut(t, luma, look.box, self._private)
        vote = self._vote(crop) if crop is not None else None
        if vote is None:
            look.visitor.due = t + SECOND // PER_SECOND  # it may be another's turn
            return
        look.visitor.take(vote)
        self._hear()
        look.put_off(t, self._slower)

    def _vote(self, crop: Crop) -> Vote | None:
        """What the classifier says; None when it cannot."""
        if self._patience.rests(crop.t):
            return None
        began = self._now()
        try:
            guess = self._classifier.guess(crop.grey)
        except UnusableInputError as error:
            self._patience.failed(crop.t, str(error))
            return None
        self._patience.answered(crop.t, self._now() - began)
        self.crops += 1
        return Vote(crop.quality, guess)
