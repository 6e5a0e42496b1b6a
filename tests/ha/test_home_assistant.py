"""camd and the real Home Assistant, with a real broker between them; by tests/ha/run."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import Broker, broker, until

pytestmark = pytest.mark.homeassistant

ROOT = Path(os.environ.get("CAMD_HA_ROOT", "/nowhere"))
FIXTURES = Path(__file__).parents[2] / "camd" / "fixtures"
CONFIGURATION = "http:\n  server_port: {port}\n  server_host: 127.0.0.1\ncamd_watch:\nlogger:\n  default: warning\n"
SETTINGS = """\
camera: {{name: front door, source: {video}, loop: yes}}
vision: {{zones: {{path: {{points: [[0, 0], [1, 0], [1, 1], [0, 1]]}}}}}}
store: {{data: {data}, keep_free: 1 MB}}
alerts: {{picture: sent, page: "http://127.0.0.1:8480"}}
discovery: {{style: {style}}}
mqtt: {{host: 127.0.0.1, port: {port}, node: pi}}
"""
CAMERA = "pi_front_door"
STARTS_S = 60


@dataclass
class HomeAssistant:
    """One Home Assistant with its config folder."""

    folder: Path

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the block ends."""
        inside = f"/{self.folder.relative_to(ROOT)}"
        (self.folder / "states.json").unlink(missing_ok=True)
        command = ["chroot", str(ROOT), "/opt/ha/bin/hass", "-c", inside, "--skip-pip", "--log-no-color"]
        with (self.folder / "output").open("ab") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env={"HOME": "/root", "PATH": os.environ["PATH"]}
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    def states(self) -> dict[str, dict[str, Any]]:
        """Every entity, with its state and attributes."""
        try:
            found: dict[str, dict[str, Any]] = json.loads((self.folder / "states.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def state(self, entity: str) -> str | None:
        """The state of one entity."""
        state: str | None = self.states().get(entity, {}).get("state")
        return state

    def call(self, domain: str, service: str, **data: Any) -> None:
        """Call a service."""
        (self.folder / "order.tmp").write_text(json.dumps({"domain": domain, "service": service, "data": data}))
        (self.folder / "order.tmp").replace(self.folder / "order.json")

    def complaints(self) -> list[str]:
        """What it had to say about MQTT."""
        lines = (self.folder / "output").read_text(errors="replace").splitlines()
        return [line for line in lines if "mqtt" in line and (" WARNING " in line or " ERROR " in line)]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path / "broker") as it:
        yield it


@pytest.fixture
def house(mosquitto: Broker) -> HomeAssistant:
    """A Home Assistant that knows the broker and nothing of camd."""
    if not (ROOT / "opt/ha/bin/hass").exists():
        pytest.skip("run tests/ha/run")
    folder = ROOT / "config"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / ".storage").mkdir(parents=True)
    shutil.copytree(Path(__file__).parent / "watch", folder / "custom_components" / "camd_watch")
    (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=mosquitto.port + 1))
    at = "2025-11-01T00:00:00+00:00"
    entry: dict[str, Any] = {
        "created_at": at, "modified_at": at, "data": {"broker": "127.0.0.1", "port": mosquitto.port}, "options": {},
        "disabled_by": None, "discovery_keys": {}, "domain": "mqtt", "entry_id": "01JCAMDTEST000000000000000",
        "version": 1, "minor_version": 2, "pref_disable_new_entities": False, "pref_disable_polling": False,
        "source": "user", "subentries": [], "title": "broker", "unique_id": None,
    }  # fmt: skip
    stored = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
    (folder / ".storage" / "core.config_entries").write_text(json.dumps(stored))
    return HomeAssistant(folder)


class Camd:
    """One camd that looks at a recording, again and again."""

    def __init__(self, folder: Path, port: int, style: str = "device") -> None:
        self.settings = folder / "camd.yaml"
        self.settings.write_text(
            SETTINGS.format(video=FIXTURES / "walker.mp4", data=folder / "data", port=port, style=style)
        )

    def verb(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run one verb to its end."""
        command = [sys.executable, "-m", "camd", *words, "--config", str(self.settings)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the block ends."""
        process = subprocess.Popen([sys.executable, "-m", "camd", "run", "--config", str(self.settings)])
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def ours(house: HomeAssistant) -> set[str]:
    """The entities of camd."""
    return {entity for entity in house.states() if entity.partition(".")[2].startswith("pi_")}


EXPECTED = {
    *(f"binary_sensor.{CAMERA}_{key}" for key in ("motion", "person", "vehicle", "animal", "other", "tamper")),
    f"binary_sensor.{CAMERA}_zone_1_path",
    *(f"sensor.{CAMERA}_{key}" for key in ("status", "sensor")),
    *(f"switch.{CAMERA}_{key}" for key in ("detect", "record")),
    f"event.{CAMERA}_event", f"image.{CAMERA}_picture", f"number.{CAMERA}_sensitivity", f"button.{CAMERA}_trigger",
    *(f"sensor.pi_camd_{key}" for key in ("mode", "snoozed", "guard", "clips", "storage", "disk", "temperature")),
    "sensor.pi_camd_latency",
    "binary_sensor.pi_camd_running", "button.pi_camd_home", "number.pi_camd_snooze",
}  # fmt: skip


@pytest.mark.parametrize("style", ["device", "component"])
def test_entities_appear_by_themselves_and_go_on_and_off(
    house: HomeAssistant, mosquitto: Broker, tmp_path: Path, style: str
) -> None:
    camd = Camd(tmp_path, mosquitto.port, style)
    with house.running(), camd.running():
        until(lambda: ours(house) >= EXPECTED, STARTS_S)
        assert ours(house) == EXPECTED
        until(lambda: house.state(f"binary_sensor.{CAMERA}_motion") == "on", 40)
        until(lambda: house.state(f"binary_sensor.{CAMERA}_zone_1_path") == "on", 40)
        until(lambda: house.states()[f"event.{CAMERA}_event"].get("event_type") == "motion", 40)
        until(lambda: house.state(f"image.{CAMERA}_picture") not in ("unknown", "unavailable"), 40)
        until(lambda: house.state(f"binary_sensor.{CAMERA}_motion") == "off", 40)
        assert house.state(f"sensor.{CAMERA}_status") == "online"
        assert house.state("sensor.pi_camd_mode") == "away"
    assert house.complaints() == []


def test_what_is_set_there_is_done_here(house: HomeAssistant, mosquitto: Broker, tmp_path: Path) -> None:
    camd = Camd(tmp_path, mosquitto.port)
    with house.running(), camd.running():
        until(lambda: house.state(f"number.{CAMERA}_sensitivity") == "5", STARTS_S)
        house.call("number", "set_value", entity_id=f"number.{CAMERA}_sensitivity", value=7)
        until(lambda: house.state(f"number.{CAMERA}_sensitivity") == "7", 20)
        house.call("switch", "turn_off", entity_id=f"switch.{CAMERA}_record")
        until(lambda: house.state(f"switch.{CAMERA}_record") == "off", 20)
        house.call("number", "set_value", entity_id="number.pi_camd_snooze", value=30)
        until(lambda: house.state("number.pi_camd_snooze") in ("29", "30"), 20)
        assert house.state("sensor.pi_camd_snoozed") not in ("unknown", "unavailable")
        house.call("button", "press", entity_id="button.pi_camd_home")
        until(lambda: house.state("sensor.pi_camd_mode") == "home", 20)
        until(lambda: house.state(f"sensor.{CAMERA}_status") == "home", 20)
        until(lambda: house.state(f"binary_sensor.{CAMERA}_motion") == "unavailable", 20)
        assert camd.verb("mode").stdout == "home\n"
        assert camd.verb("mode", "away").returncode == 0
        until(lambda: house.state(f"sensor.{CAMERA}_status") == "online", 20)
        until(lambda: house.state(f"binary_sensor.{CAMERA}_motion") in ("on", "off"), 20)
    assert house.complaints() == []


def test_both_survive_a_restart_of_the_other(house: HomeAssistant, mosquitto: Broker, tmp_path: Path) -> None:
    camd = Camd(tmp_path, mosquitto.port)
    motion = f"binary_sensor.{CAMERA}_motion"
    with camd.running():
        with house.running():
            until(lambda: house.state(motion) in ("on", "off"), STARTS_S)
        with house.running():
            until(lambda: house.state(motion) in ("on", "off"), STARTS_S)
            assert ours(house) == EXPECTED
    with house.running():
        until(lambda: house.state(motion) == "unavailable", STARTS_S)
        with camd.running():
            until(lambda: house.state(motion) in ("on", "off"), STARTS_S)
        until(lambda: house.state(motion) == "unavailable", 20)
        assert house.state("binary_sensor.pi_camd_running") == "off"
    assert house.complaints() == []


@pytest.mark.parametrize("style", ["device", "component"])
def test_remove_takes_everything_away(house: HomeAssistant, mosquitto: Broker, tmp_path: Path, style: str) -> None:
    camd = Camd(tmp_path, mosquitto.port, style)
    with house.running():
        with camd.running():
            until(lambda: ours(house) >= EXPECTED, STARTS_S)
        removed = camd.verb("ha", "remove")
        assert removed.returncode == 0, removed.stderr
        until(lambda: ours(house) == set(), 20)
    with house.running():
        until(lambda: house.states(), STARTS_S)
        assert ours(house) == set()
    assert house.complaints() == []
