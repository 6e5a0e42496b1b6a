"""Real H.264 packets in a file, so that a session can have them without decoding a video."""

import base64
import json
from functools import cache
from pathlib import Path

from camd.camera.stream import FileCamera
from camd.model import Format, Packet

WALKER = Path(__file__).parents[2] / "camd" / "fixtures" / "walker.mp4"


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
