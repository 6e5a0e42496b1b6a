"""What the picture usually looks like, and which pixels left it and moved.

Idea: per pixel a running mean and a running mean deviation give a band of usual values; a pixel is *motion* when it is
outside its band **and** has changed within the last 0.2 s. The second half removes ghosts, parked things and slow
light, the largest source of false alarms. When the light of the whole picture changes, the background is moved along
with it instead of a threshold being raised. The measured grounds for each number stand in DESIGN.md.
Rule: pure, and few array calls on a quiet frame: the band is kept as two ready 8-bit pictures, so that asking "did
anything leave its band" is one `cv2.inRange` and one count.
It does not promise: anything about a picture of which more than half has changed; it waits and starts again.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import SECOND, Nanos
from camd.vision.light import LightFollower

Grey = NDArray[np.uint8]
Area = tuple[int, int, int, int]  # left, top, right, bottom in analysed pixels

MIN_WIDTH: Final = 160  # analysis pictures are 160 to 319 pixels wide
PICK_WIDTH: Final = 1280  # from here on pixels are picked before they are averaged: reading them all costs more
LEARN_EVERY: Final = 4  # frames
SETTLE: Final = SECOND // 2  # after a start: every frame is learned, nothing is said
MEAN_SECONDS: Final = 4.0  # time constant of the mean
COVERED_SECONDS: Final = 25.0  # the same under something that left the band
DEVIATION_SECONDS: Final = 8.0
DEVIATION_START: Final = 2.0  # grey levels, before anything is learned
DEVIATION_CAP: Final = 10.0  # grey levels; so that a visitor cannot deafen a pixel
BAND_PER_DEVIATION: Final = 4.0
SUPPORT: Final = SECOND // 5  # motion is a change against so long ago
QUIET_FRACTION: Final = 1 / 4000  # fewer pixels out of their band than this are noise
LEAST_MOVED: Final = 4  # pixels; two cells of the coarse grid need so many
FLOOD_FRACTION: Final = 0.5  # more are no verdict
FLOOD_PATIENCE: Final = SECOND // 4  # then start again


class Reducer:
    """Shrinks luma to the size that is analysed: point-picking of very large pictures, then exact halvings.

    Two exact halvings cost a fifth of one resize by four (measured: 22 against 118 microseconds at 640x480).
    """

    def __init__(self, width: int, height: int) -> None:
        self._step = width // (PICK_WIDTH // 2) if width >= PICK_WIDTH else 1
        width, height = -(-width // self._step), -(-height // self._step)
        self._picked = np.empty((height, width), np.uint8) if self._step > 1 else None
        self._halves: list[Grey] = []
        while width >= 2 * MIN_WIDTH and height >= 2:
            width, height = width // 2, height // 2
            self._halves.append(np.empty((height, width), np.uint8))
        self.factor = self._step << len(self._halves)  # full-picture pixels per analysed pixel, along one side
        self.shape = (height, width)

    def __call__(self, luma: Grey) -> Grey:
        """Return the reduced picture; its memory is used again by the next call."""
        if self._picked is not None:
            np.copyto(self._picked, luma[:: self._step, :: self._step])
            luma = self._picked
        for half in self._halves:
            height, width = half.shape
            cv2.resize(luma[: 2 * height, : 2 * width], (width, height), dst=half, interpolation=cv2.INTER_AREA)
            luma = half
        return luma


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


class Background:
    """The learned picture. `floor` is the least half-width of a pixel's band, in grey levels."""

    def __init__(self, shape: tuple[int, int], floor: float) -> None:
        self._floor = floor
        self._quiet = max(2, int(shape[0] * shape[1] * QUIET_FRACTION))
        self._flood = int(shape[0] * shape[1] * FLOOD_FRACTION)
        self.mean = np.zeros(shape, np.float32)
        self.deviation = np.zeros(shape, np.float32)
        self._low, self._high, self._mean8 = (np.zeros(shape, np.uint8) for _ in range(3))
        self._inside, self._outside, self._moved, self._open = (np.zeros(shape, np.uint8) for _ in range(4))
        self._was_inside = np.full(shape, 255, np.uint8)
        self._half_width = np.zeros(shape, np.float32)
        self._past: deque[tuple[Nanos, Grey]] = deque()
        self._spare: list[Grey] = []
        self._frames = 0
        self._learned: Nanos = 0
        self._started: Nanos = 0
        self._flooded_since: Nanos | None = None
        self._light = LightFollower()
        self.noise_level = DEVIATION_START

    def look(self, t: Nanos, picture: Grey, visitors: Iterable[Area] = ()) -> Change:
        """Compare `picture` (analysed size, taken at `t`) with what is usual, and learn from it.

        Under `visitors` nothing is learned: who stands still is not taken for scenery, and leaves no ghost behind.
        """
        if self._frames == 0:
            self._restart(t, picture)
        self._frames += 1
        gain = self._follow_light(picture)
        self._inside, self._was_inside = self._was_inside, self._inside
        cv2.inRange(picture, self._low, self._high, dst=self._inside)
        outside = picture.size - cv2.countNonZero(self._inside)
        if outside > self._flood:
            return self._wait_out(t, picture, outside)
        self._flooded_since = None
        settled = t - self._started >= SETTLE
        moving = self._supported(picture, outside)
        self._remember(t, picture)
        if self._frames % LEARN_EVERY == 0 or not settled:
            self._learn(t, picture, visitors)
        return Change(moving, outside, settled, gain)

    def lasting(self, moving: Grey) -> Grey:
        """What of `moving` had left its band in the frame before, too: a drop or a flake is gone by then."""
        return cv2.subtract(moving, self._was_inside)  # type: ignore[return-value]

    def differs(self, area: Area) -> float:
        """The share of this area of the last picture that was out of its band, 0..1."""
        left, top, right, bottom = area
        inside = self._inside[top:bottom, left:right]
        return 1.0 - cv2.countNonZero(inside) / inside.size if inside.size else 0.0

    def _restart(self, t: Nanos, picture: Grey) -> None:
        np.copyto(self.mean, picture)
        self.deviation.fill(DEVIATION_START)
        self._spare.extend(old for _, old in self._past)
        self._past.clear()
        self._learned = self._started = t
        self._flooded_since = None
        self._light.restart(picture)
        self._set_band()

    def _set_band(self) -> None:
        cv2.convertScaleAbs(self.mean, dst=self._mean8)
        self._light.forget()
        cv2.addWeighted(self.deviation, BAND_PER_DEVIATION, self.deviation, 0, self._floor, dst=self._half_width)
        cv2.subtract(self.mean, self._half_width, dst=self._low, dtype=cv2.CV_8U)
        cv2.add(self.mean, self._half_width, dst=self._high, dtype=cv2.CV_8U)

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

    def _supported(self, picture: Grey, outside: int) -> Grey | None:
        if outside <= self._quiet or not self._past:
            return None
        cv2.absdiff(picture, self._past[0][1], dst=self._moved)
        cv2.threshold(self._moved, self._floor + self.noise_level, 255, cv2.THRESH_BINARY, dst=self._moved)
        cv2.bitwise_not(self._inside, dst=self._outside)
        cv2.bitwise_and(self._moved, self._outside, dst=self._moved)
        return self._moved if cv2.countNonZero(self._moved) >= LEAST_MOVED else None

    def _remember(self, t: Nanos, picture: Grey) -> None:
        copy = self._spare.pop() if self._spare else np.empty_like(picture)
        np.copyto(copy, picture)
        self._past.append((t, copy))
        while len(self._past) > 2 and self._past[1][0] <= t - SUPPORT:
            self._spare.append(self._past.popleft()[1])

    def _learn(self, t: Nanos, picture: Grey, visitors: Iterable[Area]) -> None:
        seconds, self._learned = (t - self._learned) / SECOND, t
        age = (t - self._started) / SECOND  # no time constant is longer while the picture is new
        mean_rate = _rate(seconds, min(MEAN_SECONDS, age))
        cv2.absdiff(picture, self._mean8, dst=self._outside)
        np.minimum(self._outside, int(DEVIATION_CAP * 2), out=self._outside)
        self._open.fill(255)
        for left, top, right, bottom in visitors:
            self._open[top:bottom, left:right] = 0
        rate = _rate(seconds, min(DEVIATION_SECONDS, age))
        cv2.accumulateWeighted(self._outside, self.deviation, rate, mask=self._open)
        np.minimum(self.deviation, DEVIATION_CAP, out=self.deviation)
        cv2.bitwise_and(self._inside, self._open, dst=self._outside)
        cv2.accumulateWeighted(picture, self.mean, mean_rate, mask=self._outside)
        cv2.subtract(self._open, self._inside, dst=self._outside)
        cv2.accumulateWeighted(picture, self.mean, _rate(seconds, COVERED_SECONDS), mask=self._outside)
        self._light.learn(picture, mean_rate)
        self.noise_level = cv2.mean(self.deviation)[0]
        self._set_band()


def _rate(seconds: float, time_constant: float) -> float:
    """Weight of a new sample `seconds` after the last one, for an exponential mean."""
    return 1.0 - math.exp(-seconds / time_constant) if time_constant > 0 else 0.0
