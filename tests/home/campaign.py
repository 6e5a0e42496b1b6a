"""Toggles a real camd between home and away at random, kills it in between, and looks at all that it kept and told.

Idea: cameras whose pictures carry their number (`tests/home/cameras.py`), a real broker, a real notify. Each time home
mode is entered (by the terminal, by MQTT, while capture is dead or has only just been started, with old recordings to
take in first) the boot clock is read; whatever clip, sidecar, thumbnail, message or snapshot shows a picture of later,
before home mode was left, is a fault, and so is a camera that is open two seconds later.
Rule: seeded, so that a run can be repeated as far as the machine's timing allows. Nothing of camd is replaced.
"""

import io
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout
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
from tests.home.cameras import SLACK, Cameras, films, live
from tests.home.world import FPS, HEIGHT, STRIP, film, number_of_jpeg, shown

Form = Callable[[Path, int], AbstractContextManager[Cameras]]  # the folder it may use, a seed

SEED: Final = 20260101
CLOSES_WITHIN: Final[Nanos] = 2 * SECOND
ORPHANS: Final = 400  # recordings that a start takes in before it looks; some seconds of work
PERIODS: Final = {"capture just started": 3, "cameras open": 5, "at once": 2}  # before coming home, and how often
BRIEF: Final = 0.4  # of the times at home: shorter than it takes to close a camera
PATIENCE: Final[Nanos] = 20 * SECOND  # for a busy machine to start a process and say how it is
FORMS: Final[dict[str, Form]] = {"two films": films, "one live camera": live}
WAYS: Final = ("terminal", "terminal", "mqtt", "mqtt", "terminal, capture dead", "mqtt, capture dead")
SETTINGS: Final = """\
cameras: {cameras}
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
    gone: int = 0  # times that capture ended by itself, because a camera could not be closed in time or gave nothing
    clips: int = 0
    pictures: int = 0
    messages: int = 0
    snapshots: int = 0
    undated: int = 0  # of them
    slowest: Nanos = 0  # from entering to no camera open
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        told = f"{self.toggles} toggles, {self.kills} kills, {self.gone} ends by itself:"
        told += f" {self.clips} clips with {self.pictures} pictures,"
        told += f" {self.messages} messages, {self.snapshots} snapshots ({self.undated} undated);"
        told += f" closed after {self.slowest / SECOND:.3f} s at most; {len(self.wrong)} faults"
        return told


class Campaign:
    """One camd, its broker, and somebody who comes home and leaves."""

    def __init__(self, folder: Path, cameras: Cameras, port: int, heard: Subscriber, seed: int) -> None:
        self.clock, self.places, self.heard = SystemClock(), Places.of(folder / "data"), heard
        self.cameras, self.chance, self.tally = cameras, random.Random(seed), Tally()
        self.stays: list[Stay] = []
        self._orphan = folder / "orphan.mp4"
        film(self._orphan, 2 / FPS)
        self._settings = folder / "camd.yaml"
        told, strip = json.dumps(cameras.settings), round(STRIP / HEIGHT, 3)
        self._settings.write_text(
            SETTINGS.format(cameras=told, strip=strip, data=self.places.data, port=port), encoding="utf-8"
        )
        self._capture: subprocess.Popen[bytes] | None = None

    @contextmanager
    def lived_in(self) -> Iterator[None]:
        """notify and capture run until the block ends."""
        with _process("notify", self._settings) as notify:
            self._start()
            self._until(self._are_open)  # the store is made, and the mode is away
            yield
            self._end(signal.SIGTERM)
            notify.terminate()
            notify.wait(10)

    def toggle(self) -> None:
        """Be away for a while, come home, stay for a while, leave; anything may be killed meanwhile."""
        self._be_away()
        self._maybe_kill(0.1)
        self._come_home()
        self._maybe_kill(0.15)
        if self.chance.random() < BRIEF:
            self._wait(self.chance.uniform(0.0, 0.3))
            self._leave()
            self._be_seen()  # what it left behind would be kept with that
        else:
            self._be_at_home()
            self._leave()
        self.tally.toggles += 2

    def stay(self) -> None:
        """Be away until the broker shows somebody, come home for good, and let everything be told."""
        told = len(self.heard.heard("/snapshot"))
        self._until(lambda: any(snapshot.data for snapshot in self.heard.heard("/snapshot")[told:]))
        self._wait(4.0)  # two fragments of a clip, which a kill leaves
        self._come_home()
        self._until(lambda: not self._not_settled())
        self.tally.wrong += self._not_settled()

    def judge(self) -> Tally:
        """Look at everything that was kept and told."""
        self._judge_clips()
        self._judge_told()
        self.tally.wrong += check.violations(self.places)
        return self.tally

    def _be_away(self) -> None:
        period = self.chance.choices(tuple(PERIODS), tuple(PERIODS.values()))[0]
        if period == "capture just started":
            self._end(signal.SIGKILL)
            self._leave_orphans()
            self._start()
        elif period == "cameras open":
            self._until(self._are_open)
        self._wait(self.chance.uniform(0.05, 2.5))

    def _be_seen(self) -> None:
        told = self.heard.payloads("/motion").count("ON")
        self._until(lambda: self.heard.payloads("/motion").count("ON") > told)

    def _be_at_home(self) -> None:
        self._look_closed()
        self._wait(self.chance.uniform(0.0, 0.8))
        self._maybe_kill(0.1)
        self._look_closed()  # whatever was started meanwhile

    def _come_home(self) -> None:
        how = self.chance.choice(WAYS)
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
            self._until(lambda: mode.read(self.places) == HOME, every=0.001)
            self.stays.append(Stay(self.clock.boot(), how))

    def _leave(self) -> None:
        self.stays[-1].left = self.clock.boot()  # before: nothing opens until it is written
        self._set(AWAY)

    def _set(self, word: str) -> None:
        with redirect_stdout(io.StringIO()):
            mode_desk.main([word, "--config", str(self._settings)])

    def _look_closed(self) -> None:
        """Two seconds after coming home at most, no camera is open."""
        stay, was_open = self.stays[-1], False
        while self._are_open():
            was_open = True
            if self.clock.boot() > stay.entered + CLOSES_WITHIN:
                self.tally.wrong.append(f"open after 2 s (entered by {stay.how})")
                return
            self._wait(0.002)
        if was_open:
            self.tally.slowest = max(self.tally.slowest, self.clock.boot() - stay.entered)

    def _are_open(self) -> bool:
        assert self._capture is not None
        return self.cameras.are_open(self._capture)

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

    def _leave_orphans(self) -> None:
        """Recordings of pictures from before anybody came home, for the next start to take in one by one."""
        newest = max((int(path.stem) for path in self.places.clips.glob("*.[mp][pa]*")), default=0)
        for number in range(newest + 1, newest + 1 + ORPHANS):
            shutil.copyfile(self._orphan, self.places.clips / f"{number:06d}.mp4")

    def _end(self, number: int) -> None:
        assert self._capture is not None
        self.tally.kills += number == signal.SIGKILL
        self._capture.send_signal(number)
        self._capture.wait(20)

    def _until(self, holds: Callable[[], bool], every: float = 0.02) -> None:
        """Wait for it, as long as the busiest machine may take; a capture that ends is started again meanwhile."""
        due = self.clock.boot() + PATIENCE
        while not holds() and self.clock.boot() < due:
            self._revive()
            self._wait(every)

    def _revive(self) -> None:
        assert self._capture is not None
        if self._capture.poll() is not None:
            self.tally.gone += 1
            self._start()

    def _wait(self, seconds: float) -> None:
        self.clock.wait(self.clock.boot() + round(seconds * SECOND), threading.Event())

    def _at_home(self, t: Nanos) -> str:
        return next(
            (f"{(t - stay.entered) / SECOND:.3f} s after {stay.how}" for stay in self.stays if stay.holds(t)), ""
        )

    def _judge_clips(self) -> None:
        """Hold every kept picture against the stays."""
        with Index.open(self.places) as index:
            clips = index.clips()
        self.tally.clips = len(clips)
        for clip in clips:
            pictures = shown(self.places.clips / f"{clip.id:06d}.mp4")
            self.tally.pictures += len(pictures)
            late = [since for t, number in pictures if (since := self._at_home(self.cameras.taken(clip, t, number)))]
            if late:
                self.tally.wrong.append(f"clip {clip.id}: {len(late)} pictures, the first {late[0]}")
            thumbnail = self.places.clips / f"{clip.id:06d}.jpg"
            if thumbnail.exists() and number_of_jpeg(thumbnail.read_bytes()) not in {number for _, number in pictures}:
                self.tally.wrong.append(f"clip {clip.id}: its thumbnail is none of its pictures")

    def _judge_told(self) -> None:
        offset = self.clock.unix() - self.clock.boot()
        began: dict[str, Nanos] = {}  # of the last alert of each camera, whose picture follows it
        for told in self.heard.heard():
            name, camera = told.topic.rpartition("/")[2], told.topic.split("/")[-2]
            if name == "snapshot" and told.data:
                self._judge_snapshot(self.cameras.announced(camera, number_of_jpeg(told.data), began[camera]))
            elif name in ("event", "events"):
                said = json.loads(told.payload)
                self._judge_event(said, offset)
                if said.get("event_type") == "motion":
                    began[camera] = round(said["began"] * SECOND) - offset

    def _not_settled(self) -> list[str]:
        """What the broker shows and should not while everybody is at home."""
        wanted = {"sensor": "closed", "snapshot": "", "motion": "OFF", "status": "home"}
        last = {f"{camera}/{name}": (self.heard.payloads(f"/{camera}/{name}") or [wanted[name]])[-1]
                for camera in self.cameras.settings for name in wanted}  # fmt: skip
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

    def _judge_snapshot(self, taken: Nanos | None) -> None:
        self.tally.snapshots += 1
        if taken is None:
            self.tally.undated += 1
        elif since := self._at_home(taken):
            self.tally.wrong.append(f"a snapshot of {since}")


@contextmanager
def _process(verb: str, settings: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "camd", verb, "--config", str(settings)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def run(folder: Path, form: str, toggles: int, seed: int) -> Tally:
    """Toggle so many times in this form, come home for good, and judge."""
    with ExitStack() as stack:
        mosquitto = stack.enter_context(broker(folder / "broker"))
        heard = stack.enter_context(subscriber(mosquitto.port))
        cameras = stack.enter_context(FORMS[form](folder, seed))
        campaign = Campaign(folder, cameras, mosquitto.port, heard, seed)
        with campaign.lived_in():
            for _ in track(range(0, toggles, 2), form, transient=True, disable=not sys.stderr.isatty()):
                campaign.toggle()
            campaign.stay()
        return campaign.judge()


def main(arguments: list[str]) -> int:
    """`tests/home/run [TOGGLES [FORM]]`: exit 1 when anything that was taken at home was kept or told."""
    toggles = int(arguments[0]) if arguments else 200
    forms = arguments[1:] or list(FORMS)
    faults = 0
    for form in forms:
        with tempfile.TemporaryDirectory(prefix="camd-home-") as folder:
            tally = run(Path(folder), form, toggles // len(forms), SEED)
        for wrong in tally.wrong:
            print(f"NO  {form}: {wrong}")
        print(f"{form}: {tally}")
        faults += len(tally.wrong)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
