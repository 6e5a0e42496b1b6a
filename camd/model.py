"""Every value that flows between the rooms.

Rule: values only. They are frozen, know no room, and need no numpy, so that the notify process can load them in a
few megabytes. Times named `Nanos` are nanoseconds on the machine's boot clock (the sensor's clock), which never steps;
times named `unix_ns` are nanoseconds since 1970 UTC, right only as far as the machine's clock was when they were read.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

Nanos = int
SECOND: Nanos = 1_000_000_000


class Box(NamedTuple):
    """A rectangle in fractions of the picture: 0..1, origin at the top left."""

    x: float
    y: float
    width: float
    height: float


Point = tuple[float, float]  # x and y in fractions of the picture: 0..1, origin at the top left

LABELS = ("person", "vehicle", "animal", "other")  # what motion can be told apart as
PERSON = "person"  # whom nothing that is learned may silence

# What is done about an event: the house is told, it is recorded without that, or neither.
ALERT, RECORD, IGNORE = "alert", "record", "ignore"


@dataclass(frozen=True, slots=True)
class Polygon:
    """An area of the picture that its owner drew: corners in order, at least three; edges do not cross."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Zone:
    """An area that counts. `sensitivity` None: the camera's.

    `labels` are those that count there, () for all; those in `quiet` are recorded there without an alert.
    """

    name: str
    points: tuple[Point, ...] = ()
    sensitivity: int | None = None
    labels: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """What a stream of `Packet` is: H.264 of `width` x `height` pixels at about `fps` pictures a second."""

    width: int
    height: int
    fps: float


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the sensor says of a picture: how long it was exposed, how much it was amplified, how bright the scene is.

    `lux` is None where the sensor does not know.
    """

    time_s: float
    gain: float
    lux: float | None = None


@dataclass(frozen=True, slots=True)
class Packet:
    """One encoded picture of the full stream: H.264 as Annex B, parameter sets before every key picture.

    `t` is the time it is shown at and `dts` the time it is decoded at (they differ with B-frames).
    """

    t: Nanos
    dts: Nanos
    is_key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Reason:
    """Why motion became an event, or did not: the figures at the moment of decision and the `rule` that decided.

    `changed_pixels` and `threshold` count pixels of the full picture, `blocks` the cells in which most of it moved;
    `noise_level` is the mean deviation of the picture in grey levels (0..255); `light_gain` is the factor by which the
    light of all changed in that frame, `shadow_ratio` that by which what moved was brighter than the background (1 also
    where nothing can be told). It was followed for `track_s` seconds, and came `travel` heights of the picture away
    from where it was first seen.
    """

    rule: str
    changed_pixels: int
    threshold: int
    blocks: int
    noise_level: float
    light_gain: float
    box: Box
    shadow_ratio: float = 1.0
    track_s: float = 0.0
    travel: float = 0.0
    zones: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """As JSON tells it everywhere, in alerts, sidecars and replays; numbers have four decimals at most."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in told.items()}
        return rounded | {"box": [round(side, 4) for side in self.box], "zones": list(self.zones)}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that moved: `began` is its first moving frame, `ended` its last so far.

    `label` is person, vehicle, animal, other or motion (undecided); `confidence` is the label's, 0..1, and 0 while
    it is undecided; `is_learned` says that it would be another one without what was learned at home, `is_person` that
    rules for people hold for it beside those for its label. `embeddings` are what the classifier's head saw in the best
    pictures, packed, or nothing; they are footage, and stay with the clip.
    `handling` is what is to be done about it: `ALERT`, `RECORD` or `IGNORE`.
    """

    id: str
    label: str
    confidence: float
    began: Nanos
    ended: Nanos
    reason: Reason
    zones: tuple[str, ...] = ()
    embeddings: bytes = b""
    is_learned: bool = False
    is_person: bool = False
    handling: str = ALERT


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished recording. `id` is its sequence number, `began` the time of its first picture.

    `size` counts the bytes of the MP4, `beside` those of its sidecar and thumbnail. `pre_roll_ns` is what it holds
    before its first event began. `events` are ids. `continues` is the clip that it carries on, `cut_short` says that
    pictures are missing (a stalled disk, a pulled plug). `synchronised` says that the machine knew the date.
    """

    id: int
    camera: str
    boot_id: str
    began: Nanos
    began_unix_ns: int
    duration_ns: int
    pre_roll_ns: int
    size: int
    beside: int
    sha256: str
    label: str
    events: tuple[str, ...]
    continues: int | None = None
    cut_short: bool = False
    starred: bool = False
    synchronised: bool = True


@dataclass(frozen=True, slots=True)
class Began:
    """An event was confirmed."""

    event: Event


@dataclass(frozen=True, slots=True)
class Grew:
    """An event goes on; `event.reason.box` is where it is now. At most five a second."""

    event: Event


@dataclass(frozen=True, slots=True)
class Ended:
    """An event is over."""

    event: Event


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Motion was seen from `began` to `ended` and judged not to be an event."""

    began: Nanos
    ended: Nanos
    reason: Reason


@dataclass(frozen=True, slots=True)
class Tampered:
    """Something is wrong with what the camera sees, or (`on` False) is well again; decided at `t`.

    `kind` is covered, blurred, moved, dark or frozen.
    """

    kind: str
    on: bool
    t: Nanos


@dataclass(frozen=True, slots=True)
class Degraded:
    """From `t` on nobody tells visitors apart (`on`): events go on without labels; or somebody does so again.

    `why` is one line, "" when all is well.
    """

    t: Nanos
    why: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class Saved:
    """A clip is durable on disk."""

    clip: Clip


@dataclass(frozen=True, slots=True)
class Faulted:
    """A part of the house fails (`on`), or does its work again; `what` is one word: storage."""

    what: str
    on: bool


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A picture of an open event, for the clip's thumbnail: the higher the `score`, the better it shows what came."""

    t: Nanos
    score: float
    jpeg: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Gap:
    """Packets were lost here: the disk was too slow for them."""


Finding = Began | Grew | Ended | Suppressed | Tampered | Degraded
Happening = Finding | Saved | Faulted
Footage = Packet | Gap | Glimpse | Finding  # what the recorder makes clips of, in the order it happened


@dataclass(frozen=True, slots=True)
class Alert:
    """One MQTT message, text or a JPEG.

    `since` is the sensor time of what it tells of (None for states); it gives the latency. While it waits for a broker
    that is away, a newer message with the same `key` takes its place; a retained one needs no key, its topic is it.
    """

    topic: str
    payload: str | bytes
    retain: bool
    since: Nanos | None = None
    key: str = ""
