"""Each process in its cage and without it: what it says, and what it can do.

A kernel without seccomp is one whose call strace refuses; a route that is prohibited stands in for an IP filter.
The units' own filters are tried by tests/nspawn/run, where systemd runs.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from camd import guard
from camd.cage import Reach
from camd.guard import Verdict
from camd.places import Places
from camd.warden import Peer, Warden
from tests.brokers import broker, subscriber, until
from tests.egress import NO_NETWORK, UNCAGED, Ended
from tests.leaks.homes import Home, stranger, with_namespace, with_strace
from tests.worlds import film

CAGED = "from camd import cage; assert cage.narrow(cage.Reach.{reach}) == ''; "
ESCAPES = {
    "a URL by OpenCV": "import cv2; print(cv2.VideoCapture('http://127.0.0.1:{port}/x').isOpened())",
    "a URL by PyAV": "import av; av.open('http://127.0.0.1:{port}/x')",
    "a connection by libc": (
        "import ctypes, struct; libc = ctypes.CDLL(None); number = libc.socket(2, 1, 0); "
        "print(number, libc.connect(number, struct.pack('=H', 2) + struct.pack('!HI8x', {port}, 0x7F000001), 16))"
    ),
    "a family with high bits": (
        "import ctypes; libc = ctypes.CDLL(None); print(libc.syscall({socket}, ctypes.c_long(2**32 + 2), 1, 0))"
    ),
    "a datagram": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
    "a thread": (
        "import socket, threading; "
        "threading.Thread(target=socket.create_connection, args=(('127.0.0.1', {port}),)).start()"
    ),
    "a service of this machine": "import socket; socket.socket(socket.AF_UNIX).connect('\\0camd-{port}')",
    "a child": "import os, socket; os.fork() or socket.create_connection(('127.0.0.1', {port}))",
    "a shell": "import subprocess; subprocess.run(['bash', '-c', ': > /dev/tcp/127.0.0.1/{port}'])",
}
SOCKET = 41 if os.uname().machine == "x86_64" else 198  # the number of the call


@pytest.mark.parametrize("escape", ESCAPES)
def test_who_has_to_reach_nobody_reaches_nobody(escape: str) -> None:
    with stranger() as port:
        tried = _python(CAGED.format(reach="NOBODY") + ESCAPES[escape].format(port=port, socket=SOCKET))
    assert "Operation not permitted" in tried.errors or tried.output in ("False\n", "-1 -1\n", "-1\n"), tried


WARDED = {  # what is refused to who may reach an address, and has a warden
    "a URL by OpenCV": ESCAPES["a URL by OpenCV"],
    "a URL by PyAV": ESCAPES["a URL by PyAV"],
    "a connection by libc": ESCAPES["a connection by libc"],
    "a thread": ESCAPES["a thread"],
    "a child": ESCAPES["a child"],
    "another port of its peer": "import socket; socket.create_connection(('127.0.0.2', {port}))",
    "IPv6": "import socket; socket.create_connection(('::1', {port}))",
    "IPv4 as IPv6": "import socket; socket.create_connection(('::ffff:127.0.0.1', {port}))",
    "a connection that is taken back": (
        "import ctypes, socket; it = socket.create_connection(('127.0.0.2', {peer})); "
        "ctypes.CDLL(None).connect(it.fileno(), bytes(16), 16); it.connect(('127.0.0.1', {port}))"
    ),
    "TCP Fast Open": "import socket; socket.socket().sendto(b'x', 1 << 29, ('127.0.0.1', {port}))",
    "TCP Fast Open by sendmsg": "import socket; socket.socket().sendmsg([b'x'], [], 1 << 29, ('127.0.0.1', {port}))",
    "multipath TCP": "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)",
    "packets by another name": "import socket; socket.socket(socket.AF_INET, 10, 0x0300)",
    "a question": "import socket; socket.socket(type=socket.SOCK_DGRAM)",
    "a service of this machine": "import socket; socket.socket(socket.AF_UNIX).connect('{path}')",
    "a door to the house": "import socket; socket.create_server(('0.0.0.0', 0))",
    "a door without a name": "import socket; socket.socket().listen()",
}


@pytest.mark.parametrize("escape", WARDED)
def test_who_has_a_warden_reaches_its_peer_alone(escape: str, tmp_path: Path) -> None:
    service = tmp_path / "service"
    with stranger() as port, socket.create_server(("127.0.0.2", 0)) as peer, socket.socket(socket.AF_UNIX) as other:
        other.bind(str(service))
        other.listen()
        named = {"port": port, "peer": peer.getsockname()[1], "path": service}
        tried = _warded(CAGED.format(reach="ADDRESS") + WARDED[escape].format(**named), Peer(*peer.getsockname()))
    # A child's descriptor is not the ward's, which may have ended.
    refused = ("Operation not permitted", "Bad file descriptor", "No such process")
    assert tried.output in ("False\n", "3 -1\n") or any(word in tried.errors for word in refused), tried


def test_who_has_a_warden_reaches_its_peer_and_its_own_door() -> None:
    for reach, host in ("ADDRESS", "127.0.0.1"), ("NAME", "localhost"):
        with stranger() as port:
            code = (
                "import socket; socket.create_connection(('{host}', {port})); "
                "door = socket.create_server(('127.0.0.1', 0)); socket.create_connection(door.getsockname())"
            )
            ended = _warded(CAGED.format(reach=reach) + code.format(host=host, port=port), Peer(host, port))
        assert ended == Ended(0, "", "")


def test_who_asks_for_names_reaches_no_other_question(tmp_path: Path) -> None:
    code = "import socket; it = socket.socket(type=socket.SOCK_DGRAM); it.connect(('127.0.0.1', 53000))"
    assert "Operation not permitted" in _warded(CAGED.format(reach="NAME") + code, Peer("localhost", 1)).errors


def test_a_cage_is_around_threads_that_were_there_before() -> None:
    code = (
        "import socket, threading; go = threading.Event(); thread = threading.Thread(target=lambda: (go.wait(), "
        "socket.socket())); thread.start(); " + CAGED.format(reach="NOBODY") + "go.set(); thread.join()"
    )
    assert "Operation not permitted" in _python(code).errors


def test_who_has_to_reach_an_address_cannot_ask_a_resolver() -> None:
    for reach, refused in (("ADDRESS", True), ("NAME", False)):
        tried = _python(CAGED.format(reach=reach) + "import socket; socket.socket(type=socket.SOCK_DGRAM)")
        assert ("Operation not permitted" in tried.errors) is refused


@pytest.mark.parametrize(
    ("sources", "reach"),
    [
        (["/home/x/porch.mp4", "/dev/video0"], Reach.NOBODY),
        (["rtsp://192.168.1.7:554/main", "/dev/video0"], Reach.ADDRESS),
        (["rtsp://[fe80::1%eth0]/main"], Reach.ADDRESS),
        (["rtsp://porch.local/main", "rtsp://192.168.1.7/main"], Reach.NAME),
    ],
)
def test_sources_tell_whom_capture_has_to_reach(sources: list[str], reach: Reach) -> None:
    assert Reach.of_sources(sources) is reach


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose broker is not there."""
    return Home(tmp_path).build()


def _python(code: str) -> Ended:
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def _warded(code: str, *peers: Peer) -> Ended:
    warden = Warden(peers)
    command, env = [sys.executable, "-c", code], os.environ | warden.environment
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, env=env, pass_fds=(warden.descriptor,)
    ) as process:
        warden.watch(process.pid)
        return Ended(process.wait(20), *process.communicate())


def _camd(*words: object) -> list[str]:
    return [sys.executable, "-m", "camd", *map(str, words)]


def _strict(home: Home) -> Home:
    with (home.root / "camd.yaml").open("a") as file:
        file.write("guard: {strict: yes}\n")
    return home


def test_capture_in_its_cage_says_closed(home: Home) -> None:
    video = film("walker", home.root, seconds=2)
    ended = _strict(home).run(*_camd("capture", *home.options, "--camera", video))
    assert ended.code == 0, ended.errors
    assert "guard: closed" in ended.errors
    assert guard.state(guard.said(home.places)) == "closed"


@with_strace
def test_capture_without_its_cage_says_open_and_runs_on(home: Home) -> None:
    video = film("walker", home.root, seconds=2)
    ended = home.run(*UNCAGED, *_camd("capture", *home.options, "--camera", video))
    assert ended.code == 0, ended.errors
    assert "guard: open: capture can open sockets of AF_INET" in ended.errors
    assert "can speak to other programs of this machine" in ended.errors
    assert "can start other programs" in ended.errors
    assert "no seccomp filter" in ended.errors
    assert guard.state(guard.said(home.places)) == "open:capture"


@with_strace
@pytest.mark.parametrize("verb", ["capture", "notify"])
def test_without_its_cage_a_strict_process_refuses(home: Home, verb: str) -> None:
    camera = ("--camera", film("walker", home.root, seconds=1)) if verb == "capture" else ()
    ended = _strict(home).run(*UNCAGED, *_camd(verb, *home.options, *camera))
    assert ended.code == 77
    assert f"guard: open: {verb} can" in ended.errors
    assert "guard.strict" in ended.errors
    assert not home.places.index.exists()


@with_strace
def test_send_opens_no_second_connection_and_a_strict_one_sends_nothing_uncaged(home: Home) -> None:
    ended = home.run(*_camd("capture", *home.options, "--camera", film("walker", home.root, seconds=6)))
    assert ended.code == 0, ended.errors
    sha256 = json.loads((home.places.clips / "000001.json").read_text())["sha256"]
    words = _camd("share", 1, "--to", "stick", "--reason", "a test", *home.options)
    sent = home.run(*words, typed=f"{sha256[:4]}\n")
    assert sent.code == 0, sent.errors
    assert guard.said(home.places)["send"] == ()
    refused = _strict(home).run(*UNCAGED, *words, typed=f"{sha256[:4]}\n")
    assert refused.code == 77
    assert "guard: open: send can" in refused.errors
    assert len(list(home.stick.iterdir())) == 1


def test_a_house_that_is_run_is_closed_and_works(tmp_path: Path) -> None:
    with broker(tmp_path / "broker") as it, subscriber(it.port) as house:
        home = _strict(Home(tmp_path / "home", Peer("127.0.0.1", it.port)).build())
        ended = home.run(*_camd("run", *home.options, "--camera", film("walker", home.root, seconds=3)))
        assert ended.code == 0, ended.errors
        until(lambda: "stopped" in house.payloads("/available"))
    assert set(house.payloads("/guard")) == {"closed"}
    assert guard.said(home.places) == {"capture": (), "notify": ()}


@with_strace
def test_a_strict_house_runs_whole_or_not_at_all(home: Home) -> None:
    camera = ("--camera", film("walker", home.root, seconds=60))
    ended = _strict(home).run(*UNCAGED, *_camd("run", *home.options, *camera))
    assert ended.code == 77
    assert "guard: open: notify" in ended.errors


def test_where_nothing_knows_addresses_notify_says_so(home: Home) -> None:
    ended = _strict(home).run(*_camd("notify", *home.options))
    assert ended.code == 77
    assert "notify can reach other addresses than its own" in ended.errors
    assert "can start other programs" not in ended.errors


ONE_ADDRESS = f'ip link set lo up; ip route add prohibit {guard.SOMEBODY[0]} table local; exec "$@"'


@with_namespace
@pytest.mark.skipif(shutil.which("ip") is None, reason="ip is not installed (iproute2)")
def test_where_nobody_else_can_be_reached_a_strict_notify_runs(home: Home) -> None:
    command = [*NO_NETWORK, "sh", "-c", ONE_ADDRESS, "house", *_camd("notify", *_strict(home).options)]
    env = {**os.environ, "RUNTIME_DIRECTORY": str(home.places.run)}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        until(home.places.outbox_ram.exists)  # and so it heeds signals
        process.terminate()
        assert "guard: closed" in process.communicate()[1]
    assert guard.said(home.places) == {"notify": ()}
    assert process.returncode == 0


def test_what_processes_said_is_read_back(tmp_path: Path) -> None:
    places = Places(tmp_path / "data", tmp_path / "run")
    assert guard.state(guard.said(places)) == "closed"
    Verdict("capture", ()).tell(places)
    assert guard.state(guard.said(places)) == "closed"
    Verdict("send", ("can start other programs",)).tell(places)
    places.guard("torn").write_text('{"process": "to')
    assert guard.said(places) == {"capture": (), "send": ("can start other programs",)}
    assert guard.state(guard.said(places)) == "open:send"
