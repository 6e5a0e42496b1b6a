"""The TCP connection to a camera on the network, which any thread may end while another waits for something of it.

Idea: whoever waits (for a resolver, for the camera to answer, for its pictures) does so in a thread of its own and
without a limit; whoever closes the camera ends the connection, and with it the waiting, whatever is waited for.
Rule: nobody is connected to but the camera's own address, and nobody at all once it has ended.
It does not promise: to call back a question to a resolver. Its thread ends when the resolver does, and tells nobody.
"""

import errno
import os
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from camd.camera.address import Address
from camd.errors import UnavailableError

CONNECT_S: Final = 1.8  # for each address of a name; a lost packet is sent again after one second
LOOK_S: Final = 0.2  # how often who waits for a resolver looks whether it has ended

Found = list[tuple[socket.AddressFamily, Any]]  # what `socket.connect` wants, after the family


class Connection:
    """A connection to one camera at a time, from `open` until `end`, which ends all that come after, too."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._has_ended = threading.Event()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def open(self) -> socket.socket:
        """Connect; who gets the socket closes it. Raises UnavailableError, also when it has ended before."""
        try:
            return self._first_that_answers()
        except (OSError, UnicodeError) as error:  # the latter of a name that cannot be one
            raise UnavailableError(unanswered(self._address, getattr(error, "strerror", None) or str(error))) from error

    def end(self) -> None:
        """Whoever waits for the camera reads its end; may be called from any thread."""
        with self._lock:
            self._has_ended.set()
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _first_that_answers(self) -> socket.socket:
        wrong: OSError = _cancelled()
        for family, where in self._found():
            try:
                return self._connected(family, where)
            except OSError as error:
                wrong = error
        raise wrong

    def _connected(self, family: socket.AddressFamily, where: Any) -> socket.socket:
        side = socket.socket(family, socket.SOCK_STREAM)
        try:
            side.settimeout(CONNECT_S)
            self._hold(side)
            side.connect(where)
        except OSError:
            side.close()
            raise
        side.settimeout(None)
        return side

    def _hold(self, side: socket.socket) -> None:
        """From now on `end` ends this one."""
        with self._lock:
            if self._has_ended.is_set():
                raise _cancelled()
            self._socket = side

    def _found(self) -> Found:
        """The addresses of the camera's name."""
        answer: Future[Found] = Future()
        threading.Thread(target=_ask, args=(self._address, answer), name="resolver", daemon=True).start()
        while not self._has_ended.is_set():
            with suppress(TimeoutError):
                return answer.result(LOOK_S)
        raise _cancelled()


def unanswered(address: Address, what: str) -> str:
    """What is said of a camera that cannot be spoken with."""
    return f"{address}: the camera does not answer ({what}). Is it on, is this its address?"


def _ask(address: Address, answer: "Future[Found]") -> None:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        answer.set_result([(family, where) for family, _, _, _, where in found])
    except (OSError, UnicodeError) as error:
        answer.set_exception(error)


def _cancelled() -> OSError:
    return OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
