"""What the picture usually looks like, and which pixels left it and moved.

Idea: per pixel a running mean and a running mean deviation give a band of usual values; a pixel is *motion* when it is
outside its band **and** has changed within the last 0.2 s. The second half removes ghosts, parked things and slow
light, the largest source of false alarms. When the light of the whole picture changes, the background is moved along
with it instead of a threshold being raised. The measured grounds for each number stand in DESIGN.md.
Rule: pure, and few array calls on a quiet frame: the band is kept as two ready 8-bit pictures, so that asking "did
anything leave its band" is one `cv2.inRange` and one count. What is learned is learned in turns, never all in a frame.
It does not promise: anything about a picture of which more than half has changed; it waits and starts again.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import SECOND, Nanos
from camd.vision.light import LightFollower

Grey = NDArray[np.uint8]
Area = tuple[int, int, int, int]  # left, top, right, bottom in analysed pixels

LEARN_EVERY: Final = 4  # frames; the deviation in one of them, the mean two frames later
SETTLE: Final = SECOND // 2  # at most, after a start or a setting; every frame is learned, and nothing is said
AGREEING: Final = 5  # frames in a row with hardly a pixel out of its band end it sooner
MEAN_SECONDS: Final = 4.0  # time constant of the mean
COVERED_SECONDS: Final = 25.0  # the same under something that left the band
DEVIATION_SECONDS: Final = 8.0
DEVIATION_START: Final = 2.0  # grey levels, before anything is learned
DEVIATION_CAP: Final = 10.0  # grey levels; so that a visitor cannot deafen a pixel
BAND_PER_DEVIATION: Final = 4.0
SUPPORT: Final = SECOND // 5  # motion is a change against so long ago
LEAST: Final = 4  # pixels; two cells of the coarse grid need so many
FLOOD_FRACTION: Final = 0.5  # more are no verdict
FLOOD_PATIENCE: Final = SECOND // 4  # then start again

Visitors = Callable[[], Iterable[Area]]  # asked only when something is learned


@dataclass(frozen=True, slots=True)
class Change:
    """What one frame changed. `moving` is a mask (uint8, 0 or 255) of the analysed picture, or None when none moved.

    `outside` counts pixels out of their band, `verdict` is False while the background is too new to tell, `is_flood`
    says that too much has changed to tell anything.
    """

    moving: Grey | None
    outside: int
    verdict: bool
    light_gain: float
    is_flood: bool = False


def nobody() -> Iterable[Area]:
    """No visitors."""
    return ()


class Background:
    """The learned picture. `floor` is the least half-width of a pixel's band, in grey levels."""

    def __init__(self, shape: tuple[int, int], floor: float) -> None:
        self._floor = floor
        self._flood = int(shape[0] * shape[1] * FLOOD_FRACTION)
        self.mean = np.zeros(shape, np.float32)
        self.deviation = np.zeros(shape, np.float32)
        self._mean8, self._low, self._high = (np.zeros(shape, np.uint8) for _ in range(3))
        self._inside, self._moved, self._open, self._scratch = (np.zeros(shape, np.uint8) for _ in range(4))
        self._was_inside = np.full(shape, 255, np.uint8)
        self._past: deque[tuple[Nanos, Grey]] = deque()
        self._spare: list[Grey] = []
        self._frames = 0
        self._started: Nanos = 0
        self._learned: Nanos = 0  # when the mean last was
        self._spread: Nanos = 0  # when the deviation last was
        self._settling: Nanos | None = None  # since when
        self._agreeing = 0
        self._flooded_since: Nanos | None = None
        self._light = LightFollower()
        self.noise_level = DEVIATION_START

    def look(self, t: Nanos, picture: Grey, visitors: Visitors = nobody) -> Change:
        """Compare `picture` (analysed size, taken at `t`) with what is usual, and learn from it.

        Under `visitors` nothing is learned: who stands still is not taken for scenery, and leaves no ghost behind.
        """
        if self._frames == 0:
            self._restart(t, picture)
        self._frames += 1
        self._inside, self._was_inside = self._was_inside, self._inside
        outside, gain = self._count_outside(picture), 1.0
        if outside >= LEAST:
            gain = self._follow_light(picture)
            if gain != 1.0:
                outside = self._count_outside(picture)
        if outside > self._flood:
            return self._wait_out(t, picture, outside)
        self._flooded_since = None
        is_settled = self._settling is None or self._settles(t, outside)
        moving = self._supported(picture) if outside >= LEAST else None
        self._remember(t, picture)
        self._learn_in_turn(t, picture, outside, visitors, is_settled)
        return Change(moving, outside, is_settled, gain)

    def settle(self, t: Nanos) -> None:
        """Say nothing from `t` on until the picture is steady: a setting or the exposure has changed."""
        self._settling, self._agreeing = t, 0

    def lasting(self, moving: Grey) -> Grey:
        """What of `moving` had left its band in the frame before, too: a drop or a flake is gone by then."""
        return np.bitwise_and(moving, np.invert(self._was_inside))

    def differing(self, area: Area) -> int:
        """How many pixels of this area of the last picture were out of their band."""
        left, top, right, bottom = area
        inside = self._inside[top:bottom, left:right]
        return inside.size - cv2.countNonZero(inside) if inside.size else 0

    def _restart(self, t: Nanos, picture: Grey) -> None:
        np.copyto(self.mean, picture)
        self.deviation.fill(DEVIATION_START)
        self._spare.extend(old for _, old in self._past)
        self._past.clear()
        self._learned = self._spread = self._started = t
        self._flooded_since = None
        self._light.restart(picture)
        self._set_band()
        self.settle(t)

    def _count_outside(self, picture: Grey) -> int:
        cv2.inRange(picture, self._low, self._high, dst=self._inside)
        return picture.size - int(np.count_nonzero(self._inside))

    def _set_band(self) -> None:
        # In 8 bits, where OpenCV's sums saturate at 0 and 255; mixing depths costs it eighty times as much in 4.12.
        cv2.convertScaleAbs(self.mean, dst=self._mean8)
        cv2.convertScaleAbs(self.deviation, dst=self._scratch, alpha=BAND_PER_DEVIATION, beta=self._floor)
        cv2.subtract(self._mean8, self._scratch, dst=self._low)
        cv2.add(self._mean8, self._scratch, dst=self._high)
        self._light.forget()

    def _follow_light(self, picture: Grey) -> float:
        fit = self._light.look(picture, self._mean8)
        if fit is None:
            return 1.0
        gain, offset = fit
        cv2.addWeighted(self.mean, gain, self.mean, 0, offset, dst=self.mean)
        np.clip(self.mean, 0, 255, out=self.mean)
        self._set_band()
        return gain

    def _wait_out(self, t: Nanos, picture: Grey, outside: int) -> Change:
        self._flooded_since = t if self._flooded_since is None else self._flooded_since
        if t - self._flooded_since >= FLOOD_PATIENCE:
            self._restart(t, picture)
        return Change(None, outside, False, 1.0, is_flood=True)

    def _settles(self, t: Nanos, outside: int) -> bool:
        assert self._settling is not None
        self._agreeing = self._agreeing + 1 if outside < LEAST else 0
        if self._agreeing < AGREEING and t - self._settling < SETTLE:
            return False
        self._settling = None
        return True

    def _supported(self, picture: Grey) -> Grey | None:
        """The pixels out of their band that changed of late, or None when they are too few to be anything."""
        if not self._past:
            return None
        cv2.absdiff(picture, self._past[0][1], dst=self._moved)
        cv2.threshold(self._moved, self._floor + self.noise_level, 255, cv2.THRESH_BINARY, dst=self._moved)
        np.bitwise_and(self._moved, np.invert(self._inside, out=self._scratch), out=self._moved)
        return self._moved if np.count_nonzero(self._moved) >= LEAST else None

    def _remember(self, t: Nanos, picture: Grey) -> None:
        copy = self._spare.pop() if self._spare else np.empty_like(picture)
        np.copyto(copy, picture)
        self._past.append((t, copy))
        while len(self._past) > 2 and self._past[1][0] <= t - SUPPORT:
            self._spare.append(self._past.popleft()[1])

    def _learn_in_turn(self, t: Nanos, picture: Grey, outside: int, visitors: Visitors, is_settled: bool) -> None:
        turn = self._frames % LEARN_EVERY
        if turn == 0 or not is_settled:
            self._learn_deviation(t, picture, visitors)
        if turn == LEARN_EVERY // 2 or not is_settled:
            self._learn_mean(t, picture, outside, visitors)

    def _learn_deviation(self, t: Nanos, picture: Grey, visitors: Visitors) -> None:
        rate, self._spread = self._rate(t, self._spread, DEVIATION_SECONDS), t
        cv2.absdiff(picture, self._mean8, dst=self._scratch)
        cv2.threshold(self._scratch, DEVIATION_CAP * 2, 0, cv2.THRESH_TRUNC, dst=self._scratch)
        cv2.accumulateWeighted(self._scratch, self.deviation, rate, mask=self._beside(visitors))
        cv2.threshold(self.deviation, DEVIATION_CAP, 0, cv2.THRESH_TRUNC, dst=self.deviation)
        self.noise_level = cv2.mean(self.deviation)[0]

    def _learn_mean(self, t: Nanos, picture: Grey, outside: int, visitors: Visitors) -> None:
        rate, covered_rate = self._rate(t, self._learned, MEAN_SECONDS), _rate(t - self._learned, COVERED_SECONDS)
        self._learned = t
        beside, inside = self._beside(visitors), self._inside
        if outside:
            covered = np.invert(inside, out=self._scratch)
            if beside is not None:
                inside = np.bitwise_and(inside, beside)
                np.bitwise_and(covered, beside, out=covered)
            cv2.accumulateWeighted(picture, self.mean, covered_rate, mask=covered)
        cv2.accumulateWeighted(picture, self.mean, rate, mask=inside)
        self._light.learn(picture, rate)
        self._set_band()

    def _beside(self, visitors: Visitors) -> Grey | None:
        """The pixels (255) where no visitor is, or None when there is none at all."""
        beside = None
        for left, top, right, bottom in visitors():
            if beside is None:
                beside = self._open
                beside.fill(255)
            beside[top:bottom, left:right] = 0
        return beside

    def _rate(self, t: Nanos, last: Nanos, time_constant: float) -> float:
        """The weight of this picture; no time constant is longer than the background is old."""
        return _rate(t - last, min(time_constant, (t - self._started) / SECOND))


def _rate(passed: Nanos, time_constant: float) -> float:
    """Weight of a new sample `passed` after the last one, for an exponential mean; the time constant in seconds."""
    return 1.0 - math.exp(-passed / SECOND / time_constant) if time_constant > 0 else 0.0
