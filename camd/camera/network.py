"""Network cameras: RTSP through a relay, motion JPEG over HTTP through a connection of our own.

Rule: FFmpeg opens no address of its own: it has a port on loopback (RTSP), or bytes that we read (HTTP). The camera's
address is the only one that is connected to, however the camera answers.
"""

import http.client
import socket
from contextlib import suppress
from typing import Final

import av
from av.container import InputContainer

from camd.camera.address import Address
from camd.camera.decoder import LIMITS, UNTITLED
from camd.camera.login import answer
from camd.camera.relay import CONNECT_S, Relay, redirected, refused
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
HTTP_S: Final = 5.0  # without a byte
READ_AT_ONCE: Final = 65_536


class RtspLine:
    """The way to a camera that speaks RTSP; raises UnavailableError when it does not answer."""

    def __init__(self, address: Address) -> None:
        self.name = str(address)
        self._relay = Relay(address)

    def open(self) -> InputContainer:
        """Open it through the relay."""
        container: InputContainer = av.open(self._relay.url, "r", format="rtsp", options=RTSP, **UNTITLED)
        return container

    def close(self) -> None:
        """End the connection."""
        self._relay.close()

    def trouble(self) -> str:
        """What the camera said, or what broke; known once the relay has ended."""
        self._relay.close()
        return self._relay.trouble


class MjpegLine:
    """The way to a camera that sends JPEGs in one endless HTTP answer; raises UnavailableError when it does not."""

    def __init__(self, address: Address) -> None:
        self.name = str(address)
        self._address = address
        self._trouble = ""
        self._connection, self._response = self._asked("")
        if self._response.status == 401:
            self._log_in()
        self._check()

    def open(self) -> InputContainer:
        """Open what the answer brings."""
        return av.open(self, "r", format="mpjpeg", options=HTTP, buffer_size=READ_AT_ONCE)

    def read(self, size: int) -> bytes:
        """Give FFmpeg the next bytes."""
        try:
            return self._response.read1(size)
        except TimeoutError as error:
            self._trouble = f"{self._address}: no picture for {HTTP_S:.0f} s."
            raise UnavailableError(self._trouble) from error

    def close(self) -> None:
        """End the connection; who reads from it reads its end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._response.close()
        self._connection.close()

    def trouble(self) -> str:
        """Why it ended, where that is known."""
        return self._trouble

    def _asked(self, authorization: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self._address.host, self._address.port, timeout=CONNECT_S)
        try:
            connection.connect()
            self._socket: socket.socket = connection.sock
            self._socket.settimeout(HTTP_S)
            connection.request(
                "GET", self._address.path, headers={"Authorization": authorization} if authorization else {}
            )
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            what = getattr(error, "strerror", None) or error
            raise UnavailableError(
                f"{self._address}: the camera does not answer ({what}). Is it on, is this its address?"
            ) from error

    def _log_in(self) -> None:
        challenges = self._response.headers.get_all("WWW-Authenticate", [])
        ours = answer(challenges, self._address.login)
        if ours is not None:
            self._connection.close()
            self._connection, self._response = self._asked(ours.header("GET", self._address.path))

    def _check(self) -> None:
        status, kind = self._response.status, self._response.headers.get_content_maintype()
        wrong = ""
        if 300 <= status < 400:
            wrong = redirected(self._address)
        elif status != 200:
            wrong = f"{self._address}: {refused(status, self._response.reason, self._address.login)}"
        elif kind != "multipart":
            what = self._response.headers.get_content_type()
            wrong = f"{self._address}: not a motion JPEG stream. got {what}. want multipart/x-mixed-replace."
        if wrong:
            self.close()
            raise UnavailableError(wrong)
