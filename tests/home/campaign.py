"""Toggles a real camd between home and away at random, kills it in between, and looks at all that it kept and told.

Idea: two file cameras whose pictures carry their number, a real broker, a real notify. Each time home mode is entered
(by the terminal, by MQTT, while capture is dead) the boot clock is read; whatever clip, sidecar, thumbnail, message or
snapshot shows a picture of later, before home mode was left, is a fault.
Rule: seeded, so that a run can be repeated as far as the machine's timing allows. Nothing of camd is replaced.
"""

import io
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.progress import track

from camd import mode, mode_desk
from camd.clock import SystemClock
from camd.mode import AWAY, HOME
from camd.model import SECOND, Nanos
from camd.places import Places
from camd.store import check
from camd.store.index import Index
from tests.brokers import Subscriber, broker, subscriber
from tests.home.world import FPS, HEIGHT, STRIP, film, number_of_jpeg, shown

SEED: Final = 20260101
CLOSES_WITHIN: Final[Nanos] = 2 * SECOND
SLACK: Final[Nanos] = 2 * SECOND // 1000  # sidecars say milliseconds
PATIENCE: Final[Nanos] = 20 * SECOND  # for a busy machine to start a process and say how it is
CAMERAS: Final = ("porch", "garden")
WAYS: Final = ("terminal", "terminal", "mqtt", "mqtt", "terminal, capture dead", "mqtt, capture dead")
SETTINGS: Final = """\
cameras:
  porch: {{source: {film}, loop: yes}}
  garden: {{source: {film}, loop: yes}}
vision: {{ignore: {{code: [[0, 0], [1, 0], [1, {strip}], [0, {strip}]]}}, classify: no}}
record: {{pre_roll: 1 s, post_roll: 0 s}}
alerts: {{picture: kept, boxes: no, per_hour: 0}}
store: {{data: {data}, keep_free: 1 MB}}
mqtt: {{host: 127.0.0.1, port: {port}, node: home}}
"""


@dataclass(slots=True)
class Stay:
    """One time at home on the boot clock; `left` None: still there. `how` it was entered."""

    entered: Nanos
    how: str
    left: Nanos | None = None

    def holds(self, t: Nanos) -> bool:
        """Whether a picture of that time was taken at home."""
        return self.entered + SLACK < t and (self.left is None or t < self.left - SLACK)


@dataclass(slots=True)
class Tally:
    """What the campaign came to."""

    toggles: int = 0
    kills: int = 0
    clips: int = 0
    pictures: int = 0
    messages: int = 0
    snapshots: int = 0
    slowest: Nanos = 0  # from entering to no descriptor of the film open
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = f"{self.toggles} toggles, {self.kills} kills: {self.clips} clips with {self.pictures} pictures,"
        told += f" {self.messages} messages, {self.snapshots} snapshots;"
        told += f" closed after {self.slowest / SECOND:.3f} s at most; {len(self.wrong)} faults"
        return told


class Campaign:
    """One camd, its broker, and somebody who comes home and leaves."""

    def __init__(self, folder: Path, port: int, heard: Subscriber, seed: int) -> None:
        self.clock, self.places, self.heard = SystemClock(), Places.of(folder / "data"), heard
        self.chance, self.tally = random.Random(seed), Tally()
        self.stays: list[Stay] = []
        self._film = folder / "film.mp4"
        film(self._film, 60)
        self._settings = folder / "camd.yaml"
        strip = round(STRIP / HEIGHT, 3)
        self._settings.write_text(
            SETTINGS.format(film=self._film, strip=strip, data=self.places.data, port=port), encoding="utf-8"
        )
        self._capture: subprocess.Popen[bytes] | None = None

    @contextmanager
    def lived_in(self) -> Iterator[None]:
        """notify and capture run until the block ends."""
        with _process("notify", self._settings) as notify:
            self._start()
            yield
            self._end(signal.SIGTERM)
            notify.terminate()
            notify.wait(10)

    def toggle(self) -> None:
        """Be away for a while, come home, stay for a while, leave; anything may be killed meanwhile."""
        self._wait(self.chance.uniform(0.05, 2.5))
        self._maybe_kill(0.1)
        self._come_home()
        if not self._maybe_kill(0.15):
            self._look_closed()
        self._wait(self.chance.uniform(0.0, 0.8))
        self._maybe_kill(0.1)
        if self._holds_film():
            self.tally.wrong.append(f"open at home (entered by {self.stays[-1].how})")
        self._leave()
        self.tally.toggles += 2

    def stay(self) -> None:
        """Come home for good, and let everything be told."""
        self._wait(2)
        self._come_home()
        due = self.clock.boot() + PATIENCE
        while self._not_settled() and self.clock.boot() < due:
            self._wait(0.05)
        self.tally.wrong += self._not_settled()

    def judge(self) -> Tally:
        """Look at everything that was kept and told."""
        starts = self._judge_clips()
        self._judge_told(sorted(starts))
        self.tally.wrong += check.violations(self.places)
        return self.tally

    def _come_home(self) -> None:
        how = self.chance.choice(
            ("terminal", "terminal", "mqtt", "mqtt", "terminal, capture dead", "mqtt, capture dead")
        )
        is_dead = how.endswith("dead")
        if is_dead:
            self._end(signal.SIGKILL)
        if how.startswith("mqtt"):
            self.heard.say("camd/home/mode/set", HOME)
        else:
            self._set(HOME)
            self.stays.append(Stay(self.clock.boot(), how))
        if is_dead:
            self._start()
        if how.startswith("mqtt"):  # it counts from when capture has taken it
            while mode.read(self.places) != HOME:
                self._wait(0.001)
            self.stays.append(Stay(self.clock.boot(), how))

    def _leave(self) -> None:
        self.stays[-1].left = self.clock.boot()  # before: nothing opens until it is written
        self._set(AWAY)

    def _set(self, word: str) -> None:
        with redirect_stdout(io.StringIO()):
            mode_desk.main([word, "--config", str(self._settings)])

    def _look_closed(self) -> None:
        """Within two seconds of coming home nobody holds the film open, and the broker shows no picture."""
        due = self.stays[-1].entered + CLOSES_WITHIN
        while self._holds_film():
            if self.clock.boot() > due:
                self.tally.wrong.append(f"open after 2 s (entered by {self.stays[-1].how})")
                return
            self._wait(0.002)
        self.tally.slowest = max(self.tally.slowest, self.clock.boot() - self.stays[-1].entered)

    def _holds_film(self) -> bool:
        assert self._capture is not None
        try:
            links = [str(one.readlink()) for one in Path(f"/proc/{self._capture.pid}/fd").iterdir()]
        except OSError:  # one was closed meanwhile: look again
            return self._capture.poll() is None
        return str(self._film) in links

    def _maybe_kill(self, share: float) -> bool:
        if self.chance.random() >= share:
            return False
        self._wait(self.chance.uniform(0, 0.05))
        self._end(signal.SIGKILL)
        self._start()
        return True

    def _start(self) -> None:
        command = [sys.executable, "-m", "camd", "capture", "--config", str(self._settings)]
        self._capture = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def _end(self, number: int) -> None:
        assert self._capture is not None
        self.tally.kills += number == signal.SIGKILL
        self._capture.send_signal(number)
        self._capture.wait(20)

    def _wait(self, seconds: float) -> None:
        self.clock.wait(self.clock.boot() + round(seconds * SECOND), threading.Event())

    def _at_home(self, t: Nanos) -> str:
        return next(
            (f"{(t - stay.entered) / SECOND:.3f} s after {stay.how}" for stay in self.stays if stay.holds(t)), ""
        )

    def _judge_clips(self) -> list[tuple[Nanos, str]]:
        """Hold every kept picture against the stays; returns when each pass through the film began."""
        starts = []
        with Index.open(self.places) as index:
            clips = index.clips()
        self.tally.clips = len(clips)
        for clip in clips:
            pictures = shown(self.places.clips / f"{clip.id:06d}.mp4")
            self.tally.pictures += len(pictures)
            late = [since for t, _ in pictures if (since := self._at_home(clip.began + t))]
            if late:
                self.tally.wrong.append(f"clip {clip.id}: {len(late)} pictures, the first {late[0]}")
            starts += [(clip.began + t - number * SECOND // FPS, clip.camera) for t, number in pictures[:1]]
            thumbnail = self.places.clips / f"{clip.id:06d}.jpg"
            if thumbnail.exists() and number_of_jpeg(thumbnail.read_bytes()) not in {number for _, number in pictures}:
                self.tally.wrong.append(f"clip {clip.id}: its thumbnail is none of its pictures")
        return starts

    def _judge_told(self, starts: list[tuple[Nanos, str]]) -> None:
        offset = self.clock.unix() - self.clock.boot()
        asleep = self.clock.boot() - time.monotonic_ns()
        for told in self.heard.heard():
            name = told.topic.rpartition("/")[2]
            if name == "snapshot" and told.data:
                camera = told.topic.split("/")[-2]
                self._judge_snapshot(told.data, [start for start, whose in starts if whose == camera], told.at + asleep)
            elif name in ("event", "events"):
                self._judge_event(json.loads(told.payload), offset)

    def _not_settled(self) -> list[str]:
        """What the broker shows and should not while everybody is at home."""
        wanted = {"sensor": "closed", "snapshot": "", "motion": "OFF", "status": "home"}
        last = {f"{camera}/{name}": (self.heard.payloads(f"/{camera}/{name}") or [wanted[name]])[-1]
                for camera in CAMERAS for name in wanted}  # fmt: skip
        return [f"{topic} is {told[:20]} in the end" for topic, told in last.items()
                if told != wanted[topic.rpartition("/")[2]]]  # fmt: skip

    def _judge_event(self, told: dict[str, Any], offset: int) -> None:
        self.tally.messages += 1
        after = told.get("after", {})
        if told.get("event_type") not in (None, "motion"):
            return
        for seconds in (told.get("began"), after.get("start_time"), after.get("frame_time")):
            if seconds is not None and (since := self._at_home(round(seconds * SECOND) - offset)):
                self.tally.wrong.append(f"told of {since}")

    def _judge_snapshot(self, jpeg: bytes, starts: list[Nanos], arrived: Nanos) -> None:
        """When a picture was taken follows from its number, and from when its camera was opened last before."""
        self.tally.snapshots += 1
        at = bisect_right(starts, arrived) - 1
        if at >= 0 and (since := self._at_home(starts[at] + number_of_jpeg(jpeg) * SECOND // FPS)):
            self.tally.wrong.append(f"a snapshot of {since}")


@contextmanager
def _process(verb: str, settings: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "camd", verb, "--config", str(settings)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def run(folder: Path, toggles: int, seed: int) -> Tally:
    """Toggle so many times, come home for good, and judge."""
    with ExitStack() as stack:
        mosquitto = stack.enter_context(broker(folder / "broker"))
        heard = stack.enter_context(subscriber(mosquitto.port))
        campaign = Campaign(folder, mosquitto.port, heard, seed)
        with campaign.lived_in():
            for _ in track(range(0, toggles, 2), "home and away", transient=True, disable=not sys.stderr.isatty()):
                campaign.toggle()
            campaign.stay()
        return campaign.judge()


def main(arguments: list[str]) -> int:
    """`tests/home/run [TOGGLES]`: exit 1 when anything that was taken at home was kept or told."""
    toggles = int(arguments[0]) if arguments else 200
    with tempfile.TemporaryDirectory(prefix="camd-home-") as folder:
        tally = run(Path(folder), toggles, SEED)
    for wrong in tally.wrong:
        print(f"NO  {wrong}")
    print(tally)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
