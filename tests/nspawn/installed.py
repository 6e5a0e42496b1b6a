"""An installed camd, asked and set from outside: what it tells the house, how its units are, what they can reach."""

import hashlib
import json
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.nspawn.machine import Machine, wait

CONFIG, STATE, UNITS = "/etc/camd/camd.yaml", "/var/lib/camd", "/etc/systemd/system"
PORT = 1883
NODE = f"nspawn-{secrets.token_hex(3)}"
HAND_OVER = 15  # s for a service to come back


class House:
    """Hears, from this machine, all that the broker there has to say of camd."""

    def __init__(self, password: str) -> None:
        self.heard: list[tuple[str, str]] = []
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("house", password)
        self._client.on_connect = lambda client, *_: client.subscribe(f"camd/{NODE}/#", 1)
        self._client.on_message = lambda _, __, message: self.heard.append(
            (message.topic.removeprefix(f"camd/{NODE}/"), message.payload.decode(errors="replace"))
        )
        self._client.connect("127.0.0.1", PORT)
        self._client.loop_start()

    def payloads(self, topic: str) -> list[str]:
        """What was heard on a topic, in order."""
        return [payload for name, payload in self.heard if name == topic]

    def close(self) -> None:
        """Hear no more."""
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def house(machine: Machine) -> Iterator[House]:
    """Somebody who hears what the broker says, from now on."""
    listening = House(machine.said("cat", "/etc/camd/secrets/house.password"))
    try:
        yield listening
    finally:
        listening.close()


@contextmanager
def settings(machine: Machine, **values: str) -> Iterator[None]:
    """Other settings until the block ends; each is the first of its name in the file."""
    before = (machine.root / CONFIG.lstrip("/")).read_text()
    for name, value in values.items():
        machine.run("sed", "-i", f"0,/^  {name}:.*/s||  {name}: {value}|", CONFIG)
    _put_in_force(machine)
    try:
        yield
    finally:
        machine.write(CONFIG, before)
        _put_in_force(machine)


def _put_in_force(machine: Machine) -> None:
    machine.run("camd", "units")
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", "camd.target")


@contextmanager
def door(host: str) -> Iterator[int]:
    """Somebody who listens on an address of loopback that is not the broker's."""
    with socket.create_server((host, 0)) as open_door:
        yield open_door.getsockname()[1]


def answers(host: str) -> bool:
    """Whether the broker, or anybody on its port, takes connections at this address."""
    with socket.socket() as trial:
        return trial.connect_ex((host, PORT)) == 0


def seen(machine: Machine) -> str:
    """What anybody there can see of processes, and the journal."""
    return machine.said("sh", "-c", "cat /proc/*/cmdline /proc/*/environ | tr '\\0' '\\n'; journalctl --no-pager")


def status(machine: Machine) -> Any:
    """What `camd status` says."""
    return json.loads(machine.said("camd", "status", "--json"))


def probe(machine: Machine, name: str | None, *peers: str) -> Any:
    """What the probe says, run within the unit of a process, or free."""
    machine.run("install", "-D", "/src/tests/nspawn/probe.py", "/opt/camd/probe/probe.py")
    command = f"/opt/camd/bin/python /opt/camd/probe/probe.py {' '.join(peers)}"
    if name is None:
        return json.loads(machine.said(*command.split()))
    unit = f"camd-try{name}"
    rewrite = f"s|^ExecStart=.*|ExecStart={command}|; s/^Type=.*/Type=oneshot/; /^Restart/d; /^WatchdogSec/d"
    machine.run("cp", "-r", f"{UNITS}/camd-{name}.service.d", f"{UNITS}/{unit}.service.d")
    machine.run("sh", "-c", f"sed '{rewrite}' {UNITS}/camd-{name}.service > {UNITS}/{unit}.service")
    machine.systemctl("daemon-reload")
    machine.systemctl("start", unit)
    said = [line for line in machine.log(unit).splitlines() if line.startswith("{")]
    machine.run("rm", "-r", f"{UNITS}/{unit}.service", f"{UNITS}/{unit}.service.d")
    return json.loads(said[-1])


def comes_back(machine: Machine, before: str, seconds: float = HAND_OVER) -> None:
    """Wait until capture runs as another process than `before`."""

    def is_back() -> bool:
        now = of_unit(machine, "camd-capture", "MainPID")
        return now not in ("0", before) and of_unit(machine, "camd-capture", "ActiveState") == "active"

    wait("capture is back", is_back, seconds)


def of_unit(machine: Machine, unit: str, name: str) -> str:
    """A property of a unit, as systemd tells it."""
    return machine.systemctl("show", "--value", "-p", name, unit)


def clips(machine: Machine) -> set[int]:
    """The numbers of all clips."""
    lines = machine.said("camd", "clips", "list", "--json").splitlines()
    return {told["id"] for told in map(json.loads, lines) if "id" in told}


def digest(machine: Machine, path: str) -> str:
    """The sha256 of one of its files."""
    return hashlib.sha256((machine.root / path.lstrip("/")).read_bytes()).hexdigest()


def fingerprint(machine: Machine) -> str:
    """Of all that the installer writes, but for the program itself and hashed passwords (each has a new salt)."""
    where = f"/etc/camd {UNITS} /etc/mosquitto/conf.d /etc/mosquitto/camd.acl /etc/tmpfiles.d /usr/local/bin"
    modes = f"stat -c '%a %U %G %n' /etc/camd /etc/camd/secrets {STATE}"
    return machine.said("sh", "-c", f"find {where} -type f -exec sha256sum {{}} + | sort; {modes}")
