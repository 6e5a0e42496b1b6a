"""What systemd is told of this process, where systemd started it: that it is ready, how it is, that it is alive.

Rule: nothing here ever fails or waits: a service manager that does not listen is no reason to stop watching. Without
`$NOTIFY_SOCKET` every word is said to nobody. The protocol is sd_notify(3)'s: one datagram of lines.
"""

import os
import socket
from contextlib import suppress
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"


def tell(*words: str) -> None:
    """Say words such as `READY`, or `status(...)`, to the service manager."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where:
        return
    address = f"\0{where[1:]}" if where.startswith("@") else where
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.setblocking(False)
        out.sendto("\n".join(words).encode(), address)


def status(text: str) -> str:
    """One line of how it is, as `systemctl status` shows it."""
    return f"STATUS={' '.join(text.split())}"
