"""The guard: each process tries its own cage when it starts, and says whether it is closed.

Idea: a cage that is written down is not yet in force: an IP filter does nothing on some kernels, and nobody is told.
So a process narrows itself (`camd.cage`), then tries what it must not be able to do. No packet leaves the machine for
that: an address on loopback that belongs to nobody stands for every other one.
Rule: what is not refused is a hole, told in the log, on MQTT and by `camd doctor`; `guard.strict` ends the process.
It does not promise that what it does not try is shut as well.
"""

import errno
import json
import logging
import os
import select
import socket
from dataclasses import dataclass
from typing import Any, Final

from camd import cage
from camd.cage import Reach
from camd.errors import RefusedError
from camd.places import Places

_log = logging.getLogger(__name__)

CLOSED: Final = "closed"
SOMEBODY: Final = ("127.67.65.77", 9)  # loopback, where nobody listens: every address that is not to be reached
NO_PROGRAM: Final = "\0camd nobody"  # a name in the abstract namespace that no program has
ANSWER_S: Final = 0.3  # for an answer on loopback; a filter drops the question instead
REFUSED: Final = (errno.EPERM, errno.EACCES)
NO_SUCH: Final = (*REFUSED, errno.EAFNOSUPPORT)
REACHED: Final = (0, errno.ECONNREFUSED)
NOT_THERE: Final = "/dev/null/program"  # a filter refuses before anybody looks whether it is there
PROGRAM: Final = "/bin/true"
KINDS: Final = {  # families of sockets that can reach out, and a kind that each has
    "AF_INET": socket.SOCK_STREAM,
    "AF_INET6": socket.SOCK_STREAM,
    "AF_PACKET": socket.SOCK_RAW,
    "AF_VSOCK": socket.SOCK_STREAM,
    "AF_BLUETOOTH": socket.SOCK_RAW,
}
MEND: Final = (
    "The units that systemd/install sets up close it, where the kernel can, and so does 'camd run' of what it starts; "
    "'camd doctor' tells more."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a process found when it tried its cage: the holes, in words."""

    process: str
    holes: tuple[str, ...]

    def __str__(self) -> str:
        """As MQTT says it."""
        return f"open:{self.process}" if self.holes else CLOSED

    def tell(self, places: Places) -> None:
        """Leave it in the run folder, for notify to publish; a folder that takes nothing is told by others."""
        path = places.guard(self.process)
        temp = path.with_suffix(".tmp")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            temp.write_text(json.dumps({"v": 1, "process": self.process, "holes": self.holes}), encoding="utf-8")
            temp.replace(path)
        except OSError as error:
            _log.warning("%s: cannot be written (%s)", path, error.strerror)


def stand(process: str, reach: Reach, strict: bool) -> Verdict:
    """Build the cage around this process, try it and say how it is; raises RefusedError when it is open and strict."""
    why = cage.narrow(reach)
    verdict = Verdict(process, holes(reach))
    if not verdict.holes:
        _log.info("guard: closed")
        return verdict
    told = f"guard: open: {process} {', '.join(verdict.holes)}{f' ({why})' if why else ''}. {MEND}"
    if strict:
        raise RefusedError(f"{told} It does not run because of guard.strict.")
    _log.warning("%s", told)
    return verdict


def said(places: Places) -> dict[str, tuple[str, ...]]:
    """The holes of each process that told of its cage since the machine started, by name."""
    folder = places.guard("any").parent
    found = [_read(path.read_bytes()) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
    return {one.process: one.holes for one in found if one is not None}


def state(told: dict[str, tuple[str, ...]]) -> str:
    """In one word: `closed`, or `open:` with the first process that is."""
    return next((str(Verdict(process, holes)) for process, holes in told.items() if holes), CLOSED)


def _read(text: bytes) -> Verdict | None:
    try:
        told: Any = json.loads(text)
        return Verdict(str(told["process"]), tuple(map(str, told["holes"])))
    except (ValueError, KeyError, TypeError):
        return None


def holes(reach: Reach) -> tuple[str, ...]:
    """Try what a process that may reach so far must not be able to do; return what was not refused, in words."""
    return (*_sockets(reach), *_strangers(reach), *_programs())


def _sockets(reach: Reach) -> list[str]:
    named = {name: getattr(socket, name) for name in KINDS if hasattr(socket, name)}
    others = [name for name, family in named.items() if family not in cage.FAMILIES[reach]]
    return [f"can open sockets of {name}" for name in others if _can_open(named[name], KINDS[name])]


def _can_open(family: int, kind: int) -> bool:
    try:
        socket.socket(family, kind).close()
    except OSError as error:
        return error.errno not in NO_SUCH
    return True


def _strangers(reach: Reach) -> list[str]:
    if reach is Reach.NOBODY:
        return ["can speak to other programs of this machine"] if _can_speak() else []
    kinds = (socket.SOCK_STREAM, *((socket.SOCK_DGRAM,) if reach is Reach.NAME else ()))
    return ["can reach other addresses than its own"] if any(map(_can_reach, kinds)) else []


def _can_speak() -> bool:
    """Whether a connection is tried at all; nobody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        return trial.connect_ex(NO_PROGRAM) not in REFUSED


def _can_reach(kind: socket.SocketKind) -> bool:
    """Whether a stranger answers, or takes a datagram; a filter on addresses drops the one and refuses the other."""
    with socket.socket(socket.AF_INET, kind) as trial:
        trial.setblocking(False)
        code = trial.connect_ex(SOMEBODY)
        if kind == socket.SOCK_DGRAM and code == 0:
            return _takes_a_datagram(trial)
        if code == errno.EINPROGRESS:
            answered = select.select([], [trial], [], ANSWER_S)[1]
            code = trial.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if answered else errno.ETIMEDOUT
        return code in REACHED


def _takes_a_datagram(trial: socket.socket) -> bool:
    try:
        trial.send(b"")
    except OSError as error:
        return error.errno in REACHED
    return True


def _programs() -> list[str]:
    try:
        os.execv(NOT_THERE, [NOT_THERE])
    except OSError as error:
        if error.errno in REFUSED:
            return []
    try:
        os.waitpid(os.posix_spawn(PROGRAM, [PROGRAM], {}), 0)
    except OSError:
        return []
    return ["can start other programs"]
