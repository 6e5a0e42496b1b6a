"""How a camera is shown that we know its password: Basic and Digest (RFC 7617, RFC 7616), for RTSP as for HTTP.

Rule: Digest is taken where it is offered, the strongest that we know; the password itself is sent only where a camera
knows nothing but Basic, and only ever to the address in the settings.
"""

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from camd.camera.address import Login

HASHES: Final = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}  # the strongest first
_PART = re.compile(r'([A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


@dataclass(slots=True)
class Answer:
    """What is answered to one challenge, for as long as the camera takes it."""

    login: Login
    realm: str
    nonce: str
    algorithm: str
    opaque: str
    has_qop: bool
    _count: int = 0

    def header(self, method: str, uri: str) -> str:
        """The value of Authorization for one request."""
        digest: Callable[[str], str] = lambda text: HASHES[self.algorithm](text.encode()).hexdigest()  # noqa: E731
        secret = digest(f"{self.login.username}:{self.realm}:{self.login.password}")
        asked = digest(f"{method}:{uri}")
        told = {"username": self.login.username, "realm": self.realm, "nonce": self.nonce, "uri": uri}
        if self.has_qop:
            self._count += 1
            count, ours = f"{self._count:08x}", secrets.token_hex(8)
            response = digest(f"{secret}:{self.nonce}:{count}:{ours}:auth:{asked}")
            end = f", qop=auth, nc={count}"
            told |= {"cnonce": ours}
        else:
            response, end = digest(f"{secret}:{self.nonce}:{asked}"), ""
        told |= {"response": response} | ({"opaque": self.opaque} if self.opaque else {})
        end += f", algorithm={self.algorithm}" if self.algorithm != "MD5" else ""
        return "Digest " + ", ".join(f'{name}="{value}"' for name, value in told.items()) + end


@dataclass(frozen=True, slots=True)
class Basic:
    """Name and password as they are."""

    login: Login

    def header(self, method: str, uri: str) -> str:
        """The value of Authorization."""
        return "Basic " + b64encode(f"{self.login.username}:{self.login.password}".encode()).decode()


def answer(challenges: Iterable[str], login: Login) -> Answer | Basic | None:
    """The best answer to the values of WWW-Authenticate; None when there is nothing that can be answered."""
    if not login.username:
        return None
    offered = list(challenges)
    digests = [_digest(value, login) for value in offered if value.lower().startswith("digest")]
    for algorithm in HASHES:
        for one in digests:
            if one and one.algorithm == algorithm:
                return one
    return Basic(login) if any(value.lower().startswith("basic") for value in offered) else None


def _digest(challenge: str, login: Login) -> Answer | None:
    said = {name.lower(): quoted or plain for name, quoted, plain in _PART.findall(challenge)}
    algorithm, qop = said.get("algorithm", "MD5").upper(), said.get("qop", "")
    if algorithm not in HASHES or "nonce" not in said or (qop and "auth" not in re.split(r"[\s,]+", qop)):
        return None
    return Answer(login, said.get("realm", ""), said["nonce"], algorithm, said.get("opaque", ""), bool(qop))
