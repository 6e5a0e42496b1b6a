"""A drawn world whose every picture says which one it is, so that a clip or a snapshot tells when it was taken.

Idea: the top rows are a bar code of the picture's number, and below them something walks to and fro without end.
Rule: the code survives H.264 and JPEG: its blocks are large, and their mean decides.
"""

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import SECOND, Nanos

WIDTH: Final = 320
HEIGHT: Final = 240
FPS: Final = 15
BITS: Final = 16
SIDE: Final = 16  # pixels of a block; the code is one row of them
STRIP: Final = 24  # rows above the scene
PERIOD_S: Final = 4.0  # of the walk, there and back


def film(path: Path, seconds: float) -> None:
    """Encode so many seconds, with a key picture each second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "bf": "0", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", FPS
        for number in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(_picture(number), format="gray")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def jpeg(number: int) -> bytes:
    """One picture as a camera sends it."""
    return cv2.imencode(".jpg", _picture(number))[1].tobytes()


def number_of(grey: NDArray[np.uint8]) -> int:
    """Which picture this is, (HEIGHT, WIDTH) uint8."""
    cells = (grey[4:12, SIDE * bit + 4 : SIDE * bit + 12] for bit in range(BITS))
    return sum((float(cell.mean()) > 127) << bit for bit, cell in enumerate(cells))


def number_of_jpeg(jpeg: bytes) -> int:
    """Which picture a JPEG shows."""
    grey = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    return number_of(grey.astype(np.uint8, copy=False))


def shown(clip: Path) -> list[tuple[Nanos, int]]:
    """When each picture of a clip is shown, from the clip's beginning, and which one it is."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        base = stream.time_base
        assert base is not None
        return [
            (round((frame.pts or 0) * base * SECOND), number_of(frame.to_ndarray(format="gray").astype(np.uint8)))
            for frame in container.decode(stream)
        ]


def _picture(number: int) -> NDArray[np.uint8]:
    picture = np.full((HEIGHT, WIDTH), 90, np.uint8)
    for bit in range(BITS):
        picture[:SIDE, SIDE * bit : SIDE * (bit + 1)] = 255 * (number >> bit & 1)
    phase = (number / FPS) % PERIOD_S / PERIOD_S
    left = round(abs(2 * phase - 1) * (WIDTH - 60)) + 10
    picture[120:200, left : left + 36] = 200
    return picture
