"""Where things lie on disk: one data folder that lasts, one run folder in RAM.

Rule: every other file asks here for a path. The run folder survives any kill but no power cut; each data folder has
a run folder of its own, so that two camds with two data folders never meet.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one camd. Nothing is made here; `make` does."""

    data: Path
    run: Path

    @classmethod
    def of(cls, data: Path) -> "Places":
        """The places of the camd whose data folder is `data`; the run folder follows from it."""
        data = data.absolute()
        given = os.environ.get("RUNTIME_DIRECTORY")  # set by systemd, already this service's own
        return cls(data, Path(given) if given else _run_base() / f"camd-{_short_hash(data)}")

    def make(self) -> None:
        """Make both folders, readable by their owner alone."""
        for folder in (self.data, self.run, self.clips, self.orders, self.habits):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def clips(self) -> Path:
        """Folder of the clips: `000001.mp4`, `000001.json` (sidecar), `000001.jpg` (thumbnail)."""
        return self.data / "clips"

    @property
    def identity(self) -> Path:
        """Names the store that the clips are of, JSON."""
        return self.clips / "store.json"

    @property
    def damaged(self) -> Path:
        """What could not be read at all: set aside, never deleted."""
        return self.data / "damaged"

    @property
    def wiping(self) -> Path:
        """Stands here from the confirmation of a wipe until it is done."""
        return self.data / "wiping"

    def wiped(self) -> tuple[Path, ...]:
        """All that a wipe takes away: what was recorded, what was learned from it, and what waits to be told of it."""
        databases = (self.index, self.outbox, self.outbox_ram)
        beside = tuple(
            path.with_name(path.name + end) for path in databases for end in ("", "-wal", "-shm", "-journal")
        )
        said = (self.learned, self.status, self.run / "wishes")
        return (self.clips, self.orders, self.damaged, self.ballast, self.written, self.habits, *said, *beside)

    @property
    def written(self) -> Path:
        """What the recorder wrote and lost since its start, JSON, for notify to publish."""
        return self.run / "store.json"

    @property
    def index(self) -> Path:
        """SQLite index of the clips."""
        return self.data / "index.sqlite"

    @property
    def recorder_pid(self) -> Path:
        """Process id of who holds the data folder, for those who are turned away."""
        return self.data / "recorder.pid"

    @property
    def ballast(self) -> Path:
        """Bytes set aside, thrown away when the disk is too full even to delete."""
        return self.data / "ballast"

    @property
    def orders(self) -> Path:
        """Folder of the share orders: `<id>/order.json` and `<id>/clip.mp4`."""
        return self.data / "orders"

    @property
    def sending(self) -> Path:
        """Folder in which a file with an order's id starts its sending, where systemd watches it."""
        return self.run / "send"

    @property
    def ledger(self) -> Path:
        """The hash-chained ledger, JSON Lines."""
        return self.data / "ledger.jsonl"

    @property
    def ledger_head(self) -> Path:
        """The ledger's newest sequence number and hash, for notify to publish."""
        return self.run / "ledger.head"

    @property
    def owner(self) -> Path:
        """The owner's passphrase and set-up code as hashes, JSON, in a folder that most processes do not see."""
        return self.data / "owner" / "owner.json"

    @property
    def habits(self) -> Path:
        """Folder of what vision learned of places that are quiet by habit: `porch.json` and so on."""
        return self.data / "quiet"

    def quiet(self, camera: str) -> Path:
        """What vision learned of this camera's quiet places, JSON."""
        return self.habits / f"{camera}.json"

    def previews(self) -> list[Path]:
        """Pictures of now, in RAM, for who looks at the page."""
        return [*self.run.glob("*.jpg"), *self.run.glob("*.jpg.tmp")]

    @property
    def learned(self) -> Path:
        """Folder of what the owner said of clips, and of what the classifier learned from it."""
        return self.data / "learned"

    @property
    def heads(self) -> Path:
        """Folder of what the classifier learned from the owner: `0001.json` and so on; the newest is in use."""
        return self.learned / "heads"

    @property
    def labels(self) -> Path:
        """What the owner said of clips and events, JSON Lines."""
        return self.learned / "labels.jsonl"

    @property
    def outbox(self) -> Path:
        """SQLite file of the alerts not acknowledged within a second; lasts through a power cut."""
        return self.data / "outbox.sqlite"

    @property
    def outbox_ram(self) -> Path:
        """SQLite file in RAM that every alert enters first."""
        return self.run / "outbox.sqlite"

    @property
    def bell(self) -> Path:
        """FIFO that capture rings when an alert was put in the outbox."""
        return self.run / "bell"

    @property
    def wish_bell(self) -> Path:
        """FIFO that is rung when capture has something to look at: a wish, or another mode."""
        return self.run / "wish.bell"

    def wishes(self, who: str) -> Path:
        """Folder of the commands that `who` (notify, web, terminal) has for capture."""
        return self.run / "wishes" / who

    @property
    def mode(self) -> Path:
        """The mode: `home` or `away`."""
        return self.data / "mode"

    @property
    def scheduled(self) -> Path:
        """The newest change of the schedule that was taken, JSON."""
        return self.data / "schedule"

    @property
    def dated(self) -> Path:
        """Holds the id of the boot in which the date was known once."""
        return self.run / "dated"

    @property
    def settings(self) -> Path:
        """Settings changed while camd runs, YAML; they win over camd.yaml."""
        return self.data / "settings.yaml"

    @property
    def snooze(self) -> Path:
        """Until when alerts are silent: UNIX seconds, 0 for not at all."""
        return self.data / "snooze"

    @property
    def status(self) -> Path:
        """How capture is, JSON, written once a second."""
        return self.run / "status.json"

    def guard(self, process: str) -> Path:
        """What a process said of its cage, JSON."""
        return self.run / "guard" / f"{process}.json"

    @property
    def capture_lock(self) -> Path:
        """File that capture holds a lock on for as long as it lives."""
        return self.run / "capture.lock"

    @property
    def notify_lock(self) -> Path:
        """The same of notify."""
        return self.run / "notify.lock"


def default_data() -> Path:
    """The data folder when the config names none: systemd's, else the user's state folder."""
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "camd"


def known_stores() -> Path:
    """Where this machine remembers the stores that lie on other disks, JSON."""
    given = os.environ.get("STATE_DIRECTORY")
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return (Path(given) if given else Path(state).expanduser() / "camd") / "known-stores.json"


def _run_base() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR")
    shared_memory = Path("/dev/shm")
    if given and Path(given).is_dir():
        return Path(given)
    return shared_memory if shared_memory.is_dir() else Path("/tmp")


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
