"""The topics of one camera and its node.

Rule: pure. Every topic of camd is made here; no other file joins levels.
"""

import re
from dataclasses import dataclass
from typing import Final

_NOT_IN_A_LEVEL: Final = re.compile(r"[+#/\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # wildcards, separator, what MQTT forbids

CAMERA_SETTINGS: Final = ("detect", "record", "sensitivity")  # each has .../set and .../state
NODE_SETTINGS: Final = ("mode", "snooze")
CAMERA_ORDERS: Final = ("trigger", "feedback")  # .../set alone


@dataclass(frozen=True, slots=True)
class Names:
    """Gives topics. `prefix` may have levels; `node`, `camera` and zones are made one level each."""

    prefix: str
    node: str
    camera: str

    @property
    def available(self) -> str:
        """Whether the notify process is there: `online`, `stopped` or `offline` (last will), retained."""
        return self._of_node("available")

    @property
    def info(self) -> str:
        """What this node is: version, cameras, labels, model, boot; retained."""
        return self._of_node("info")

    @property
    def stats(self) -> str:
        """How it is, once a minute."""
        return self._of_node("stats")

    @property
    def ledger_head(self) -> str:
        """The newest line of the ledger, so that nobody can cut it off unseen; retained."""
        return self._of_node("ledger", "head")

    @property
    def guard(self) -> str:
        """Whether every process is caged; retained."""
        return self._of_node("guard")

    @property
    def events(self) -> str:
        """Beginnings, updates and ends of events, with Frigate's keys."""
        return self._of_node("events")

    @property
    def status(self) -> str:
        """The camera's state, retained."""
        return self._of_camera("status")

    @property
    def sensor(self) -> str:
        """Whether the sensor is `open`, `closed` or nobody knows; retained."""
        return self._of_camera("sensor")

    @property
    def classifier(self) -> str:
        """Whether what moves is told apart: `ok` or `degraded`, retained."""
        return self._of_camera("classifier")

    @property
    def motion(self) -> str:
        """`ON` while an event is open, retained."""
        return self._of_camera("motion")

    @property
    def event(self) -> str:
        """One alert for each event, at its onset, and one for whatever else the owner must hear at once."""
        return self._of_camera("event")

    @property
    def tamper(self) -> str:
        """`ON` while the camera is covered, blurred, moved, dark or frozen, retained."""
        return self._of_camera("tamper")

    @property
    def clip(self) -> str:
        """One message for each clip that is durable."""
        return self._of_camera("clip")

    @property
    def snapshot(self) -> str:
        """The picture of the last alert, a JPEG."""
        return self._of_camera("snapshot")

    def label(self, label: str) -> str:
        """`ON` while an event with this label is open, retained."""
        return self._of_camera(label)

    def zone(self, zone: str, label: str) -> str:
        """`ON` while an event with this label (`motion`: with any) that began in this zone is open, retained."""
        return self._of_camera("zone", zone, label)

    def reply(self, correlation: str) -> str:
        """Where the answer to one command goes."""
        return self._of_node("reply", correlation)

    def state_of(self, setting: str) -> str:
        """What a setting of the node or the camera is now, retained."""
        return self._setting(setting, "state")

    def set_of(self, order: str) -> str:
        """Where commands are heard."""
        return self._setting(order, "set")

    def commands(self) -> dict[str, str]:
        """Every topic on which a command is heard, with what it orders."""
        return {self.set_of(order): order for order in (*NODE_SETTINGS, *CAMERA_SETTINGS, *CAMERA_ORDERS)}

    def _setting(self, name: str, end: str) -> str:
        return self._of_node(name, end) if name in NODE_SETTINGS else self._of_camera(name, end)

    def _of_camera(self, *levels: str) -> str:
        return self._of_node(self.camera, *levels)

    def _of_node(self, *levels: str) -> str:
        return "/".join((self.prefix, *(_NOT_IN_A_LEVEL.sub("_", level) for level in (self.node, *levels))))
