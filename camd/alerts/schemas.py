"""The JSON Schemas of what camd says over MQTT, as package data."""

from importlib import resources
from typing import Final

MQTT: Final = "mqtt"
DISCOVERY: Final = "discovery"


def text(name: str) -> str:
    """The schema `name`, mqtt or discovery, as JSON text."""
    return (resources.files("camd") / "alerts" / f"{name}.schema.json").read_text(encoding="utf-8")
