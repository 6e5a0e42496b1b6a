"""The oracle finds leaks that are planted on purpose, most in ways that Python's own audit hook does not see.

Each runs in a process that looks like a verb of camd; what the verb may do gives no finding.
"""

import sys
from pathlib import Path

import pytest

from tests.egress import NO_NETWORK, Rights, Verdict, judge
from tests.leaks.homes import NOBODY, Home, stranger, with_namespace, with_strace


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose broker is not there."""
    return Home(tmp_path).build()


LEAKS = {
    "a URL by OpenCV": (
        "import cv2; cv2.VideoCapture('http://127.0.0.1:{port}/x')",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a URL by PyAV": (
        "import av; av.open('http://127.0.0.1:{port}/x')",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a URL by urllib": (
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/x')",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a connection by libc": (
        "import ctypes, struct; libc = ctypes.CDLL(None); "
        "libc.connect(libc.socket(2, 1, 0), struct.pack('=H', 2) + struct.pack('!HI8x', {port}, 0x7F000001), 16)",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a connection that does not wait": (
        "import socket; it = socket.socket(); it.setblocking(False); it.connect_ex(('127.0.0.1', {port}))",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a connection by IPv6": (
        "import socket; socket.create_connection(('::1', {port}))",
        "reaches for ::1 port {port}",
    ),
    "a query to a resolver": (
        "import socket; it = socket.socket(type=socket.SOCK_DGRAM); "
        "it.connect(('127.0.0.1', {port})); it.send(b'\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4camd\\0\\0\\1\\0\\1')",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a datagram": (
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a datagram by sendmsg": (
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('127.0.0.1', {port}))",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a thread": (
        "import socket, threading; "
        "threading.Thread(target=socket.create_connection, args=(('127.0.0.1', {port}),)).start()",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a shell": (
        "import subprocess; subprocess.run(['bash', '-c', ': > /dev/tcp/127.0.0.1/{port}'])",
        "(bash, ",
    ),
    "a child that outlives it": (
        "import os, socket; os.fork() or os.setsid() or os.fork() or socket.create_connection(('127.0.0.1', {port}))",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a service on this machine": (
        "import socket; socket.socket(socket.AF_UNIX).connect('{path}/resolver')",
        'sun_path="{path}/resolver"',
    ),
    "a service with no file": (
        "import socket; socket.socket(socket.AF_UNIX).connect('\\0resolver')",
        'sun_path=@"resolver"',
    ),
    "a raw socket": (
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "opens a socket of AF_PACKET",
    ),
    "an open door": (
        "import socket; socket.create_server(('127.0.0.1', 0))",
        "opens a socket of AF_INET",
    ),
}


@with_strace
@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_of_capture_is_found(home: Home, leak: str) -> None:
    code, words = LEAKS[leak]
    with stranger() as port:
        named = {"port": port, "path": home.root}
        findings = home.plant(code.format(**named), "capture").findings
    assert [finding for finding in findings if words.format(**named) in finding]
    assert all(finding.startswith("capture (") for finding in findings)


@with_strace
@with_namespace
def test_a_name_looked_up_is_found(home: Home) -> None:
    """Cut off from the network, so that the question goes nowhere; the attempt counts."""
    code = "import socket; socket.getaddrinfo('camd.invalid', 80)"
    _, verdict = home.watch(*NO_NETWORK, sys.executable, "-c", code, "-m", "camd", "capture")
    assert [finding for finding in verdict.findings if finding.startswith("capture (") and "port 53" in finding]


NOTIFY_LEAKS = {
    "another port of the broker's machine": (
        "import socket; socket.create_connection(('127.0.0.1', {port}))",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a query to a resolver": (
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
        "reaches for 127.0.0.1 port {port}",
    ),
    "a port that its parent listens on": (
        "import os, socket; door = socket.create_server(('127.0.0.1', 0)); "
        "os.fork() or socket.create_connection(door.getsockname())",
        "reaches for 127.0.0.1",
    ),
    "a door open to the house": (
        "import socket; socket.create_server(('0.0.0.0', 0))",
        "listens at 0.0.0.0 port 0",
    ),
    "a question to the kernel's routing": (
        "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "opens a socket of AF_NETLINK",
    ),
}


@with_strace
@pytest.mark.parametrize("leak", NOTIFY_LEAKS)
def test_a_leak_of_notify_is_found(home: Home, leak: str) -> None:
    code, words = NOTIFY_LEAKS[leak]
    with stranger() as port:
        findings = home.plant(code.format(port=port), "notify").findings
    assert [finding for finding in findings if words.format(port=port) in finding]
    assert all(finding.startswith("notify (") for finding in findings)


@with_strace
def test_what_each_may_do_is_no_finding(home: Home) -> None:
    within = f"import av, cv2, socket; socket.socketpair(); socket.socket(socket.AF_UNIX).bind('{home.places.run}/a')"
    assert home.plant(within, "capture") == Verdict([], {"capture"}, set())
    itself = (
        "import socket; door = socket.create_server(('127.0.0.1', 0)); "
        "socket.create_connection(door.getsockname()); socket.socket().connect_ex(('127.0.0.1', 1))"
    )
    assert home.plant(itself, "notify") == Verdict([], {"notify"}, {("notify", NOBODY)})


STARTED = '1 execve("/usr/bin/python", ["python", "-m", "camd", "{verb}"], 0x7f /* 9 vars */) = 0'
OTHER = '{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}'


@pytest.mark.parametrize(
    ("lines", "findings"),
    [
        pytest.param([f"1 connect(3, {OTHER}, 16 <unfinished ...>"], 1, id="killed while it connected"),
        pytest.param(
            [f"1 connect(3, {OTHER}, 16 <unfinished ...>", "1 <... connect resumed>) = -1 EINTR (Interrupted)"],
            1,
            id="interrupted",
        ),
        pytest.param([f"1 connect(3, {OTHER}, 16) = -1 EINPROGRESS (Operation now in progress)"], 1, id="on its way"),
        pytest.param([f"1 connect(3, {OTHER}, 16) = -1 EACCES (Permission denied)"], 1, id="forbidden"),
        pytest.param(
            [f"1 sendmmsg(3, [{{msg_hdr={{msg_name={OTHER}}}}}, {{msg_hdr={{msg_name={OTHER}}}}}], 2, 0) = 2"],
            2,
            id="two at once",
        ),
        pytest.param(['1 connect(3, {sa_family=AF_UNIX, sun_path="/run/{a}"}, 9) = 0'], 1, id="an odd path"),
        pytest.param(['1 connect(3, {sa_family=AF_UNIX, sun_path="/home/run/../a"}, 9) = 0'], 1, id="a way out"),
        pytest.param(['1 connect(3, {sa_family=AF_UNIX, sun_path="/home/run/a"}, 9) = 0'], 0, id="a file of its own"),
        pytest.param(['1 connect(3, {sa_family=AF_UNSPEC, sa_data="\\0"}, 16) = 0'], 0, id="taken back"),
        pytest.param(["1 io_uring_setup(8, {flags=0, sq_entries=8}) = 4"], 1, id="past all these calls"),
        pytest.param(
            [
                "1 vfork( <unfinished ...>",
                '2 execve("/bin/sh", ["sh"], 0x7f /* 9 vars */ <unfinished ...>',
                "1 <... vfork resumed>) = 2",
                "2 <... execve resumed>) = 0",
                f"2 connect(3, {OTHER}, 16) = 0",
            ],
            1,
            id="a child",
        ),
        pytest.param(
            ['1 execve("/no", ["no", "-m", "camd", "notify"], 0x7f) = -1 ENOENT (No)', "1 socket(AF_INET, 1, 0) = 3"],
            1,
            id="who is not another, for an attempt",
        ),
    ],
)
def test_a_trace_is_read_right(lines: list[str], findings: int) -> None:
    rights = {"capture": Rights(folder=Path("/home/run")), "notify": Rights(frozenset({NOBODY}))}
    found = judge([STARTED.format(verb="capture"), *lines], rights).findings
    assert len(found) == findings
    assert all(finding.startswith("capture (") for finding in found)


LOADED = "1 seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {len=58, filter=0x7f}) = 0"
REFUSED = "1 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = -1 EPERM (Operation not permitted)"
KNOCK = '1 connect(3, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.67.65.77")}, 16) = -1 EPERM (No)'
PROGRAM = '1 execve("/dev/null/program", ["/dev/null/program"], 0x7f /* 9 vars */) = -1 EPERM (Operation not permitted)'


@pytest.mark.parametrize(
    ("lines", "findings"),
    [
        pytest.param([LOADED, REFUSED, KNOCK, KNOCK, PROGRAM], 0, id="its trials"),
        pytest.param([REFUSED, KNOCK, LOADED, PROGRAM], 2, id="before its filter"),
        pytest.param([LOADED, PROGRAM, REFUSED, KNOCK], 2, id="after its trials"),
        pytest.param([LOADED, PROGRAM, LOADED, REFUSED], 1, id="once more"),
        pytest.param([LOADED, REFUSED, REFUSED, KNOCK, KNOCK, KNOCK, PROGRAM], 2, id="more than it tries"),
        pytest.param([LOADED, REFUSED.replace("STREAM", "DGRAM")], 1, id="a kind that it does not try"),
        pytest.param([LOADED, REFUSED.replace("= -1 EPERM (Operation not permitted)", "= 3")], 1, id="not refused"),
        pytest.param([LOADED.replace("= 0", "= -1 ENOSYS (No)"), REFUSED], 1, id="without its filter"),
    ],
)
def test_the_guards_own_trials_and_nothing_else_are_no_finding(lines: list[str], findings: int) -> None:
    found = judge([STARTED.format(verb="capture"), *lines], {}).findings
    assert len(found) == findings


def test_an_own_port_ends_with_its_socket() -> None:
    here = '{sa_family=AF_INET, sin_port=htons(PORT), sin_addr=inet_addr("127.0.0.1")}'
    door = [
        "1 socket(AF_INET, SOCK_STREAM, 0) = 3",
        f"1 bind(3, {here.replace('PORT', '0')}, 16) = 0",
        "1 listen(3, 1) = 0",
    ]
    asked, reached = f"1 getsockname(3, {here}, [16]) = 0", f"1 connect(4, {here}, 16) = 0"
    rights = {"notify": Rights(frozenset({NOBODY}))}
    for again, findings in ([], 0), (door[:1], 1), ([door[0], door[2]], 1):
        lines = [STARTED.format(verb="notify"), *door, *again, asked, reached]
        assert len(judge([line.replace("PORT", "4000") for line in lines], rights).findings) == findings


@pytest.mark.parametrize("line", ["1 strace: what is this", "strace: Process 9 attached", "7 connect(3, NULL, 0) = 0"])
def test_what_is_not_understood_is_never_passed_over(line: str) -> None:
    with pytest.raises(AssertionError):
        judge([STARTED.format(verb="capture"), line], {})
