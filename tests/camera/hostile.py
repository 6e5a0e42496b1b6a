"""Cameras that somebody took over or that are broken, and the third host that they name: real sockets on loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

CAMERA: Final = "127.0.0.2"
THIRD: Final = "127.0.0.3"
SDP: Final = (
    "v=0\r\no=- 0 0 IN IP4 {third}\r\ns=-\r\nc=IN IP4 {third}\r\nt=0 0\r\na=control:*\r\n"
    "m=video 0 RTP/AVP 96\r\nc=IN IP4 {third}\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\n"
    "a=control:rtsp://{third}:{port}/track\r\n"
)


@dataclass
class Third:
    """The host that nobody may reach: counts who does, on TCP and UDP."""

    port: int
    calls: list[str] = field(default_factory=list)


@contextmanager
def third_host() -> Iterator[Third]:
    """Listen until the block ends."""
    with socket.create_server((THIRD, 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        third = Third(tcp.getsockname()[1])
        udp.bind((THIRD, third.port))
        over = threading.Event()
        threads = [
            threading.Thread(target=_note, args=(tcp.accept, third, over)),
            threading.Thread(target=_note, args=(lambda: udp.recv(99), third, over)),
        ]
        for each, thread in zip((tcp, udp), threads, strict=True):
            each.settimeout(0.1)
            thread.start()
        yield third
        over.set()
        for thread in threads:
            thread.join()


def _note(call: Callable[[], object], third: Third, over: threading.Event) -> None:
    while not over.is_set():
        with suppress(TimeoutError):
            third.calls.append(repr(call()))


@dataclass
class Hijacked:
    """A camera that answers each request with what `replies` makes of it, and keeps what it was told."""

    port: int
    heard: list[str] = field(default_factory=list)


@contextmanager
def hijacked(replies: Callable[[str, dict[str, str]], bytes]) -> Iterator[Hijacked]:
    """Serve RTSP or HTTP at the camera's address until the block ends; `replies(method, headers)`."""
    with socket.create_server((CAMERA, 0)) as server:
        server.settimeout(0.1)
        camera = Hijacked(server.getsockname()[1])
        over = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, camera, replies, over))
        thread.start()
        try:
            yield camera
        finally:
            over.set()
            thread.join()


def _serve(
    server: socket.socket, camera: Hijacked, replies: Callable[[str, dict[str, str]], bytes], over: threading.Event
) -> None:
    while not over.is_set():
        with suppress(TimeoutError, OSError):
            side, _ = server.accept()
            with side:
                side.settimeout(1)
                _talk(side, camera, replies, over)


def _talk(
    side: socket.socket, camera: Hijacked, replies: Callable[[str, dict[str, str]], bytes], over: threading.Event
) -> None:
    data = b""
    while not over.is_set():
        got = side.recv(9999)  # nothing for a second: it hangs up
        if not got:
            return
        data += got
        while b"\r\n\r\n" in data:
            head, data = data.split(b"\r\n\r\n", 1)
            start, *lines = head.decode().split("\r\n")
            camera.heard.append(head.decode())
            side.sendall(replies(start.split()[0], dict(line.split(": ", 1) for line in lines)))


@contextmanager
def trickling(words: bytes) -> Iterator[int]:
    """A camera that answers whoever connects with one letter after another, slowly and for five seconds; its port."""
    with socket.create_server((CAMERA, 0)) as server:
        server.settimeout(5)
        over = threading.Event()
        thread = threading.Thread(target=_trickle, args=(server, words, over))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def _trickle(server: socket.socket, words: bytes, over: threading.Event) -> None:
    with server.accept()[0] as side, suppress(OSError):
        for number in range(50):
            side.sendall(words[number : number + 1] or b"x")
            if over.wait(0.1):
                return


@contextmanager
def full() -> Iterator[int]:
    """A camera that takes no more connections: who tries waits for an answer; its port."""
    with socket.socket() as server, ExitStack() as stack:
        server.bind((CAMERA, 0))
        server.listen(0)
        for _ in range(3):  # the kernel takes one more than it was told
            early = stack.enter_context(socket.socket())
            early.setblocking(False)
            early.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def playing(third_port: int, stage: str, reply: bytes) -> Callable[[str, dict[str, str]], bytes]:
    """An RTSP camera that plays along until `stage`, and then says `reply`."""

    def answer(method: str, headers: dict[str, str]) -> bytes:
        number = headers.get("CSeq", "0").encode()
        if method == stage:
            return reply.replace(b"{cseq}", number)
        body, more = b"", b""
        if method == "DESCRIBE":
            body = SDP.format(third=THIRD, port=third_port).encode()
            more = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(body)
        elif method == "SETUP":
            more = b"Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        elif method == "OPTIONS":
            more = b"Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n"
        return b"RTSP/1.0 200 OK\r\nCSeq: " + number + b"\r\n" + more + b"\r\n" + body

    return answer
