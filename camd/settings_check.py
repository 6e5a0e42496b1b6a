"""`camd check`: every setting with where it comes from, printed so that it loads as the same settings."""

from collections.abc import Collection, Iterator
from dataclasses import fields, replace
from pathlib import Path

from camd import settings_kinds as kinds
from camd import settings_paths as paths
from camd.config import KEYS, NAMED, ROWS, SEVERAL, Config, Entry, Loaded, Section, keys, overlaid, read
from camd.errors import ConfigError
from camd.model import Polygon
from camd.places import Places
from camd.terminal import Parser

DETECTOR = "vision.detector"


def main(arguments: list[str]) -> int:
    """`camd check`: print every setting with where it comes from; raises ConfigError with every fault."""
    parser = Parser(
        prog="camd check",
        description="Check the config file. Prints every setting and where it comes from, or every fault and where "
        "it stands. Without --config the file is the first of $CAMD_CONFIG, ~/.config/camd/camd.yaml and "
        "/etc/camd/camd.yaml that exists; without any, all settings have their defaults. What was changed while camd "
        "ran, such as over MQTT, lies in settings.yaml in the data folder and wins.",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="check this file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder, instead of store.data")
    wanted = parser.parse_args(arguments)
    loaded = read(wanted.config)
    loaded = overlaid(loaded, Places.of(wanted.data or loaded.config.store.data).settings)
    if faults := list(_unreadable(loaded)):
        raise ConfigError("\n".join(faults))
    for line in report(loaded):
        print(line)
    return 0


def _unreadable(loaded: Loaded) -> Iterator[str]:
    """The faults of detectors that cannot be read; camd would record without them."""
    config = loaded.config
    detectors = {DETECTOR: config.vision.detector}
    detectors |= {f"{SEVERAL}.{one.name}.{DETECTOR}": one.vision.detector for one in config.cameras}
    for key, detector in detectors.items():
        if detector is not None and key in loaded.lines:
            path, line = loaded.lines[key]
            for file in (detector, detector.with_suffix(".yaml")):
                yield from (f"{path}:{line}: {key}: {what}" for what in _unread(file))


def _unread(file: Path) -> Iterator[str]:
    try:
        paths.check_readable(file)
    except kinds.WrongError as error:
        yield f"{error.what}. got {error.got}. want {KEYS[DETECTOR].kind.want}, with FILE.yaml beside it."


def report(loaded: Loaded) -> Iterator[str]:
    """Every setting with where it comes from, as lines that load as the same settings."""
    yield f"# {loaded.path or 'no config file'}"
    for section in fields(Config):
        yield f"{section.name}:"
        if section.name == SEVERAL:
            yield from _several(loaded)
        else:
            common = ("name", "source") if section.name == "camera" and loaded.config.cameras else ()
            yield from _settings(loaded, section.name, getattr(loaded.config, section.name), "  ", common)


def _several(loaded: Loaded) -> Iterator[str]:
    for one in loaded.config.cameras:
        key = f"{SEVERAL}.{one.name}"
        common = {f"{key}.{path.removeprefix('camera.')}": at for path, at in loaded.lines.items()}
        loaded = replace(loaded, lines={**common, **loaded.lines})
        yield f"  {kinds.Name().show(one.name)}:"
        yield from _settings(loaded, key, one.camera, "    ", ("name",))
        for name, section in (("vision", one.vision), ("record", one.record)):
            yield f"    {name}:"
            yield from _settings(loaded, f"{key}.{name}", section, "      ")


def _settings(
    loaded: Loaded, path: str, section: Section, indent: str, left_out: Collection[str] = ()
) -> Iterator[str]:
    row = ROWS[type(section)]
    for key in keys(row):
        value = getattr(section, key)
        if key in left_out:
            continue
        if f"{row}.{key}" in NAMED:
            yield f"{indent}{key}:"
            for entry in value:
                yield from _shown(loaded, f"{path}.{key}", f"{row}.{key}", entry, indent + "  ")
        else:
            yield _line(loaded, f"{path}.{key}", f"{indent}{key}", KEYS[f"{row}.{key}"].show(value))


def _shown(loaded: Loaded, group: str, row: str, entry: Entry, indent: str) -> Iterator[str]:
    key, name = f"{group}.{entry.name}", f"{indent}{kinds.Name().show(entry.name)}"
    if isinstance(entry, Polygon):
        yield _line(loaded, key, name, KEYS[f"{row}.NAME"].show(entry.points))
        return
    yield f"{name}:"
    yield from _settings(loaded, key, entry, indent + "  ")


def _line(loaded: Loaded, key: str, name: str, text: str) -> str:
    path, line = loaded.lines.get(key, (None, 0))
    return f"{name}: {text}".ljust(40) + f"  # {f'from {path}:{line}' if path else 'default'}"
