"""The map of the house holds: who may import whom, and which foreign world is known by which file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import camd
from camd.__main__ import VERBS

ROOT = Path(camd.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
ROOMS = {"camera", "vision", "clips", "store", "alerts", "learning", "web", "share"}
DOORS = {
    ("clips", "store"), ("web", "store"), ("learning", "store"), ("share", "store"),
    ("web", "share"), ("learning", "vision"),
}  # fmt: skip
GROUND = {
    "model", "geometry", "clock", "config", "settings_check", "settings_file", "settings_kinds", "settings_paths",
    "settings_camera", "settings_hours", "settings_shapes", "settings_schema",
    "schedule", "timer", "errors", "worker", "ledger", "ledger_desk", "places", "terminal", "alive",
    "bell", "mode", "mode_desk", "owner", "owner_desk", "systemd", "wishes", "cage", "guard",
    "signals", "warden", "wanted",
}  # fmt: skip
ROOFS = {
    "__main__", "budget", "capture", "controls", "dials", "eye", "feedback", "gate", "habits", "housekeeper",
    "labelling", "learn", "lookout", "watchdog", "pipeline", "pulse", "recording", "telling", "watcher", "schema_desk",
    "classify", "harvest", "upkeep", "units", "doctor", "checkups", "status",
    "replay", "replays", "run", "demo", "bench", "benches", "broker", "score", "scene", "drawn",
}  # fmt: skip
FOREIGN = {
    "av": {
        "camera/stream.py",
        "camera/decoder.py",
        "camera/encoder.py",
        "camera/reader.py",
        "camera/network.py",
        "camera/webcam.py",
        "clips/writer.py",
        "clips/salvage.py",
        "scene.py",
        "benches/mask.py",
        "benches/replay.py",
        "replays/film.py",
    },
    "paho": {"alerts/link.py"},
    "jsonschema": {"alerts/checked.py"},
    "sqlite3": {"store/index.py", "store/trust.py", "store/trouble.py", "alerts/outbox.py", "alerts/database.py"},
    "amqtt": {"broker.py"},
    "torch": {"learning/train.py", "learning/net.py", "learning/lessons.py"},
    "onnx": {"learning/teacher.py", "learning/net.py"},
    "picamera2": {"camera/pi.py"},
    "libcamera": {"camera/pi.py"},
    "time": {"clock.py"},
    # a host name; free ports for brokers on loopback; one camera's address; what a cage shuts, and whether it does;
    # systemd's own socket; names
    "socket": {
        "config.py",
        "demo.py",
        "benches/alert.py",
        "camera/connection.py",
        "camera/relay.py",
        "cage.py",
        "guard.py",
        "warden.py",
        "systemd.py",
        "units.py",
        "checkups/camera.py",
    },
    "signal": {"signals.py", "alerts/mqtt.py", "alerts/selftest.py", "broker.py", "run.py"},
    "pwd": {"checkups/rights.py"},
    "seccompy": {"cage.py", "warden.py"},
    "http": {"share/send.py", "camera/network.py"},
    "ssl": {"share/send.py", "alerts/link.py"},
}
NEVER = {
    "urllib.request",
    "requests",
    "httpx",
    "aiohttp",
    "ftplib",
    "smtplib",
    "telnetlib",
    "xmlrpc",
    "socketserver",
    "pickle",
}
PURE_FILES = [
    "model.py", "geometry.py", "schedule.py", "budget.py", "clips/preroll.py", "clips/parameters.py", "store/ring.py",
    "score.py",
    "alerts/message.py", "alerts/states.py", "alerts/payload.py", "alerts/topics.py", "alerts/policy.py",
    "alerts/command.py", "alerts/missed.py", "alerts/homeassistant.py",
    *(str(path.relative_to(ROOT)) for path in ROOT.glob("vision/*.py")),
]  # fmt: skip
IMPURE = {"time", "threading", "sqlite3", "av", "paho", "socket", "os", "subprocess", "asyncio", "random", "secrets"}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _part(path: Path) -> str:
    """The room, ground file or roof that a file is."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def test_every_file_is_in_a_room_or_is_ground_or_roof() -> None:
    unknown = {_name(path) for path in FILES} - {"__init__.py"}
    assert {name for name in unknown if Path(name).with_suffix("").parts[0] not in ROOMS | GROUND | ROOFS} == set()


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_imports_only_what_its_place_allows(path: Path) -> None:
    here = _part(path)
    for name in _imports(path):
        if not name.startswith("camd.") or here in ROOFS:
            continue
        there = name.split(".")[1]
        allowed = (
            there in GROUND or there == "__version__" or (here, there) in DOORS or (here in ROOMS and here == there)
        )
        assert allowed, f"{_name(path)} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_imports_stand_at_the_top(path: Path) -> None:
    inside = [
        node.lineno
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_each_foreign_world_is_known_by_its_own_files_alone(path: Path) -> None:
    worlds = {name.split(".")[0] for name in _imports(path)}
    assert not (worlds | _imports(path)) & NEVER
    for world in worlds & set(FOREIGN):
        assert _name(path) in FOREIGN[world], f"{_name(path)} imports {world}"


@pytest.mark.parametrize("name", PURE_FILES)
def test_a_pure_file_knows_no_world(name: str) -> None:
    assert not {found.split(".")[0] for found in _imports(ROOT / name)} & IMPURE


def test_modules_have_no_cycles() -> None:
    modules = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in FILES}
    graph = {
        module: {m for name in _imports(path) for m in (name, name.rpartition(".")[0]) if m in modules and m != module}
        for module, path in modules.items()
    }
    while leaves := {module for module, needs in graph.items() if not needs & graph.keys()}:
        for module in leaves:
            del graph[module]
    assert graph == {}


def test_every_verb_has_a_main_that_prints_help() -> None:
    for verb in VERBS:
        shown = subprocess.run(
            [sys.executable, "-m", "camd", verb, "--help"], capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.startswith(f"usage: camd {verb}")


@pytest.mark.parametrize(
    ("verb", "heavy"),
    [
        ("notify", ["numpy", "cv2", "av", "rich", "amqtt", "jsonschema"]),
        ("capture", ["paho", "rich", "amqtt", "asyncio", "jsonschema"]),
        ("send", ["numpy", "cv2", "av", "paho", "amqtt"]),
        ("run", ["rich", "amqtt", "paho", "numpy", "cv2", "av"]),
    ],
)
def test_a_process_loads_nothing_that_it_does_not_need(verb: str, heavy: list[str]) -> None:
    module = VERBS[verb][0]
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_unknown_verb_and_a_wrong_option_end_with_64() -> None:
    for arguments in (["fly"], ["replay", "--fast"], ["run", "--nonsense"], []):
        ended = subprocess.run([sys.executable, "-m", "camd", *arguments], capture_output=True, text=True, check=False)
        assert ended.returncode == 64


def test_public_things_and_files_say_what_they_are() -> None:
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text())), f"{_name(path)} has no docstring"


def test_no_stray_notes_are_left_in_the_code() -> None:
    for path in FILES:
        assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text()), _name(path)
