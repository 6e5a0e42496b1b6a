"""The doctor on a whole house, on a Pi's own files, and what of it all a stranger may read."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from camd import mode
from camd.alerts.outbox import Outbox
from camd.alerts.states import state
from camd.alerts.topics import Names
from camd.alive import alive
from camd.checkups import camera, capture, disk, finding, house, machine, masks, vision
from camd.checkups.finding import Check, Finding, Health, Patient
from camd.clock import SystemClock
from camd.config import CameraConfig, Config, Destination, MqttConfig, RecordConfig, ShareConfig, VisionConfig, load
from camd.doctor import bundle
from camd.guard import Verdict
from camd.model import SECOND, Polygon
from camd.places import Places
from camd.settings_camera import Size
from camd.units import files
from camd.warden import Peer
from tests.brokers import broker
from tests.camera.hostile import CAMERA, hijacked, playing
from tests.camera.rigs import MjpegRig
from tests.egress import Ended
from tests.leaks.homes import Home
from tests.worlds import film

SECRET: Final = VisionConfig(privacy=(Polygon("door", ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))),))
NOBODY: Final = pwd.getpwnam("nobody")


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
    assert told["guard"]["says"] == "closed: notify"
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


def test_a_missing_detector_is_ill_and_a_damaged_head_is_a_worry(pi: Patient) -> None:
    assert _health(pi, vision.classifiers) == (Health.WELL, "camd's own")
    gone = replace(pi, config=Config(vision=VisionConfig(detector=pi.system / "gone.onnx")))
    assert _health(gone, vision.classifiers)[0] is Health.ILL
    pi.places.heads.mkdir(parents=True)
    (pi.places.heads / "0001.json").write_bytes(b"{")
    assert [one.health for one in vision.classifiers(pi)] == [Health.WELL, Health.WORRY]


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


def test_a_module_that_is_not_there_is_told_beside_one_that_is(pi: Patient) -> None:
    for node, receiver in (("video0", "fe801000.csi"), ("video1", "fe801000.csi"), ("video20", "codec")):
        _write(pi, f"{camera.VIDEO}/{node}/name", "unicam-image" if receiver != "codec" else "bcm2835-isp")
        (pi.system / "devices" / receiver).mkdir(parents=True, exist_ok=True)
        (pi.system / camera.VIDEO / node / "device").symlink_to(pi.system / "devices" / receiver)
    second = _watching(pi, CameraConfig(source="pi:1"))
    assert _health(second, camera.cameras) == (Health.ILL, "pi:1: the kernel has found 1 and counts from 0")
    mode.write(pi.places, mode.HOME)
    first = _watching(pi, CameraConfig(source="pi"))
    assert _health(first, camera.cameras) == (Health.WELL, "the kernel has 1; not opened in home mode")


def test_who_holds_a_module_is_named(pi: Patient) -> None:
    _write(pi, f"{camera.VIDEO}/full/name", "unicam-image")  # /dev/full stands for a device that nobody has open
    mode.write(pi.places, mode.HOME)
    with subprocess.Popen(["sleep", "60"], stdin=os.open("/dev/full", os.O_RDWR)) as holder:
        found, says = _health(_watching(pi, CameraConfig(source="pi:0")), camera.cameras)
        holder.kill()
    assert found is Health.WORRY
    assert f"held by sleep ({holder.pid})" in says


def _watching(pi: Patient, settings: CameraConfig, **others: Any) -> Patient:
    """The same Pi with this camera."""
    return Patient(Config(camera=settings, **others), pi.places, pi.system)


@pytest.mark.parametrize("stage", ["OPTIONS", "DESCRIBE"])
def test_a_wrong_password_is_told(stage: str, pi: Patient, tmp_path: Path) -> None:
    account = tmp_path / "account"
    account.write_text("owner:wrong\n")
    account.chmod(0o600)
    refusal = b'RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\nWWW-Authenticate: Basic realm="it"\r\n\r\n'
    with hijacked(playing(0, stage, refusal)) as it:
        settings = CameraConfig(source=f"rtsp://{CAMERA}:{it.port}/main", password_file=account)
        found, says = _health(_watching(pi, settings), camera.cameras)
    assert found is Health.ILL
    assert "the camera refuses this account. Check NAME:PASSWORD in camera.password_file." in says


@pytest.fixture
def rig() -> Iterator[MjpegRig]:
    """A real camera on the network."""
    made = MjpegRig()
    yield made
    made.unplug()


def test_a_mute_camera_is_told(pi: Patient, rig: MjpegRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "PICTURE_WITHIN", SECOND)
    rig.stall()
    found, says = _health(_watching(pi, rig.settings), camera.cameras)
    assert (found, "answers; http://127.0.0.1" in says, "no picture within" in says) == (Health.ILL, True, True)


def test_a_camera_that_gives_pictures_is_well_and_so_are_its_masks(pi: Patient, rig: MjpegRig) -> None:
    picture, covered = camera.cameras(_watching(pi, rig.settings, vision=SECRET))
    assert picture.health is Health.WELL
    assert "a first picture of 640x480 after" in picture.says
    assert covered.what == "masks camera"
    assert covered.says.startswith(f"{masks.ANEW}; ")
    assert "ms of CPU for one area in 640x480, of 0.5 ms; with encoding it" in covered.says


def test_in_home_mode_no_camera_is_opened(pi: Patient, tmp_path: Path) -> None:
    file = tmp_path / "porch.mp4"
    file.write_text("no video")
    patient = _watching(pi, CameraConfig(source=str(file)))
    assert _health(patient, camera.cameras)[0] is Health.ILL
    mode.write(pi.places, mode.HOME)
    assert _health(patient, camera.cameras) == (Health.WELL, f"the video file {file}; not opened in home mode")
    mode.write(pi.places, mode.AWAY)
    assert _health(patient, camera.cameras)[0] is Health.ILL


def test_a_camera_that_is_looked_through_closes_when_home_mode_is_entered(pi: Patient) -> None:
    mode.write(pi.places, mode.AWAY)
    with camera.closed_at_home(pi) as shut:
        assert not shut.is_set()
        mode.write(pi.places, mode.HOME)
        assert shut.wait(10)


def test_a_camera_that_is_copied_cannot_have_masks(pi: Patient, tmp_path: Path) -> None:
    settings = CameraConfig(source=str(film("walker", tmp_path, seconds=1)))
    _, covered = camera.cameras(_watching(pi, settings, vision=SECRET))
    assert (covered.health, covered.says) == (Health.ILL, masks.COPIES)
    assert "record.encode: yes" in covered.mend
    _, covered = camera.cameras(_watching(pi, settings, vision=SECRET, record=RecordConfig(encode=True)))
    assert covered.says.startswith(masks.ANEW)


def test_masks_of_a_camera_module_are_burned_in() -> None:
    (covered,) = masks.masks(Config(camera=CameraConfig(source="pi", size=Size(320, 240, 15)), vision=SECRET), None)
    assert covered.says.startswith(f"{masks.BURNED}; ")
    assert "320x240" in covered.says
    assert "encoding" not in covered.says


@pytest.mark.parametrize(("source", "way"), [("http://10.0.0.4/", masks.ANEW), ("/dev/video0", masks.UNKNOWN)])
def test_masks_of_a_camera_that_was_not_opened_are_told_as_far_as_they_are_known(source: str, way: str) -> None:
    settings = CameraConfig(source=source, size=Size(320, 240, 15))
    assert masks.masks(Config(camera=settings, vision=SECRET), None)[0].says.startswith(f"{way}; ")


def _says(pi: Patient, status: str, rate: float) -> list[Finding]:
    """What the doctor says of a capture that runs and has said this of its camera."""
    clock, names = SystemClock(), Names("camd", pi.config.mqtt.node, "camera")
    told = {"v": 1, "boot_id": clock.boot_id, "at_ns": clock.boot(), "cameras": {"camera": {"fps": rate}}}
    pi.places.status.write_text(json.dumps(told))
    with alive(pi.places.capture_lock), closing(Outbox(pi.places)) as outbox:
        outbox.put([state(names.status, status)], clock.boot_id, clock.boot(), clock.unix())
        return capture.capture(pi)


def test_a_capture_without_pictures_is_ill_with_its_reason(pi: Patient) -> None:
    mode.write(pi.places, mode.AWAY)
    for status, rate, health, says in (
        ("online", 14.9, Health.WELL, "camera: 14.9 pictures a second"),
        ("online", 0.0, Health.WORRY, "camera: no picture of late"),
        ("fault:camera cannot be used", 0.0, Health.ILL, "camera: fault:camera cannot be used"),
        ("fault:storage", 15.0, Health.ILL, "camera: fault:storage"),
        ("offline", 0.0, Health.ILL, "camera: no pictures, it is offline"),
    ):
        (found,) = _says(pi, status, rate)
        assert (found.health, found.says) == (health, says)
    mode.write(pi.places, mode.HOME)
    (found,) = _says(pi, "home", 0.0)
    assert found.health is Health.WELL


def test_a_camera_that_capture_has_open_is_left_to_it(pi: Patient, tmp_path: Path) -> None:
    mode.write(pi.places, mode.AWAY)
    (tmp_path / "porch.mp4").write_text("no video")
    patient = _watching(pi, CameraConfig(source=str(tmp_path / "porch.mp4")))
    topic, clock = Names("camd", pi.config.mqtt.node, "camera").sensor, SystemClock()
    with alive(pi.places.capture_lock), closing(Outbox(pi.places)) as outbox:
        for sensor, health in (("open", Health.WELL), ("unknown", Health.ILL)):
            outbox.put([state(topic, sensor)], clock.boot_id, clock.boot(), clock.unix())
            assert _health(patient, camera.cameras)[0] is health


@pytest.mark.skipif(os.geteuid() != 0, reason="only root looks with others' rights")
def test_root_looks_with_the_rights_of_who_owns_the_data() -> None:
    with TemporaryDirectory() as name:
        home, clip = Path(name), Path(name) / "private" / "porch.mp4"
        home.chmod(0o755)
        places = Places(home / "data", home / "run")
        places.make()
        clip.parent.mkdir(mode=0o700)
        clip.write_text("no video")
        for folder in (places.data, places.run):
            os.chown(folder, NOBODY.pw_uid, NOBODY.pw_gid)
        patient = Patient(Config(camera=CameraConfig(source=str(clip))), places, home / "system")
        assert _health(patient, camera.cameras) == (Health.ILL, f"{clip} cannot be read (Permission denied)")
        assert _health(patient, disk.writing)[0] is Health.WELL
        places.data.chmod(0o500)
        assert _health(patient, disk.writing) == (Health.ILL, f"{places.data} cannot be written (Permission denied)")
    assert os.geteuid() == os.getegid() == 0


def test_what_the_units_do_not_see_is_told(pi: Patient) -> None:
    _write(pi, finding.NOTIFY, "")
    patient = _watching(pi, CameraConfig(source="/home/me/porch.mp4"))
    assert "camd's units see nothing in /home" in _health(patient, camera.cameras)[1]
    assert _health(patient, disk.writing)[0] is Health.ILL  # pytest's folders are in /tmp


def test_room_is_told_before_there_is_a_data_folder(pi: Patient) -> None:
    coming = Patient(pi.config, Places(pi.places.data / "not" / "yet" / "there", pi.places.run), pi.system)
    assert _health(coming, disk.room)[1].partition(" ")[2] == _health(pi, disk.room)[1].partition(" ")[2]


def test_a_mode_that_was_lost_is_ill_and_one_that_never_was_is_not(pi: Patient) -> None:
    assert _health(pi, house.at_home) == (Health.WELL, mode.FIRST)
    pi.places.index.touch()
    assert _health(pi, house.at_home)[0] is Health.ILL


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
    _write(pi, finding.NOTIFY, "")
    for then, health in (("192.0.2.9", Health.ILL), ("127.0.0.5", Health.WELL)):
        written = files(moved.config, pi.system / finding.UNITS, pi.system / "hosts", partial(_meant, then))
        for path, text in written.items():
            _write(pi, str(path.relative_to(pi.system)), text)
        (found,) = house.addresses(moved)
        assert found.health is health
        assert ("camd units" in found.mend) is (health is Health.ILL)


def test_a_recipient_that_has_moved_is_told(pi: Patient) -> None:
    to = (Destination("insurer", url="https://127.0.0.5/in/"), Destination("stick", folder=Path("/media/stick")))
    moved = Patient(Config(share=ShareConfig(to)), pi.places, pi.system)
    drop_in = f"{finding.UNITS}/camd-send.service.d/settings.conf"
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
