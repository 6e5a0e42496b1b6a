"""Small real things that several tests need: a house on a manual clock, made-up packets, encoded scenes."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.alerts.outbox import Outbox
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.policy import Policy
from camd.alerts.teller import Teller
from camd.alerts.topics import Names
from camd.camera.frame import Veil
from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import MB, Config, StoreConfig
from camd.model import SECOND, Box, Ended, Event, Finding, Format, Happening, Nanos, Packet, Polygon, Reason, Zone
from camd.pipeline import House, Pipeline
from camd.places import Places
from camd.recording import Recording
from camd.scene import SCENES, Scene, encode, frames
from camd.store.shelf import Shelf
from camd.vision.episode import Limits
from camd.vision.sight import Settings, Sight
from camd.worker import AtOnce


@dataclass(frozen=True, slots=True)
class Reel:
    """A real H.264 stream as packets, with a key picture every two seconds."""

    layout: Format
    packets: list[Packet]

    def __repr__(self) -> str:
        """Short: hypothesis prints the arguments of an example."""
        return f"Reel({len(self.packets)} packets)"


REASON = Reason("2 of 4 frames moved", 640, 128, 10, 1.5, 1.0, Box(0.1, 0.2, 0.3, 0.4))
STORE = StoreConfig(max_bytes=500 * MB, keep_free=1 * MB)


def event(name: str, began: float, ended: float) -> Event:
    """An event of this name between two times in seconds."""
    return Event(name, "motion", 0.0, round(began * SECOND), round(ended * SECOND), REASON)


def places(folder: Path) -> Places:
    """A data and a run folder under `folder`."""
    return Places(folder / "data", folder / "run")


def grey(pictures: Iterable[tuple[float, NDArray[np.uint8]]]) -> Iterator[tuple[Nanos, NDArray[np.uint8]]]:
    """Drawn pictures as a camera gives them to vision: boot time and luma."""
    for seconds, picture in pictures:
        yield round(seconds * SECOND), cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)


def findings(scene: Scene, zones: tuple[Zone, ...] = (), privacy: tuple[Polygon, ...] = ()) -> list[Finding]:
    """What vision finds in a drawn scene."""
    settings = Settings(5, Limits(1 * SECOND), "test", zones=zones, privacy=privacy)
    sight = Sight(scene.width, scene.height, settings)
    found = [finding for t, luma in grey(frames(scene)) for finding in sight.look(t, luma)]
    return found + sight.close()


def events(found: Iterable[Happening]) -> list[Event]:
    """The finished events among `found`."""
    return [finding.event for finding in found if isinstance(finding, Ended)]


def film(name: str, folder: Path, *, seconds: float, codec: str = "libx264", suffix: str = ".mp4") -> Path:
    """Encode the first `seconds` of a named scene."""
    path = folder / f"{name}-{codec}{suffix}"
    encode(replace(SCENES[name], seconds=seconds), path, codec=codec)
    return path


def teller(where: Places) -> Teller:
    """Who tells of the camera `porch`, through the outbox that lies there."""
    source = Source(Names("camd", "pi", "porch"), Anchor("boot", 0), PictureSize(640, 480))
    return Teller(source, Outbox(where), ManualClock(), Policy())


@contextmanager
def shelf(folder: Path, settings: StoreConfig = STORE) -> Iterator[Shelf]:
    """A recorder's hold of a store under `folder`."""
    with Shelf.open(places(folder), settings, ManualClock()) as opened:
        yield opened


def play(video: Path, settings: Config, on: Shelf) -> list[Happening]:
    """Run a video through the whole house on a manual clock and return all that happened."""
    happened: list[Happening] = []
    clock = ManualClock()
    with FileCamera(video, veil=Veil(settings.vision.privacy)) as camera:
        house = House(settings, clock, Recording(on, clock), happened.append)
        capture = Pipeline(Stream(settings.camera.name, camera.format), house, AtOnce())
        capture.play(camera, threading.Event())
        capture.close()
    return happened


def packets(seconds: float, fps: int = 10, key_every: int = 10, size: int = 100) -> list[Packet]:
    """Made-up packets with a key picture every so many."""
    return [
        Packet(round(n * SECOND / fps), round(n * SECOND / fps), n % key_every == 0, bytes(size))
        for n in range(round(seconds * fps))
    ]
