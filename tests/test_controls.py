"""What is turned while camd runs: carried out, answered, remembered, and refused where it cannot be."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from camd import mode, wishes
from camd.alerts.outbox import Outbox
from camd.alerts.payload import Anchor, PictureSize, Source
from camd.alerts.policy import Policy
from camd.alerts.teller import Teller
from camd.alerts.topics import Names
from camd.camera.frame import Frame
from camd.camera.stream import FileCamera
from camd.clock import ManualClock
from camd.config import Config, Loaded, ScheduleConfig, overlaid
from camd.controls import Board, Controls
from camd.dials import Dials
from camd.gate import Gate
from camd.mode import AWAY, HOME
from camd.model import SECOND, Began, Ended, Finding, Footage, Saved
from camd.places import Places
from camd.schedule import Change
from camd.store import verdicts
from camd.store.index import Index
from camd.store.verdicts import Verdict
from camd.timer import Timer
from camd.watcher import Watcher
from camd.wishes import NOTIFY, WEB, Wish
from tests.alerts.test_message import EVENT
from tests.store.store_world import store_of
from tests.worlds import film

NAMES = Names("camd", "pi", "porch")
HOUR = 3600 * SECOND


class House:
    """Controls with a real outbox behind them."""

    def __init__(self, places: Places, outbox: Outbox) -> None:
        self.places, self._outbox = places, outbox
        mode.write(places, AWAY)
        clock = ManualClock()
        source = Source(NAMES, Anchor("boot", 0), PictureSize(640, 480))
        self.board = Board(Teller(source, outbox, clock, Policy()), Dials.of(Config()))
        self.gate = Gate(places, clock)
        self.controls = Controls(places, clock, self.gate, {"porch": self.board})
        self.controls.start()
        self.said()

    def wish(self, what: str, value: object, who: str = NOTIFY) -> dict[str, object] | None:
        """Wish for something; returns the error that the answer names."""
        wishes.put(self.places, who, Wish(what, value, "porch", "c"))
        self.controls.look()
        answer = json.loads(self.said()["reply/c"])
        error: dict[str, object] | None = answer["error"]
        assert answer["ok"] is (error is None)
        return error

    def said(self) -> dict[str, str]:
        """The last payload on each topic that was said since the last time."""
        waiting = self._outbox.pending(100)
        self._outbox.done([each.id for each in waiting])
        self.last = {each.alert.topic.removeprefix("camd/pi/"): str(each.alert.payload) for each in waiting}
        return self.last


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    places = Places(tmp_path / "data", tmp_path / "run")
    places.make()
    with closing(Outbox(places)) as outbox:
        yield House(places, outbox)


def test_what_is_turned_is_kept_and_said(house: House) -> None:
    assert house.wish("sensitivity", 9) is None
    assert house.last["porch/sensitivity/state"] == "9"
    assert house.wish("record", False) is None
    config = overlaid(Loaded(Config(), None, {}), house.places.settings).config
    assert (config.vision.sensitivity, config.record.clips, config.vision.detect) == (9, False, True)


def test_a_disk_that_refuses_is_answered_and_nothing_is_turned(house: House) -> None:
    house.places.settings.with_name("settings.yaml.tmp").mkdir()
    error = house.wish("sensitivity", 9)
    assert error is not None
    assert error["code"] == "failed"
    assert house.board.dials == Dials.of(Config())


def test_home_mode_opens_and_closes_the_way_for_the_camera(house: House) -> None:
    assert (house.gate.may_look.is_set(), house.gate.shut.is_set()) == (True, False)
    assert house.wish("mode", HOME) is None
    assert (house.gate.may_look.is_set(), house.gate.shut.is_set()) == (False, True)
    assert (mode.read(house.places), house.last["mode/state"]) == (HOME, "home")
    error = house.wish("trigger", 5)
    assert error is not None
    assert error["code"] == "home_mode"
    assert house.wish("mode", AWAY, who=WEB) is None
    assert (house.gate.may_look.is_set(), house.gate.shut.is_set()) == (True, False)


def test_a_mode_file_that_is_lost_closes_the_camera(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.places.mode.unlink()
    house.controls.look()
    house.controls.look()
    assert house.gate.shut.is_set()
    assert len([record for record in caplog.records if "nobody is watched" in record.getMessage()]) == 1


def test_the_schedule_is_heeded_and_the_sensor_closed(house: House) -> None:
    clock = house.controls.clock  # on the first of January at midnight
    changes = (Change("one", 1, HOME), Change("two", 2, AWAY))
    house.controls.timer = Timer(ScheduleConfig("UTC", changes=changes), house.places, clock)
    seen = []
    for second in range(180):
        clock.wait(second * SECOND, threading.Event())
        house.controls.look()
        seen.append(house.gate.now())
    assert [seen.index(HOME), len(seen) - seen[::-1].index(HOME)] == [60, 120]
    assert mode.read(house.places) == AWAY
    assert house.said()["mode/state"] == "away"


def test_previews_are_gone_in_home_mode(house: House) -> None:
    (house.places.run / "latest.jpg").write_bytes(b"a picture of now")
    house.controls.look()
    assert house.places.previews()
    house.wish("mode", HOME)
    assert house.places.previews() == []


def test_a_wish_for_home_that_waits_is_seen_and_left(house: House) -> None:
    wishes.put(house.places, NOTIFY, Wish("mode", AWAY))
    assert not wishes.home_waits(house.places)
    wishes.put(house.places, NOTIFY, Wish("mode", HOME, "", "c"))
    assert wishes.home_waits(house.places)
    assert wishes.home_waits(house.places)
    house.controls.look()
    assert not wishes.home_waits(house.places)


def test_a_snooze_is_remembered(house: House) -> None:
    assert house.wish("snooze", 10) is None
    until = house.last["snooze/state"]
    assert house.places.snooze.read_text() == f"{until}\n"
    house.controls.start()
    assert house.said()["snooze/state"] == until
    assert house.wish("snooze", 0) is None
    assert house.last["snooze/state"] == "0"


def said(event_id: str, verdict: str = "correct", **more: str) -> dict[str, str]:
    """Feedback as it is wished for."""
    return {"event_id": event_id, "verdict": verdict, **more}


def test_feedback_is_what_camd_learns_from(house: House) -> None:
    store_of(house.places, 3)
    assert house.wish("feedback", said("e1", label="animal")) is None
    assert house.wish("feedback", said("e2")) is None
    assert house.wish("feedback", said("e3", "false_alarm")) is None
    at = 1767225600
    labels = ["animal", "person", "motion"]  # what it was called, where nothing else is said; or that it was nothing
    assert verdicts.read(house.places) == [
        Verdict(number, label, "mqtt", at, f"e{number}") for number, label in enumerate(labels, 1)
    ]
    with Index.open(house.places) as index:
        assert [clip.label for clip in reversed(index.clips())] == labels


def test_feedback_on_an_event_that_nobody_knows_is_answered(house: House, caplog: pytest.LogCaptureFixture) -> None:
    store_of(house.places, 1)
    error = house.wish("feedback", said("e9", label="animal"))
    assert error is not None
    assert (error["code"], error["field"]) == ("unknown_event", "event_id")
    assert "feedback on event e9: no such event" in caplog.text
    assert not house.places.labels.exists()


def test_feedback_waits_for_the_clip_of_its_event(house: House) -> None:
    for number in (1, 2):
        house.controls.feedback.hear(Began(replace(EVENT, id=f"e{number}")))
    assert house.wish("feedback", said("e2", label="vehicle")) is None
    assert house.wish("feedback", said("e2", label="animal")) is None  # the newer one counts
    for clip in store_of(house.places, 2):
        house.controls.feedback.hear(Saved(clip))
    house.controls.look()
    house.controls.look()
    assert [(one.clip, one.event, one.label) for one in verdicts.read(house.places)] == [(2, "e2", "animal")]
    with Index.open(house.places) as index:
        index.drop([1])
    error = house.wish("feedback", said("e1"))
    assert error is not None
    assert error["code"] == "unknown_event"


def test_feedback_that_waits_in_vain_is_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.controls.feedback.hear(Began(replace(EVENT, id="e1")))
    assert house.wish("feedback", said("e1", "false_alarm")) is None
    house.controls.clock.wait(house.controls.clock.boot() + 3 * HOUR, threading.Event())
    house.controls.look()
    house.controls.look()
    assert [record.getMessage() for record in caplog.records] == [
        "feedback on event e1: no clip of it was kept, so there is nothing to learn from"
    ]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """Twelve seconds of a drawn walker, who is in the picture for a part of them."""
    with FileCamera(film("walker", tmp_path_factory.mktemp("film"), seconds=12)) as camera:
        return [item for item in camera if isinstance(item, Frame)]


class Watched:
    """A watcher on a drawn walker, and what it recorded and told."""

    def __init__(self) -> None:
        self.recorded: list[Footage] = []
        self.told: list[Finding] = []
        self.watcher = Watcher(Config().vision, "salt", self.recorded.append, self.told.append)

    def events(self) -> list[str]:
        """The events that were told of, and those that a clip would hold."""
        told = [finding.event.id for finding in self.told if isinstance(finding, Began)]
        kept = [item.event.id for item in self.recorded if isinstance(item, Began)]
        assert len(kept) == len([item for item in self.recorded if isinstance(item, Ended)])
        return [*told, "|", *kept]


@pytest.mark.parametrize(
    ("dials", "expected"),
    [
        (Dials(5), ["salt-1", "|", "salt-1"]),
        (Dials(5, clips=False), ["salt-1", "|"]),
        (Dials(5, detect=False), ["|"]),
        (Dials(6), ["salt.1-1", "|", "salt.1-1"]),  # vision began anew, and so did its count
    ],
)
def test_a_watcher_does_as_it_is_turned(dials: Dials, expected: list[str], frames: list[Frame]) -> None:
    watched = Watched()
    watched.watcher.turn(dials)
    for frame in frames:
        watched.watcher.look(frame)
    watched.watcher.close()
    assert watched.events() == expected


def test_detection_that_is_switched_off_in_mid_event_ends_it(frames: list[Frame]) -> None:
    watched = Watched()
    for number, frame in enumerate(frames):
        if watched.told and isinstance(watched.told[0], Began) and number % 10 == 0:
            watched.watcher.turn(Dials(5, detect=False))
        watched.watcher.look(frame)
    ended = [finding for finding in watched.told if isinstance(finding, Ended)]
    assert len(ended) == 1
    watched.watcher.close()
    assert len([finding for finding in watched.told if isinstance(finding, Ended)]) == 1


def test_a_clip_that_is_asked_for_is_one_event_that_nobody_is_told_of(frames: list[Frame]) -> None:
    watched = Watched()
    watched.watcher.turn(Dials(5, detect=False))
    watched.watcher.trigger(2)
    for number, frame in enumerate(frames):
        if number == 20:
            watched.watcher.trigger(2)  # goes on
        watched.watcher.look(frame)
    assert watched.events() == ["|", "salt-r1"]
