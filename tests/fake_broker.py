"""A broker that is none: takes connections on loopback and answers each with bytes of the test's choosing."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CONNACK = bytes([0x20, 2, 0, 0])

Answer = Callable[[socket.socket], None]


def says(*parts: bytes) -> Answer:
    """Wait for the client's first bytes, send these, and hang up."""

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        for part in parts:
            connection.sendall(part)

    return answer


def never_acknowledges(connection: socket.socket) -> None:
    """Let the client in and read all it sends, without another word."""
    connection.recv(4096)
    connection.sendall(CONNACK)
    while connection.recv(65_536):
        pass


class FakeBroker:
    """Answers every connection, one after the other; `visits` counts them."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.visits = 0
        self._open: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Hang up on everybody."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._open is not None:
            with suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open = connection
            with connection, suppress(OSError):
                self.visits += 1
                self._answer(connection)


@contextmanager
def fake_broker(answer: Answer) -> Iterator[FakeBroker]:
    """Give one that answers so, and end it afterwards."""
    it = FakeBroker(answer)
    try:
        yield it
    finally:
        it.close()
