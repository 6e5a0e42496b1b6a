"""The doctor on a whole house, on a Pi's own files, and what of it all a stranger may read."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from camd.checkups import camera, disk, house, machine
from camd.checkups.finding import Check, Finding, Health, Patient
from camd.config import CameraConfig, Config, Destination, MqttConfig, ShareConfig, load
from camd.doctor import bundle
from camd.guard import Verdict
from camd.places import Places
from camd.units import files
from tests.brokers import broker
from tests.egress import Ended, Peer
from tests.leaks.homes import Home
from tests.worlds import film


def _doctor(home: Home, *words: object) -> tuple[Ended, dict[str, dict[str, Any]]]:
    ended = home.run(sys.executable, "-m", "camd", "doctor", "--json", *home.options, *words)
    return ended, {told["what"]: told for told in map(json.loads, ended.output.splitlines())}


def test_a_house_is_looked_at_from_camera_to_broker(tmp_path: Path) -> None:
    with broker(tmp_path / "broker") as it:
        home = Home(tmp_path / "home", Peer("127.0.0.1", it.port)).build()
        video = film("walker", home.root, seconds=2)
        with (home.root / "camd.yaml").open("a") as file:
            file.write(f"camera: {{source: {video}}}\n")
        home.run(sys.executable, "-m", "camd", "run", *home.options)
        ended, told = _doctor(home)
    assert ended.code == 0, (ended.errors, told)
    assert all(one["v"] == 1 and one["type"] == "finding" for one in told.values())
    assert told["camera camera"]["health"] == "well"
    assert told["capture"]["health"] == "worry"  # it has ended
    assert "there and back" in told["broker"]["says"]
    assert "MB/s" in told["disk"]["says"]
    assert told["guard"]["says"] == "open: notify can reach other addresses than its own"
    assert "systemd/install" in told["guard"]["mend"]
    assert "seccompy" in told["versions"]["says"]


def test_what_is_ill_is_told_with_its_mend_and_ends_with_1(tmp_path: Path) -> None:
    home = Home(tmp_path).build()
    (tmp_path / "camd.yaml").write_text((tmp_path / "camd.yaml").read_text() + "camera: {source: /srv/gone.mp4}\n")
    ended, told = _doctor(home)
    assert ended.code == 1
    for what in ("camera camera", "broker"):
        assert told[what]["health"] == "ill"
        assert told[what]["mend"]


def test_faulty_settings_are_a_finding(tmp_path: Path) -> None:
    home = Home(tmp_path).build()
    (tmp_path / "camd.yaml").write_text("vision: {sensitivity: 11}\n")
    ended, told = _doctor(home, "--data", home.places.data)
    assert ended.code == 1
    assert "camd.yaml:1: vision.sensitivity" in told["settings"]["says"]
    assert "memory" in told
    assert told.keys().isdisjoint({"camera porch", "camera camera", "disk", "broker", "guard"})


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    """A Pi that says nothing yet."""
    places = Places(tmp_path / "data", tmp_path / "run")
    places.make()
    return Patient(Config(), places, tmp_path / "system")


def _write(pi: Patient, path: str, text: str) -> None:
    file = pi.system / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _health(pi: Patient, check: Check) -> tuple[Health, str]:
    (found,) = check(pi)
    return found.health, found.says


@pytest.mark.parametrize(
    ("bits", "health", "says"),
    [
        ("0", Health.WELL, "never slowed down"),
        ("50005", Health.ILL, "now: too little voltage, it is slowed down"),
        ("50000", Health.WORRY, "since the start: too little voltage, it is slowed down"),
        ("80008", Health.ILL, "now: too hot"),
    ],
)
def test_power_is_read_bit_by_bit(pi: Patient, bits: str, health: Health, says: str) -> None:
    _write(pi, machine.THROTTLED, f"{bits}\n")
    found, words = _health(pi, machine.power)
    assert found is health
    assert says in words


@pytest.mark.parametrize(("degrees", "health"), [(48, Health.WELL), (71, Health.WORRY), (81, Health.ILL)])
def test_heat_is_told(pi: Patient, degrees: int, health: Health) -> None:
    _write(pi, "sys/class/thermal/thermal_zone0/temp", f"{degrees}123\n")
    assert _health(pi, machine.temperature) == (health, _health(pi, machine.temperature)[1])
    assert f"{degrees} °C" in _health(pi, machine.temperature)[1]


def test_little_memory_is_told(pi: Patient) -> None:
    _write(pi, "proc/meminfo", "MemTotal:  426000 kB\nMemFree: 9000 kB\nMemAvailable:  51200 kB\n")
    assert _health(pi, machine.memory) == (Health.WORRY, "50 of 416 MB available")


def test_a_machine_that_tells_nothing_is_no_trouble(pi: Patient) -> None:
    for check in (machine.power, machine.temperature, machine.memory, camera.encoder):
        assert _health(pi, check)[0] is Health.WELL


def _card(pi: Patient, name: str) -> None:
    number = pi.places.data.stat().st_dev
    folder = pi.system / "sys/devices" / name
    folder.mkdir(parents=True)
    link = pi.system / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
    link.parent.mkdir(parents=True)
    link.symlink_to(folder)


def test_a_worn_card_and_a_damaged_file_system_are_told(pi: Patient) -> None:
    _card(pi, "mmcblk0p2")
    assert _health(pi, disk.health)[0] is Health.WELL
    _write(pi, "sys/block/mmcblk0/device/life_time", "0x01 0x09\n")
    assert _health(pi, disk.health) == (Health.WORRY, "mmcblk0 has used 80 % of its life or more")
    _write(pi, "sys/fs/ext4/mmcblk0p2/errors_count", "3\n")
    assert _health(pi, disk.health)[0] is Health.ILL


def test_the_encoder_of_a_pi_is_found(pi: Patient) -> None:
    _write(pi, f"{camera.VIDEO}/video11/name", "bcm2835-codec-encode\n")
    assert _health(pi, camera.encoder) == (Health.WELL, "the hardware's")


def test_who_holds_a_device_is_named(pi: Patient) -> None:
    ours, theirs = os.openpty()
    name = os.ttyname(theirs)
    os.close(theirs)
    watched = Patient(Config(camera=CameraConfig(source=name)), pi.places, pi.system)
    try:
        with subprocess.Popen(["sleep", "60"], stdin=os.open(name, os.O_RDWR | os.O_NOCTTY)) as holder:
            found, says = _health(watched, camera.cameras)
            holder.kill()
    finally:
        os.close(ours)
    assert found is Health.ILL
    assert f"sleep ({holder.pid})" in says


def test_a_device_that_is_not_there_names_those_that_are(pi: Patient) -> None:
    _write(pi, f"{camera.VIDEO}/video3/name", "webcam\n")
    missing = Patient(Config(camera=CameraConfig(source="/dev/video99")), pi.places, pi.system)
    assert _health(missing, camera.cameras) == (Health.ILL, "/dev/video99 is not there. There are: /dev/video3")


def test_a_broker_that_has_moved_is_told(pi: Patient) -> None:
    moved = Patient(Config(mqtt=MqttConfig(host="127.0.0.5")), pi.places, pi.system)
    assert house.addresses(moved) == []  # no service
    _write(pi, house.NOTIFY, "")
    for then, health in (("192.0.2.9", Health.ILL), ("127.0.0.5", Health.WELL)):
        written = files(moved.config, pi.system / house.UNITS, pi.system / "hosts", partial(_meant, then))
        for path, text in written.items():
            _write(pi, str(path.relative_to(pi.system)), text)
        (found,) = house.addresses(moved)
        assert found.health is health
        assert ("camd units" in found.mend) is (health is Health.ILL)


def test_a_recipient_that_has_moved_is_told(pi: Patient) -> None:
    to = (Destination("insurer", url="https://127.0.0.5/in/"), Destination("stick", folder=Path("/media/stick")))
    moved = Patient(Config(share=ShareConfig(to)), pi.places, pi.system)
    drop_in = f"{house.UNITS}/camd-send.service.d/settings.conf"
    for line, said in (("", "camd-send may reach nobody"), ("IPAddressAllow=192.0.2.9", "may reach 192.0.2.9, but")):
        _write(pi, drop_in, f"[Service]\n{line}\n")
        (found,) = house.addresses(moved)
        assert (found.health, said in found.says) == (Health.ILL, True)
    _write(pi, drop_in, "[Service]\nIPAddressAllow=192.0.2.9 127.0.0.5\n")
    assert house.addresses(moved) == []


def _meant(address: str, _: str) -> tuple[str, ...]:
    return (address,)


SETTINGS = """\
camera: {{name: CANARYcam, source: {root}/CANARYvideo.mp4}}
vision:
  sensitivity: 7
  zones: {{CANARYzone: {{points: [[0, 0], [1, 0], [1, 1], [0, 1]]}}}}
  privacy: {{CANARYneighbour: [[0, 0], [0.1, 0], [0, 0.1]]}}
record: {{encode: yes}}
store: {{data: {root}/CANARYdata, keep_free: 10 MB}}
alerts: {{page: "https://CANARYpage.example"}}
mqtt:
  {{host: CANARYhost.invalid, node: CANARYnode, prefix: CANARYprefix, username: CANARYuser,
   password_file: {root}/CANARYfile}}
share: {{to: {{CANARYrecipient: {{folder: {root}/CANARYfolder}}}}}}
"""


def test_a_bundle_holds_no_picture_no_secret_and_no_name(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").build()
    video = film("walker", tmp_path, seconds=6)
    (tmp_path / "CANARYvideo.mp4").write_bytes(video.read_bytes())
    (tmp_path / "CANARYfile").write_text("CANARYpassword\n")
    (tmp_path / "CANARYfile").chmod(0o600)
    (home.root / "camd.yaml").write_text(SETTINGS.format(root=tmp_path))
    home.run(sys.executable, "-m", "camd", "capture", *home.options)
    assert list((tmp_path / "CANARYdata/clips").glob("*.jpg"))
    Verdict("notify", ("can reach other addresses than its own",)).tell(home.places)
    written = tmp_path / "bundle.txt"
    _, told = _doctor(home, "--bundle", written)
    assert "CANARY" in json.dumps(told)  # the owner sees names
    data = written.read_bytes()
    text = data.decode()
    for secret in ("CANARY", str(tmp_path), "\0", "ftyp", "JFIF"):
        assert secret not in text
    assert b"\xff\xd8" not in data
    assert max(map(len, text.splitlines())) < 400
    assert "vision.sensitivity: 7" in text
    assert "mqtt.host: set" in text
    assert "guard         open: notify" in text


def test_a_finding_says_to_strangers_only_what_it_means_to(tmp_path: Path) -> None:
    found = [Finding("camera porch", Health.ILL, "/home/me/porch", "look at /home/me")]
    config = tmp_path / "camd.yaml"
    config.write_text("cameras: {porch: {source: /srv/porch.mp4}, yard: {source: /dev/video0}}\n")
    text = bundle(found, load(config))
    assert "porch" not in text
    assert "home/me" not in text
    assert "2 camera.source: set" in text
