"""What a process tells systemd of itself (sd_notify(3)): a datagram to the socket it names, or nothing without one.

Rule: nobody waits for systemd, and a socket that is gone is no trouble of ours.
"""

import os
import socket
from contextlib import suppress


def tell(**fields: str | int) -> None:
    """Send fields such as READY=1 or STATUS=text; nothing happens where systemd did not ask for it."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    text = "\n".join(f"{name}={value}".replace("\n", " ") for name, value in fields.items())
    where = "\0" + path[1:] if path.startswith("@") else path
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaker:
        speaker.setblocking(False)
        speaker.sendto(text.encode(), where)
