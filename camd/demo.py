"""`camd demo`: a recording through the whole house, and what the house heard of it.

Idea: nothing is staged. The real capture and notify processes run on a bundled video as if it were a camera, and every
line shown is a message received back from the broker: by default one of the demo's own on loopback.
Rule: leaves nothing behind but what --data asks for.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from camd import config, ledger
from camd.alerts.link import Listener
from camd.broker import HOST
from camd.clock import Clock, SystemClock
from camd.config import MqttConfig
from camd.errors import UnavailableError
from camd.model import SECOND, Clip
from camd.places import Places
from camd.run import Child, watch_over
from camd.store.index import Index
from camd.terminal import Parser
from camd.warden import Peer

FIXTURE: Final = "porch.mp4"
LAST_WORD: Final = "stopped"  # what notify says when it has said everything
PATIENCE_S: Final = 5.0
SHOWN: Final = 90  # characters of a message that is not an alert
# Topics that are shown end so.
TOLD: Final = ("/available", "/status", "/motion", "/person", "/vehicle", "/event", "/events", "/clip")
INTRODUCTION: Final = """\
A camera looks at a front garden for 26 seconds: somebody walks by, a cloud
dims the light, a car passes. Two alerts would be right.
Every line below was received back from the MQTT broker.
"""
SETTINGS: Final = """\
camera: {{name: porch}}
mqtt: {{host: {host}, port: {port}, node: demo}}
store: {{keep_free: 10 MB}}
"""


def main(arguments: list[str]) -> int:
    """`camd demo`: 0 when at least one alert came back and one clip was kept."""
    wanted = _parser().parse_args(arguments)
    console = Console(highlight=False)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camd-demo-")))
        stage = _stage(wanted, folder, stack)
        heard = _play(stage, console)
        clips = _clips(stage.places)
        _show_clips(clips, stage.places, wanted, console)
        sent = sum(entry.what == "share-sent" for entry in ledger.entries(stage.places))
        console.print(f"\n[bold]{sent} clips left this machine[/bold]")
    return 0 if heard.alerts and clips else 1


def _parser() -> Parser:
    parser = Parser(prog="camd demo", description=__doc__)
    parser.add_argument("--broker", action="store_true", help="use the broker of your config instead of the demo's own")
    parser.add_argument("--config", type=Path, metavar="FILE", help="with --broker: the config that names it")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the clips in this folder, to look at them")
    return parser


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where the demo plays: its broker, its data folder and the options its processes get."""

    mqtt: MqttConfig
    places: Places
    options: tuple[str, ...]


def _stage(wanted: Namespace, folder: Path, stack: ExitStack) -> _Stage:
    places = Places.of(wanted.data or folder / "data")
    stack.callback(shutil.rmtree, places.run, ignore_errors=True)
    if wanted.broker:
        given = ("--config", str(wanted.config)) if wanted.config else ()
        return _Stage(config.load(wanted.config).mqtt, places, (*given, "--data", str(places.data)))
    port = stack.enter_context(_broker())
    settings = folder / "camd.yaml"
    settings.write_text(SETTINGS.format(host=HOST, port=port), encoding="utf-8")
    return _Stage(config.load(settings).mqtt, places, ("--config", str(settings), "--data", str(places.data)))


@contextmanager
def _broker() -> Iterator[int]:
    """Run the demo's broker in a process of its own and give its port."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "camd.broker", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            how = "Install camd with its 'demo' extra, or use your own broker with --broker"
            raise UnavailableError(f"the demo's MQTT broker did not start. {how}.")
        yield port
    finally:
        process.terminate()
        process.wait()
        if process.stdout:
            process.stdout.close()


class _Heard:
    """What came back from the broker, shown as it comes."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console, self._clock, self._began = console, clock, clock.boot()
        self.alerts = 0
        self.is_over = threading.Event()

    def take(self, topic: str, payload: str) -> None:
        """Show one message, if it is one of those that tell the story."""
        if not topic.endswith(TOLD):
            return
        seconds = (self._clock.boot() - self._began) / SECOND
        is_alert = topic.endswith("/event")
        shown = payload if is_alert or len(payload) < SHOWN else f"{payload[:SHOWN]}..."
        style = "bold" if is_alert else ""
        line = Text.assemble((f"{seconds:5.1f} s  ", "dim"), (f"{topic:28}", "cyan"), " ", (shown, style))
        self._console.print(line, soft_wrap=True)
        self.alerts += is_alert
        if topic.endswith("/available") and payload == LAST_WORD:
            self.is_over.set()


def _play(stage: _Stage, console: Console) -> _Heard:
    with resources.as_file(resources.files("camd") / "fixtures" / FIXTURE) as video:
        console.print(INTRODUCTION)
        heard = _Heard(console, SystemClock())
        with Listener(stage.mqtt, heard.take):
            capture = Child(("capture", *stage.options, "--camera", str(video)))
            broker = (Peer(stage.mqtt.host, stage.mqtt.port),)
            watch_over(capture, Child(("notify", *stage.options), broker), threading.Event())
            heard.is_over.wait(PATIENCE_S)
    return heard


def _clips(places: Places) -> list[Clip]:
    with Index.open(places) as index:
        return sorted(index.clips(), key=lambda clip: clip.id)


def _show_clips(clips: list[Clip], places: Places, wanted: Namespace, console: Console) -> None:
    table = Table("clip", "length", "before the event", "size", "sha256", title="\nClips kept", title_justify="left")
    for clip in clips:
        length, before = clip.duration_ns / SECOND, clip.pre_roll_ns / SECOND
        table.add_row(
            f"{clip.id:06d}", f"{length:.1f} s", f"{before:.1f} s", f"{clip.size / 1e3:.0f} kB", clip.sha256[:12]
        )
    console.print(table)
    console.print(f"They are in {places.clips}." if wanted.data else "(--data DIR keeps them, to look at.)")
