"""Holds messages against their schemas; only the self-test and the tests do, never the daemon."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from camd.alerts import schemas
from camd.alerts.homeassistant import PREFIX


def faults(topic: str, payload: str) -> list[str]:
    """What is wrong with a message; `topic` is below the node's, or Home Assistant's own. Nothing: an empty list."""
    if topic.startswith(f"{PREFIX}/"):
        return _discovery_faults(topic, payload)
    value = json.loads(payload) if payload.startswith("{") else payload
    return _faults(_validator(schemas.MQTT, ""), {topic: value})


def _discovery_faults(topic: str, payload: str) -> list[str]:
    if not payload:
        return []  # what takes a device away
    value: dict[str, Any] = json.loads(payload)
    platform = topic.split("/")[1]
    if platform == "device":
        return _faults(_validator(schemas.DISCOVERY, "device"), value)
    shared = {"device": value.pop("device"), "origin": value.pop("origin"), "qos": value.pop("qos"), "components": {}}
    entity = {"platform": platform, **value}
    return [
        *_faults(_validator(schemas.DISCOVERY, "device"), shared),
        *_faults(_validator(schemas.DISCOVERY, platform), entity),
    ]


def _faults(validator: Draft202012Validator, value: object) -> list[str]:
    found = best_match(validator.iter_errors(value))
    if found is None:
        return []
    where = "/".join(str(step) for step in found.absolute_path)
    return [f"{where or 'message'}: {found.message[:300]}"]


@cache
def _validator(name: str, definition: str) -> Draft202012Validator:
    schema = json.loads(schemas.text(name))
    if definition:
        schema = {**schema, "$ref": f"#/$defs/{definition}"}
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
