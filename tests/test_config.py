"""The settings file: what it may say, and what camd says about everything else."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from camd import settings_check
from camd import settings_kinds as kinds
from camd.__main__ import main
from camd.config import KEYS, NAMED, SEVERAL, Config, Destination, load, overlaid, read, secret
from camd.errors import ConfigError
from camd.model import SECOND, Point, Polygon, Zone
from camd.settings_schema import schema
from tests.areas import areas

AREA = "[[0, 0], [1, 0], [1, 1]]"
SAMPLE = Path(__file__).parent.parent / "config" / "camd.yaml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test puts its settings."""
    return tmp_path / "camd.yaml"


def faults(file: Path, text: str) -> list[str]:
    """Return what `load` says about `text`, without the file's name."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.exit_code == 78
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


def fault(file: Path, text: str) -> str:
    """Return the only thing that `load` says about `text`."""
    found = faults(file, text)
    assert len(found) == 1, found
    return found[0]


def test_the_sample_file_is_the_defaults() -> None:
    assert load(SAMPLE) == Config()


def test_every_key_stands_in_the_sample_file_once_with_its_comment() -> None:
    text = SAMPLE.read_text()
    for path, row in KEYS.items():
        name = path.rpartition(".")[2].replace("NAME", r"\w+")
        comment = f"# {row.comment} ({row.kind.want})\n"
        section = text.split(f"\n{path.partition('.')[0]}:")[1].split("\n\n")[0]
        assert len(re.findall(rf"{re.escape(comment)}[ #]*{name}:", section)) == 1, path
    assert len(re.findall(r"^  \w+:", text, re.MULTILINE)) == len([k for k in KEYS if "NAME" not in k]) + len(NAMED)
    assert len(KEYS) <= 62  # what a camera module, a week, and rules by label need came with them


def test_an_empty_file_means_all_defaults(file: Path) -> None:
    file.write_text("")
    assert load(file) == Config()
    file.write_text("camera:\nvision: {}\nmqtt:\n  node:\nshare:\n  to:\n")
    assert load(file) == Config()


def test_a_full_file_is_read(file: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    file.write_text(f"""
camera: {{name: porch, source: ~/porch.mp4, loop: on}}
vision: {{sensitivity: 7, fps: 10, merge_gap: 500 ms}}
alerts: {{cooldown: 1.5 min, labels: [person], picture: kept, page: "https://pi.local:8480/"}}
record: {{pre_roll: 2s, post_roll: 0 s, max_length: 1 h, memory: 64 MiB}}
store: {{data: ~/clips, max_bytes: 2 GB, keep_free: 0.5 GB, max_age: 7 d}}
mqtt: {{host: 192.168.1.10, port: 8883, node: attic, username: camd, password_file: {token}, tls: yes}}
share:
  to:
    stick: {{folder: /media/stick}}
    insurer: {{url: "https://upload.example.org/in/", token_file: {token}}}
""")
    config = load(file)
    assert (config.camera.source, config.camera.loop) == (str(Path("~/porch.mp4").expanduser()), True)
    assert (config.vision.merge_gap, config.alerts.cooldown) == (SECOND // 2, 90 * SECOND)
    assert (config.record.memory, config.record.max_length) == (64 * 2**20, 3600 * SECOND)
    assert (config.store.data, config.store.keep_free) == (Path("~/clips").expanduser(), 500_000_000)
    assert (config.mqtt.node, config.mqtt.password_file, config.mqtt.tls) == ("attic", token, True)
    assert config.share.to == (
        Destination("stick", folder=Path("/media/stick")),
        Destination("insurer", url="https://upload.example.org/in/", token_file=token),
    )


def test_areas_are_read_by_name(file: Path) -> None:
    file.write_text("""
vision:
  zones:
    door: {points: [[0.1, 0.2], [0.5, 0.2], [.5, 1]], sensitivity: 7, labels: [person, vehicle], quiet: [vehicle]}
    path: {points: [[0, 0], [1, 0], [1, 1]], labels: }
  ignore: {tree: [[0, 0], [0.25, 0], [0, 0.1234567]]}
  privacy:
    window:
      - [0, 0]
      - [1, 0]
      - [1, 1]
""")
    vision, triangle = load(file).vision, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    door = Zone("door", ((0.1, 0.2), (0.5, 0.2), (0.5, 1.0)), 7, ("person", "vehicle"), ("vehicle",))
    assert vision.zones == (door, Zone("path", triangle))
    assert vision.ignore == (Polygon("tree", ((0.0, 0.0), (0.25, 0.0), (0.0, 0.123457))),)
    assert vision.privacy == (Polygon("window", triangle),)


def test_the_areas_that_the_sample_file_shows_are_right(file: Path) -> None:
    shown = SAMPLE.read_text().split("\nvision:")[1].split("\n\n")[0].splitlines()
    groups = ["zones:", "ignore:", "privacy:"]
    examples = [line.replace("  #   ", "    ") for line in shown if line.startswith("  #   ")]
    first = [examples.index(line) for line in examples if re.match(r"    (door|tree|neighbour):", line)]
    for start, end, group in zip(first, [*first[1:], None], groups, strict=True):
        file.write_text("\n".join(["vision:", f"  {group}", *examples[start:end]]))
        assert len(getattr(load(file).vision, group.rstrip(":"))) == 1


def test_each_bad_point_is_told_on_its_own_line(file: Path) -> None:
    points = "      - [0, 2]\n      - [0, 0]\n      - [x, 1]\n"
    text = f"vision:\n  zones:\n    door:\n      points:\n{points}  ignore: {{a: 5}}\n"
    assert [line.split(". got")[0] for line in faults(file, text)] == [
        "5: vision.zones.door.points: point 1: outside the picture",
        "7: vision.zones.door.points: point 3: not a pair of numbers",
        "8: vision.ignore.a: not a list of points",
    ]


def test_all_faults_come_at_once_in_the_order_of_their_lines(file: Path) -> None:
    found = faults(file, "camra:\nvision:\n  fps: 0\nmqtt:\n  port: x\n  hots: y\nrecord:\n  memory: 5\n")
    assert [line.split(":")[:2] for line in found] == [
        ["1", " camra"],
        ["3", " vision.fps"],
        ["5", " mqtt.port"],
        ["6", " mqtt.hots"],
        ["8", " record.memory"],
    ]
    assert all(re.search(r": .+\. got .+\. want .+\.$", line) for line in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("camra:\n", "did you mean camera?"),
        ("mqtt:\n  prot: 1883\n", "did you mean port?"),
        ("mqtt:\n  pasword_file: /x\n", "did you mean password_file?"),
        ("mqtt:\n  port: 1\n  port: 2\n", "lines 2 and 3"),
        ("camera: {}\ncamera: {}\n", "lines 1 and 2"),
        ("share:\n  to:\n    a: {folder: /x}\n    a: {folder: /y}\n", "lines 3 and 4"),
        ("- camera\n", "got a list"),
        ("camera: 5\n", "not a group of keys"),
        ("mqtt:\n  host: [a]\n", "got a list"),
        ("mqtt:\n  host: {a: b}\n", "got a group of keys"),
        ("vision:\n  sensitivity: yes\n", "got yes (yes/no)"),
        ("vision:\n  sensitivity: 5.5\n", "not a whole number"),
        ("vision:\n  sensitivity: 11\n", "want a whole number from 1 to 10"),
        ("vision:\n  sensitivity: 0\n", "out of range"),
        ("vision:\n  fps: -1\n", "out of range"),
        ("vision:\n  fps: .nan\n", "not a finite number"),
        ("vision:\n  fps: -.INF\n", "not a finite number"),
        ("vision:\n  fps: 1.0e+999\n", "not a finite number"),
        ("vision:\n  fps: on\n", "not a number"),
        ("vision:\n  fps: !!python/object:os.system 5\n", "not a number"),
        ("camera:\n  loop: 1\n", "got 1 (a number). want yes or no"),
        ('camera:\n  loop: "yes"\n', "not yes or no"),
        ("camera:\n  loop: !!bool perhaps\n", "not yes or no"),
        ("vision:\n  fps: !!float 1.2.3\n", "not a number"),
        ("camera:\n  name: 12\n", 'put in "quotes"'),
        ("camera:\n  name: 2026-01-01\n", "got 2026-01-01 (a date)"),
        ("camera:\n  name: a/b\n", "/ + # mean something else"),
        ("camera:\n  name: a+b\n", "/ + # mean something else"),
        ('camera:\n  name: "a#b"\n', "/ + # mean something else"),
        ('camera:\n  name: "a\\nb"\n', "control characters"),
        ('camera:\n  name: " "\n', "empty name"),
        (f"camera:\n  name: {33 * 'x'}\n", "33 characters are too long"),
        ("mqtt:\n  host: mqtt://broker\n", "no scheme"),
        ('mqtt:\n  host: ""\n', "no host"),
        ("mqtt:\n  host: broker:1883\n", "port is a key of its own"),
        ("mqtt:\n  host: a b\n", "not a host name"),
        ("mqtt:\n  port: 0\n", "from 1 to 65535"),
        ("mqtt:\n  port: 65536\n", "from 1 to 65535"),
        ("mqtt:\n  port: 99999999999999999999\n", "from 1 to 65535"),
        ("mqtt:\n  ca_file: /dev/null\n", "certificate that is not used"),
        ("mqtt:\n  tls: yes\n  ca_file: /no/such\n", "cannot be read (No such file"),
        ("store:\n  max_bytes: 4\n", "a number without a unit"),
        ("store:\n  max_bytes: 4 gb\n", "did you mean GB?"),
        ("store:\n  max_bytes: -4 GB\n", "out of range"),
        ("store:\n  max_bytes: much\n", "such as 2 GB"),
        ("store:\n  data: clips\n", "begins with / or ~"),
        ("store:\n  data: ~nobody-of-that-name/x\n", "no such user"),
        ("record:\n  pre_roll: 5\n", "a number without a unit"),
        ("record:\n  pre_roll: 5 sec\n", "no such unit"),
        ("record:\n  pre_roll: 1:30\n", "without a unit"),
        ("record:\n  pre_roll: -5 s\n", "from 0 s to 1 min"),
        ("record:\n  max_length: 8 s\n", "more than pre_roll + post_roll = 8 s"),
        ("share:\n  to:\n    a:\n", "neither folder nor url"),
        ("share:\n  to:\n    a: {folder: /x, url: 'https://h/'}\n", "two places"),
        ("share:\n  to:\n    a: {folder: x}\n", "begins with / or ~"),
        ("share:\n  to:\n    a: {url: 'http://h/'}\n", "begins with https://"),
        ("share:\n  to:\n    a: {url: 'https://'}\n", "not a complete address"),
        ("share:\n  to:\n    a: {url: 'https://h:99999/'}\n", "not an address"),
        ("share:\n  to:\n    a/b: {folder: /x}\n", "/ + # mean something else"),
        ("share:\n  too: {}\n", "did you mean to?"),
        ("vision:\n  zones: [door]\n", "vision.zones: not a group of keys. got a list"),
        ("vision:\n  zones: {door: [[0, 0], [1, 0], [1, 1]]}\n", "vision.zones.door: not a group of keys. got a list"),
        ("vision:\n  zones: {door: {}}\n", "vision.zones.door.points: a zone without an area. got no points"),
        ("vision:\n  zones: {door: {poinst: []}}\n", "did you mean points?"),
        ("vision:\n  ignore: {a/b: [[0, 0], [1, 0], [1, 1]]}\n", "/ + # mean something else"),
        ("vision:\n  ignore: {tree: }\n", "vision.ignore.tree: not a list of points. got nothing"),
        ("vision:\n  ignore: {tree: 5}\n", "not a list of points. got 5"),
        ("vision:\n  ignore: {tree: {x: 1}}\n", "not a list of points. got a group of keys"),
        ("vision:\n  ignore: {tree: [[0, 0], [1, 1]]}\n", "got 2 points. want 3 to 100 points"),
        (f"vision:\n  ignore: {{tree: [{101 * '[0, 0], '}]}}\n", "got 101 points. want 3 to 100 points"),
        ("vision:\n  ignore: {tree: [[0, 0], [640, 0], [1, 1]]}\n", "tree: point 2: outside the picture. got [640, 0]"),
        ("vision:\n  ignore: {tree: [[0, 0], [1, 0], [1, -0.1]]}\n", "point 3: outside the picture. got [1, -0.1]"),
        ("vision:\n  ignore: {tree: [[0, 0], [1, 0, 0], [1, 1]]}\n", "point 2: not a pair of numbers. got [1, 0, 0]"),
        ("vision:\n  ignore: {tree: [[0, 0], 1, [1, 1]]}\n", "point 2: not a pair of numbers. got 1"),
        ("vision:\n  ignore: {tree: [[0, 0], [a, 0], [1, 1]]}\n", "point 2: not a pair of numbers. got [a, 0]"),
        ("vision:\n  ignore: {tree: [[0, 0], [[1], 0], [1, 1]]}\n", "point 2: not a pair of numbers. got [..., 0]"),
        ("vision:\n  ignore: {tree: [[0, 0], [.nan, 0], [1, 1]]}\n", "point 2: not a pair of numbers. got [.nan, 0]"),
        ("vision:\n  ignore: {tree: &a [[0, 0], *a, [1, 1]]}\n", "point 2: not a pair of numbers. got [..., ..., ...]"),
        (
            "vision:\n  privacy: {window: [[0, 0], [1, 1], [1, 0], [0, 1]]}\n",
            "window: the edge from point 1 to point 2 crosses or touches the edge from point 3 to point 4. got [1, 0]",
        ),
        ("vision:\n  privacy: {window: [[0, 0], [0.5, 0.5], [1, 1]]}\n", "on one line, which encloses nothing"),
        ("vision:\n  privacy: {window: [[0, 0], [1, 0], [1, 1], [0, 0]]}\n", "from point 4 to point 1 has no length"),
        (f"vision:\n  zones: {{door: {{points: {AREA}, sensitivity: 11}}}}\n", "door.sensitivity: out of range"),
        (f"vision:\n  zones: {{door: {{points: {AREA}, labels: person}}}}\n", "not a list of labels. got person"),
        (f"vision:\n  zones: {{door: {{points: {AREA}, labels: []}}}}\n", "not a list of labels. got []"),
        (f"vision:\n  zones: {{door: {{points: {AREA}, labels: [persn]}}}}\n", "did you mean person?"),
        (f"vision:\n  zones: {{door: {{points: {AREA}, labels: [ghost]}}}}\n", "no such label. got ghost"),
        (f"vision:\n  zones: {{door: {{points: {AREA}, labels: [animal, animal]}}}}\n", "named twice"),
        (
            f"vision:\n  zones: {{door: {{points: {AREA}, labels: [person], quiet: [person, animal]}}}}\n",
            "door.quiet: does not count there. got animal. want some of the zone's labels",
        ),
        (
            f"vision:\n  classify: no\n  zones: {{door: {{points: {AREA}, quiet: [animal]}}}}\n",
            "vision.classify: nobody tells labels apart. got no, and labels in zone door",
        ),
        ("alerts:\n  labels: [person, animal]\n  ignore: [animal]\n", "alerts.ignore: told of and ignored. got animal"),
        ("vision: {classify: no}\nalerts: {ignore: [animal]}\n", "2: alerts.ignore: nobody tells labels apart"),
        (
            f"vision: {{privacy: {{door: {AREA}}}}}\ncamera: {{source: 'rtsp://10.0.0.5/main'}}\n",
            "2: camera.source: the recording would show what vision.privacy covers. got a camera whose H.264 is "
            "copied as it is. want record.encode: yes",
        ),
        (
            f"cameras:\n  a: {{source: 'http://10.0.0.4/'}}\n  b:\n    source: rtsp://10.0.0.5/main\n"
            f"    vision: {{privacy: {{door: {AREA}}}}}\n",
            "4: cameras.b.source: the recording would show what vision.privacy covers",
        ),
    ],
)
def test_each_fault_has_its_words(file: Path, text: str, said: str) -> None:
    assert said in fault(file, text)


@pytest.mark.parametrize(
    "camera",
    ["{source: 'http://10.0.0.4/'}", "{source: pi}", "{source: 'rtsp://10.0.0.5/'}\nrecord: {encode: yes}"],
)
def test_private_areas_fit_what_is_encoded_anyway(file: Path, camera: str) -> None:
    file.write_text(f"vision: {{privacy: {{door: {AREA}}}}}\ncamera: {camera}\n")
    assert load(file).vision.privacy


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"camera:\n\tname: x\n", ":2:1: yaml: a tab where spaces belong"),
        (b"camera: [\n", ":2:1: yaml: "),
        (b"camera:\n  name: a: b\n", ":2:10: yaml: "),
        (b"a: 1\n---\nb: 2\n", ":2:1: yaml: "),
        (b"camera:\n  name: \xff\n", ":2: file: not UTF-8. got byte 0xff"),
        (b"camera:\n  name: a\x01\n", ":2: yaml: a control character"),
        (5000 * b"[", ":1: yaml: nested too deeply"),
        (2_000_000 * b"#", ":1: file: too large"),
    ],
)
def test_a_file_that_is_not_yaml_is_told_with_its_place(file: Path, data: bytes, said: str) -> None:
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=re.escape(f"{file}{said}")):
        load(file)


def test_a_missing_file_and_a_folder_are_errors_when_asked_for(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match=re.escape(f"{path}:1: file: not there")):
            load(path)


@pytest.mark.parametrize(
    "text",
    [
        "mqtt:\n  password: hunter2\n",
        "mqtt:\n  password_file: hunter2\n",
        "mqtt:\n  token: hunter2\n",
        "mqtt:\n  password: *hunter2\n",
        "mqtt:\n  password: !hunter2!x y\n",
        "mqtt:\n  host: joe:hunter2@broker\n",
        "camera:\n  source: rtsp://joe:hunter2@10.0.0.5/main\n",
        "share:\n  to:\n    a: {url: 'https://joe:hunter2@h/'}\n",
        "share:\n  to:\n    a: {url: 'https://h/x?sig=hunter2'}\n",
        "share:\n  to:\n    a: {folder: /x, token: hunter2}\n",
    ],
)
def test_a_secret_is_never_shown(file: Path, text: str) -> None:
    assert "hunter2" not in "\n".join(faults(file, text))


def test_a_password_in_the_file_is_sent_to_a_file_of_its_own(file: Path) -> None:
    assert "want password_file: FILE" in fault(file, "mqtt:\n  password: x\n")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_that_others_can_read_is_an_error_with_its_mend(file: Path, tmp_path: Path, mode: int) -> None:
    password = tmp_path / "password"
    password.touch()
    password.chmod(mode)
    text = f"mqtt:\n  username: camd\n  password_file: {password}\n"
    assert f"got mode {mode:04o}. want chmod 600 {password}." in fault(file, text)
    password.chmod(0o600)
    assert load(file).mqtt.password_file == password


def test_a_password_without_an_account_is_an_error(file: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.touch(mode=0o600)
    assert "no username" in fault(file, f"mqtt:\n  password_file: {password}\n")
    assert "no such secret file" in fault(file, f"mqtt:\n  password_file: {tmp_path}/none\n")


@pytest.mark.parametrize(("held", "read_as"), [("pass word\n", "pass word"), ("p\r\n", "p"), ("ümlaut", "ümlaut")])
def test_a_secret_is_the_one_line_of_its_file(tmp_path: Path, held: str, read_as: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(held.encode())
    path.chmod(0o600)
    assert secret(path) == read_as


@pytest.mark.parametrize("held", [b"", b"\n", b"hunter2\nX-Header: 1\n", b"hunter2\xff"])
def test_a_file_that_holds_no_secret_is_an_error_that_shows_nothing(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "password"
    path.write_bytes(held)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        secret(path)
    assert "hunter2" not in str(caught.value)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        secret(path)


def test_a_faulty_value_brings_no_second_fault_with_it(file: Path) -> None:
    assert "max_length" in fault(file, "record:\n  pre_roll: 1 min\n  post_roll: 5 min\n  max_length: 20 hours\n")


def test_the_usual_places_are_looked_at_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CAMD_CONFIG", raising=False)
    home = tmp_path / ".config" / "camd" / "camd.yaml"
    home.parent.mkdir(parents=True)
    home.write_text("camera: {name: home}\n")
    named = tmp_path / "named.yaml"
    assert load(None).camera.name == "home"
    monkeypatch.setenv("CAMD_CONFIG", str(named))
    with pytest.raises(ConfigError, match=r"named\.yaml:1: file: not there"):
        load(None)
    named.write_text("camera: {name: named}\n")
    assert load(None).camera.name == "named"


def test_check_prints_settings_that_load_as_the_same(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vision = f"vision:\n  zones:\n    door: {{points: {AREA}, labels: [animal]}}\n  ignore: {{tree: {AREA}}}\n"
    file.write_text('camera:\n  name: "porch: 1"\n' + vision + "share:\n  to:\n    a b: {folder: /x}\n")
    assert main(["check", "--config", str(file)]) == 0
    shown = capsys.readouterr().out
    assert f"# from {file}:2\n" in shown
    assert "  port: 1883                              # default\n" in shown
    config = load(file)
    file.write_text(shown)
    assert load(file) == config


def test_check_prints_every_fault_and_ends_with_78(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("camra:\nmqtt:\n  port: 0\n")
    assert main(["check", "--config", str(file)]) == 78
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 2)


def test_check_tells_the_line_of_each_setting(file: Path) -> None:
    file.write_text("camera:\n  name: porch\n\nmqtt:\n  port: 1884\n  node:\n")
    lines = read(file).lines
    assert (lines["camera.name"], lines["mqtt.port"]) == ((file, 2), (file, 5))
    assert "mqtt.node" not in lines


@given(st.integers(0, 10**18))
def test_a_time_or_size_that_is_shown_reads_as_itself(count: int) -> None:
    for kind in (kinds.duration(0, 10**18), kinds.size(0, 10**18)):
        assert kind.read(kinds.Scalar(kind.show(count), "str")) == count


@given(areas())
def test_an_area_that_is_shown_reads_as_itself(
    tmp_path_factory: pytest.TempPathFactory, points: tuple[Point, ...]
) -> None:
    file = tmp_path_factory.getbasetemp() / "area.yaml"
    file.write_text(f"vision: {{privacy: {{a: {KEYS['vision.privacy.NAME'].show(points)}}}}}\n")
    assert load(file).vision.privacy == (Polygon("a", points),)


@given(st.text(alphabet="aé0~:-.#'\"\\ {[*&!%@|", min_size=1, max_size=20).map(lambda text: "x" + text))
def test_a_text_that_is_shown_reads_as_itself(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "text.yaml"
    file.write_text(f"mqtt:\n  username: {kinds.Text().show(text)}\n", encoding="utf-8")
    assert load(file).mqtt.username == text


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(data)
    try:
        config = load(file)
    except ConfigError as error:
        assert str(error).startswith(f"{file}:")  # noqa: PT017 - either outcome is right, each has its claim
    else:
        assert config == Config()


def test_the_defaults_are_within_their_own_ranges(file: Path) -> None:
    config = replace(Config(), share=Config().share)
    for section in fields(Config)[:-1]:
        if section.name == SEVERAL:
            continue
        for key in fields(getattr(config, section.name)):
            value = getattr(getattr(config, section.name), key.name)
            if value not in (None, "", ()):
                shown = KEYS[f"{section.name}.{key.name}"].kind.show(value)
                file.write_text(f"{section.name}:\n  {key.name}: {shown}\n")
                assert getattr(getattr(load(file), section.name), key.name) == value


def test_what_was_changed_while_camd_ran_wins_and_is_told_apart(file: Path, tmp_path: Path) -> None:
    file.write_text("vision: {sensitivity: 3, fps: 10}\n")
    over = tmp_path / "settings.yaml"
    over.write_text("vision:\n  sensitivity: 7\nrecord:\n  clips: no\n")
    loaded = overlaid(read(file), over)
    assert (loaded.config.vision.sensitivity, loaded.config.vision.fps, loaded.config.record.clips) == (7, 10, False)
    assert (loaded.lines["vision.sensitivity"], loaded.lines["vision.fps"]) == ((over, 2), (file, 1))
    assert overlaid(read(file), tmp_path / "none.yaml") == read(file)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mqtt: {cert_file: FILE}", "tls: no"),
        ("mqtt: {tls: yes, cert_file: FILE}", "cert_file alone"),
        ("camera: {name: reply}", "another name"),
        ("mqtt: {version: 3}", "3.1.1 or 5"),
        ("alerts: {picture: keep}", "did you mean kept?"),
        ("alerts: {page: 'http://u:p@pi'}", "can be read by others"),
        ("alerts: {page: 'ftp://pi'}", "not a complete address"),
        ("discovery: {style: devices}", "did you mean device?"),
    ],
)
def test_what_alerts_cannot_use_is_told(file: Path, text: str, what: str) -> None:
    assert any(what in line for line in faults(file, text.replace("FILE", str(SAMPLE))))


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("", True),
        (
            "mqtt: {version: 5}\nalerts: {picture: off}\nvision: {zones: {door: {points: [[0, 0], [1, 0], [1, 1]]}}}",
            True,
        ),
        ("share: {to: {stick: {folder: /media/stick}}}", True),
        ("mqtt: {versoin: 5}", False),
        ("vision: {sensitivity: 11}", False),
        ("vision: {ignore: {tree: [[0, 0], [1, 2]]}}", False),
        ("alerts: {labels: [cat]}", False),
    ],
)
def test_the_schema_of_the_settings_says_what_the_loader_says(file: Path, text: str, is_right: bool) -> None:
    validator = Draft202012Validator(schema())
    validator.check_schema(schema())
    assert validator.is_valid(yaml.safe_load(text)) is is_right
    file.write_text(text)
    if is_right:
        load(file)
    else:
        assert faults(file, text)


def test_the_sample_file_fits_the_schema() -> None:
    assert Draft202012Validator(schema()).is_valid(yaml.safe_load(SAMPLE.read_text()))


def test_a_missing_detector_is_refused_by_check_alone(file: Path, tmp_path: Path) -> None:
    model = tmp_path / "gone.onnx"
    file.write_text(f"vision:\n  detector: {model}\n")
    assert load(file).vision.detector == model
    with pytest.raises(ConfigError) as told:
        settings_check.main(["--config", str(file), "--data", str(tmp_path / "data")])
    assert [line.partition(" want")[0] for line in str(told.value).splitlines()] == [
        f"{file}:2: vision.detector: cannot be read (No such file or directory). got {one}."
        for one in (model, model.with_suffix(".yaml"))
    ]
