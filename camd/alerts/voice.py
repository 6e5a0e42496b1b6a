"""What notify says in its own name: that it is there, what this node is, how it is, and how to find it.

Rule: these words are true only now and only from here, so they are said on each connection anew and never wait in the
outbox.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from camd import __version__, guard, ledger
from camd.alerts import homeassistant
from camd.alerts.homeassistant import Device, Offer
from camd.alerts.payload import one_line, to_json
from camd.alerts.states import info, ledger_head, state
from camd.alerts.topics import Names
from camd.clock import Clock
from camd.config import Config, VisionConfig
from camd.ledger import Head
from camd.model import SECOND, Alert, Nanos
from camd.places import Places
from camd.timer import next_change

JITTER: Final[Nanos] = 2 * SECOND  # at most: a Home Assistant that starts is not answered by all at once


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as notify knows it: its topics and its zones."""

    names: Names
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One camd as notify knows it: its settings, its places, its cameras."""

    config: Config
    places: Places

    @property
    def names(self) -> Names:
        """The topics of the node; those of a camera are the first one's."""
        return self.cameras[0].names

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """Every camera, in the order of the settings."""
        mqtt = self.config.mqtt
        return tuple(
            Camera(Names(mqtt.prefix, mqtt.node, each.camera.name), tuple(zone.name for zone in each.vision.zones))
            for each in self.config.each()
        )

    @property
    def devices(self) -> tuple[Device, ...]:
        """What Home Assistant is offered: the node and each camera."""
        alerts, mqtt = self.config.alerts, self.config.mqtt
        return homeassistant.devices(
            *(
                Offer(camera.names, camera.zones, alerts.picture != "off", mqtt.commands, alerts.page)
                for camera in self.cameras
            )
        )

    @property
    def discovery_topics(self) -> tuple[str, ...]:
        """Where this node's and its cameras' messages for Home Assistant lie, in device style."""
        return tuple(homeassistant.topic_of(device) for device in self.devices)


@dataclass(slots=True)
class Voice:
    """Makes notify's own messages."""

    node: Node
    clock: Clock
    instance: str = field(default_factory=lambda: os.urandom(8).hex())
    _head: Head | None = None
    _guard: str = ""

    def greeting(self) -> tuple[Alert, ...]:
        """What is said first on a connection."""
        names = self.node.names
        about = {
            "version": __version__,
            "boot_id": self.clock.boot_id,
            "instance": self.instance,
            "host": one_line(os.uname().nodename, 64),
            "model_hash": _model_hash(self.node.config.each()[0].vision),
        }
        self._head, self._guard = None, ""
        return (
            state(names.available, "online"),
            info(names, {camera.names.camera: camera.zones for camera in self.node.cameras}, about),
            *self.guard(),
            *self.discovery(),
        )

    def discovery(self) -> tuple[Alert, ...]:
        """How Home Assistant finds us."""
        style = self.node.config.discovery.style
        if style == "off":
            return ()
        return tuple(alert for device in self.node.devices for alert in homeassistant.discovery(device, style))

    def corrected(self, topic: str, payload: str) -> tuple[Alert, ...]:
        """What to say when something else than ours lies on one of our discovery topics."""
        ours = {alert.topic: alert.payload for alert in self.discovery()}
        if payload in ("", ours.get(topic)):
            return ()
        if topic not in ours:  # the style was changed, or discovery switched off
            return homeassistant.removal(payload, topic)
        device = next(it for it in self.node.devices if homeassistant.topic_of(it) == topic)
        first = homeassistant.without(payload, frozenset(device.entities))
        return (*((Alert(topic, first, retain=True),) if first else ()), Alert(topic, ours[topic], retain=True))

    def jitter(self) -> Nanos:
        """How long this node waits before it answers everybody's question."""
        digest = hashlib.sha256(f"{self.node.names.prefix}/{self.node.names.node}".encode(errors="replace")).digest()
        return int.from_bytes(digest[:4]) % JITTER

    def is_ours(self, payload: bytes) -> bool | None:
        """Whether an info message on our topic is of this very camd, not of another; None when nobody can tell."""
        try:
            told = json.loads(payload)
            return bool(told["instance"] == self.instance)
        except (ValueError, KeyError, TypeError):
            return None

    def ledger(self) -> tuple[Alert, ...]:
        """The ledger's head, when it is another than was said last."""
        try:
            head = ledger.head(self.node.places)
        except ValueError:  # damaged: 'camd ledger verify' tells
            return ()
        if head is None or head == self._head:
            return ()
        self._head = head
        return (ledger_head(self.node.names, head.seq, head.hash, head.time),)

    def guard(self) -> tuple[Alert, ...]:
        """Whether all cages are closed, when that is another than was said last."""
        now = guard.state(guard.said(self.node.places))
        if now == self._guard:
            return ()
        self._guard = now
        return (state(self.node.names.guard, now),)

    def stats(self, figures: dict[str, Any]) -> Alert:
        """How it is, and what the mode will be."""
        coming = next_change(self.node.config.schedule, self.node.places, self.clock)
        told = {**figures, "next_change": None if coming is None else coming[1].json()}
        return Alert(self.node.names.stats, to_json(told), retain=False)


def _model_hash(vision: VisionConfig) -> str | None:
    """The sha256 of the model that tells visitors apart; None when nobody does or it cannot be read."""
    if not vision.classify:
        return None
    model = vision.detector or resources.files("camd") / "learning" / "model" / "network.onnx"
    try:
        return hashlib.sha256(model.read_bytes()).hexdigest()
    except OSError:
        return None
