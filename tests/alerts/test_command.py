"""What is heard on the set topics: a wish that makes sense, an answer, or nothing at all."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camd.alerts.command import AT_ONCE, EVERY, MOST_BYTES, Answer, Commands
from camd.alerts.topics import Names
from camd.model import SECOND
from camd.wishes import NOTIFY, Wish, is_allowed

NAMES = Names("camd", "pi", "porch")
NOW = 1_767_225_600 * SECOND


def hear(what: str, payload: bytes | str, retained: bool = False) -> Wish | Answer | None:
    """What one command of a node that heard nothing before becomes."""
    data = payload.encode() if isinstance(payload, str) else payload
    return Commands((NAMES,)).hear(NAMES.set_of(what), data, retained, 0, NOW)


@pytest.mark.parametrize(
    ("what", "payload", "value"),
    [
        ("mode", "home", "home"),
        ("snooze", "30", 30),
        ("snooze", "0.5", 0.5),
        ("detect", "ON", True),
        ("record", "OFF", False),
        ("sensitivity", "7", 7),
        ("sensitivity", "7.0", 7),
        ("trigger", "20", 20),
        ("detect", '{"value":"OFF"}', False),
        ("detect", '{"value":true}', True),
        ("feedback", '{"event_id":"e-1","verdict":"correct"}', {"event_id": "e-1", "verdict": "correct"}),
        (
            "feedback",
            '{"value":{"event_id":"e","verdict":"false_alarm","label":"animal"}}',
            {"event_id": "e", "verdict": "false_alarm", "label": "animal"},
        ),
    ],
)
def test_a_command_becomes_a_wish(what: str, payload: str, value: object) -> None:
    camera = "" if what in ("mode", "snooze") else "porch"
    assert hear(what, payload) == Wish(what, value, camera)


def test_a_command_with_a_correlation_is_one_that_is_answered() -> None:
    wish = hear("sensitivity", f'{{"value":3,"correlation":"a-1","expires":{NOW // SECOND + 5}}}')
    assert wish == Wish("sensitivity", 3, "porch", "a-1")


@pytest.mark.parametrize(
    ("what", "value", "code", "field"),
    [
        ("mode", '"away"', "forbidden", "value"),
        ("sensitivity", "11", "malformed", "value"),
        ("sensitivity", "2.5", "malformed", "value"),
        ("sensitivity", "true", "malformed", "value"),
        ("detect", '"on"', "malformed", "value"),
        ("trigger", "0", "malformed", "value"),
        ("trigger", "1e999", "malformed", "value"),
        ("snooze", "-1", "malformed", "value"),
        ("feedback", '{"event_id":"e","verdict":"great"}', "malformed", "value"),
        ("feedback", '{"event_id":"","verdict":"correct"}', "malformed", "value"),
        ("detect", "null", "malformed", "value"),
        ("detect", '"ON","more":1', "malformed", "more"),
        ("detect", f'"ON","expires":{NOW // SECOND}', "expired", "expires"),
        ("detect", '"ON","expires":"soon"', "malformed", "expires"),
    ],
)
def test_a_command_that_makes_no_sense_is_told_why(what: str, value: str, code: str, field: str) -> None:
    answer = hear(what, f'{{"correlation":"x","value":{value}}}')
    assert isinstance(answer, Answer)
    assert (answer.correlation, answer.refusal.code, answer.refusal.field) == ("x", code, field)


@pytest.mark.parametrize(
    "payload",
    [
        "", "away", "HOME", "home now", "{", "{}", "[]", "null", '{"value":"away"}', '{"value":"home","value":"home"}',
        '{"value":"home","correlation":"../x"}', '{"value":"home","correlation":7}', '{"value":NaN}',
        b"\xff\xfe", "home" + " " * MOST_BYTES, "{" * 1000, '{"value":' + "[" * 1000,
    ],
)  # fmt: skip
def test_what_is_no_command_is_nothing(payload: bytes | str) -> None:
    assert hear("mode", payload) is None


def test_what_lay_at_the_broker_is_not_carried_out_and_counted() -> None:
    commands = Commands((NAMES,))
    assert commands.hear(NAMES.set_of("mode"), b"home", True, 0, NOW) is None
    assert commands.counts == {"retained": 1}


def test_a_command_that_came_before_changes_nothing() -> None:
    commands, payload = Commands((NAMES,)), b'{"value":"ON","correlation":"x"}'
    assert commands.hear(NAMES.set_of("detect"), payload, False, 0, NOW) == Wish("detect", True, "porch", "x")
    assert commands.hear(NAMES.set_of("record"), payload, False, 0, NOW) is None
    assert commands.counts == {"heard": 1, "replayed": 1}


def test_a_flood_is_dropped_and_its_end_is_heard() -> None:
    commands = Commands((NAMES,))
    heard = [commands.hear(NAMES.set_of("sensitivity"), b"5", False, 0, NOW) is not None for _ in range(100)]
    assert heard == [True] * AT_ONCE + [False] * (100 - AT_ONCE)
    assert commands.hear(NAMES.set_of("sensitivity"), b"5", False, EVERY, NOW) is not None
    assert commands.counts == {"heard": AT_ONCE + 1, "flood": 100 - AT_ONCE}


@pytest.mark.parametrize("topic", ["camd/pi/share/set", "camd/pi/mode/state", "camd/other/mode/set", ""])
def test_no_other_topic_is_a_command(topic: str) -> None:
    assert Commands((NAMES,)).hear(topic, b"home", False, 0, NOW) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
COMMANDS = st.fixed_dictionaries(
    {}, optional={"value": JSON, "correlation": JSON, "expires": JSON, "event_id": JSON, "verdict": JSON}
)


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(NAMES.commands())),
    st.binary(max_size=60)
    | JSON.map(lambda j: json.dumps(j).encode())
    | COMMANDS.map(lambda j: json.dumps(j).encode()),
)
def test_whatever_comes_is_a_wish_that_notify_may_have_or_nothing(topic: str, payload: bytes) -> None:
    found = Commands((NAMES,)).hear(topic, payload, False, 0, NOW)
    if isinstance(found, Wish):
        assert is_allowed(NOTIFY, found)
        assert (found.what, found.value) != ("mode", "away")
