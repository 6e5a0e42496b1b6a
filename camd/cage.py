"""The cage that a process builds around itself: a filter on its system calls, which no code in it can take off.

Idea: seccomp holds against everything that runs in the process, C libraries included, where Python's audit hook does
not (OpenCV, PyAV and ctypes connect past it). It costs a few microseconds to build and no memory.
Rule: it can forbid kinds of sockets, other programs and reading other processes. It cannot tell one address from
another, because a filter sees the pointer to an address and not the address: that is for the IP filters of the systemd
units, and for the warden (`camd.warden`) of a child of `camd run`. Whether anything of it is in force is for
`camd.guard` to try.
"""

import errno
import ipaddress
import os
import socket
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

import seccompy
from seccompy import ArgCmp, CmpOp, Filter, FilterFlag

from camd import warden
from camd.settings_camera import SCHEMES

X32: Final = 0x4000_0000  # a second set of the same calls on x86-64, with this bit in their numbers
TYPE: Final = 0xF  # the part of a socket's type that is no flag; net/socket.c, SOCK_TYPE_MASK
NETWORK_CAMERAS: Final = SCHEMES
# Other programs; what makes calls where no filter looks (io_uring); what reaches into other processes.
FORBIDDEN: Final = (
    "execve", "execveat", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd",
)  # fmt: skip
NAMING: Final = ("sendmsg", "sendmmsg")  # they can name an address, or connect (TCP Fast Open), past a warden


class Reach(Enum):
    """Whom a process has to reach over the network."""

    NOBODY = "nobody"
    ADDRESS = "one address"
    NAME = "one name"  # which the system's resolver is asked for, over UDP

    @classmethod
    def of_host(cls, host: str) -> "Reach":
        """What it takes to reach one host."""
        try:
            ipaddress.ip_address(host.strip("[]").partition("%")[0])
        except ValueError:
            return cls.NAME
        return cls.ADDRESS

    @classmethod
    def of_sources(cls, sources: Iterable[str]) -> "Reach":
        """What it takes to reach cameras: nobody, unless one of them is on the network."""
        urls = map(urlsplit, sources)
        needed = [cls.of_host(url.hostname) for url in urls if url.scheme in NETWORK_CAMERAS and url.hostname]
        return max(needed, key=list(cls).index, default=cls.NOBODY)


# The kernel's own families (udev and the resolver's look at routes) and files: nothing of them leaves the machine.
FAMILIES: Final = {
    Reach.NOBODY: (socket.AF_UNIX, socket.AF_NETLINK),
    Reach.ADDRESS: (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK),
    Reach.NAME: (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK),
}


# What an internet socket may be: (type, protocol). Others reach out past a connect (SCTP, multipath TCP), and a type of
# its own (SOCK_PACKET) makes another family of this one.
STREAMS: Final = ((socket.SOCK_STREAM, 0), (socket.SOCK_STREAM, socket.IPPROTO_TCP))
DATAGRAMS: Final = ((socket.SOCK_DGRAM, 0), (socket.SOCK_DGRAM, socket.IPPROTO_UDP))


def narrow(reach: Reach) -> str:
    """Build the cage around all threads of this process, for good; return why it could not be, else nothing."""
    try:
        made = _filter(reach)
        if reach is Reach.NOBODY:
            _forbid(made, "connect")  # not even a socket that came from elsewhere, or other programs of this machine
        elif warden.surrender():
            _forbid_naming(made)
        made.load()
    except (OSError, ValueError) as error:
        return f"the kernel takes no seccomp filter ({error})"
    return ""


def _filter(reach: Reach) -> Filter:
    made = Filter(flags=FilterFlag.TSYNC)
    for name in FORBIDDEN:
        _forbid(made, name)
    for family in FAMILIES[reach]:
        for conditions in _kinds(family, reach):
            made.allow("socket", args=[ArgCmp(0, CmpOp.EQ, family), *conditions])
    _forbid(made, "socket")
    return made


def _kinds(family: int, reach: Reach) -> Iterator[tuple[ArgCmp, ...]]:
    """The sockets of a family that may be opened: what holds of their type and protocol."""
    if family not in warden.INTERNET:
        yield ()
        return
    for kind, protocol in (*STREAMS, *(DATAGRAMS if reach is Reach.NAME else ())):
        yield ArgCmp(1, CmpOp.MASKED_EQ, kind, TYPE), ArgCmp(2, CmpOp.EQ, protocol)


def _forbid_naming(made: Filter) -> None:
    _forbid(made, "sendto", ArgCmp(4, CmpOp.NE, 0))
    for name in NAMING:
        _forbid(made, name)


def _forbid(made: Filter, name: str, *where: ArgCmp) -> None:
    number = seccompy.syscall_nr(name)
    made.errno(number, errno.EPERM, args=where)
    if os.uname().machine == "x86_64":
        made.errno(number | X32, errno.EPERM)
