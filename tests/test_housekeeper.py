"""What capture does once a second, on a clock that is moved by hand."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from camd.alerts.outbox import Outbox
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.policy import Limits, Policy
from camd.alerts.teller import Shot, Teller
from camd.alerts.topics import Names
from camd.clock import ManualClock
from camd.config import CameraConfig, Config, StoreConfig
from camd.housekeeper import Housekeeper, Watch, clips, disk
from camd.model import SECOND, Began, Degraded, Ended, Nanos, Saved
from camd.places import Places
from camd.store import heads, verdicts
from camd.store.index import Index
from camd.store.verdicts import Verdict
from tests.alerts.test_message import CLIP, EVENT
from tests.store.store_world import open_shelf, store_of

NAMES = Names("camd", "pi", "porch")
HOUR = 3600 * SECOND


class House:
    """A camera's teller and housekeeper, and what they said."""

    def __init__(self, folder: Path, outbox: Outbox, places: Places, keep_free: int = 1, per_hour: int = 0) -> None:
        self.clock, self.places, self.outbox = ManualClock(), places, outbox
        self.clock.wait(SECOND, threading.Event())
        source = Source(NAMES, Anchor("boot", 0), PictureSize(640, 480), has_pictures=True)
        self.teller = Teller(source, outbox, self.clock, Policy(Limits(per_hour=per_hour)))
        config = Config(camera=CameraConfig("porch"), store=StoreConfig(places.data, keep_free=keep_free))
        again = lambda: self.teller.start(PictureSize(640, 480))  # noqa: E731
        watch = Watch("porch", self.teller, again)
        self.pulse = watch.pulse
        self.keeper = Housekeeper(config, places, self.clock, [watch])

    def seconds(self, count: int, frames: bool = True) -> None:
        """Let time pass, with pictures or without."""
        for _ in range(count):
            self.clock.wait(self.clock.boot() + SECOND, threading.Event())
            if frames:
                self.pulse.frame(self.clock.boot())
            self.keeper.look(self.outbox)

    def said(self, topic: str) -> list[str]:
        """What was put on topics that end so, and is forgotten now."""
        waiting = [w for w in self.outbox.pending(10_000) if w.alert.topic.endswith(topic)]
        self.outbox.done([w.id for w in waiting])
        return [w.alert.payload if isinstance(w.alert.payload, str) else "a picture" for w in waiting]

    def kinds(self) -> list[str]:
        """The types of the alerts that were put."""
        return [json.loads(payload)["event_type"] for payload in self.said("porch/event")]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    it = Places(tmp_path / "data", tmp_path / "run")
    it.make()
    return it


@pytest.fixture
def outbox(places: Places) -> Iterator[Outbox]:
    with closing(Outbox(places)) as it:
        yield it


@pytest.fixture
def house(tmp_path: Path, outbox: Outbox, places: Places) -> House:
    return House(tmp_path, outbox, places)


def opened(house: House) -> None:
    house.teller.start(PictureSize(640, 480))
    house.pulse.opened(house.clock.boot())
    house.said("")


def test_a_camera_without_a_picture_is_a_fault_within_ten_seconds_until_one_comes(house: House) -> None:
    opened(house)
    house.seconds(8, frames=False)
    assert house.said("status") == []
    house.seconds(2, frames=False)
    assert (house.said("status"), house.kinds()) == (["fault:no picture for 8 s"], ["camera_offline"])
    house.seconds(2)
    assert (house.said("status"), house.kinds()) == (["online"], [])


def test_a_camera_that_is_closed_is_no_fault(house: House) -> None:
    opened(house)
    house.pulse.closed()
    house.seconds(30, frames=False)
    assert house.said("status") == []


def test_who_stood_still_says_again_how_it_is(house: House) -> None:
    opened(house)
    house.seconds(1)
    house.clock.wait(house.clock.boot() + 11 * SECOND, threading.Event())
    house.pulse.frame(house.clock.boot())
    house.keeper.look(house.outbox)
    assert house.said("status") == ["online"]


def test_a_disk_that_is_almost_full_is_told_once(tmp_path: Path, outbox: Outbox, places: Places) -> None:
    house = House(tmp_path, outbox, places, keep_free=2 * (disk(places.data) or {})["free"])
    house.seconds(5)
    assert house.kinds() == ["storage_low"]


def test_a_data_folder_that_is_gone_for_a_while_ends_nobody(house: House) -> None:
    opened(house)
    house.places.data.rename(house.places.data.with_name("pulled"))
    house.seconds(12)
    said = json.loads(house.places.status.read_text())
    assert (said["disk"], said.get("clips")) == (None, None)


def test_how_capture_is_stands_in_a_file(house: House) -> None:
    opened(house)
    (house.places.clips / "000001.mp4").write_bytes(bytes(100))
    (house.places.clips / "000001.json").write_bytes(bytes(10))
    house.seconds(12)
    said = json.loads(house.places.status.read_text())
    assert (said["at_ns"], said["boot_id"]) == (house.clock.boot(), house.clock.boot_id)
    pace = {"classifier": 1, "analysis": 1}
    assert said["cameras"] == {"porch": {"fps": 1.0, "drops": 11, "load": 0.0, "pace": pace}}  # nobody looked at them
    assert (said["clips"], said["clip_bytes"]) == (1, 110)
    assert clips(house.places.clips) == {"clips": 1, "clip_bytes": 110}


def test_a_snooze_ends_by_itself(house: House) -> None:
    until = house.clock.unix() // SECOND + 60
    house.teller.snooze(until)
    house.seconds(59)
    assert house.said("snooze/state") == [str(until)]
    house.seconds(3)
    assert house.said("snooze/state") == ["0"]


def test_what_a_full_hour_withheld_is_told_later(tmp_path: Path, outbox: Outbox, places: Places) -> None:
    house = House(tmp_path, outbox, places, per_hour=1)
    for number in range(3):
        event = replace(EVENT, id=f"e{number}", began=house.clock.boot(), ended=house.clock.boot())
        house.teller.tell(Began(event))
        house.teller.tell(Ended(event))
    assert house.kinds() == ["motion"]
    house.clock.wait(house.clock.boot() + HOUR, threading.Event())
    house.keeper.look(house.outbox)
    assert house.kinds() == ["summary"]


def picture_of(house: House, jpeg: bytes, t: Nanos = 0) -> None:
    """An event that is told with a picture."""
    house.teller.show(Shot(EVENT.id, lambda: jpeg))
    house.teller.tell(Began(EVENT))


def test_a_picture_comes_after_its_alert_and_goes_with_its_clip(house: House) -> None:
    picture_of(house, b"\xff\xd8")
    topics = [w.alert.topic.rpartition("/")[2] for w in house.outbox.pending(9)]
    assert topics == ["motion", "event", "events", "snapshot"]
    house.said("")
    house.teller.tell(Saved(replace(CLIP, events=(EVENT.id,))))
    (house.places.clips / f"{CLIP.id:06d}.mp4").touch()
    house.seconds(2)
    assert house.said("snapshot") == []
    (house.places.clips / f"{CLIP.id:06d}.mp4").unlink()
    house.seconds(2)
    assert house.said("snapshot") == [""]


def test_home_mode_takes_the_picture_away_and_every_on(house: House) -> None:
    picture_of(house, b"\xff\xd8")
    house.said("")
    house.teller.home()
    assert (house.said("snapshot"), house.said("motion"), house.said("status")) == ([""], ["OFF"], ["home"])
    assert house.kinds() == []  # how many cameras there are, and which was the last, another knows


def test_a_picture_that_is_too_large_is_not_sent(house: House) -> None:
    picture_of(house, bytes(300_000))
    assert house.said("snapshot") == []


def test_a_classifier_that_is_asked_again_is_no_longer_degraded(house: House) -> None:
    house.teller.tell(Degraded(0, "it took 3.0 s for one picture"))
    for _ in range(2):
        house.teller.start(PictureSize(640, 480))
    assert house.said("/classifier")[-1] == "degraded"
    house.teller.classifies()
    house.teller.start(PictureSize(640, 480))
    assert house.said("/classifier") == ["ok"]


def test_what_was_learned_goes_within_an_hour_after_its_clips(house: House, caplog: pytest.LogCaptureFixture) -> None:
    store_of(house.places, 3)
    heads.add(house.places, {"centres": [{"label": "animal", "clips": [1, 2]}, {"label": "animal", "clips": [3]}]})
    house.seconds(1)
    with open_shelf(house.places) as shelf:
        shelf.drop([1, 2], "the ring")
    house.seconds(1)
    assert caplog.messages == []
    house.clock.wait(house.clock.boot() + HOUR, threading.Event())
    house.seconds(2, frames=False)
    assert caplog.messages == [
        "what was learned of animal in clips 1, 2 is forgotten with the last of them; a star would keep one"
    ]


def test_labels_that_an_update_made_useless_are_told_at_the_start(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    store_of(house.places, 2)
    with Index.open(house.places) as index:
        index.see(2, {"e2": bytes(300)})
        for number in (1, 2):
            verdicts.give(house.places, index, Verdict(number, "animal", "terminal", 0))
    house.seconds(3)
    (line,) = caplog.messages
    assert line.startswith("labels whose clips another network than this camd's saw: 1. 'camd learn' looks at")
