"""What is: the retained messages, each of which tells one state of camera or node.

Rule: pure. A state is idempotent and stands for itself; of several that wait for a broker only the last is sent.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from camd.alerts.payload import MOST_ZONES, one_line, seconds, to_json
from camd.alerts.topics import Names
from camd.model import LABELS, Alert

MOTION = "motion"


def state(topic: str, payload: str) -> Alert:
    """One retained message; an empty payload makes the broker forget the last one."""
    return Alert(topic, payload, retain=True)


def switched(topic: str, is_on: bool) -> Alert:
    """A state that is ON or OFF."""
    return state(topic, "ON" if is_on else "OFF")


def online(names: Names) -> Alert:
    """The camera gives pictures."""
    return state(names.status, "online")


def offline(names: Names) -> Alert:
    """The camera is off: capture has ended."""
    return state(names.status, "offline")


def at_home(names: Names) -> Alert:
    """The camera is closed, because its people are at home."""
    return state(names.status, "home")


def fault(names: Names, what: str) -> Alert:
    """The camera should give pictures and does not; `what` is one line."""
    return state(names.status, f"fault:{one_line(what)}")


def is_fault(status: str | None) -> bool:
    """Whether that was the last that was told of a camera."""
    return status is not None and status.startswith("fault:")


def has_given_up(status: str | None, sensor: str | None) -> bool:
    """Whether capture ended because of this camera, and closed it before: that is still so while nobody runs."""
    return is_fault(status) and sensor == "closed"


def motion_off(names: Names) -> Alert:
    """Nothing moves."""
    return switched(names.motion, False)


def tamper_off(names: Names) -> Alert:
    """Nothing is wrong with what the camera sees: sent at start, when nobody knows yet."""
    return switched(names.tamper, False)


def presence(names: Names, zones: Iterable[str]) -> tuple[str, ...]:
    """Every topic that says whether somebody is there: motion, each label, and both in each zone."""
    in_zones = (names.zone(zone, label) for zone in zones for label in (MOTION, *LABELS))
    return (names.motion, *(names.label(label) for label in LABELS), *in_zones)


def all_off(names: Names, zones: Iterable[str]) -> tuple[Alert, ...]:
    """Nobody is there: sent at start, before exit and for a capture that died, so that no old ON stays."""
    return tuple(switched(topic, False) for topic in presence(names, zones))


def last_words(names: Names, zones: Iterable[str]) -> tuple[Alert, ...]:
    """What is true of a camera whose process is gone."""
    return (offline(names), state(names.sensor, "unknown"), *all_off(names, zones))


def info(names: Names, zones: Mapping[str, tuple[str, ...]], about: dict[str, Any]) -> Alert:
    """What this node is: `zones` of each camera; `about` holds version, boot_id, instance, host and model_hash."""
    cameras = [{"name": camera, "zones": its[:MOST_ZONES]} for camera, its in zones.items()]
    return state(names.info, to_json({**about, "cameras": cameras, "labels": LABELS}))


def ledger_head(names: Names, seq: int, hash_: str, time: float) -> Alert:
    """The newest line of the ledger, told outside the box."""
    return state(names.ledger_head, to_json({"seq": seq, "hash": hash_, "time": seconds(round(time * 1e9))}))
