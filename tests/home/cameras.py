"""The two worlds of the campaign: film cameras, two of them, and a live one, alone.

Idea: each draws pictures that carry a number, and knows when a picture of that number was taken. A film's number counts
from when the film was begun, which camd's own stamps tell; the live camera's counts from a moment of the boot clock, so
that it dates its pictures itself, whatever camd says of them.
"""

import random
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Protocol

from camd.clock import SystemClock
from camd.model import SECOND, Clip, Nanos
from tests.home.world import FPS, film, jpeg

SLACK: Final[Nanos] = 2 * SECOND // 1000  # sidecars say milliseconds
CONFIRMS_WITHIN: Final[Nanos] = SECOND  # from the first moving picture to the one that goes with the alert
# Seconds before the live camera answers, and from then to its first picture; under the 5 s after which it is given up.
PAUSES: Final = (*[(0.0, 0.0)] * 4, (0.5, 0.0), (0.0, 0.5), *[(4.0, 0.0)] * 3, (0.0, 4.0))


class Cameras(Protocol):
    """What camd watches. `settings` says so in its config, by camera."""

    settings: dict[str, dict[str, object]]

    def are_open(self, capture: "subprocess.Popen[bytes]") -> bool:
        """Whether that process holds one of them open now."""

    def taken(self, clip: Clip, shown: Nanos, number: int) -> Nanos:
        """When the picture was taken that a clip shows so long after its beginning."""

    def announced(self, camera: str, number: int, began: Nanos) -> Nanos | None:
        """When the picture of an alert was taken; `began` is the alert's. None: nobody knows."""


class Films:
    """Two cameras that play one film without end. To be asked for the clips' pictures first, then for the alerts'."""

    def __init__(self, path: Path) -> None:
        self._path = path
        film(path, 60)
        self.settings = {name: {"source": str(path), "loop": True} for name in ("porch", "garden")}
        self._starts: list[tuple[str, Nanos]] = []  # of passes through the film

    def are_open(self, capture: "subprocess.Popen[bytes]") -> bool:
        """As the kernel says."""
        try:
            links = [str(one.readlink()) for one in Path(f"/proc/{capture.pid}/fd").iterdir()]
        except OSError:  # one was closed meanwhile: look again
            return capture.poll() is None
        return str(self._path) in links

    def taken(self, clip: Clip, shown: Nanos, number: int) -> Nanos:
        """As the clip says."""
        self._starts.append((clip.camera, clip.began + shown - number * SECOND // FPS))
        return clip.began + shown

    def announced(self, camera: str, number: int, began: Nanos) -> Nanos | None:
        """That is known from the clips; of a film that left none, because it was killed, it is not."""
        taken = (start + number * SECOND // FPS for whose, start in self._starts if whose == camera)
        return next((t for t in taken if began - SLACK <= t <= began + CONFIRMS_WITHIN), None)


class Live:
    """One camera that sends motion JPEG over HTTP, and is mute for a while with many who ask."""

    def __init__(self, seed: int) -> None:
        self._clock, self._base = SystemClock(), SystemClock().boot()
        self._chance = random.Random(seed)
        self._sides: set[socket.socket] = set()
        self._stops = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Answer)
        self._server.live = self
        self.settings: dict[str, dict[str, object]] = {
            "porch": {"source": f"http://127.0.0.1:{self._server.server_port}/video"}
        }
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """It answers no more."""
        self._stops.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def are_open(self, capture: "subprocess.Popen[bytes]") -> bool:
        """Whether anybody is connected, though nobody speaks."""
        return any(not _has_hung_up(side) for side in tuple(self._sides))

    def taken(self, clip: Clip, shown: Nanos, number: int) -> Nanos:
        """As the picture says."""
        return self._taken(number)

    def announced(self, camera: str, number: int, began: Nanos) -> Nanos | None:
        """As the picture says."""
        return self._taken(number)

    def answer(self, side: socket.socket) -> Iterator[bytes]:
        """What one who asked gets: the head of the answer, and then a picture whenever it is taken."""
        self._sides.add(side)
        try:
            until_head, until_pictures = self._chance.choice(PAUSES)
            self._stops.wait(until_head)
            yield b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
            self._stops.wait(until_pictures)
            for number in self._numbers():
                picture = jpeg(number)
                yield b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (
                    len(picture),
                    picture,
                )
        finally:
            self._sides.discard(side)

    def _numbers(self) -> Iterator[int]:
        """The number of each picture, at the moment at which it is taken."""
        while not self._stops.is_set():
            number = (self._clock.boot() - self._base) * FPS // SECOND + 1
            self._clock.wait(self._taken(number), self._stops)
            yield number

    def _taken(self, number: int) -> Nanos:
        return self._base + number * SECOND // FPS


@contextmanager
def films(folder: Path, seed: int) -> Iterator[Films]:
    """Two cameras that play one film."""
    yield Films(folder / "film.mp4")


@contextmanager
def live(folder: Path, seed: int) -> Iterator[Live]:
    """One live camera, until the block ends."""
    with closing(Live(seed)) as camera:
        yield camera


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    live: Live


class _Answer(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        with suppress(OSError):  # it has hung up
            for part in self.server.live.answer(self.connection):
                self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


def _has_hung_up(side: socket.socket) -> bool:
    try:
        return not side.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
