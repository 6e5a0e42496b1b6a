"""The house around: the broker, and the cages in which the processes run."""

import os
import threading
from typing import Final

from camd import guard, mode, units
from camd.alerts.link import Listener
from camd.alerts.topics import Names
from camd.checkups.finding import UNITS, Finding, Patient, ill, well, worry
from camd.clock import SystemClock
from camd.errors import CamdError, ConfigError, UnavailableError
from camd.model import SECOND

ANSWER_S: Final = 5.0
SERVICE: Final = (
    "This kernel does not enforce the units' IP filters (CONFIG_CGROUP_BPF); guard.strict refuses to run so."
)
NO_SERVICE: Final = (
    "Run camd as a service (systemd/install) or by 'camd run', which know addresses; a process alone cannot."
)


def broker(patient: Patient) -> list[Finding]:
    """A message there and back."""
    config = patient.config.mqtt
    topic = Names(config.prefix, config.node, "").reply(f"doctor-{os.urandom(4).hex()}")
    came, clock = threading.Event(), SystemClock()
    try:
        with Listener(config, lambda heard, _: came.set() if heard == topic else None) as listener:
            began = clock.boot()
            listener.say(topic, "{}")
            is_back = came.wait(ANSWER_S)
            ms = (clock.boot() - began) / SECOND * 1000
    except ConfigError as error:
        return ill("broker", str(error), "Say it with sudo, or correct that file.", "a secret cannot be read")
    except UnavailableError as error:
        return ill("broker", str(error), "Check mqtt.host, mqtt.port and the account; is the broker up?", "no answer")
    if not is_back:
        mend = f"Let this account read and write {config.prefix}/{config.node}/# in the broker's ACL."
        return ill("broker", "it takes our messages and does not give them back", mend, "no message came back")
    return well("broker", f"{config.host}:{config.port}: there and back in {ms:.0f} ms", f"{ms:.0f} ms")


def cages(patient: Patient) -> list[Finding]:
    """What each process said of its cage when it started."""
    told = guard.said(patient.places)
    if not told:
        return worry("guard", "no process has tried its cage since the start", "Start camd.", "nobody told")
    found = []
    for process, holes in told.items():
        if holes:
            says = f"open: {process} {', '.join(holes)}"
            found += worry("guard", says, SERVICE if patient.is_service else NO_SERVICE, says)
        else:
            found += well("guard", f"closed: {process}", f"closed: {process}")
    return found


def addresses(patient: Patient) -> list[Finding]:
    """Whether the units allow the addresses that the settings' names mean now."""
    folder, found = patient.system / UNITS, []
    for unit, names in units.hosts_of(patient.config).items():
        allowed = units.allowed(folder, unit)
        if allowed is None:
            continue
        for name in names:
            found += _moved(unit, name, allowed)
    if not found and patient.is_service:
        return well("addresses", "as the units have them", "unchanged")
    return found


def _moved(unit: str, name: str, allowed: tuple[str, ...]) -> list[Finding]:
    """A host none of whose addresses may be reached any more. One of several is enough: the unit knows no other."""
    try:
        meant = units.addresses(name)
    except CamdError as error:
        return worry("addresses", str(error), "Is the network up?", "a name means nothing now")
    if set(meant) & set(allowed):
        return []
    says = f"camd-{unit} may reach {' '.join(allowed) or 'nobody'}, but {name} is {' '.join(meant)} now"
    mend = "sudo camd units && sudo systemctl daemon-reload && sudo systemctl restart camd.target"
    return ill("addresses", says, mend, f"{unit}: changed")


def at_home(patient: Patient) -> list[Finding]:
    """The mode."""
    if mode.is_first(patient.places):
        return well("mode", mode.FIRST, "has not run yet")
    trouble, now = mode.trouble(patient.places), mode.read(patient.places)
    if trouble:
        return ill("mode", trouble, "camd mode away", "unknown")
    return well("mode", f"{now}: {'nobody is watched' if now == mode.HOME else 'watching'}", now)
