"""The capture process: whether it runs, and whether its cameras give it pictures."""

import os
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from camd import mode
from camd.alerts.outbox import Outbox
from camd.alerts.states import is_fault
from camd.alerts.topics import Names
from camd.alerts.vitals import Report
from camd.alive import is_alive
from camd.checkups import rights
from camd.checkups.finding import Finding, Patient, ill, well, worry
from camd.clock import SystemClock
from camd.config import Config
from camd.model import SECOND
from camd.places import Places

STALE_S: Final = 10
RUNS, HANGS, STOPPED = "runs", "hangs", "stopped"
LOG: Final = "The finding about that camera tells more, and so does the log ('journalctl -u camd-capture')."


@dataclass(frozen=True, slots=True)
class Said:
    """What the house was told last of one camera's status and sensor; None: nothing since the machine was booted."""

    status: str | None = None
    sensor: str | None = None


def capture(patient: Patient) -> list[Finding]:
    """Whether the process runs and gets pictures."""
    runs, cameras = capture_is(patient.places)
    if runs == STOPPED:
        return worry("capture", "does not run", "'sudo systemctl start camd.target', or 'camd run'.", "does not run")
    if runs == HANGS:
        return ill("capture", "hangs: it has told nothing of itself for a while", "Restart it.", "hangs")
    if mode.read(patient.places) == mode.HOME:
        return well("capture", "runs, with every camera closed: home mode", "home mode")
    with rights.of_camd(patient):
        told = said(patient.config, patient.places)
    return [one for name in told for one in _gets(name, cameras.get(name, {}).get("fps", 0.0), told[name])]


def _gets(name: str, rate: float, told: Said) -> list[Finding]:
    """Whether one camera gives pictures."""
    if told.status and is_fault(told.status):
        return ill("capture", f"{name}: {told.status}", LOG, "a camera's fault")
    if rate:
        return well("capture", f"{name}: {rate} pictures a second", f"{rate} pictures a second")
    if told.status == "online":
        mend = "Ask again in ten seconds: a camera that was opened just now has no rate yet."
        return worry("capture", f"{name}: no picture of late", mend, "no picture of late")
    return ill("capture", f"{name}: no pictures, it is {told.status or 'not opened yet'}", LOG, "no pictures")


def capture_is(places: Places) -> tuple[str, dict[str, Any]]:
    """Whether capture runs, hangs or is stopped, and what it last told of each camera while it runs."""
    if not is_alive(places.capture_lock):
        return STOPPED, {}
    report = Report.read(places.status)
    if report is None or SystemClock().boot() - report.at > STALE_S * SECOND:
        return HANGS, {}
    return RUNS, report.said.get("cameras", {})


def said(settings: Config, places: Places) -> dict[str, Said]:
    """What the house was told last of each camera, by name; nothing where there is no outbox, or none for this user."""
    names = [each.camera.name for each in settings.each()]
    if not os.access(places.outbox_ram, os.R_OK | os.W_OK, effective_ids=True):
        return {name: Said() for name in names}
    with closing(Outbox(places)) as outbox:
        topics = {name: Names(settings.mqtt.prefix, settings.mqtt.node, name) for name in names}
        return {name: Said(outbox.state_of(of.status), outbox.state_of(of.sensor)) for name, of in topics.items()}
