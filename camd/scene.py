"""Draws small worlds whose truth is known, and films them.

Idea: a `Scene` is a value: a backdrop, a camera and actors. The same actor values paint the pictures and say when
somebody is to be seen, so truth follows from the drawing and is never typed by hand.
Rule: a picture depends on its scene and its number alone, and the same scene is filmed into the same bytes.
Not promised: photographs. The worlds are flat illustrations with sensor noise; an actor hidden behind another still
counts as seen, and encoded bytes are equal only for equal builds of the encoder.
"""

import re
import sys
from fractions import Fraction
from pathlib import Path

import av
import yaml

from camd.drawn.actor import Actor, Mover, Route
from camd.drawn.light import Light
from camd.drawn.movers import Car, Walker
from camd.drawn.scenery import front_garden, yard
from camd.drawn.stage import Scene, frames, picture, truth
from camd.drawn.weather import Branch, Rain
from camd.drawn.worlds import WORLDS
from camd.errors import CamdError, CannotWriteError, UsageError
from camd.terminal import Parser, say

__all__ = [
    "CODINGS", "SCENES", "WORLDS", "Actor", "Branch", "Car", "Light", "Mover", "Rain", "Route", "Scene", "Walker",
    "encode", "frames", "front_garden", "main", "named", "picture", "truth", "write_truth", "yard",
]  # fmt: skip

SCENES: dict[str, Scene] = {
    # The demo: somebody walks by, a cloud hides the sun, a car drives by.
    "porch": Scene(640, 360, 15, 26.0, 1, 2.0, front_garden, (
        Walker(Route(((6.4, -40, 303), (11.8, 680, 303))), 128),
        Light(at=14.4, gain=0.76, fade=0.8),
        Car(Route(((18.4, 770, 344), (21.4, -130, 344))), 210),
    )),
    "walker": Scene(320, 240, 15, 12.0, 2, 1.5, yard, (Walker(Route(((4.0, 350, 212), (8.5, -30, 212))), 104),)),
    "switch": Scene(320, 240, 15, 14.0, 3, 1.5, yard, (Light(at=6.0, gain=0.62), Light(at=10.0, gain=1.45, offset=6))),
    "branch": Scene(320, 240, 15, 20.0, 4, 1.5, yard, (Branch(330, -6, 190),)),
    "rain": Scene(320, 240, 15, 14.0, 5, 1.5, yard, (Rain(35),)),
    "quiet": Scene(320, 240, 15, 12.0, 6, 2.0, yard),
}  # fmt: skip


# How each encoder is set: its pixel format and what it needs beside the options that all have.
CODINGS: dict[str, tuple[str, dict[str, str]]] = {
    "libx264": ("yuv420p", {"preset": "slow", "sc_threshold": "0"}),
    "libx265": ("yuv420p", {"x265-params": "log-level=none:pools=none:frame-threads=1:bframes=0:scenecut=0"}),
    "mpeg4": ("yuv420p", {"b": "1500000"}),
    "msmpeg4": ("yuv420p", {"b": "1500000"}),
    "mjpeg": ("yuvj420p", {"b": "6000000"}),
    "cinepak": ("rgb24", {}),
}


def encode(scene: Scene, path: Path, *, codec: str = "libx264", crf: int = 24) -> None:
    """Film the scene into `path`, whose ending names the container (mp4, mkv, avi).

    A key picture comes every 2 s, B-frames never, and the same scene gives the same bytes. `codec` is one of
    `CODINGS`; `crf` is the constant quality of libx264 and libx265, which the others ignore. Raises OSError when
    `path` cannot be written and ValueError when the container cannot hold the codec.
    """
    pixels, options = CODINGS[codec]
    same_bytes = {"flags": "+bitexact", "threads": "1"}  # with more threads the bytes depend on the machine
    groups = {"g": str(2 * scene.fps), "bf": "0"}
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as video:
        stream = video.add_stream(codec, rate=scene.fps, options={**same_bytes, **groups, "crf": str(crf), **options})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, pixels
        for number, (_, drawn) in enumerate(frames(scene)):
            frame = av.VideoFrame.from_ndarray(drawn, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, scene.fps)
            video.mux(stream.encode(frame))
        video.mux(stream.encode(None))


def write_truth(scene: Scene, path: Path) -> None:
    """Write the scene's truth file. Raises OSError when `path` cannot be written."""
    path.write_text(yaml.safe_dump(truth(scene), sort_keys=False, default_flow_style=None), encoding="utf-8")


def named(name: str) -> Scene:
    """The scene of that name: one of `SCENES`, or `WORLD@WIDTHxHEIGHT#SEED` of `WORLDS` (640x480 and 1 when left out).

    Raises UsageError for a name that there is not and for a size that cannot be filmed.
    """
    if name in SCENES:
        return SCENES[name]
    parts = re.fullmatch(r"(?P<world>[^@#]+)(?:@(?P<width>\d+)x(?P<height>\d+))?(?:#(?P<seed>\d+))?", name)
    if parts is None or parts["world"] not in WORLDS:
        raise UsageError(f"there is no scene '{name}'. Choose from {', '.join(SCENES)}, or see --list.")
    width, height = int(parts["width"] or 640), int(parts["height"] or 480)
    if width % 2 or height % 2 or not (64 <= width <= 4096 and 64 <= height <= 4096):
        raise UsageError(f"'{name}' cannot be filmed: width and height are even numbers from 64 to 4096.")
    return WORLDS[parts["world"]](width, height, int(parts["seed"] or 1))


def main(arguments: list[str]) -> int:
    """Write videos and truth files of the named scenes, or of all in `SCENES`; or list what there is."""
    parser = Parser(
        prog="python -m camd.scene",
        description="Draw small worlds with known truth: NAME.mp4 and NAME.truth.yaml for each scene.",
        epilog=f"Scenes: {', '.join(SCENES)}. Worlds of any size and seed: see --list.",
    )
    parser.add_argument("folder", metavar="OUT_DIR", type=Path, nargs="?", help="folder to write to; made when missing")
    parser.add_argument(
        "names", metavar="NAME", nargs="*",
        help="scene, or world as in rain@640x480#2: size and seed may be left out (default: all scenes)",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print every scene and world with what it shows, and end")
    options = parser.parse_args(arguments)
    if options.list:
        return _list()
    if options.folder is None:
        parser.error("name a folder to write to")
    for name, scene in {name: named(name) for name in options.names or SCENES}.items():
        _write(scene, options.folder / f"{re.sub('[@#]', '-', name)}.mp4")
    return 0


def _list() -> int:
    for name, scene in SCENES.items():
        labels = ", ".join(event["label"] for event in truth(scene)["events"])
        print(f"{name:36}{scene.width}x{scene.height}, {scene.seconds:g} s, events: {labels or 'none'}")
    for name, world in WORLDS.items():
        print(f"{name + '@WxH#SEED':36}{world.about}")
    return 0


def _write(scene: Scene, video: Path) -> None:
    try:
        video.parent.mkdir(parents=True, exist_ok=True)
        encode(scene, video)
        write_truth(scene, video.with_suffix(".truth.yaml"))
    except OSError as error:
        raise CannotWriteError(f"{video}: cannot be written ({error}). Name a folder that you may write to.") from error
    say(f"{video}: {scene.seconds:g} s, {video.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CamdError as error:
        say(str(error))
        sys.exit(error.exit_code)
