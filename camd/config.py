"""The settings: what they are, what they default to, and every fault of a file at once."""

import socket
from dataclasses import dataclass, field
from pathlib import Path

from camd.model import SECOND, Nanos
from camd.places import default_data

MB = 1_000_000
GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """`camera:` where the pictures come from."""

    name: str = "camera"
    source: str = ""
    loop: bool = False


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """`vision:` what counts as an event."""

    sensitivity: int = 5
    fps: float = 15.0
    merge_gap: Nanos = 1 * SECOND
    cooldown: Nanos = 0


@dataclass(frozen=True, slots=True)
class RecordConfig:
    """`record:` what a clip holds."""

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
    max_age: Nanos = 30 * 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """`mqtt:` the broker that alerts go to."""

    host: str = "localhost"
    port: int = 1883
    node: str = field(default_factory=socket.gethostname)
    prefix: str = "camd"
    username: str = ""
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    keepalive: Nanos = 15 * SECOND


@dataclass(frozen=True, slots=True)
class Destination:
    """One entry of `share.to`: a folder, or an https URL with the file that holds its bearer token."""

    name: str
    folder: Path | None = None
    url: str = ""
    token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ShareConfig:
    """`share:` who may be sent a clip, when the owner orders it."""

    to: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """All settings."""

    camera: CameraConfig = field(default_factory=CameraConfig)
    vision: VisionConfig = field(default_factory=VisionConfig)
    record: RecordConfig = field(default_factory=RecordConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    share: ShareConfig = field(default_factory=ShareConfig)
