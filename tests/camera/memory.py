"""How much memory capture and notify take together while a 1080p camera moves: `python -m tests.camera.memory`.

Runs the house on each kind of camera for half a minute, with a real broker, and reads PSS (what is shared is
shared out) once a second from the kernel; then once more on a kernel that takes no seccomp filter, to see what the
cages cost. `camd run`, their warden, is told apart. Ends with 1 when the most that was seen is over the limit.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from camd.clock import SystemClock
from camd.model import SECOND
from camd.scene import SCENES, encode
from tests.brokers import broker
from tests.camera.rigs import MjpegRig, RtspRig, why_not
from tests.egress import UNCAGED

LIMIT: Final = 150 * 2**20
SECONDS: Final = 30
FILE: Final = "file, H.264"


def main() -> int:
    """Measure every kind and print a table."""
    worst = 0
    print(f"{'MiB':32} {'caged':>6} {'not':>6} {'camd run':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for number, (kind, section) in enumerate(sources(Path(folder))):
            caged, run = measured(Path(folder) / f"{number}-caged", section)
            bare, _ = measured(Path(folder) / f"{number}-bare", section, *UNCAGED, "--seccomp-bpf")
            print(f"{kind:32} {caged / 2**20:6.0f} {bare / 2**20:6.0f} {run / 2**20:9.0f}", flush=True)
            worst = max(worst, caged)
    print(f"{'limit':32} {LIMIT / 2**20:6.0f}")
    return int(worst > LIMIT)


def sources(folder: Path) -> Iterator[tuple[str, str]]:
    """Each kind of 1080p camera with its section of the config, while it is there."""
    video = folder / "walker.mp4"
    encode(replace(SCENES["walker"], width=1920, height=1080, seconds=10), video)
    yield FILE, f"{{source: {video}, loop: yes}}"
    jpegs = MjpegRig()
    jpegs.size = (1920, 1080)
    yield "motion JPEG", f"{{source: {jpegs.settings.source}}}"
    jpegs.unplug()
    if why_not("rtsp"):
        print(f"RTSP: {why_not('rtsp')}", file=sys.stderr)
        return
    with rtsp("--size", "1920x1080") as base:
        yield "RTSP, H.264", f"{{source: {base}/main}}"
        yield "RTSP, H.264, and a small stream", f"{{source: {base}/main, detect_source: {base}/small}}"


@contextmanager
def rtsp(*options: str) -> Iterator[str]:
    """A network camera's address, while it is there."""
    rig = RtspRig(*options)
    try:
        yield f"rtsp://{rig.host}:{rig.port}"
    finally:
        rig.unplug()


def measured(folder: Path, section: str, *under: str) -> tuple[int, int]:
    """The most bytes of PSS that capture and notify took together, and `camd run`, run `under` other programs."""
    clock, most, run = SystemClock(), 0, 0
    with ExitStack() as stack:
        folder.mkdir()
        port = stack.enter_context(broker(folder / "broker")).port
        config = folder / "camd.yaml"
        config.write_text(
            f"camera: {section}\nstore: {{data: {folder}/data, keep_free: 1 MB}}\nmqtt: {{port: {port}}}\n"
        )
        house = subprocess.Popen([*under, sys.executable, "-m", "camd", "run", "--config", str(config)])
        stack.callback(house.wait)
        until = clock.boot() + SECONDS * SECOND
        while clock.wait(clock.boot() + SECOND, threading.Event()) and clock.boot() < until:
            assert house.poll() is None, "camd ended"
            (first,) = children(house.pid) if under else (house.pid,)
            most, run = max(most, sum(map(pss, children(first)))), max(run, pss(first))
        os.kill(first, signal.SIGTERM)
    return most, run


def children(pid: int) -> list[int]:
    """The processes that this one started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def pss(pid: int) -> int:
    """Bytes of proportional set size, as the kernel counts them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
