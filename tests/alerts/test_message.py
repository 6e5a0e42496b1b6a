"""What the house is told, held against literals."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from camd.alerts.message import Told, alerts_of
from camd.alerts.payload import MOST_BYTES, Anchor, PictureSize, Source, stamped
from camd.alerts.policy import Policy
from camd.alerts.states import fault, motion_off, offline, online, tamper_off
from camd.alerts.topics import Names
from camd.model import (
    IGNORE,
    RECORD,
    SECOND,
    Alert,
    Began,
    Box,
    Clip,
    Degraded,
    Ended,
    Event,
    Finding,
    Grew,
    Happening,
    Reason,
    Saved,
    Suppressed,
    Tampered,
)
from camd.vision.rules import Judge, Rules

NAMES = Names("camd", "pi", "porch")
SOURCE = Source(NAMES, Anchor("boot-1", 1_767_225_600 * SECOND), PictureSize(640, 480))
REASON = Reason("moved", 4800, 600, 12, 3.14159, 1.0, Box(0.25, 0.5, 0.125, 0.25))
EVENT = Event("e1", "motion", 0.0, began=3_200_000_000, ended=3_400_000_000, reason=REASON)
CLIP = Clip(
    id=7,
    camera="porch",
    boot_id="boot-1",
    began=0,
    began_unix_ns=1_767_225_598_200_000_000,
    duration_ns=14_500_000_000,
    pre_roll_ns=5_000_000_000,
    size=123_456,
    beside=1000,
    sha256="ab" * 32,
    label="person",
    events=("e1", "e2"),
)

ALERT_JSON = (
    '{"v":1,"event_type":"motion","event_id":"e1","camera":"porch",'
    '"began":1767225603.2,"began_iso":"2026-01-01T00:00:03.200Z","label":"motion","confidence":0.0,"zones":[],'
    '"changed_pixels":4800,"threshold":600,"noise_level":3.142,'
    '"motion_center_x":200,"motion_center_y":300,"motion_width":80,"motion_height":120,'
    '"reason":{"rule":"moved","changed_pixels":4800,"threshold":600,"blocks":12,"noise_level":3.1416,'
    '"light_gain":1.0,"box":[0.25,0.5,0.125,0.25],'
    '"shadow_ratio":1.0,"track_s":0.0,"travel":0.0,"zones":[]},"url":null,"delayed":false,"latency_ms":null}'
)
STATE = {
    "id": "e1",
    "camera": "porch",
    "frame_time": 1767225603.4,
    "label": "motion",
    "top_score": 0.0,
    "false_positive": False,
    "start_time": 1767225603.2,
    "end_time": None,
    "score": 0.0,
    "box": [160, 240, 240, 360],
    "area": 9600,
    "region": [0, 0, 640, 480],
    "current_zones": [],
    "entered_zones": [],
    "thumbnail": None,
    "has_snapshot": False,
    "has_clip": False,
    "stationary": False,
    "motionless_count": 0,
    "position_changes": 0,
}
LATER = replace(EVENT, label="person", confidence=0.9, ended=5 * SECOND)


def told_by(*happenings: Happening) -> list[tuple[Alert, ...]]:
    """The messages of each happening of one camera, in order."""
    told = Told()
    return [alerts_of(happening, SOURCE, told) for happening in happenings]


def test_a_beginning_is_motion_then_the_alert_then_the_event() -> None:
    (alerts,) = told_by(Began(EVENT))
    assert alerts[0] == Alert("camd/pi/porch/motion", "ON", retain=True)
    assert alerts[1] == Alert("camd/pi/porch/event", ALERT_JSON, retain=False, since=EVENT.began)
    assert (alerts[2].topic, alerts[2].retain, alerts[2].since) == ("camd/pi/events", False, EVENT.began)
    assert json.loads(alerts[2].payload) == {"v": 1, "type": "new", "before": STATE, "after": STATE}
    assert len(alerts) == 3


def test_a_withheld_alert_is_everything_but_the_alert() -> None:
    snoozed = Told(Policy(snoozed_until=EVENT.ended + 1))
    (loud,) = told_by(Began(EVENT))
    assert alerts_of(Began(EVENT), SOURCE, snoozed) == (loud[0], loud[2])


def test_a_label_is_on_while_an_event_has_it_and_so_is_a_zone() -> None:
    there = replace(EVENT, zones=("door",))
    known = replace(there, label="person", confidence=0.9)
    states = [
        [(alert.topic.removeprefix("camd/pi/porch/"), alert.payload) for alert in alerts if alert.retain]
        for alerts in told_by(Began(there), Grew(known), Ended(known))
    ]
    assert states == [
        [("motion", "ON"), ("zone/door/motion", "ON")],
        [("person", "ON"), ("zone/door/person", "ON")],
        [("motion", "OFF"), ("person", "OFF"), ("zone/door/motion", "OFF"), ("zone/door/person", "OFF")],
    ]


def test_who_is_mistaken_at_first_is_another_label_later() -> None:
    cat, dog = replace(EVENT, label="animal"), replace(EVENT, label="person")
    _, grown = told_by(Began(cat), Grew(dog))
    assert [(a.topic.rpartition("/")[2], a.payload) for a in grown if a.retain] == [("person", "ON"), ("animal", "OFF")]


def test_only_persons_are_told_aloud_when_that_is_wanted_and_each_once() -> None:
    told, judge = Told(), Judge(Rules(told=("person",)))
    known = replace(EVENT, label="person")
    happened: list[Finding] = [Began(EVENT), Grew(known), Grew(replace(known, ended=9 * SECOND)), Ended(known)]
    judged = [judge.judged(finding) for finding in happened]
    aloud = [[a.payload for a in alerts_of(h, SOURCE, told) if a.topic == NAMES.event] for h in judged]
    assert [len(alerts) for alerts in aloud] == [0, 1, 0, 0]
    assert json.loads(aloud[1][0])["event_type"] == "person"


def test_what_is_ignored_turns_nothing_on_and_is_told_of_no_more() -> None:
    cat = replace(EVENT, label="animal", zones=("door",), handling=IGNORE)
    began, grown, over = told_by(Began(replace(EVENT, zones=("door",), handling=RECORD)), Grew(cat), Ended(cat))
    assert NAMES.event not in [alert.topic for alert in (*began, *grown, *over)]
    assert [a.topic for a in grown if a.retain and a.payload == "OFF"] == [NAMES.motion, NAMES.zone("door", "motion")]
    assert [a.topic for a in over] == [NAMES.events]  # what was begun there is ended there


def test_an_alert_links_to_the_page_when_there_is_one() -> None:
    source = replace(SOURCE, page="https://pi.local")
    (alert,) = (a for a in alerts_of(Began(EVENT), source, Told()) if a.topic == NAMES.event)
    assert json.loads(alert.payload)["url"] == "https://pi.local/events/e1"
    (clip,) = alerts_of(Saved(CLIP), source, Told())
    assert json.loads(clip.payload)["url"] == "https://pi.local/clips/7"


def test_growth_is_told_once_a_second() -> None:
    steps = [replace(EVENT, ended=EVENT.ended + step * SECOND // 5) for step in range(1, 16)]
    updates = [len(alerts) for alerts in told_by(Began(EVENT), *map(Grew, steps))[1:]]
    assert updates == [0, 0, 0, 0, 1] * 3


def test_a_new_label_is_told_at_once_with_what_was_told_before() -> None:
    _, (on, update) = told_by(Began(EVENT), Grew(LATER))
    assert on == Alert("camd/pi/porch/person", "ON", retain=True)
    after = {**STATE, "label": "person", "score": 0.9, "top_score": 0.9, "frame_time": 1767225605.0}
    assert json.loads(update.payload) == {"v": 1, "type": "update", "before": STATE, "after": after}
    assert update.since == LATER.ended


def test_the_end_has_an_end_time_and_the_best_score() -> None:
    _, _, alerts = told_by(Began(EVENT), Grew(LATER), Ended(replace(LATER, confidence=0.5, ended=6 * SECOND)))
    end = json.loads(alerts[2].payload)
    assert alerts[:2] == (motion_off(NAMES), Alert("camd/pi/porch/person", "OFF", retain=True))
    assert (end["type"], end["before"]["end_time"], end["after"]["end_time"]) == ("end", None, 1767225606.0)
    assert (end["after"]["score"], end["after"]["top_score"]) == (0.5, 0.9)


def test_motion_is_off_only_when_the_last_event_ends() -> None:
    other = replace(EVENT, id="e2")
    *_, first, last = told_by(Began(EVENT), Began(other), Ended(EVENT), Ended(other))
    assert [alert.topic for alert in first] == [NAMES.events]
    assert [alert.topic for alert in last] == [NAMES.motion, NAMES.events]


def test_a_saved_clip_is_told_with_its_digest() -> None:
    assert told_by(Saved(CLIP)) == [
        (
            Alert(
                "camd/pi/porch/clip",
                '{"v":1,"id":7,"event_ids":["e1","e2"],"continues":null,'
                '"began":1767225598.2,"began_iso":"2025-12-31T23:59:58.200Z",'
                '"ended":1767225612.7,"ended_iso":"2026-01-01T00:00:12.700Z",'
                f'"bytes":123456,"sha256":"{"ab" * 32}","pre_roll":5.0,"truncated":false,"url":null}}',
                retain=False,
                since=14_500_000_000,
            ),
        )
    ]


def test_suppressed_motion_is_not_told() -> None:
    assert told_by(Suppressed(0, SECOND, REASON)) == [()]


def test_tampering_is_a_state_and_an_alert() -> None:
    (alerts,) = told_by(Tampered("covered", True, EVENT.began))
    assert alerts[0] == Alert("camd/pi/porch/tamper", "ON", retain=True)
    assert (alerts[1].topic, alerts[1].retain, alerts[1].since) == ("camd/pi/porch/event", False, EVENT.began)
    assert alerts[1].payload == (
        '{"v":1,"event_type":"tamper","event_id":"covered-1767225603200","camera":"porch",'
        '"began":1767225603.2,"began_iso":"2026-01-01T00:00:03.200Z","label":"tamper","confidence":1.0,"zones":[],'
        '"changed_pixels":0,"threshold":0,"noise_level":0.0,'
        '"motion_center_x":320,"motion_center_y":240,"motion_width":640,"motion_height":480,'
        '"reason":{"rule":"covered","changed_pixels":0,"threshold":0,"blocks":0,"noise_level":0.0,'
        '"light_gain":1.0,"box":[0.0,0.0,1.0,1.0],'
        '"shadow_ratio":1.0,"track_s":0.0,"travel":0.0,"zones":[]},"url":null,"delayed":false,"latency_ms":null}'
    )
    assert len(alerts) == 2


def test_tampering_is_on_until_the_last_kind_is_off() -> None:
    kinds = [("covered", True), ("frozen", True), ("covered", False), ("frozen", False)]
    told = told_by(*(Tampered(kind, on, EVENT.began) for kind, on in kinds))
    said = [[alert.payload for alert in alerts if alert.topic == NAMES.tamper] for alerts in told]
    assert said == [["ON"], [], [], ["OFF"]]
    assert [len(alerts) for alerts in told] == [2, 1, 0, 1]


def test_that_nobody_tells_visitors_apart_is_a_state() -> None:
    told = told_by(Degraded(0, "the model is damaged"), Degraded(1, "", on=False))
    topic = "camd/pi/porch/classifier"
    assert told == [(Alert(topic, "degraded", retain=True),), (Alert(topic, "ok", retain=True),)]


def test_what_the_classifier_saw_is_told_to_nobody() -> None:
    told = Told()
    for happening in (Began, Grew, Ended):
        event = replace(EVENT, label="person", confidence=0.9, ended=EVENT.ended + SECOND)
        bare, seen = (
            alerts_of(happening(one), SOURCE, Told(open=dict(told.open)))
            for one in (event, replace(event, embeddings=b"xyz"))
        )
        assert bare == seen
        alerts_of(happening(event), SOURCE, told)


def test_states_are_plain_words_that_the_broker_keeps() -> None:
    assert online(NAMES) == Alert("camd/pi/porch/status", "online", retain=True)
    assert offline(NAMES) == Alert("camd/pi/porch/status", "offline", retain=True)
    assert fault(NAMES, "no pictures") == Alert("camd/pi/porch/status", "fault:no pictures", retain=True)
    assert motion_off(NAMES) == Alert("camd/pi/porch/motion", "OFF", retain=True)
    assert tamper_off(NAMES) == Alert("camd/pi/porch/tamper", "OFF", retain=True)


def test_an_alert_is_stamped_when_it_is_sent() -> None:
    assert stamped(ALERT_JSON, delayed=True, latency_ms=12.5) == ALERT_JSON.replace(
        '"delayed":false,"latency_ms":null', '"delayed":true,"latency_ms":12.5'
    )


def test_what_has_no_stamp_is_sent_as_it_is() -> None:
    clip = str(told_by(Saved(CLIP))[0][0].payload)
    assert [stamped(payload, True, 1.0) for payload in ("ON", "7", clip)] == ["ON", "7", clip]


@given(st.text(), st.text())
def test_no_name_can_leave_its_level_of_a_topic(node: str, camera: str) -> None:
    names = Names("camd", node, camera)
    assert [names.available.count("/"), names.motion.count("/")] == [2, 3]
    assert not set("+#\0") & set(names.available + names.motion)
    names.motion.encode()


def test_a_name_is_told_as_it_is_and_made_safe_in_topics_alone() -> None:
    names = Names("camd", "pi", "front/door #1+")
    alert = alerts_of(Began(EVENT), replace(SOURCE, names=names), Told())[1]
    assert (alert.topic, json.loads(alert.payload)["camera"]) == ("camd/pi/front_door _1_/event", "front/door #1+")


@given(st.floats(0, 1), st.floats(0, 255), st.integers(0, 8192 * 8192), st.text(max_size=60))
def test_an_alert_fits_into_a_kilobyte(fraction: float, noise: float, pixels: int, rule: str) -> None:
    reason = Reason(rule[:20], pixels, pixels, pixels, noise, noise, Box(fraction, fraction, fraction, fraction))
    event = replace(EVENT, id="0123456789abcdef", label="vehicle", confidence=fraction, reason=reason)
    (alert,) = (a for a in alerts_of(Began(event), SOURCE, Told()) if a.topic == NAMES.event)
    assert len(str(alert.payload).encode()) <= 1024


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=32), max_size=200),
    st.text(st.characters(codec="utf-8"), max_size=32),
)
def test_whatever_things_are_called_no_message_is_too_large(zones: list[str], camera: str) -> None:
    source = replace(SOURCE, names=Names("camd", "pi", camera), page="https://" + "x" * 190)
    event = replace(EVENT, id="0123456789abcdef", zones=tuple(zones))
    told = Told()
    happened: list[Happening] = [Began(event), Grew(replace(event, label="person")), Ended(event)]
    for alert in (alert for happening in happened for alert in alerts_of(happening, source, told)):
        assert len(str(alert.payload).encode()) <= MOST_BYTES
