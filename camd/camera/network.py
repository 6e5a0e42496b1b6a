"""Network cameras: RTSP through a relay, motion JPEG over HTTP through a connection of our own.

Rule: FFmpeg opens no address of its own: it has a port on loopback (RTSP), or bytes that we read (HTTP). The camera's
address is the only one that is connected to, however the camera answers.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final

import av
from av.container import InputContainer

from camd.camera.address import Address, quoted
from camd.camera.connection import Connection, unanswered
from camd.camera.decoder import LIMITS, UNTITLED
from camd.camera.login import answer
from camd.camera.relay import Relay, redirected, refused
from camd.errors import UnavailableError

RTSP: Final = LIMITS | {
    "rtsp_transport": "tcp",
    "protocol_whitelist": "rtsp,rtp,tcp",
    "allowed_media_types": "video",
    "analyzeduration": "2000000",  # microseconds: a key picture comes within, and what came before is not waited for
    "fflags": "nobuffer",
    "fpsprobesize": "3",  # pictures from which the rate is told; what the camera says of it is believed first
}
HTTP: Final = LIMITS | {"protocol_whitelist": ""}
READ_AT_ONCE: Final = 65_536


class RtspLine:
    """The way to a camera that speaks RTSP."""

    def __init__(self, address: Address) -> None:
        self.name = str(address)
        self._relay = Relay(address)

    @contextmanager
    def open(self) -> Iterator[InputContainer]:
        """Open it through the relay."""
        with self._relay as url, av.open(url, "r", format="rtsp", options=RTSP, **UNTITLED) as container:
            yield container

    def close(self) -> None:
        """End the connection."""
        self._relay.end()

    def trouble(self) -> str:
        """What the camera said, or what broke."""
        return self._relay.trouble


class MjpegLine:
    """The way to a camera that sends JPEGs in one endless HTTP answer."""

    def __init__(self, address: Address) -> None:
        self.name = str(address)
        self._address = address
        self._connection = Connection(address)

    @contextmanager
    def open(self) -> Iterator[InputContainer]:
        """Ask for it, log in where that is wanted, and open what the answer brings."""
        with ExitStack() as stack:
            response = self._asked("", stack)
            if response.status == 401:
                response = self._logged_in(response, stack)
            self._check(response)
            pictures = _Pictures(response)
            yield stack.enter_context(av.open(pictures, "r", format="mpjpeg", options=HTTP, buffer_size=READ_AT_ONCE))

    def close(self) -> None:
        """End the connection; who reads from it reads its end."""
        self._connection.end()

    def trouble(self) -> str:
        """FFmpeg's errors say it."""
        return ""

    def _asked(self, authorization: str, stack: ExitStack) -> HTTPResponse:
        asking = HTTPConnection(self._address.host, self._address.port)
        asking.sock = self._connection.open()
        stack.callback(asking.close)
        try:
            asking.request("GET", self._address.path, headers={"Authorization": authorization} if authorization else {})
            return stack.enter_context(asking.getresponse())
        except (OSError, HTTPException) as error:
            what = getattr(error, "strerror", None) or quoted(str(error))
            raise UnavailableError(unanswered(self._address, what)) from error

    def _logged_in(self, refusal: HTTPResponse, stack: ExitStack) -> HTTPResponse:
        """The answer to the same with our password, or `refusal` where that cannot be given."""
        ours = answer(refusal.headers.get_all("WWW-Authenticate", []), self._address.login)
        if ours is None:
            return refusal
        stack.close()
        return self._asked(ours.header("GET", self._address.path), stack)

    def _check(self, response: HTTPResponse) -> None:
        """Raises UnavailableError when it brings no pictures."""
        if 300 <= response.status < 400:
            raise UnavailableError(redirected(self._address))
        if response.status != 200:
            why = refused(response.status, quoted(response.reason), self._address.login)
            raise UnavailableError(f"{self._address}: {why}")
        if response.headers.get_content_maintype() != "multipart":
            got = quoted(response.headers.get_content_type())
            raise UnavailableError(
                f"{self._address}: not a motion JPEG stream. got {got}. want multipart/x-mixed-replace."
            )


class _Pictures:
    """What FFmpeg reads."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end, or when it was cut off within a chunk."""
        try:
            return self._response.read1(size)
        except HTTPException:
            return b""
