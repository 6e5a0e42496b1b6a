"""How Home Assistant finds camd: one device for the node, one for each camera, and their entities.

Idea: two literal tables of entities. From them come one retained message for each device (`device` style) or one for
each entity (`component` style, for readers that know no other), and what takes them away again.
Rule: pure. An entity's id is made of the node's and camera's names; names that are not plain get a digest, so that no
two nodes or cameras ever share one. What must stay readable while a camera is off or its people are at home hangs on
the node's topic alone. Keys are those of Home Assistant 2025.11 (components/mqtt); `discovery.schema.json` has them.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from camd import __version__
from camd.alerts.payload import EVENT_TYPES
from camd.alerts.topics import Names
from camd.mode import HOME, MODES
from camd.model import LABELS, Alert
from camd.wishes import MOST_MINUTES, SENSITIVITY

PREFIX: Final = "homeassistant"
STATUS: Final = f"{PREFIX}/status"  # where Home Assistant says that it started: `online`
RECORD_S: Final = 30  # seconds that the button records
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]+")

Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """What one camd offers: its topics, its zones, and what of it is switched on. `page` is its web page or ""."""

    names: Names
    zones: tuple[str, ...] = ()
    has_pictures: bool = False
    has_commands: bool = True
    page: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """One device: its `id`, what Home Assistant is told `about` it, and its entities by key."""

    id: str
    about: dict[str, Any]
    availability: tuple[dict[str, str], ...]
    entities: dict[str, Entity]


def devices(*offers: Offer) -> tuple[Device, ...]:
    """The node and each of its cameras; there is an offer of each camera."""
    return _node(offers[0]), *map(_camera, offers)


def discovery(device: Device, style: str) -> tuple[Alert, ...]:
    """The messages that make Home Assistant show a device, in `device` or `component` style."""
    if style == "device":
        body = {**_shared(device), "components": device.entities}
        return (_message(topic_of(device), body),)
    return tuple(
        _message(component_topic(device, key), {**_shared(device), **_single(entity)})
        for key, entity in device.entities.items()
    )


def topics(device: Device, style: str) -> tuple[str, ...]:
    """Where the discovery messages of a device lie."""
    return tuple(alert.topic for alert in discovery(device, style))


def topic_of(device: Device) -> str:
    """The topic of a device in `device` style."""
    return f"{PREFIX}/device/{device.id}/config"


def component_topic(device: Device, key: str) -> str:
    """The topic of one entity in `component` style."""
    return f"{PREFIX}/{device.entities[key]['platform']}/{device.id}/{key}/config"


def without(payload: str, keep: frozenset[str] = frozenset()) -> str | None:
    """A device's message in which only the components `keep` are more than their platform, which takes the rest away.

    None when `payload` is no such message, or nothing would be taken away.
    """
    try:
        told = json.loads(payload)
        components = dict(told["components"])
        gone = {key: {"platform": components[key]["platform"]} for key in components.keys() - keep}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if not gone:
        return None
    return json.dumps({**told, "components": {**components, **gone}}, ensure_ascii=False, separators=(",", ":"))


def removal(payload: str, topic: str) -> tuple[Alert, ...]:
    """What takes a device that was told as `payload` away: first its entities but one, then itself with the last.

    Home Assistant complains of the second step when the first left it nothing to do.
    """
    try:
        one = next(iter(json.loads(payload)["components"]))
    except (ValueError, KeyError, TypeError, StopIteration):
        one = ""
    first = without(payload, frozenset({one}))
    return (*((Alert(topic, first, retain=True),) if first else ()), Alert(topic, "", retain=True))


def _message(topic: str, body: dict[str, Any]) -> Alert:
    return Alert(topic, json.dumps(body, ensure_ascii=False, separators=(",", ":")), retain=True)


def _shared(device: Device) -> dict[str, Any]:
    return {
        "device": device.about,
        "origin": {"name": "camd", "sw_version": __version__},
        "availability": list(device.availability),
        "availability_mode": "all",
        "qos": 1,
    }


def _single(entity: Entity) -> Entity:
    return {key: value for key, value in entity.items() if key != "platform"}


def _node(offer: Offer) -> Device:
    names = offer.names
    made = _Entities(_id(names, names.node), f"{_slug(names.node)}_camd")
    there = ({"topic": names.available, "value_template": _is("online")},)
    stats, ten_minutes = names.stats, 600
    made.add("mode", "sensor", "Mode", device_class="enum", options=list(MODES), state_topic=names.state_of("mode"))
    made.add(
        "running", "binary_sensor", "Running", device_class="connectivity", entity_category="diagnostic",
        state_topic=names.available, payload_on="online", payload_off="offline",
        value_template=_is("online"), availability=[{"topic": names.available, "value_template": "{{ 'online' }}"}],
    )  # fmt: skip
    made.add("snoozed", "sensor", "Silent until", device_class="timestamp", state_topic=names.state_of("snooze"),
             value_template="{{ value | int | as_datetime if value | int > 0 else None }}")  # fmt: skip
    made.add("guard", "sensor", "Guard", entity_category="diagnostic", state_topic=names.guard)
    for key, name, value, more in _FIGURES:
        made.add(
            key, "sensor", name, state_topic=stats, value_template=f"{{{{ value_json.{value} }}}}",
            entity_category="diagnostic", state_class="measurement", expire_after=ten_minutes, **more,
        )  # fmt: skip
    if offer.has_commands:
        made.add("home", "button", "Home mode", command_topic=names.set_of("mode"), payload_press=HOME)
        made.add(
            "snooze", "number", "Silence for", command_topic=names.set_of("snooze"), min=0, max=MOST_MINUTES, step=1,
            mode="box", unit_of_measurement="min", retain=False, state_topic=names.state_of("snooze"),
            value_template="{{ [((value | int - now().timestamp()) / 60) | round(0) | int, 0] | max }}",
        )  # fmt: skip
    about = {"identifiers": [made.device], "name": f"camd {names.node}", "manufacturer": "camd", "model": "node"}
    return Device(made.device, _about(about, offer), there, made.made)


# key, name, where it stands in the stats, what more Home Assistant is told
_FIGURES: Final[tuple[tuple[str, str, str, dict[str, Any]], ...]] = (
    ("clips", "Clips", "clips", {}),
    ("storage", "Storage used by clips", "clip_bytes",
     {"device_class": "data_size", "unit_of_measurement": "B", "suggested_display_precision": 0}),
    ("disk", "Disk free", "disk.free",
     {"device_class": "data_size", "unit_of_measurement": "B", "suggested_display_precision": 0}),
    ("temperature", "Temperature", "temperature", {"device_class": "temperature", "unit_of_measurement": "°C"}),
    ("latency", "Alert latency", "latency_ms.p95", {"device_class": "duration", "unit_of_measurement": "ms"}),
)  # fmt: skip


def _camera(offer: Offer) -> Device:
    names = offer.names
    made = _Entities(_id(names, names.node, names.camera), f"{_slug(names.node)}_{_slug(names.camera)}")
    node = {"topic": names.available, "value_template": _is("online")}
    always = {"availability": [node], "availability_mode": "all"}
    made.add("motion", "binary_sensor", "Motion", device_class="motion", state_topic=names.motion)
    for label in LABELS:
        made.add(label, "binary_sensor", label.capitalize(), device_class="occupancy", state_topic=names.label(label))
    for number, zone in enumerate(offer.zones, 1):
        made.add(f"zone_{number}_{_key(zone)}", "binary_sensor", f"Motion in {zone}", device_class="motion",
                 state_topic=names.zone(zone, "motion"))  # fmt: skip
    made.add("event", "event", "Alert", device_class="motion", event_types=list(EVENT_TYPES), state_topic=names.event,
             **always)  # fmt: skip
    made.add("tamper", "binary_sensor", "Tampering", device_class="tamper", entity_category="diagnostic",
             state_topic=names.tamper)  # fmt: skip
    made.add("status", "sensor", "Status", entity_category="diagnostic", state_topic=names.status, **always)
    made.add("sensor", "sensor", "Image sensor", entity_category="diagnostic", state_topic=names.sensor, **always)
    if offer.has_pictures:
        made.add("picture", "image", "Last picture", image_topic=names.snapshot, content_type="image/jpeg", **always)
    if offer.has_commands:
        _add_switches(made, names)
    about = {"identifiers": [made.device], "name": names.camera, "manufacturer": "camd", "model": "camera"}
    status = {"topic": names.status, "value_template": _is("online")}
    about["via_device"] = _id(names, names.node)
    return Device(made.device, _about(about, offer), (node, status), made.made)


def _add_switches(made: "_Entities", names: Names) -> None:
    for key, name in (("detect", "Detection"), ("record", "Recording")):
        made.add(
            key, "switch", name, entity_category="config", command_topic=names.set_of(key),
            state_topic=names.state_of(key), payload_on="ON", payload_off="OFF", retain=False,
        )  # fmt: skip
    low, high = SENSITIVITY
    made.add(
        "sensitivity", "number", "Sensitivity", entity_category="config", command_topic=names.set_of("sensitivity"),
        state_topic=names.state_of("sensitivity"), min=low, max=high, step=1, mode="slider", retain=False,
    )  # fmt: skip
    made.add("trigger", "button", "Record now", command_topic=names.set_of("trigger"), payload_press=str(RECORD_S))


class _Entities:
    """Gathers the entities of the device `device`."""

    def __init__(self, device: str, slug: str) -> None:
        self.device, self._slug = device, slug
        self.made: dict[str, Entity] = {}

    def add(self, key: str, platform: str, name: str, **more: Any) -> None:
        """One entity; `more` are Home Assistant's own keys."""
        self.made[key] = {
            "platform": platform,
            "name": name,
            "unique_id": f"{self.device}_{key}",
            "default_entity_id": f"{platform}.{self._slug}_{key}",
            **more,
        }


def _about(about: dict[str, Any], offer: Offer) -> dict[str, Any]:
    link = {"configuration_url": offer.page} if offer.page else {}
    return {**about, "sw_version": __version__, **link}


def _is(word: str) -> str:
    """A template that gives Home Assistant's own words for there and away."""
    return f"{{{{ 'online' if value == '{word}' else 'offline' }}}}"


def _id(names: Names, *levels: str) -> str:
    """An id of letters, digits, - and _ that no other node or camera has."""
    if names.prefix == "camd" and all(_PLAIN.fullmatch(level) for level in levels):
        return "_".join(("camd", *levels))
    digest = hashlib.sha256("/".join((names.prefix, *levels)).encode(errors="surrogateescape")).hexdigest()[:8]
    return "_".join(("camd", *map(_key, levels), digest))


def _key(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", text)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "x"
