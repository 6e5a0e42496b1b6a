"""A small house with one clip to share, a folder to share it to, and a recipient that speaks HTTPS."""

import hashlib
import json
import random
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from camd import ledger
from camd.clock import ManualClock
from camd.config import Destination, ShareConfig
from camd.model import SECOND, Clip
from camd.places import Places
from camd.share import artefact, order
from camd.share.order import Order
from camd.store.index import Index

FOOTAGE = random.Random(7).randbytes(2_300_000)  # three chunks
SHA256 = hashlib.sha256(FOOTAGE).hexdigest()
CLIP = Clip(
    id=7,
    camera="porch",
    boot_id=ManualClock.boot_id,
    began=0,
    began_unix_ns=1_767_225_600 * SECOND,
    duration_ns=12 * SECOND,
    pre_roll_ns=5 * SECOND,
    size=len(FOOTAGE),
    beside=0,
    sha256=SHA256,
    label="person",
    events=("a",),
)


@dataclass(frozen=True)
class House:
    """One camd with clip 7, whose config knows the recipient `stick`, a folder."""

    root: Path
    clock: ManualClock = field(default_factory=ManualClock)

    @property
    def places(self) -> Places:
        """Its places, as the verbs find them for `--data`."""
        return Places.of(self.root / "data")

    @property
    def stick(self) -> Path:
        """The recipient's folder."""
        return self.root / "stick"

    @property
    def config(self) -> Path:
        """Its config file."""
        return self.root / "camd.yaml"

    @property
    def share(self) -> ShareConfig:
        """Its recipients."""
        return ShareConfig((Destination("stick", folder=self.stick), Destination("other", folder=self.root / "other")))

    def build(self) -> "House":
        """Make all of it."""
        self.places.make()
        (self.places.clips / "000007.mp4").write_bytes(FOOTAGE)
        with Index.open(self.places) as index:
            index.add(CLIP)
        self.stick.mkdir()
        (self.root / "other").mkdir()
        self.config.write_text(
            f"store: {{data: {self.places.data}}}\n"
            f"share:\n  to:\n    stick: {{folder: {self.stick}}}\n    other: {{folder: {self.root / 'other'}}}\n"
        )
        return self

    def order(self, to: Destination | None = None, clip: Clip = CLIP) -> str:
        """Confirm an order of a clip as the terminal verb does, and return its id."""
        to = to or self.share.to[0]
        with order.draft(self.places) as order_id:
            seal = artefact.make(self.places, clip, order.artefact_of(self.places, order_id))
            where = (to.name, str(to.folder or ""), to.url)
            order.confirm(self.places, self.clock, Order(order_id, 7, *where, "a test", seal, "confirmed", 1.5, 1.5))
        return order_id

    def order_json(self, order_id: str) -> Path:
        """Return the path of an order's order.json."""
        return order.folder_of(self.places, order_id) / "order.json"

    def tamper(self, order_id: str, **changes: Any) -> None:
        """Change what order.json says."""
        path = self.order_json(order_id)
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def state(self, order_id: str) -> str:
        """Return the state that order.json has."""
        return order.read(self.places, order_id).state

    def told(self) -> list[str]:
        """Return what the ledger tells of shares."""
        return [entry.what for entry in ledger.entries(self.places)]

    def arrived(self) -> list[str]:
        """Return the names of all files in the recipients' folders."""
        return [path.name for folder in (self.stick, self.root / "other") for path in folder.iterdir()]


@dataclass
class Recipient:
    """An HTTPS server that does what a test tells it, and notes what it got."""

    url: str
    certificate: Path
    answer: Callable[["Handler"], None]
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    whole: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    """Notes a request and lets the recipient's `answer` deal with it."""

    recipient: Recipient

    def do_PUT(self) -> None:
        """Take a PUT."""
        self.recipient.requests.append((self.path, dict(self.headers)))
        self.recipient.answer(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives it
        """Say nothing."""

    def take(self) -> None:
        """Read the body and note it."""
        self.recipient.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.recipient.whole.set()

    def say(self, status: int, **headers: str) -> None:
        """Answer with nothing but a status and headers."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def certificate(folder: Path) -> Path:
    """Make a certificate for `localhost`, with its key in the same file."""
    path = folder / "localhost.pem"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = "-addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem"
    subprocess.run(f"{request} {names}".split(), check=True, capture_output=True, cwd=folder)
    path.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return path


@contextmanager
def listening(pem: Path, answer: Callable[[Handler], None]) -> Iterator[Recipient]:
    """Run an HTTPS recipient on loopback."""
    recipient = Recipient("", pem, answer)
    handler = type("OneHandler", (Handler,), {"recipient": recipient})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        recipient.url = f"https://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield recipient
        finally:
            recipient.released.set()
            server.shutdown()
            thread.join()
