"""What it costs to keep private areas out of a recording: covering them in each picture, and encoding it anew.

Idea: a drawn yard under sensor noise, covered by the very veil that cameras use, and encoded by the very encoder.
Rule: CPU time of the one thread. Where hardware encodes a camera module's pictures, covering is all they cost; what
would have been copied is decoded and encoded only because of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any, ClassVar, Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

from camd.benches.footage import FPS, NOISE, Size
from camd.benches.measure import Spread
from camd.benches.report import Bar, Result
from camd.camera.encoder import Encoder, rows
from camd.camera.frame import Veil
from camd.clock import thread_cpu_ns
from camd.model import SECOND, Format, Polygon
from camd.scene import Scene, picture, yard

BUDGET_MS: Final = 0.5  # of CPU for covering one picture: at 15 a second 0.75 % of a core
ROUNDS: Final = 15
PICTURES: Final = 4
SIZES: Final = (Size(640, 480), Size(1280, 720), Size(1920, 1080))
SIDE: Final = 0.2  # of the picture's width and height
# Four areas, a sixth of the picture together: what a pavement, a neighbour's door and two windows take.
AREAS: Final = tuple(
    Polygon(f"area {left}", ((left, 0.3), (left + SIDE, 0.3), (left + SIDE, 0.3 + SIDE), (left, 0.3 + SIDE)))
    for left in (0.02, 0.27, 0.52, 0.77)
)


@dataclass(frozen=True, slots=True)
class MaskCost:
    """What one picture of this size costs, in ms: to `cover` its areas, and to `encode` it with them covered."""

    title: ClassVar[str] = "private areas, one picture"
    columns: ClassVar[tuple[str, ...]] = ("size", "areas", "cover, CPU ms", "budget", "cover and encode, CPU ms")

    size: Size
    areas: int
    cover: Spread
    encode: Spread

    @property
    def is_within_budget(self) -> bool:
        """Whether covering costs no more than was promised."""
        return self.cover.median <= BUDGET_MS

    def json(self) -> dict[str, Any]:
        """Milliseconds as median, min and max."""
        told = {"size": str(self.size), "areas": self.areas, "budget_ms": BUDGET_MS}
        return {"type": "mask", **told, "cover_ms": self.cover.json(), "encode_ms": self.encode.json()}

    def cells(self) -> tuple[str, ...]:
        """A row."""
        return str(self.size), str(self.areas), str(self.cover), f"{BUDGET_MS:g}", str(self.encode)


def measure(sizes: tuple[Size, ...], bar: Bar) -> Iterator[Result]:
    """Measure four areas at every size."""
    bar.begin("masks", len(sizes))
    for size in sizes:
        yield cost(AREAS, size)
        bar.done()


def cost(areas: tuple[Polygon, ...], size: Size) -> MaskCost:
    """Measure these areas on pictures of this size, which is rounded down to even numbers as H.264 has them."""
    pictures, veil = _drawn(Size(size.width // 2 * 2, size.height // 2 * 2)), Veil(areas)
    encoder = Encoder(Format(pictures[0].width, pictures[0].height, FPS), veil)
    times = iter(range(0, 2 * ROUNDS * SECOND, SECOND // FPS))
    planes = [[rows(plane) for plane in one.planes] for one in pictures]
    cover = _spread(partial(veil.cover_planes, *each) for each in cycle(planes))
    encode = _spread(partial(_encode, encoder, next(times), one) for one in cycle(pictures))
    return MaskCost(size, len(areas), cover, encode)


def _encode(encoder: Encoder, t: int, frame: VideoFrame) -> None:
    for _ in encoder(t, frame):
        pass


def _spread(steps: Iterator[Callable[[], object]]) -> Spread:
    next(steps)()  # what is cold the first time is not what a camera meets
    return Spread.of([_ms(next(steps)) for _ in range(ROUNDS)])


def _ms(step: Callable[[], object]) -> float:
    began = thread_cpu_ns()
    step()
    return (thread_cpu_ns() - began) / 1e6


def _drawn(size: Size) -> list[VideoFrame]:
    """Pictures in YUV 4:2:0, of one scene under noise that changes."""
    chance = np.random.default_rng(1)
    still = picture(Scene(size.width, size.height, FPS, 1.0, 1, 0.0, yard), 0)
    made = []
    for _ in range(PICTURES):
        grain = np.rint(NOISE * chance.standard_normal(still.shape[:2], np.float32)).astype(np.int16)
        noisy = np.clip(still + grain[:, :, None], 0, 255).astype(np.uint8)
        packed = cv2.cvtColor(noisy, cv2.COLOR_BGR2YUV_I420)
        made.append(av.VideoFrame.from_ndarray(packed, format="yuv420p"))
    return made
