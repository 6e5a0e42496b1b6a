"""A real MQTT broker for tests, to be killed, frozen and started again, and a subscriber that keeps what it hears.

Rule: mosquitto on a free loopback port. It writes its state to disk after each change, so that a killed broker comes
back with its subscriptions; the subscriber's session is one that the broker keeps while it is away.
"""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

T = TypeVar("T")

KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
SETTINGS = """\
listener {port} 127.0.0.1
user root
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
{access}
"""


def until(answer: Callable[[], T], seconds: float = 10.0) -> T:
    """Ask again until the answer is true, and return it; the one place where a test waits for a real process."""
    deadline = time.monotonic() + seconds
    while not (given := answer()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.005)
    return given


class Broker:
    """One mosquitto. Anybody may come in, or only `user` with `password`; `more` are lines of its settings."""

    def __init__(self, folder: Path, user: str = "", password: str = "", more: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self.settings = folder / "mosquitto.conf"
        self._log_file = folder / "mosquitto.log"
        access = "allow_anonymous true"
        if user:
            accounts = folder / "accounts"
            subprocess.run(["mosquitto_passwd", "-b", "-c", accounts, user, password], check=True, capture_output=True)
            access = f"allow_anonymous false\npassword_file {accounts}"
        self.settings.write_text(SETTINGS.format(port=self.port, folder=folder, access=access) + more)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(["mosquitto", "-c", self.settings], stdout=log, stderr=log)
        until(self._answers)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay, nothing is read."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log_file.read_text()

    def unread(self) -> int:
        """Bytes that wait in its connections, sent by others and not read by it."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        fields = [line.split() for line in lines]
        return sum(int(f[4].split(":")[1], 16) for f in fields if f[1].endswith(f":{self.port:04X}") and f[3] == "01")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Heard(NamedTuple):
    """One message as it arrived, and when (time.monotonic_ns); `data` is its payload as it came."""

    topic: str
    payload: str
    retained: bool
    at: int
    data: bytes = b""


class Subscriber:
    """Keeps every message that it hears, in order."""

    def __init__(self, port: int, topic: str = "#", name: str = "subscriber") -> None:
        self._messages: list[Heard] = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._hear
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def heard(self, topic: str = "") -> list[Heard]:
        """What arrived so far, on topics that end so."""
        return [message for message in tuple(self._messages) if message.topic.endswith(topic)]

    def payloads(self, topic: str) -> list[str]:
        """The payloads that arrived so far on topics that end so."""
        return [message.payload for message in self.heard(topic)]

    def say(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        """Send a message, and wait until the broker has it."""
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(10)
        assert sent.is_published()

    def throw(self, topic: str, payload: str | bytes) -> None:
        """Send a message, and do not wait for anything."""
        self._client.publish(topic, payload)

    def close(self) -> None:
        """Leave; the broker keeps the session."""
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, client: Client, _: Any, message: MQTTMessage) -> None:
        text = message.payload.decode(errors="replace")
        self._messages.append(Heard(message.topic, text, message.retain, time.monotonic_ns(), bytes(message.payload)))


@contextmanager
def broker(folder: Path, user: str = "", password: str = "", more: str = "") -> Iterator[Broker]:
    """Give a broker that runs, and end it afterwards."""
    if shutil.which("mosquitto") is None:
        pytest.skip("no mosquitto on this machine")
    it = Broker(folder, user, password, more)
    it.start()
    try:
        yield it
    finally:
        it.kill()


class Papers:
    """Certificates for a broker on loopback and its clients, in one folder: `ca.pem`, and NAME.pem with NAME.key."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._openssl(f"req -x509 {KEY} -days 2 -subj /CN=ca -keyout ca.key -out ca.pem")

    def issue(self, name: str, days: int = 2) -> None:
        """Make a certificate; one that is expired has a negative number of days."""
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1")
        self._openssl(f"req {KEY} -subj /CN={name} -keyout {name}.key -out {name}.csr")
        signed = f"-CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile names -out {name}.pem"
        self._openssl(f"x509 -req -in {name}.csr {signed}")
        (self.folder / f"{name}.key").chmod(0o600)

    def listener(self, name: str) -> str:
        """The settings with which mosquitto shows this certificate."""
        folder = self.folder
        return f"cafile {folder}/ca.pem\ncertfile {folder}/{name}.pem\nkeyfile {folder}/{name}.key\n"

    def _openssl(self, words: str) -> None:
        subprocess.run(["openssl", *words.split()], cwd=self.folder, check=True, capture_output=True)


@contextmanager
def subscriber(port: int, topic: str = "#", name: str = "subscriber") -> Iterator[Subscriber]:
    """Give a subscriber that listens, and end it afterwards; two on one broker need two names."""
    it = Subscriber(port, topic, name)
    try:
        yield it
    finally:
        it.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
