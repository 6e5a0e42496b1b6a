"""The warden: `camd run` makes the connections of its children, who can make none, to the hosts they have to reach.

Idea: a filter on system calls cannot tell addresses apart, and where systemd is absent nothing else can. So a child's
calls to connect and to listen wait (seccomp's user notification): the warden copies the address out of the child's
memory, looks at its copy, and makes the call itself with that copy, on the child's own socket. What the child changes
meanwhile changes nothing.
Rule: a connection goes to a host and port of the settings, to a door that the child itself has open on loopback, or,
for a host with a name, to this machine's resolver; all else is refused. Nobody listens but on loopback.
It does not promise: anything about files, about what a resolver is asked, or about a child of somebody else.
"""

import ctypes
import errno
import ipaddress
import os
import select
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

from seccompy import Filter, FilterFlag, syscall_name
from seccompy.notify import Listener, Notification, pidfd_getfd, pidfd_open

DESCRIPTOR: Final = "CAMD_WARDEN"  # the variable that tells a child its end of the line to its warden
CALLS: Final = ("connect", "listen")
FLAGS: Final = FilterFlag.NEW_LISTENER | FilterFlag.TSYNC | FilterFlag.TSYNC_ESRCH
MOST_ADDRESS: Final = 128  # bytes; struct sockaddr_storage
INTERNET: Final = (socket.AF_INET, socket.AF_INET6)
DNS: Final = 53
RESOLV_CONF: Final = Path("/etc/resolv.conf")
RESOLVERS: Final = (  # what the C library asks for names beside DNS: systemd-resolved, Avahi, nscd
    "/run/systemd/resolve/io.systemd.Resolve", "/run/avahi-daemon/socket", "/var/run/avahi-daemon/socket",
    "/var/run/nscd/socket",
)  # fmt: skip
LISTENS: Final = "0A"  # a socket's state in /proc/net/tcp
_libc = ctypes.CDLL(None, use_errno=True)


class Peer(NamedTuple):
    """Somebody who may be reached: a host, by address or by name, and a port."""

    host: str
    port: int


def surrender() -> bool:
    """Have this process' connections made by its warden from now on; False when it has none that can, or may not."""
    number = os.environ.get(DESCRIPTOR, "")
    if not number:
        return False
    with socket.socket(fileno=int(number)) as line:
        line.send(struct.pack("=i", line.fileno()))
        if line.recv(1) != b"y":
            return False
        made = Filter(flags=FLAGS)
        for name in CALLS:
            made.notify(name)
        try:
            listener = made.load()
        except OSError:  # a kernel without it, or somebody above us listens already
            return False
        assert listener is not None
        with listener:  # nobody here can answer for the warden once this is closed
            socket.send_fds(line, [b"!"], [listener.fileno()])
    return True


class Warden:
    """Watches over one child that is about to be started with `environment` and `descriptor`."""

    def __init__(self, peers: Iterable[Peer]) -> None:
        self._peers = tuple(peers)
        self._line, self._childs = socket.socketpair()

    @property
    def descriptor(self) -> int:
        """What the child has to inherit."""
        return self._childs.fileno()

    @property
    def environment(self) -> dict[str, str]:
        """What the child has to be told; one question at a time, as it may not name an address with each."""
        return {DESCRIPTOR: str(self.descriptor), "RES_OPTIONS": "single-request"}

    def watch(self, child: int) -> None:
        """Serve this process until it ends, in a thread of its own."""
        self._childs.close()
        threading.Thread(target=self._serve, args=(child,), name="warden", daemon=True).start()

    def _serve(self, child: int) -> None:
        with self._line, suppress(OSError), ExitStack() as stack:
            asked = self._line.recv(4)
            try:
                ward = stack.enter_context(closing(Ward(child, self._peers)))
                os.close(pidfd_getfd(ward.process, *struct.unpack("=i", asked)))  # as it will have to
            except (OSError, struct.error):
                self._line.send(b"n")
                return
            self._line.send(b"y")
            for descriptor in socket.recv_fds(self._line, 1, 1)[1]:  # none where the kernel takes no filter
                with Listener(descriptor) as listener:
                    _answer(listener, ward)


def _answer(listener: Listener, ward: "Ward") -> None:
    """Make each call that waits, until nobody is left who could make one."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while any(state & select.POLLIN for _, state in poll.poll()):
        with suppress(OSError):  # who asked is gone, or was interrupted and asks again
            asked = listener.recv()
            listener.respond(asked.id, error=ward.carry_out(asked))


class Ward:
    """A child that is watched over: its memory, its sockets, and the peers that it may reach."""

    def __init__(self, child: int, peers: tuple[Peer, ...]) -> None:
        self._child, self._peers = child, peers
        self._memory = os.open(f"/proc/{child}/mem", os.O_RDONLY | os.O_CLOEXEC)
        self.process = pidfd_open(child)

    def close(self) -> None:
        """Let go of it."""
        for each in (self._memory, self.process):
            os.close(each)

    def carry_out(self, asked: Notification) -> int:
        """Make the call if it may be made; 0, or the error that it ends with."""
        number, second, third = (argument & 0xFFFF_FFFF for argument in (asked.args[0], *asked.args[1:3]))
        try:
            with socket.socket(fileno=pidfd_getfd(self.process, number)) as theirs:
                if syscall_name(asked.nr) == "listen":
                    return self._listen(theirs, second)
                return self._connect(theirs, os.pread(self._memory, min(third, MOST_ADDRESS), asked.args[1]))
        except OSError as error:
            return error.errno or errno.EPERM
        except (struct.error, OverflowError):
            return errno.EINVAL

    def _listen(self, theirs: socket.socket, backlog: int) -> int:
        if theirs.family in INTERNET and not _is_loopback(theirs):
            return errno.EPERM
        theirs.listen(min(backlog, socket.SOMAXCONN))
        return 0

    def _connect(self, theirs: socket.socket, address: bytes) -> int:
        if not self._may_reach(theirs, address):
            return errno.EPERM
        return 0 if _libc.connect(theirs.fileno(), address, len(address)) == 0 else ctypes.get_errno()

    def _may_reach(self, theirs: socket.socket, address: bytes) -> bool:
        (family,) = struct.unpack_from("=H", address)
        if family == socket.AF_UNSPEC:  # takes a connect back
            return True
        if family == socket.AF_UNIX:
            return self._asks_names and address[2:].split(b"\0")[0].decode(errors="replace") in RESOLVERS
        if family not in INTERNET:
            return False
        peer = _peer(family, address)
        if self._asks_names and peer in _nameservers():
            return True
        return theirs.type == socket.SOCK_STREAM and (self._is_own_door(peer) or peer in self._meant())

    @property
    def _asks_names(self) -> bool:
        return any(not _is_address(peer.host) for peer in self._peers)

    def _meant(self) -> set[Peer]:
        """The peers with the addresses that their names have now."""
        meant: set[Peer] = set()
        for host, port in self._peers:
            with suppress(OSError):
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                meant.update(Peer(_plain(str(each[4][0])), port) for each in found)
        return meant

    def _is_own_door(self, peer: Peer) -> bool:
        """Whether the child itself listens there: FFmpeg reads through a relay, paho wakes its thread so."""
        if peer.host != "127.0.0.1":
            return False
        rows = [line.split() for line in Path(f"/proc/{self._child}/net/tcp").read_text("ascii").splitlines()[1:]]
        doors = {row[9] for row in rows if row[1] == f"0100007F:{peer.port:04X}" and row[3] == LISTENS}
        return any(f"socket:[{door}]" in self._descriptors() for door in doors)

    def _descriptors(self) -> Iterator[str]:
        """What the child has open, as the kernel calls it."""
        for path in Path(f"/proc/{self._child}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                yield str(path.readlink())


def _peer(family: int, address: bytes) -> Peer:
    """Whom a struct sockaddr_in or sockaddr_in6 names."""
    if family == socket.AF_INET:
        port, host = struct.unpack_from("!H4s", address, 2)
    else:
        port, host = struct.unpack_from("!H4x16s", address, 2)
    return Peer(_plain(ipaddress.ip_address(host)), port)


def _plain(address: str | ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address without its zone, and as IPv4 where it is one."""
    given = ipaddress.ip_address(str(address).partition("%")[0])
    return str(getattr(given, "ipv4_mapped", None) or given)


def _is_address(host: str) -> bool:
    try:
        _plain(host)
    except ValueError:
        return False
    return True


def _is_loopback(theirs: socket.socket) -> bool:
    return ipaddress.ip_address(_plain(theirs.getsockname()[0])).is_loopback


def _nameservers() -> set[Peer]:
    try:
        lines = [line.split() for line in RESOLV_CONF.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return set()
    return {
        Peer(_plain(line[1]), DNS) for line in lines if line[:1] == ["nameserver"] and line[1:] and _is_address(line[1])
    }
