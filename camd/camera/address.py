"""Where a camera is, and how it is spoken of.

Rule: what is said of an address (in errors, logs, everywhere) is scheme, host and port; a path or a question may hold a
password, on some cameras it has to. What a camera says itself is a stranger's word: it stands in a line of ours only as
`quoted` leaves it.
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

PORTS: Final = {"rtsp": 554, "http": 80}
MOST_QUOTED: Final = 80  # characters


@dataclass(frozen=True, slots=True)
class Login:
    """An account on a camera; the password is in no text that this value becomes."""

    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Address:
    """A camera on the network. `path` begins with / and holds the question, too."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    login: Login = Login()

    @classmethod
    def of(cls, url: str, login: Login) -> "Address":
        """The address in a URL that the settings have checked."""
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.hostname or ""
        return cls(parts.scheme, host, parts.port or PORTS[parts.scheme], path, login)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port as a URL has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def uri(self) -> str:
        """The whole address, for the camera alone."""
        return f"{self}{self.path}"


def quoted(words: str) -> str:
    """Words of a camera as they may stand within a line: printable, and at most `MOST_QUOTED` characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())[:MOST_QUOTED]
