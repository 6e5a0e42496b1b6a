"""A home that is watched: one camd in a folder, whose every verb runs under strace; and a stranger for it to meet."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from camd.places import Places
from camd.warden import Peer
from tests.egress import Ended, Rights, Verdict, judge, run, traced, why_no_namespace, why_no_strace

NOBODY = Peer("127.0.0.1", 1)  # a broker's address where none is
with_strace = pytest.mark.skipif(bool(why_no_strace()), reason=why_no_strace())
with_namespace = pytest.mark.skipif(bool(why_no_namespace()), reason=why_no_namespace())


@dataclass(frozen=True)
class Home:
    """One camd in a folder of its own, and the only addresses that its notify and its capture may reach."""

    root: Path
    broker: Peer = NOBODY
    camera: Peer | None = None

    @property
    def places(self) -> Places:
        """Its places: the run folder lies in the folder too."""
        return Places(self.root / "data", self.root / "run")

    @property
    def stick(self) -> Path:
        """The recipient of its shares."""
        return self.root / "stick"

    @property
    def options(self) -> tuple[str, str]:
        """What every verb is told."""
        return "--config", str(self.root / "camd.yaml")

    def build(self) -> "Home":
        """Make its folders and its config."""
        self.places.make()
        self.stick.mkdir()
        (self.root / "camd.yaml").write_text(
            f"mqtt: {{host: {self.broker.host}, port: {self.broker.port}, node: home}}\n"
            f"store: {{data: {self.places.data}, keep_free: 10 MB}}\n"
            f"share: {{to: {{stick: {{folder: {self.stick}}}}}}}\n"
        )
        return self

    def run(self, *command: object, typed: str = "") -> Ended:
        """Run a program in this home to its end."""
        env = {**os.environ, "RUNTIME_DIRECTORY": str(self.places.run)}
        return run([str(word) for word in command], env, typed)

    def watch(self, *command: object, typed: str = "") -> tuple[Ended, Verdict]:
        """Run a program in this home to its end and judge what it and all its children did."""
        log = self.root / "trace"
        ended = self.run(*traced(log, [str(word) for word in command]), typed=typed)
        cameras = frozenset({self.camera} if self.camera else ())
        rights = {
            "run": Rights(cameras | {self.broker}, self.places.run),  # as its children's warden
            "capture": Rights(cameras, self.places.run),
            "notify": Rights(frozenset({self.broker}), self.places.run),
        }
        return ended, judge(log.read_text(errors="replace").splitlines(), rights)

    def camd(self, *words: object, typed: str = "") -> tuple[Ended, Verdict]:
        """Run a verb of camd and judge it."""
        return self.watch(sys.executable, "-m", "camd", *words, typed=typed)

    def plant(self, code: str, verb: str) -> Verdict:
        """Run `code` in a process that looks like a verb of camd, and judge it."""
        return self.watch(sys.executable, "-c", code, "-m", "camd", verb)[1]


@contextmanager
def stranger() -> Iterator[int]:
    """Give the port of somebody on loopback who answers anybody who connects, and is nobody's broker."""
    quiet = type("Quiet", (BaseHTTPRequestHandler,), {"log_message": lambda *_: None})
    with HTTPServer(("127.0.0.1", 0), quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
