"""Places that are quiet by habit: where something moves day after day and never becomes an event.

Idea: each cell of the coarse grid counts the seconds in which something moved there while nobody was to be seen, and
forgets them over days. A cell that moves in more than a hundredth of all seconds, and clearly more often than most
cells do, moves by habit: a tree, a flag, a pond, a television. It is for what `Restless`, which remembers for half a
minute, must find out anew with each gust; a mask of both says where no event starts. It only adds to that mask, so a
track that comes from such a place, or crosses it, is never silenced.
Rule: pure; time is that of the frames, and what lies between two runs does not count as time.
It does not promise: to learn a place whose motion is taken for a visitor each time.
"""

import json
import math
from collections import deque
from typing import Any, Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.errors import UnusableInputError
from camd.model import SECOND, Nanos

Grey = NDArray[np.uint8]
Moved = NDArray[np.bool_] | None  # the cells in which something moved, None when nothing did

FORGET: Final = 3 * 86_400.0  # seconds; time constant
OFTEN: Final = 0.01  # of all seconds, in which something moves by habit
DOUBT: Final = 600.0  # seconds of stillness that every cell starts with, so that no first gust becomes a habit
TYPICAL: Final = 0.7  # of the cells are no such place; what moves more of them is weather
ABOVE: Final = 2.0  # times as often as any of those cells a habit moves
AROUND: Final = 3  # seconds before and after a visitor that tell nothing: he comes in before he is known
NEIGHBOURS: Final = np.ones((3, 3), np.uint8)  # a cell beside such a place is reached by the next gust
FORMAT: Final = 1
MOST_CELLS: Final = 320 * 320  # of a file; the coarse grid of the largest analysed picture has fewer
LIMIT_HEAT: Final = 128  # in the heat map: as often as a habit


class Quiet:
    """What was learned of a grid's cells: `busy` counts the seconds of motion of each, of `watched` seconds in all."""

    def __init__(self, busy: NDArray[np.float32], watched: float) -> None:
        self._busy, self._watched = busy, watched
        self._second: int | None = None
        self._moved: Moved = None  # in this second
        self._is_visited = False  # in this second
        self._waiting: deque[Moved] = deque()  # the last seconds, until it is known whether somebody came
        self._hold = 0  # seconds that tell nothing, after a visitor
        self._faded = 0  # seconds by which `busy` has yet to fade
        self._mask = self._habits()

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Self:
        """Nothing is known yet of a grid of `shape` (rows, columns)."""
        return cls(np.zeros(shape, np.float32), 0.0)

    @classmethod
    def from_bytes(cls, data: bytes, shape: tuple[int, int]) -> Self:
        """Read what `to_bytes` wrote, for a grid of `shape`, whatever grid it was learned on.

        Raises `UnusableInputError` for anything else; its words do not name the file, which only the caller knows.
        """
        try:
            busy, watched = _parsed(json.loads(data))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            how = "Delete it: camd learns anew, in days"
            raise UnusableInputError(f"not a file of learned quiet places ({_line(error)}). {how}.") from error
        if busy.shape != shape:
            busy = cv2.resize(busy, shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
        return cls(busy, watched)

    @classmethod
    def check(cls, data: bytes) -> bytes:
        """Give back what `to_bytes` wrote; raises `UnusableInputError`, as `from_bytes` does, for anything else."""
        cls.from_bytes(data, (1, 1))
        return data

    def to_bytes(self) -> bytes:
        """What was learned, as JSON, in seconds and rows of cells; the same knowledge gives the same bytes."""
        self._fade()
        rows = [[round(float(seconds), 1) for seconds in row] for row in self._busy]
        return json.dumps({"v": FORMAT, "watched": round(self._watched, 1), "busy": rows}).encode()

    def observe(self, t: Nanos, moving: Grey | None, visited: bool) -> None:
        """Take one frame of time `t`: its moving cells (0 or 255; None: none move), and whether a visitor is there."""
        second = t // SECOND
        if second != self._second:
            self._next(second)
        self._is_visited = self._is_visited or visited
        if moving is not None and not visited:
            self._moved = moving > 0 if self._moved is None else self._moved | (moving > 0)

    def mask(self) -> Grey | None:
        """The cells (0 or 255) that move by habit, as a new array whenever they change; None when there are none."""
        return self._mask

    def heat(self) -> Grey:
        """How often each cell moves, for people to look at: 0 never, 128 as often as a habit, 255 twice as often."""
        self._fade()
        heat: Grey = np.clip(self._busy * (LIMIT_HEAT / self._limit()), 0, 255).astype(np.uint8)
        return heat

    def _next(self, second: int) -> None:
        """The last second is over: it waits until it is known whether somebody came, or tells nothing."""
        if self._is_visited:
            self._waiting.clear()
            self._hold = AROUND
        elif self._hold:
            self._hold -= 1
        elif self._second is not None:
            self._waiting.append(self._moved)
        if len(self._waiting) > AROUND:
            self._learn(self._waiting.popleft())
        self._second, self._moved, self._is_visited = second, None, False

    def _learn(self, moved: Moved) -> None:
        self._watched = self._watched * math.exp(-1 / FORGET) + 1
        self._faded += 1
        if moved is not None:
            self._fade()
            self._busy += moved
            self._mask = self._habits()

    def _fade(self) -> None:
        self._busy *= math.exp(-self._faded / FORGET)
        self._faded = 0

    def _limit(self) -> float:
        place = int(TYPICAL * self._busy.size)
        typical = float(np.partition(self._busy, place, axis=None)[place])
        return max(OFTEN * (self._watched + DOUBT), ABOVE * typical)

    def _habits(self) -> Grey | None:
        often = self._busy > self._limit()
        if not often.any():
            return None
        return cv2.dilate(often.view(np.uint8) * np.uint8(255), NEIGHBOURS).astype(np.uint8, copy=False)


def _parsed(value: Any) -> tuple[NDArray[np.float32], float]:
    """Raises ValueError, KeyError, TypeError or OverflowError for what is not a learned grid."""
    if value["v"] != FORMAT:
        raise ValueError(f"its version is {value['v']}, not {FORMAT}")
    watched, busy = float(value["watched"]), np.array(value["busy"], np.float64)
    if busy.ndim != 2 or not 0 < busy.size <= MOST_CELLS:
        raise ValueError("its grid has no rows and columns")
    if not (busy.min() >= 0 and busy.max() <= watched + 1 <= 2 * FORGET):  # 1: what is written is rounded
        raise ValueError("its seconds are not between 0 and those that were watched")
    return busy.astype(np.float32), watched


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
