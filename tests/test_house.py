"""One recording through the whole house on a manual clock, held against literals: what happened, what was kept, what
was said. When a figure here changes, somebody's alert changes."""

import json
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from camd.alerts.outbox import Outbox, Waiting
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.policy import Policy
from camd.alerts.teller import Teller
from camd.alerts.topics import Names
from camd.camera.stream import FileCamera
from camd.clips.track import Stream
from camd.clock import ManualClock
from camd.config import Config
from camd.model import Began, Degraded, Ended, Faulted, Grew, Happening, Saved, Suppressed, Tampered
from camd.pipeline import House, Pipeline
from camd.recording import Recording
from camd.store import sidecar
from camd.store.check import leftovers, violations
from camd.store.index import Index
from camd.worker import AtOnce
from tests.worlds import places, shelf

PORCH = Path(__file__).parent.parent / "camd" / "fixtures" / "porch.mp4"


class Lived:
    """What a run of the house left."""

    def __init__(self, folder: Path) -> None:
        self.places = places(folder)
        self.happened: list[Happening] = []
        clock = ManualClock()
        with shelf(folder) as on, closing(Outbox(self.places)) as outbox, FileCamera(PORCH) as camera:
            anchor = Anchor(clock.boot_id, clock.unix() - clock.boot())
            size = PictureSize(camera.format.width, camera.format.height)
            teller = Teller(Source(Names("camd", "home", "porch"), anchor, size), outbox, clock, Policy())
            teller.start(size)

            def tell(happening: Happening) -> None:
                self.happened.append(happening)
                teller.tell(happening)

            capture = Pipeline(
                Stream("porch", camera.format), House(Config(), clock, Recording(on, clock), tell), AtOnce()
            )
            capture.play(camera, threading.Event())
            capture.close()
            teller.stop()
            self.messages: list[Waiting] = outbox.pending(1000)

    def said(self, topic: str) -> list[str]:
        """The payloads of one topic."""
        return [str(waiting.alert.payload) for waiting in self.messages if waiting.alert.topic == topic]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """The demo's recording, lived through once."""
    return Lived(tmp_path_factory.mktemp("house"))


def _story(happening: Happening) -> str:
    match happening:
        case Began(event):
            return f"began {event.id[9:]} at {event.began / 1e9:.2f}"
        case Ended(event):
            return f"ended {event.id[9:]} at {event.ended / 1e9:.2f}"
        case Suppressed(began, ended, reason):
            return f"suppressed {began / 1e9:.2f} to {ended / 1e9:.2f}: {reason.rule}"
        case Saved(clip):
            return f"saved {clip.id} with {len(clip.events)} event"
        case Faulted(what, on):
            return f"fault {what} {on}"
        case Tampered(kind, on, t):
            return f"{kind} {on} at {t / 1e9:.2f}"
        case Degraded(_, why):
            return f"degraded: {why}"
        case Grew():
            return ""


def test_what_happened(lived: Lived) -> None:
    assert [line for line in map(_story, lived.happened) if line] == [
        "began 1 at 6.53",
        "ended 1 at 11.73",
        "saved 1 with 1 event",
        "suppressed 14.53 to 15.13: the light of the whole picture changed",
        "began 2 at 18.53",
        "suppressed 18.87 to 18.87: moved too briefly or came back to where it was",
        "ended 2 at 21.27",
        "saved 2 with 1 event",
    ]


def test_what_was_kept(lived: Lived) -> None:
    with Index.open(lived.places) as index:
        clips = index.clips()
    assert [(c.id, c.began / 1e9, c.duration_ns / 1e9, c.pre_roll_ns / 1e9, c.label, c.cut_short) for c in clips] == [
        (2, 12.0, 12.333, 6.533, "motion", False),
        (1, 0.0, 14.8, 6.533, "motion", False),
    ]
    assert violations(lived.places) == []
    assert leftovers(lived.places) == []
    for clip in clips:
        assert sidecar.read(lived.places.clips / f"{clip.id:06d}.json").clip == clip
        assert (lived.places.clips / f"{clip.id:06d}.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_what_was_said(lived: Lived) -> None:
    topics = [waiting.alert.topic.removeprefix("camd/home/") for waiting in lived.messages]
    off = [f"porch/{name}" for name in ("motion", "person", "vehicle", "animal", "other")]
    assert [t for t in topics if t != "events"] == [
        *("porch/status", "porch/sensor", "porch/classifier", *off, "porch/tamper"),
        *("porch/motion", "porch/event", "porch/motion", "porch/clip"),
        *("porch/motion", "porch/event", "porch/motion", "porch/clip"),
        *(*off, "porch/sensor", "porch/status"),
    ]
    kinds = [json.loads(payload)["type"] for payload in lived.said("camd/home/events")]
    assert kinds == ["new", *["update"] * 4, "end", "new", *["update"] * 2, "end"]
    assert lived.said("camd/home/porch/motion") == ["OFF", "ON", "OFF", "ON", "OFF", "OFF"]
    assert lived.said("camd/home/porch/status") == ["online", "offline"]


def test_an_alert_says_when_where_and_why(lived: Lived) -> None:
    alert: dict[str, Any] = json.loads(lived.said("camd/home/porch/event")[0])
    box = [0.0, 0.6389, 0.0469, 0.2361]  # he comes in at the left
    assert alert == {
        "v": 1,
        "event_type": "motion",
        "event_id": "3a2868f0-1",
        "camera": "porch",
        "began": 1767225606.533,
        "began_iso": "2026-01-01T00:00:06.533Z",
        "label": "motion",
        "confidence": 0.0,
        "zones": [],
        "changed_pixels": 925,
        "threshold": 50,
        "noise_level": 0.61,
        "motion_center_x": 15,
        "motion_center_y": 273,
        "motion_width": 30,
        "motion_height": 85,
        "reason": {
            "rule": "2 of 4 frames moved",
            "changed_pixels": 925,
            "threshold": 50,
            "blocks": 37,
            "noise_level": 0.61,
            "light_gain": 1.0,
            "box": box,
            "shadow_ratio": 0.604,
            "track_s": 0.067,
            "travel": 0.088,
            "zones": [],
        },
        "url": None,
        "delayed": False,
        "latency_ms": None,
    }


def test_the_same_recording_gives_the_same_house(lived: Lived, tmp_path: Path) -> None:
    again = Lived(tmp_path)
    assert again.happened == lived.happened
    assert [(w.id, w.alert) for w in again.messages] == [(w.id, w.alert) for w in lived.messages]
    for path in sorted(lived.places.clips.glob("0*")):  # all but the store's own name
        assert (again.places.clips / path.name).read_bytes() == path.read_bytes()
