"""How long a classifier that fails or is slow is left alone.

Idea: the watcher waits for the classifier, so one that is slow holds up the detector. A single slow picture means
little: another process had the core, or another camera the classifier. Several in a row are trouble: it rests for a
minute, is tried again, and rests for twice as long each time that this comes to nothing.
Rule: pure; time comes with the frames.
"""

from dataclasses import dataclass
from typing import Final

from camd.model import SECOND, Nanos

SLOW: Final[Nanos] = SECOND // 4  # for one picture
IN_A_ROW: Final = 3
REST: Final[Nanos] = 60 * SECOND
LONGEST_REST: Final[Nanos] = 60 * REST  # who was well for so long is trusted as at first


@dataclass(slots=True)
class Patience:
    """What is known of one classifier; `trouble` says in words why it is not asked, or "" when all is well."""

    trouble: str = ""
    _slow: int = 0
    _rest: Nanos = REST
    _until: Nanos = 0

    def rests(self, t: Nanos) -> bool:
        """Whether it is to be left alone at `t`."""
        return t < self._until

    def answered(self, t: Nanos, lasted: Nanos) -> None:
        """It was asked at `t`, and answered after so long."""
        if lasted <= SLOW:
            self._slow, self.trouble = 0, ""
            return
        self._slow += 1
        if self._slow >= IN_A_ROW:
            self.failed(t, f"it takes {lasted / SECOND:.1f} s for one picture, {SLOW / SECOND:.2f} s is the most.")

    def failed(self, t: Nanos, why: str) -> None:
        """It cannot answer at `t`, or does so too late: let it rest. After that once is enough."""
        is_first = not self._until or t - self._until > LONGEST_REST
        self._rest = REST if is_first else min(2 * self._rest, LONGEST_REST)
        self._until, self._slow, self.trouble = t + self._rest, IN_A_ROW - 1, why
