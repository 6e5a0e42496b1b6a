"""The settings file as a JSON Schema, for editors: from the same rows as loader, `camd check` and sample file."""

from typing import Any

from camd.config import KEYS, NAMED, SEVERAL
from camd.settings_camera import Focus
from camd.settings_hours import TimeOfDay
from camd.settings_kinds import Choice, Number, Switch, Whole
from camd.settings_shapes import Labels, Points

Schema = dict[str, Any]
YAML_SAYS: dict[str, object] = {
    "off": False,
    "5": 5,
    "0": 0,
    "180": 180,
}  # what YAML makes of some words, where they are not quoted


def schema() -> Schema:
    """The schema; what it cannot say (units, ranges of times, what belongs together), `camd check` says."""
    root: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:camd:config:1",
        "title": "camd.yaml",
        **_group(),
    }
    for path, key in KEYS.items():
        *groups, name = path.split(".")
        _place(root, groups, name)[name] = {"description": f"{key.comment} ({key.kind.want})", **_kind(key.kind)}
    sections = root["properties"]
    own = {name: what for name, what in sections["camera"]["properties"].items() if name != "name"}
    one = _group() | {"properties": {**own, "vision": sections["vision"], "record": sections["record"]}}
    sections[SEVERAL] = _group() | {"additionalProperties": one}
    return root


def _group() -> Schema:
    return {"type": ["object", "null"], "properties": {}, "additionalProperties": False}


def _place(root: Schema, groups: list[str], name: str) -> Schema:
    """Where a row stands; a row called NAME describes whatever the owner calls things."""
    at, path = root, ""
    for group in groups:
        path = f"{path}.{group}".lstrip(".")
        if group == "NAME":
            at["additionalProperties"] = at["additionalProperties"] or _group()
            at = at["additionalProperties"]
        else:
            at = at["properties"].setdefault(group, _group())
    if name == "NAME":
        return _Names(at)
    assert path not in NAMED
    properties: Schema = at["properties"]
    return properties


class _Names(dict[str, Any]):
    """Puts what is set as NAME where a schema has what is true of every name."""

    def __init__(self, group: Schema) -> None:
        super().__init__()
        self._group = group

    def __setitem__(self, _: str, value: Any) -> None:
        self._group["additionalProperties"] = value


def _kind(kind: object) -> Schema:
    match kind:
        case Switch():
            return {"type": ["boolean", "string", "null"]}
        case Whole(low, high):
            return {"type": ["integer", "null"], "minimum": low, "maximum": high}
        case Number(low, high):
            return {"type": ["number", "null"], "minimum": low, "maximum": high}
        case Focus():
            return {"type": ["number", "string", "null"], "minimum": 0, "maximum": 32}
        case Choice(words):
            return {"enum": [*words, *(YAML_SAYS[word] for word in words if word in YAML_SAYS), None]}
        case TimeOfDay():
            return {"type": ["string", "integer"]}  # YAML 1.1 takes 18:00 for a number, without quotes
        case Labels(known):
            return {"type": ["array", "null"], "items": {"enum": list(known)}, "uniqueItems": True}
        case Points():
            point = {
                "type": "array",
                "items": {"type": "number", "minimum": 0, "maximum": 1},
                "minItems": 2,
                "maxItems": 2,
            }
            return {"type": "array", "items": point, "minItems": 3, "maxItems": 100}
    return {"type": ["string", "null"]}
