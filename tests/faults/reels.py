"""Real H.264 packets in a file, so that a session can have them without decoding a video."""

import base64
import json
from functools import cache
from pathlib import Path

import av
import numpy as np

from camd.camera.stream import FileCamera
from camd.model import Format, Packet

WALKER = Path(__file__).parents[2] / "camd" / "fixtures" / "walker.mp4"


def encode(path: Path, bits: int = 2_000_000, seconds: int = 24) -> None:
    """A video of so many bits a second, 1280x720 at 15 pictures, a key picture every two seconds."""
    dice = np.random.default_rng(1)
    still = dice.integers(0, 255, (720, 1280, 3), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(
            "libx264", rate=15, options={"preset": "ultrafast", "maxrate": str(bits), "bufsize": str(bits)}
        )
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate, stream.gop_size = 1280, 720, "yuv420p", bits, 30
        for number in range(15 * seconds):
            picture = np.roll(still, 3 * number, 1)
            picture[::4] = dice.integers(0, 255, (180, 1280, 3), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        out.mux(stream.encode(None))


def write(path: Path, video: Path = WALKER) -> None:
    """Put the packets of a video into `path`."""
    with FileCamera(video) as camera:
        rows = [
            [item.t, item.dts, item.is_key, base64.b64encode(item.data).decode()]
            for item in camera
            if isinstance(item, Packet)
        ]
        layout = [camera.format.width, camera.format.height, camera.format.fps]
    path.write_text(json.dumps({"layout": layout, "packets": rows}), encoding="ascii")


@cache
def read(path: Path) -> tuple[Format, list[Packet]]:
    """The packets in `path`."""
    told = json.loads(path.read_text(encoding="ascii"))
    packets = [Packet(t, dts, is_key, base64.b64decode(data)) for t, dts, is_key, data in told["packets"]]
    return Format(*told["layout"]), packets
