"""The systemd units: how tight they are, and what the settings add to them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from camd import config, units
from camd.errors import UnavailableError

SYSTEMD = Path(__file__).parents[1] / "systemd"
SCORES = {"capture": 0.8, "notify": 1.4, "web": 0.6, "work": 0.6, "send": 1.4}
NETWORK_CAMERA = 1.6
MEANT = {
    "broker.lan": ("192.168.1.10", "fd00::10"),
    "192.168.1.20": ("192.168.1.20",),
    "upload.example.org": ("203.0.113.4", "203.0.113.5"),
}
RECIPIENTS = """\
mqtt: {host: broker.lan}
share: {to: {insurer: {url: 'https://upload.example.org/in/'}, police: {url: 'https://nowhere.example.org/'},
             stick: {folder: /media/stick}}}
"""

with_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze, which weighs units, is not installed"
)


def _installed(root: Path) -> Path:
    """The units as the installer puts them below `root`."""
    folder = root / "etc/systemd/system"
    shutil.copytree(SYSTEMD, folder, ignore=shutil.ignore_patterns("install", "camd", "camd.tmpfiles.conf"))
    return folder


def _exposure(root: Path, unit: str) -> float:
    command = ["systemd-analyze", "security", "--offline=true", f"--root={root}", f"camd-{unit}.service"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert found, told
    return float(found[1])


def _settings(tmp_path: Path, text: str) -> config.Config:
    path = tmp_path / "camd.yaml"
    path.write_text(text, encoding="utf-8")
    return config.load(path)


def _meant(name: str) -> tuple[str, ...]:
    if name not in MEANT:
        raise UnavailableError(f"{name}: this name means no address now.")
    return MEANT[name]


def _files(tmp_path: Path, text: str) -> dict[str, str]:
    made = units.files(_settings(tmp_path, text), tmp_path / "units", tmp_path / "hosts", _meant)
    return {str(path.relative_to(tmp_path)): content for path, content in made.items()}


@with_analyze
@pytest.mark.parametrize("unit", SCORES)
def test_no_unit_is_more_exposed_than_it_has_to_be(unit: str, tmp_path: Path) -> None:
    _installed(tmp_path)
    assert _exposure(tmp_path, unit) <= SCORES[unit]


@with_analyze
def test_a_network_camera_opens_capture_that_far_and_no_further(tmp_path: Path) -> None:
    folder = _installed(tmp_path)
    settings = _settings(tmp_path, f"camera: {{source: 'rtsp://192.168.1.20/main'}}\n{RECIPIENTS}")
    for path, text in units.files(settings, folder, tmp_path / "hosts", _meant).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert SCORES["capture"] < _exposure(tmp_path, "capture") <= NETWORK_CAMERA
    assert _exposure(tmp_path, "notify") <= SCORES["notify"]
    assert _exposure(tmp_path, "send") <= SCORES["send"]


def test_every_service_that_systemd_starts_has_a_unit() -> None:
    assert {path.stem for path in SYSTEMD.glob("camd-*.service")} == {f"camd-{name}" for name in SCORES}


def test_every_unit_says_what_it_is() -> None:
    for path in (path for path in SYSTEMD.iterdir() if path.suffix in (".service", ".path", ".socket", ".target")):
        assert "\nDescription=camd" in path.read_text(encoding="utf-8"), path


def _keys(path: Path) -> set[str]:
    return set(re.findall(r"^(\w+)=", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("unit", SCORES)
def test_no_unit_says_what_the_cage_then_overrides(unit: str) -> None:
    added = {"BindReadOnlyPaths"}  # a list that each file adds to
    assert _keys(SYSTEMD / f"camd-{unit}.service") & _keys(SYSTEMD / "camd-.service.d/cage.conf") <= added


def test_drop_ins_that_open_the_cage_are_read_after_it() -> None:
    assert all(path.name > "cage.conf" for path in SYSTEMD.glob("camd-*.service.d/*") if path.name != "cage.conf")
    assert units.DROP_IN > "cage.conf"


def test_notify_may_reach_what_the_brokers_name_means_now(tmp_path: Path) -> None:
    made = _files(tmp_path, "camera: {source: /srv/porch.mp4}\nmqtt: {host: broker.lan}\n")
    notify = made["units/camd-notify.service.d/settings.conf"]
    assert "IPAddressAllow=127.0.0.1 192.168.1.10 fd00::10" in notify.splitlines()
    assert "IPAddressAllow" not in made["units/camd-capture.service.d/settings.conf"]
    assert "192.168.1.10 broker.lan" in made["hosts"].splitlines()


def test_capture_may_reach_its_network_camera_alone(tmp_path: Path) -> None:
    made = _files(tmp_path, "camera: {source: 'rtsp://192.168.1.20/main'}\nmqtt: {host: broker.lan}\n")
    capture = made["units/camd-capture.service.d/settings.conf"].splitlines()
    assert "IPAddressAllow=127.0.0.1 192.168.1.20" in capture
    assert "PrivateNetwork=no" in capture


def test_send_may_reach_the_recipients_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = _files(tmp_path, RECIPIENTS)
    send = made["units/camd-send.service.d/settings.conf"].splitlines()
    assert [line for line in send if line.startswith("IP")] == ["IPAddressAllow=203.0.113.4 203.0.113.5"]
    assert f"BindReadOnlyPaths={tmp_path}/hosts:/etc/hosts" in send
    assert "ReadWritePaths=-/media/stick" in send
    assert "203.0.113.4 upload.example.org" in made["hosts"].splitlines()
    assert "nowhere.example.org" not in made["hosts"]
    assert "nowhere.example.org: this name means no address now" in capsys.readouterr().err


def test_without_recipients_on_the_network_send_reaches_nobody(tmp_path: Path) -> None:
    made = _files(tmp_path, "mqtt: {host: broker.lan}\nshare: {to: {stick: {folder: /media/stick}}}\n")
    assert "IPAddress" not in made["units/camd-send.service.d/settings.conf"]
    assert "IPAddress" not in (SYSTEMD / "camd-send.service").read_text()
    assert "IPAddressDeny=any" in (SYSTEMD / "camd-.service.d/cage.conf").read_text().splitlines()


def test_secrets_are_handed_over_by_systemd(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("xyzzy\n", encoding="utf-8")
    secret.chmod(0o600)
    made = _files(tmp_path, f"mqtt: {{host: broker.lan, username: camd, password_file: {secret}}}\n")
    credentials = re.findall("LoadCredential=.*", made["units/camd-notify.service.d/settings.conf"])
    assert len(credentials) == 1
    assert credentials[0].endswith(f":{secret}")
    assert all("xyzzy" not in text for text in made.values())


def test_a_data_folder_of_ones_own_can_be_written(tmp_path: Path) -> None:
    made = _files(tmp_path, "store: {data: /srv/camd}\nmqtt: {host: broker.lan}\n")
    for unit in ("capture", "notify", "send"):
        lines = made[f"units/camd-{unit}.service.d/settings.conf"].splitlines()
        assert "ReadWritePaths=-/srv/camd" in lines
        assert "InaccessiblePaths=-/srv/camd/owner" in lines
        assert ("InaccessiblePaths=-/srv/camd/clips" in lines) is (unit != "capture")


ODD = """\
store: {data: '/srv/my clips 100%'}
mqtt: {host: broker.lan}
share: {to: {stick: {folder: '/media/a "b" \\c'}}}
"""


def test_a_path_is_written_as_systemd_reads_it(tmp_path: Path) -> None:
    made = _files(tmp_path, ODD)
    capture, send = (made[f"units/camd-{unit}.service.d/settings.conf"].splitlines() for unit in ("capture", "send"))
    assert 'ReadWritePaths="-/srv/my clips 100%%"' in capture
    assert 'InaccessiblePaths="-/srv/my clips 100%%/owner"' in capture
    assert r'ReadWritePaths="-/media/a \"b\" \\c"' in send


@with_analyze
def test_systemd_understands_what_is_written(tmp_path: Path) -> None:
    secret = tmp_path / "pass wörd 5%: x"
    secret.write_text("xyzzy\n", encoding="utf-8")
    secret.chmod(0o600)
    folder = _installed(tmp_path)
    settings = _settings(tmp_path, f"{ODD}camera: {{source: 'rtsp://192.168.1.20/main', password_file: '{secret}'}}\n")
    for path, text in units.files(settings, folder, tmp_path / "hosts of camd", _meant).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    names = [f"camd-{name}.service" for name in ("capture", "notify", "send")]
    command = ["systemd-analyze", "verify", f"--root={tmp_path}", "--man=no", *names]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "camd" in told  # it looked: the program itself is not there
    assert [line for line in told.splitlines() if units.DROP_IN in line] == []


def test_no_two_secrets_are_called_alike() -> None:
    names = [
        config.credential_name(Path(path)) for path in ("/a/b c", "/a/b_c", "/a/b-c", "/a-b/c", "/a/b/c", "/a/bäc")
    ]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9._-]+", name) for name in names)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """What `camd units` is told for this folder."""
    given = tmp_path / "camd.yaml"
    given.write_text(f"mqtt: {{host: 127.0.0.1}}\nstore: {{data: {tmp_path}/clips}}\n", encoding="utf-8")
    return ["--config", str(given), "--into", str(tmp_path / "units"), "--hosts", str(tmp_path / "hosts")]


def test_where_camd_is_no_service_nothing_is_written(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "units").mkdir()
    with pytest.raises(UnavailableError, match="systemd/install"):
        units.main(arguments)
    assert {path.name for path in tmp_path.rglob("*")} == {"camd.yaml", "units"}


def test_what_is_as_it_should_be_is_left_alone(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SYSTEMD, tmp_path / "units")
    assert units.main(arguments) == 0
    assert units.allowed(tmp_path / "units", "notify") == ("127.0.0.1",)
    assert f"{tmp_path}/clips: not there yet" in capsys.readouterr().err
    (tmp_path / "clips").mkdir()
    assert units.main(arguments) == 0
    said = capsys.readouterr().err
    assert "the units are as the settings ask" in said
    assert "not there yet" not in said


def test_a_name_that_means_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="means no address now"):
        units.addresses("nobody.invalid")
