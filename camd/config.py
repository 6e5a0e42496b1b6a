"""The settings: what they are, what they default to, and every fault of a file at once.

Idea: each key is one row: a field with its default, its kind (type, unit, range) and one comment line. The loader,
`camd check` and the sample file config/camd.yaml all live from these rows.
Rule: secrets stand in files of their own, which the settings only name.
"""

import os
import re
import socket
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from camd import settings_camera as cameras
from camd import settings_hours as hours
from camd import settings_kinds as kinds
from camd import settings_paths as paths
from camd import settings_shapes as shapes
from camd.errors import ConfigError
from camd.mode import MODES
from camd.model import LABELS, SECOND, Nanos, Polygon, Zone
from camd.places import default_data
from camd.schedule import DAYS, Change, clashes
from camd.settings_file import SettingsFile
from camd.settings_kinds import Kind
from camd.settings_shapes import ListKind

MB = 1_000_000
GB = 1_000_000_000
MINUTE: Nanos = 60 * SECOND
HOUR: Nanos = 60 * MINUTE
DAY: Nanos = 24 * HOUR


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """`camera:` where the pictures come from."""

    name: str = "camera"
    source: str = ""
    detect_source: str = ""
    password_file: Path | None = None
    loop: bool = False
    size: cameras.Size | None = None
    rotation: str = "0"
    focus: float | None = None
    tuning: str = "normal"


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """`vision:` what counts as an event."""

    sensitivity: int = 5
    fps: float = 15.0
    merge_gap: Nanos = 6 * SECOND // 10
    detect: bool = True
    zones: tuple[Zone, ...] = ()
    ignore: tuple[Polygon, ...] = ()
    privacy: tuple[Polygon, ...] = ()
    classify: bool = True
    detector: Path | None = None


@dataclass(frozen=True, slots=True)
class RecordConfig:
    """`record:` what a clip holds."""

    clips: bool = True
    encode: bool = False
    pre_roll: Nanos = 5 * SECOND
    post_roll: Nanos = 3 * SECOND
    max_length: Nanos = 120 * SECOND
    memory: int = 32 * MB


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """`store:` where clips are kept and for how long."""

    data: Path = field(default_factory=default_data)
    max_bytes: int = 4 * GB
    keep_free: int = 500 * MB
    max_age: Nanos = 30 * DAY


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """`alerts:` which events the house is told of, and how loudly."""

    labels: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    cooldown: Nanos = 0
    per_hour: int = 60
    picture: str = "off"
    boxes: bool = True
    page: str = ""


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """`mqtt:` the broker that alerts go to."""

    host: str = "127.0.0.1"
    port: int = 1883
    node: str = field(default_factory=socket.gethostname)
    prefix: str = "camd"
    username: str = ""
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive: Nanos = 15 * SECOND
    version: str = "3.1.1"
    commands: bool = True


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """`discovery:` how Home Assistant finds camd."""

    style: str = "device"


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """`schedule:` when the mode changes by itself."""

    timezone: str = ""
    battery_clock: bool = False
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """One entry of `share.to`: a folder, or an https URL with the file that holds its bearer token."""

    name: str
    folder: Path | None = None
    url: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ShareConfig:
    """`share:` who may be sent a clip, when the owner orders it."""

    to: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """`guard:` the cage of each process."""

    strict: bool = False


@dataclass(frozen=True, slots=True)
class OneOfSeveral:
    """One entry of `cameras:`; what it does not say itself is as in the sections of the same names."""

    camera: CameraConfig
    vision: VisionConfig
    record: RecordConfig

    @property
    def name(self) -> str:
        """The name it stands under, which is the camera's."""
        return self.camera.name


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. With `cameras`, `camera` holds what they have in common."""

    camera: CameraConfig = field(default_factory=CameraConfig)
    cameras: tuple[OneOfSeveral, ...] = ()
    vision: VisionConfig = field(default_factory=VisionConfig)
    record: RecordConfig = field(default_factory=RecordConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    discovery: DiscoveryConfig = field(default_factory=DiscoveryConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    share: ShareConfig = field(default_factory=ShareConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)

    def each(self) -> tuple["Config", ...]:
        """The settings of each camera, as if it were the only one."""
        if not self.cameras:
            return (self,)
        return tuple(
            replace(self, camera=one.camera, vision=one.vision, record=one.record, cameras=()) for one in self.cameras
        )


@dataclass(frozen=True, slots=True)
class Key:
    """What the loader and the docs know of one key."""

    kind: Kind[Any] | ListKind
    comment: str

    def show(self, value: Any) -> str:
        """Return a value as YAML, "" for one that is not set."""
        return "" if value in (None, "", ()) else self.kind.show(value)


# One row per key: what may stand there, and what it is for.
KEYS = {
    "camera.name": Key(kinds.Name(), "what the camera is called in topics and clips"),
    "camera.source": Key(cameras.Source(), "where its pictures come from; empty: given on the command line"),
    "camera.detect_source": Key(
        cameras.Stream(), "a smaller stream of the same camera to look at; clips are of source; empty: source"
    ),
    "camera.password_file": Key(paths.SecretFile(), "file with NAME:PASSWORD of a network camera; empty: it has none"),
    "camera.loop": Key(kinds.Switch(), "start a video file again at its end"),
    "camera.size": Key(
        cameras.SizeKind(),
        "of a camera module or webcam; empty: 1920x1080@15, on a Pi 5 and of a webcam 1280x720@15",
    ),
    "camera.rotation": Key(kinds.Choice(("0", "180")), "degrees; 180: a camera module that hangs upside down"),
    "camera.focus": Key(cameras.Focus(), "of a camera module whose lens can move"),
    "camera.tuning": Key(
        cameras.Tuning(), "of a camera module; infrared: one without infrared filter, its pictures are grey"
    ),
    "vision.sensitivity": Key(kinds.Whole(1, 10), "how little motion is an event: 1 sees least, 10 most"),
    "vision.fps": Key(kinds.Number(1, 60), "pictures looked at in a second; clips keep all of them"),
    "vision.merge_gap": Key(kinds.duration(0, 5 * MINUTE), "a pause of one motion that does not end it"),
    "vision.detect": Key(kinds.Switch(), "look for events at all"),
    "vision.zones.NAME.points": Key(
        shapes.Points(), "its corners in order, in parts of the picture's width and height"
    ),
    "vision.zones.NAME.sensitivity": Key(kinds.Whole(1, 10), "its own; empty: the camera's"),
    "vision.zones.NAME.labels": Key(
        shapes.Labels(LABELS), "what counts there, once it is told apart, the rest is ignored; empty: all"
    ),
    "vision.zones.NAME.quiet": Key(shapes.Labels(LABELS), "of those, what is recorded without an alert"),
    "vision.ignore.NAME": Key(shapes.Points(), "corners of an area whose motion never counts"),
    "vision.privacy.NAME": Key(shapes.Points(), "corners of an area that nobody may see"),
    "vision.classify": Key(kinds.Switch(), "tell person, vehicle, animal and other apart"),
    "vision.detector": Key(
        paths.Model(), "a YOLO-like ONNX model for that, with FILE.yaml beside it; empty: camd's own"
    ),
    "record.clips": Key(kinds.Switch(), "keep a clip of each event"),
    "record.encode": Key(
        kinds.Switch(), "encode what a network camera or file gives anew, with vision.privacy covered; costs CPU"
    ),
    "record.pre_roll": Key(kinds.duration(0, MINUTE), "kept from before the motion began"),
    "record.post_roll": Key(kinds.duration(0, 5 * MINUTE), "kept from after the motion ended"),
    "record.max_length": Key(kinds.duration(SECOND, HOUR), "a longer clip goes on in a second file"),
    "record.memory": Key(kinds.size(MB, 2 * GB), "most memory that the pre-roll may take"),
    "store.data": Key(paths.Folder(), "data folder; empty: ~/.local/state/camd, or systemd's"),
    "store.max_bytes": Key(kinds.size(10 * MB, 1000 * 1000 * GB), "most disk that clips may take"),
    "store.keep_free": Key(kinds.size(0, 1000 * 1000 * GB), "disk that is left free for everything else"),
    "store.max_age": Key(kinds.duration(MINUTE, 36_500 * DAY), "older clips are deleted unless starred"),
    "alerts.labels": Key(shapes.Labels(LABELS), "tell of these alone, once they are told apart; empty: of all motion"),
    "alerts.ignore": Key(shapes.Labels(LABELS), "neither clip nor alert of these, anywhere, once they are told apart"),
    "alerts.cooldown": Key(kinds.duration(0, DAY), "silence after an alert, for each label and zone; clips are kept"),
    "alerts.per_hour": Key(kinds.Whole(0, 3600), "most alerts in an hour, the rest are told as a number; 0: no limit"),
    "alerts.picture": Key(
        kinds.Choice(("off", "sent", "kept")), "a picture with each alert; kept: the broker keeps the last one"
    ),
    "alerts.boxes": Key(kinds.Switch(), "mark in the picture what moved"),
    "alerts.page": Key(kinds.PageUrl(), "camd's web page, for a link in each alert; empty: no link"),
    "mqtt.host": Key(kinds.Host(), "the broker"),
    "mqtt.port": Key(kinds.Whole(1, 65_535), "its port: by custom 1883, and 8883 with tls"),
    "mqtt.node": Key(kinds.Name(), "this machine's level in topics; empty: the host name"),
    "mqtt.prefix": Key(kinds.Name(), "the first level of every topic"),
    "mqtt.username": Key(kinds.Text(), "account on the broker; empty: none"),
    "mqtt.password_file": Key(paths.SecretFile(), "file that holds its password"),
    "mqtt.tls": Key(kinds.Switch(), "encrypt the connection and verify the broker"),
    "mqtt.ca_file": Key(paths.File(), "certificate to verify it by; empty: the system's"),
    "mqtt.cert_file": Key(paths.File(), "certificate that this camd shows the broker; empty: none"),
    "mqtt.key_file": Key(paths.SecretFile(), "file that holds the certificate's key"),
    "mqtt.keepalive": Key(kinds.duration(5 * SECOND, 18 * HOUR), "the broker misses camd after 1.5 of these"),
    "mqtt.version": Key(kinds.Choice(("3.1.1", "5")), "the protocol"),
    "mqtt.commands": Key(kinds.Switch(), "hear commands; none can share, delete, unlock or leave home mode"),
    "discovery.style": Key(
        kinds.Choice(("device", "component", "off")), "component: for readers that know only single components"
    ),
    "schedule.timezone": Key(hours.TimeZone(), "whose clock the times of the changes mean; empty: the machine's"),
    "schedule.battery_clock": Key(
        kinds.Switch(), "a battery keeps the date without power; else changes wait until the date is known"
    ),
    "schedule.changes.NAME.at": Key(hours.TimeOfDay(), "when"),
    "schedule.changes.NAME.mode": Key(kinds.Choice(MODES), "what the mode is from then on"),
    "schedule.changes.NAME.days": Key(shapes.Labels(DAYS, "day"), "on which days; empty: on each"),
    "share.to.NAME.folder": Key(paths.Folder(), "folder that clips are copied to"),
    "share.to.NAME.url": Key(kinds.HttpsUrl(), "where clips are PUT; with / at its end each under a name of its own"),
    "share.to.NAME.token_file": Key(paths.SecretFile(), "file that holds its bearer token"),
    "share.to.NAME.ca_file": Key(paths.File(), "certificate to verify it by; empty: the system's"),
    "guard.strict": Key(kinds.Switch(), "a process does not run when it finds its cage open"),
}

Section = (
    CameraConfig | VisionConfig | RecordConfig | StoreConfig | AlertsConfig | MqttConfig | DiscoveryConfig
    | ScheduleConfig | ShareConfig | GuardConfig | Change | Destination | Zone
)  # fmt: skip
S = TypeVar(
    "S", CameraConfig, VisionConfig, RecordConfig, StoreConfig, AlertsConfig, MqttConfig, DiscoveryConfig,
    ScheduleConfig, ShareConfig, GuardConfig, Change, Destination, Zone,
)  # fmt: skip
Entry = Change | Destination | Zone | Polygon

# Where a section's rows stand in KEYS.
ROWS: dict[type[Section], str] = {
    CameraConfig: "camera",
    VisionConfig: "vision",
    RecordConfig: "record",
    StoreConfig: "store",
    AlertsConfig: "alerts",
    MqttConfig: "mqtt",
    DiscoveryConfig: "discovery",
    ScheduleConfig: "schedule",
    ShareConfig: "share",
    GuardConfig: "guard",
    Change: "schedule.changes.NAME",
    Destination: "share.to.NAME",
    Zone: "vision.zones.NAME",
}
# Keys under which the owner's own names stand, each with an entry of its own; an entry of `cameras` has no rows of its
# own, but those of three sections.
NAMED = {"vision.zones", "vision.ignore", "vision.privacy", "schedule.changes", "share.to"}
SEVERAL = "cameras"
assert {path.removesuffix(".NAME") for path in KEYS} | NAMED == {
    f"{row}.{key.name}" for section, row in ROWS.items() for key in fields(section)
} - {"schedule.changes.NAME.name", "share.to.NAME.name", "vision.zones.NAME.name"}, "every key has its row"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config, the file it was read from (None: all defaults) and where keys were set, as (file, line)."""

    config: Config
    path: Path | None
    lines: dict[str, tuple[Path, int]]


def load(path: Path | None) -> Config:
    """Return the settings of `path`, or of the first file found where they usually lie; raises ConfigError."""
    return read(path).config


def overlaid(loaded: Loaded, path: Path) -> Loaded:
    """Return the settings with those of the file at `path`, where there is one, laid over; raises ConfigError."""
    if not path.exists():
        return loaded
    over = _loaded(path, loaded.config, {one.name for one in loaded.config.cameras})
    return Loaded(over.config, loaded.path, {**loaded.lines, **over.lines})


def read(path: Path | None) -> Loaded:
    """Like `load`, and tells where each setting comes from."""
    path = path or _usual_path()
    return Loaded(Config(), None, {}) if path is None else _loaded(path, Config())


def _loaded(path: Path, base: Config, known: Collection[str] | None = None) -> Loaded:
    """The settings of a file over `base`; of cameras those that are `known` (None: any)."""
    file = SettingsFile(path)
    config = _config(file, base, known)
    if file.faults:
        raise ConfigError("\n".join(text for _, text in sorted(file.faults)))
    return Loaded(config, path, {key: (path, line) for key, line in file.lines.items()})


def secret(path: Path) -> str:
    """Return the one line in a password or token file; raises ConfigError, which never shows it."""
    try:
        paths.check_secret(path)
        text = readable(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except kinds.WrongError as error:
        raise ConfigError(f"{path}: {error.what}. got {error.got}. want {error.want or 'a file'}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this secret cannot be read. want one line of UTF-8 text.") from error
    if not text or not text.isprintable():
        raise ConfigError(f"{path}: not a secret. got {len(text)} characters. want one line of text.")
    return text


def credential_name(path: Path) -> str:
    """Return what systemd is to call the secret at `path` when it hands it to a process: no two paths are called alike.

    A name is a word of ASCII; what else a path has in it is written as its number (systemd.exec, LoadCredential).
    """
    return re.sub("[^A-Za-z0-9./]", lambda found: f"_{ord(found[0]):x}_", str(path).strip("/")).replace("/", "-")


def readable(path: Path) -> Path:
    """Return where a secret can be read: where systemd has put it for this process alone, else where it lies."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    handed = Path(given) / credential_name(path) if given else path
    return handed if handed.exists() else path


def _usual_path() -> Path | None:
    given = os.environ.get("CAMD_CONFIG")
    if given:  # asked for by name: missing is an error, not a reason to look elsewhere
        return Path(given)
    usual = (Path("~/.config/camd/camd.yaml").expanduser(), Path("/etc/camd/camd.yaml"))
    return next((path for path in usual if path.exists()), None)


def _config(file: SettingsFile, base: Config, known: Collection[str] | None) -> Config:
    sections = dict(file.pairs(file.root(), "", [row.name for row in fields(Config)]))
    common = Config(
        camera=_section(file, "camera", base.camera, sections.get("camera")),
        vision=_section(file, "vision", base.vision, sections.get("vision")),
        record=_section(file, "record", base.record, sections.get("record")),
        store=_section(file, "store", base.store, sections.get("store")),
        alerts=_section(file, "alerts", base.alerts, sections.get("alerts")),
        mqtt=_section(file, "mqtt", base.mqtt, sections.get("mqtt")),
        discovery=_section(file, "discovery", base.discovery, sections.get("discovery")),
        schedule=_section(file, "schedule", base.schedule, sections.get("schedule")),
        share=_section(file, "share", base.share, sections.get("share")),
        guard=_section(file, "guard", base.guard, sections.get("guard")),
    )
    entries = file.pairs(sections.get(SEVERAL), f"{SEVERAL}.", None)
    config = replace(
        common, cameras=_several(file, common, base, [one for one in entries if known is None or one[0] in known])
    )
    if not file.faults:
        for key, *fault in _contradictions(config):
            file.fault(file.lines.get(key, 1), key, *fault)
    return config


def _contradictions(config: Config) -> Iterator[tuple[str, str, str, str]]:
    """Give what values of two sections do not fit together, as the whole key, what is wrong, got, want."""
    if not any(each.vision.classify for each in config.each()):
        for key, labels in (("alerts.labels", config.alerts.labels), ("alerts.ignore", config.alerts.ignore)):
            if labels:
                yield key, "nobody tells labels apart", "vision.classify: no", "vision.classify: yes, or no labels here"
    for each in config.each():
        if each.vision.privacy and not each.record.encode and each.camera.source.startswith(cameras.COPIED):
            section = f"{SEVERAL}.{each.camera.name}" if config.cameras else "camera"
            yield f"{section}.source", *cameras.UNMASKED


def _several(
    file: SettingsFile, common: Config, base: Config, entries: Iterable[tuple[str, yaml.Node]]
) -> tuple[OneOfSeveral, ...]:
    """The entries of `cameras`; those of `base` that the file does not name stay as they are."""
    found = {one.name: one for one in base.cameras}
    for name, value in entries:
        key = f"{SEVERAL}.{name}"
        _check_name(file, key, name)
        default = OneOfSeveral(replace(common.camera, name=name, source=""), common.vision, common.record)
        found[name] = _one_of_several(file, key, found.get(name, default), value)
    if found:
        for key in ("camera.name", "camera.source"):
            if key in file.lines:
                what, got = "one camera beside several", getattr(common.camera, key.partition(".")[2])
                file.fault(file.lines[key], key, what, got, f"it as an entry of {SEVERAL}")
    return tuple(found.values())


def _one_of_several(file: SettingsFile, key: str, default: OneOfSeveral, node: yaml.Node) -> OneOfSeveral:
    own = [name for name in keys(ROWS[CameraConfig]) if name != "name"]
    pairs = dict(file.pairs(node, f"{key}.", [*own, "vision", "record"]))
    vision, record = pairs.pop("vision", None), pairs.pop("record", None)
    before = len(file.faults)
    camera = _filled(file, key, default.camera, pairs.items())
    if not camera.source and len(file.faults) == before:
        file.fault(file.lines[key], key, "a camera without a source", "no source", f"source: {cameras.Source().want}")
    return OneOfSeveral(
        camera,
        default.vision if vision is None else _section(file, f"{key}.vision", default.vision, vision),
        default.record if record is None else _section(file, f"{key}.record", default.record, record),
    )


def _section(file: SettingsFile, path: str, default: S, node: yaml.Node | None) -> S:
    return _filled(file, path, default, file.pairs(node, f"{path}.", keys(ROWS[type(default)])))


def _filled(file: SettingsFile, path: str, default: S, pairs: Iterable[tuple[str, yaml.Node]]) -> S:
    """The section with what stands at its keys."""
    before = len(file.faults)
    row = ROWS[type(default)]
    found = {key: _setting(file, f"{path}.{key}", f"{row}.{key}", value, getattr(default, key)) for key, value in pairs}
    section = replace(default, **found)
    if len(file.faults) == before:  # a faulty value has its default here, which may fit nothing
        for key, *fault in _conflicts(section):
            file.fault(file.lines.get(f"{path}.{key}") or file.lines[path], f"{path}.{key}".rstrip("."), *fault)
    return section


def keys(row: str) -> list[str]:
    """Return the keys of a section whose rows stand at `row`, in their order."""
    return list(dict.fromkeys(path.split(".")[row.count(".") + 1] for path in KEYS if path.startswith(f"{row}.")))


def _setting(file: SettingsFile, key: str, row: str, node: yaml.Node, default: object) -> Any:
    if row in NAMED:
        return tuple(_entry(file, key, row, name, value) for name, value in file.pairs(node, f"{key}.", None))
    return _value(file, key, row, node, default)


def _value(file: SettingsFile, key: str, row: str, node: yaml.Node, default: object) -> Any:
    kind = KEYS[row].kind
    return kind.read(file, key, node) if isinstance(kind, ListKind) else file.value(kind, key, node, default)


def _entry(file: SettingsFile, group: str, row: str, name: str, node: yaml.Node) -> Entry:
    key = f"{group}.{name}"
    _check_name(file, key, name)
    if row == "schedule.changes":
        return _section(file, key, Change(name), node)
    if row == "share.to":
        return _section(file, key, Destination(name), node)
    if row == "vision.zones":
        return _section(file, key, Zone(name), node)
    return Polygon(name, _value(file, key, f"{row}.NAME", node, ()))


def _check_name(file: SettingsFile, key: str, name: str) -> None:
    try:
        kinds.Name().read(kinds.Scalar(name, "str"))
    except kinds.WrongError as error:
        file.fault(file.lines[key], key, error.what, name, kinds.Name().want)


def _conflicts(section: Section) -> Iterator[tuple[str, str, str, str]]:
    """Give what values of one section do not fit together, as key, what is wrong, got, want."""
    match section:
        case RecordConfig(pre_roll=pre, post_roll=post, max_length=longest) if longest <= pre + post:
            row = KEYS["record.max_length"]
            yield (
                "max_length",
                "no room for an event",
                row.show(longest),
                f"more than pre_roll + post_roll = {row.show(pre + post)}",
            )
        case MqttConfig():
            if section.password_file and not section.username:
                yield "password_file", "a password without an account", "no username", "mqtt.username too"
            if section.ca_file and not section.tls:
                yield "ca_file", "a certificate that is not used", "tls: no", "tls: yes, or no ca_file"
            if section.cert_file and not section.tls:
                yield "cert_file", "a certificate that is not used", "tls: no", "tls: yes, or no cert_file"
            if (section.cert_file is None) != (section.key_file is None):
                given, lacking = ("cert_file", "key_file") if section.cert_file else ("key_file", "cert_file")
                yield given, "a certificate and its key belong together", f"{given} alone", f"mqtt.{lacking} too"
        case VisionConfig(classify=False) if ruled := [zone for zone in section.zones if zone.labels or zone.quiet]:
            got = f"no, and labels in zone {ruled[0].name}"
            yield "classify", "nobody tells labels apart", got, "yes, or no labels there"
        case AlertsConfig() if both := set(section.labels) & set(section.ignore):
            yield "ignore", "told of and ignored", ", ".join(sorted(both)), "each label in labels or in ignore"
        case Zone() if section.labels and (lost := set(section.quiet) - set(section.labels)):
            yield "quiet", "does not count there", ", ".join(sorted(lost)), "some of the zone's labels"
        case CameraConfig():
            if section.name == "reply":
                yield "name", "answers to commands have this name in topics", "reply", "another name"
            yield from cameras.conflicts(section)
        case Change(at=None) | Change(mode=""):
            lacking = "at" if section.at is None else "mode"
            kind = KEYS[f"schedule.changes.NAME.{lacking}"].kind
            yield lacking, "a change that lacks something", f"no {lacking}", f"{lacking}: {kind.want}"
        case ScheduleConfig(changes=changes):
            for one, other in clashes(changes):
                yield "changes", "two modes at once", f"{one.name} and {other.name}", "one of them, or other days"
        case Zone(points=()):
            yield (
                "points",
                "a zone without an area",
                "no points",
                f"points: {KEYS['vision.zones.NAME.points'].kind.want}",
            )
        case Destination(folder=None, url=""):
            yield "", "nowhere to send to", "neither folder nor url", "folder: PATH, or url: https://HOST/"
        case Destination(folder=Path()) if section.url:
            yield "", "two places to send to", "folder and url", "one of them"
        case Destination(folder=Path()) if section.token_file or section.ca_file:
            yield "", "a folder needs no token and no certificate", "token_file or ca_file", "folder alone"
