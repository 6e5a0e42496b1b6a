"""The one way to an RTSP camera: a door on loopback, behind which is that camera's address and nothing else.

Idea: FFmpeg speaks RTSP with a port of ours and never learns where the camera is, nor its password: the relay rewrites
each request for the camera and signs it. What comes back is read message by message; pictures pass as they are, an
answer is written anew with the headers that playing needs.
Rule: a camera that was taken over can send us to nobody: an answer that redirects ends the connection, so that FFmpeg
never sees it (it would follow, and log in there with the camera's password). One host, one port, one connection.
It does not promise: RTSP over UDP, where anybody may send us pictures.
"""

import logging
import secrets
import selectors
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from camd.camera.address import Address, Login, quoted
from camd.camera.connection import Connection
from camd.camera.login import Answer, Basic, answer
from camd.camera.mends import ENDED
from camd.errors import UnavailableError

_log = logging.getLogger(__name__)

KNOCK_S: Final = 1.0  # for who comes to the door to say the key
LOOK_S: Final = 0.2  # how often a relay looks whether it is closed
SEND_S: Final = 10.0  # a side that takes nothing for so long is gone
MOST_HEAD: Final = 16_384  # bytes of one message's headers
MOST_BODY: Final = 65_536
MOST_DIGITS: Final = 9  # more of them are more than any body may have
AT_ONCE: Final = 65_536
INTERLEAVED: Final = 0x24  # $: RTP within the connection (RFC 2326, 10.12)
END: Final = b"\r\n\r\n"
PASSED_ON: Final = ("content-type", "content-base", "session", "transport", "rtp-info", "public", "range")


@dataclass(slots=True)
class _Request:
    method: str
    uri: str
    headers: list[tuple[str, str]]
    is_signed: bool = False

    @property
    def number(self) -> str:
        return next((value for name, value in self.headers if name.lower() == "cseq"), "0")


class Relay:
    """Carries one RTSP connection to a camera, for as long as it is entered, unless it is ended before.

    Entering it gives the URL where FFmpeg finds it. `trouble` says in words why it broke, if it did.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self.trouble = ""
        self._closed = threading.Event()
        self._connection = Connection(address)
        self._camera: socket.socket
        self._player: socket.socket | None = None
        self._pending: deque[_Request] = deque()
        self._answer: Answer | Basic | None = None
        self._sent = 0

    def __enter__(self) -> str:
        self._door = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._door.settimeout(LOOK_S)
        self._ours = f"rtsp://127.0.0.1:{self._door.getsockname()[1]}/{secrets.token_urlsafe(16)}"
        self._thread = threading.Thread(target=self._carry, name="relay", daemon=True)
        self._thread.start()
        return self._ours + self._address.path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self._thread.join()

    def end(self) -> None:
        """Have both ends closed soon, which ends what FFmpeg waits for; may be called from any thread."""
        self._closed.set()
        self._connection.end()

    def _carry(self) -> None:
        try:
            with self._door, self._connection.open() as self._camera:
                self._let_in()
                if self._player is not None:
                    with self._player:
                        self._pump(self._player)
        except UnavailableError as error:
            self.trouble = self.trouble or str(error)
        except OSError as error:
            self.trouble = self.trouble or f"{self._address}: the connection broke ({error.strerror or error}). {ENDED}"

    def _let_in(self) -> None:
        """Wait for FFmpeg: whoever does not know the key is turned away."""
        while not self._closed.is_set() and self._player is None:
            with suppress(TimeoutError):
                player, _ = self._door.accept()
                player.settimeout(KNOCK_S)
                if self._is_ours(player):
                    self._player = player
                else:
                    player.close()

    def _is_ours(self, player: socket.socket) -> bool:
        try:
            head = player.recv(MOST_HEAD, socket.MSG_PEEK)
        except OSError:
            return False
        return head.split(b" ", 2)[1:2] != [] and head.split(b" ", 2)[1].startswith(self._ours.encode())

    def _pump(self, player: socket.socket) -> None:
        for each in (player, self._camera):
            each.settimeout(SEND_S)
        asked, answered = _Buffer(player, self._address), _Buffer(self._camera, self._address)
        with selectors.DefaultSelector() as selector:
            selector.register(player, selectors.EVENT_READ, (asked, self._ask))
            selector.register(self._camera, selectors.EVENT_READ, (answered, self._give))
            while not self._closed.is_set():
                for key, _ in selector.select(LOOK_S):
                    buffer, handle = key.data
                    if not buffer.fill():
                        if buffer is answered:
                            self.trouble = self.trouble or f"{self._address}: the camera ended the connection. {ENDED}"
                        return  # FFmpeg knows itself why it has had enough
                    handle(buffer)

    def _ask(self, buffer: "_Buffer") -> None:
        """What FFmpeg wants of the camera."""
        while (message := buffer.message()) is not None:
            if isinstance(message, bytes):  # its RTCP reports
                self._camera.sendall(message)
                continue
            start, headers, body = message
            method, _, rest = start.partition(" ")
            uri = rest.rpartition(" ")[0]
            if uri.startswith(self._ours):
                uri = str(self._address) + uri.removeprefix(self._ours)
            self._send(_Request(method, uri, headers), body)

    def _send(self, request: _Request, body: bytes = b"") -> None:
        self._sent += 1
        lines = [f"{request.method} {request.uri} RTSP/1.0", f"CSeq: {self._sent}"]
        lines += [
            f"{name}: {value}" for name, value in request.headers if name.lower() not in ("cseq", "authorization")
        ]
        if self._answer is not None:
            lines.append(f"Authorization: {self._answer.header(request.method, request.uri)}")
            request.is_signed = True
        self._pending.append(request)
        self._camera.sendall("\r\n".join(lines).encode() + END + body)

    def _give(self, buffer: "_Buffer") -> None:
        """What the camera has for FFmpeg."""
        assert self._player is not None
        while (message := buffer.message()) is not None:
            if isinstance(message, bytes):
                self._player.sendall(message)
            else:
                self._respond(self._player, *message)

    def _respond(self, player: socket.socket, start: str, headers: list[tuple[str, str]], body: bytes) -> None:
        version, _, rest = start.partition(" ")
        code, _, reason = rest.partition(" ")
        if not version.startswith("RTSP/") or not (code.isdecimal() and len(code) == 3):
            self._hear(start)
            return
        reason = quoted(reason)  # a line end would begin another answer
        if code.startswith("3"):
            raise UnavailableError(redirected(self._address))
        request = self._pending.popleft() if self._pending else _Request("", "", [])
        if code == "401" and self._sign(request, headers):
            return
        if int(code) >= 400 and request.method in ("OPTIONS", "DESCRIBE", "SETUP", "PLAY"):
            self.trouble = f"{self._address}: {refused(int(code), reason, self._address.login)}"
        kept = [(name, value) for name, value in headers if name.lower() in PASSED_ON]
        lines = [f"RTSP/1.0 {code} {reason}", f"CSeq: {request.number}", *(f"{name}: {value}" for name, value in kept)]
        lines += [f"Content-Length: {len(body)}"] if body else []
        player.sendall("\r\n".join(lines).encode() + END + body)

    def _sign(self, request: _Request, headers: list[tuple[str, str]]) -> bool:
        """Ask again with the password; False when that was done already, or cannot be."""
        was_signed = request.is_signed
        stale = any("stale=true" in value.lower().replace(" ", "") for _, value in headers)
        if was_signed and not stale:
            return False
        self._answer = answer(
            (value for name, value in headers if name.lower() == "www-authenticate"), self._address.login
        )
        if self._answer is None or not request.method:
            return False
        self._send(request)
        return True

    def _hear(self, start: str) -> None:
        """The camera asks something itself: REDIRECT is refused, all else is left unanswered."""
        if start.upper().startswith("REDIRECT"):
            raise UnavailableError(redirected(self._address))
        _log.debug("%s: an unasked message was left out", self._address)


def redirected(address: Address) -> str:
    """What is said of a camera that names another address."""
    return (
        f"{address}: the camera sends us to another address, and nobody but the camera gets its password. "
        "If it moved, set camera.source anew; if not, somebody may have taken it over."
    )


def refused(code: int, reason: str, login: Login) -> str:
    """What is said of a camera that answers with this code, and what to do about it."""
    match code:
        case 401 | 403 if login.username:
            return "the camera refuses this account. Check NAME:PASSWORD in camera.password_file."
        case 401 | 403:
            return "the camera wants a password. Set camera.password_file."
        case 404 | 454:
            return f"the camera has nothing at this path ({code} {reason}). Its manual tells the path of its stream."
    return f"the camera refuses ({code} {reason}). Do too many programs watch it? Its own log may tell why."


class _Buffer:
    """What one side has said and nobody has read yet."""

    def __init__(self, side: socket.socket, address: Address) -> None:
        self._side, self._address = side, address
        self._data = bytearray()

    def fill(self) -> bool:
        """Take what is there; False when the side has ended."""
        got = self._side.recv(AT_ONCE)
        self._data += got
        return bool(got)

    def message(self) -> bytes | tuple[str, list[tuple[str, str]], bytes] | None:
        """The next whole message: RTP as it is, or a start line, its headers and its body; None: not whole yet."""
        if self._data[:1] == b"$":
            return self._frames()
        end = self._data.find(END)
        if end < 0:
            if len(self._data) > MOST_HEAD:
                raise self._strange("has no end")
            return None
        start, *lines = self._data[:end].decode("latin-1").lstrip("\r\n").split("\r\n")
        headers = list(_headers(lines))
        size = _size(headers)
        if end > MOST_HEAD or size > MOST_BODY:
            raise self._strange("is too long")
        whole = end + len(END) + size
        if len(self._data) < whole:
            return None
        body = bytes(self._data[end + len(END) : whole])
        del self._data[:whole]
        return start, headers, body

    def _frames(self) -> bytes | None:
        """All whole interleaved frames that stand at the front."""
        data, at = self._data, 0
        while len(data) >= at + 4 and data[at] == INTERLEAVED:
            end = at + 4 + (data[at + 2] << 8 | data[at + 3])
            if len(data) < end:
                break
            at = end
        frames = bytes(data[:at])
        del data[:at]
        return frames or None

    def _strange(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"{self._address}: the camera's answer {what}. Is this the address and port of its RTSP stream?"
        )


def _size(headers: list[tuple[str, str]]) -> int:
    """Bytes of a message's body."""
    told = (value for name, value in headers if name.lower() == "content-length" and value.isdecimal())
    return int(next(told, "0")[:MOST_DIGITS])  # Python refuses to read thousands of them


def _headers(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and name.isascii() and "\n" not in line and "\r" not in line:
            yield name.strip(), value.strip()
