"""Every message that camd can say, held against its golden file and its schema.

`CAMD_ACCEPT=1 pytest tests/alerts/test_golden.py` writes the files anew; what changed is then for a person to see.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camd import __version__
from camd.alerts import homeassistant, states
from camd.alerts.checked import faults
from camd.alerts.command import Refusal, reply_json
from camd.alerts.homeassistant import Offer
from camd.alerts.message import Told, alerts_of, excess_of, told_aloud
from camd.alerts.missed import missed
from camd.alerts.payload import to_json
from camd.alerts.policy import Excess
from camd.alerts.vitals import Vitals
from camd.model import LABELS, SECOND, Alert, Began, Ended, Grew, Saved, Tampered
from tests.alerts.test_message import CLIP, EVENT, LATER, NAMES, SOURCE

GOLDEN = Path(__file__).parent / "golden"
PAGE = "https://pi.local:8480"
ZONED = replace(EVENT, zones=("door",))
BELOW = "camd/pi/"


def _life() -> Iterator[tuple[str, Alert]]:
    source, told = replace(SOURCE, zones=("door",), page=PAGE, has_pictures=True), Told()
    happened = (
        ("began", Began(ZONED)),
        ("grew", Grew(replace(LATER, zones=("door",)))),
        ("ended", Ended(replace(LATER, zones=("door",), ended=7 * SECOND))),
        ("saved", Saved(CLIP)),
        ("tampered", Tampered("covered", True, EVENT.began)),
        ("well_again", Tampered("covered", False, EVENT.began + SECOND)),
    )
    for name, happening in happened:
        for alert in alerts_of(happening, source, told):
            yield f"{name} {alert.topic.removeprefix(BELOW)}", alert
    for kind in ("camera_offline", "storage_low", "home_mode"):
        yield kind, told_aloud(kind, kind.replace("_", " "), EVENT.began, source)
    yield "summary_hour", excess_of(Excess(EVENT.began, LATER.ended, {"motion": 3, "person": 1}), source)
    (away,) = missed([alert for _, alert in _two_alerts()])
    yield "summary_broker", away


def _two_alerts() -> Iterator[tuple[str, Alert]]:
    for number in range(2):
        event = replace(EVENT, id=f"e{number}", began=EVENT.began + number * SECOND)
        yield "alert", next(a for a in alerts_of(Began(event), SOURCE, Told()) if a.topic == NAMES.event)


def _states() -> Iterator[tuple[str, Alert]]:
    about = {"version": "0", "boot_id": "boot-1", "instance": "0" * 16, "host": "pi", "model_hash": None}
    yield "info", states.info(NAMES, {NAMES.camera: ("door",)}, about)
    yield "ledger_head", states.ledger_head(NAMES, 7, "ab" * 32, 1_767_225_600.5)
    for alert in (states.online(NAMES), states.at_home(NAMES), states.fault(NAMES, "no picture\nfor 10 s")):
        yield f"status {alert.payload!s:.5}", alert
    for alert in states.last_words(NAMES, ("door",)):
        yield f"last_words {alert.topic.removeprefix(BELOW)}", alert
    for topic, value in ((NAMES.available, "stopped"), (NAMES.guard, "open:capture"), (NAMES.classifier, "degraded"),
                         (NAMES.snapshot, ""), (NAMES.state_of("snooze"), "1767225600"),
                         (NAMES.state_of("mode"), "home"), (NAMES.state_of("sensitivity"), "10"),
                         (NAMES.state_of("detect"), "ON"), (NAMES.state_of("record"), "OFF")):  # fmt: skip
        yield f"state {topic.removeprefix(BELOW)}", states.state(topic, value)


def _answers() -> Iterator[tuple[str, Alert]]:
    figures = Vitals(0).told(SECOND, None, {"heard": 1}, 2)
    stable = {**figures, "cpu_percent": 0.5, "rss": 1000, "temperature": None, "next_change": None}
    yield "stats", Alert(NAMES.stats, to_json(stable), retain=False)
    yield "reply_ok", Alert(NAMES.reply("abc"), reply_json(None), retain=False)
    refusal = Refusal("malformed", "value", "want ON or OFF")
    yield "reply_error", Alert(NAMES.reply("abc"), reply_json(refusal), retain=False)


def _discovery() -> Iterator[tuple[str, Alert]]:
    offer = Offer(NAMES, ("door",), has_pictures=True, page=PAGE)
    for device in homeassistant.devices(offer):
        (alert,) = homeassistant.discovery(device, "device")
        yield f"device {device.id}", alert
        for number, step in enumerate(homeassistant.removal(str(alert.payload), alert.topic)):
            yield f"removal {device.id} {number}", step
        for single in homeassistant.discovery(device, "component"):
            yield f"component {single.topic}", single


SAID = dict([*_life(), *_states(), *_answers(), *_discovery()])


def _file(name: str) -> Path:
    return GOLDEN / (re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower() + ".json")


def _written(alert: Alert) -> str:
    assert isinstance(alert.payload, str)
    text = alert.payload.replace(f'"sw_version":"{__version__}"', '"sw_version":"0"')
    payload: Any = json.loads(text) if text.startswith("{") else text
    said = {"topic": alert.topic, "retain": alert.retain, "payload": payload}
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", SAID)
def test_a_message_is_what_its_golden_file_says(name: str) -> None:
    written = _written(SAID[name])
    if os.environ.get("CAMD_ACCEPT"):
        _file(name).write_text(written, encoding="utf-8")
    assert written == _file(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SAID)
def test_a_message_fits_its_schema(name: str) -> None:
    alert = SAID[name]
    assert faults(alert.topic.removeprefix(BELOW), str(alert.payload)) == []


def test_no_golden_file_is_left_over() -> None:
    assert {_file(name) for name in SAID} == set(GOLDEN.iterdir())


@pytest.mark.parametrize(
    ("topic", "payload", "what"),
    [
        ("porch/motion", "on", "'on' is not one of"),
        ("porch/moving", "ON", "does not match any"),
        ("porch/clip", '{"v":1}', "is a required property"),
        ("reply/a", '{"v":1,"ok":true}', "'error' is a required property"),
        ("homeassistant/switch/camd_pi/x/config",
         '{"device":{"identifiers":["x"],"name":"x"},"origin":{"name":"camd"},"qos":1,"object_id":"x","name":"x",'
         '"unique_id":"x","default_entity_id":"switch.x","state_topic":"a","command_topic":"b","retain":false}',
         "'object_id' was unexpected"),
    ],
)  # fmt: skip
def test_a_schema_refuses_what_is_wrong(topic: str, payload: str, what: str) -> None:
    (found,) = faults(topic, payload)
    assert what in found


def test_every_retained_message_says_so_and_no_event_is_retained() -> None:
    kept = {alert.topic.removeprefix(BELOW) for alert in SAID.values() if alert.retain}
    assert not kept & {"events", "stats", "porch/event", "porch/clip", "reply/abc"}
    assert {f"porch/{label}" for label in LABELS} <= kept
