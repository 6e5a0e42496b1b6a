"""A machine beside this one: a network namespace with two addresses, and a network camera that listens on both.

The booted system has this machine's network, so that it reaches both, unless a filter keeps it from one.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.camera.rigs import SERVER, SYSTEM_PYTHON, why_not

OURS, CAMERA, STRANGER = "198.51.100.1", "198.51.100.20", "198.51.100.21"  # of TEST-NET-2, nobody's (RFC 5737)


def why_none() -> str:
    """Why there can be no camera here, or nothing."""
    return why_not("rtsp")


@contextmanager
def camera(password: str) -> Iterator[int]:
    """Serve a camera of the account `owner`; give its port."""
    with ExitStack() as stack:
        there = stack.enter_context(room())
        command = ["ip", "netns", "exec", there, SYSTEM_PYTHON, str(SERVER), "--host", "0.0.0.0"]
        account = ["--username", "owner", "--password", password]
        server = stack.enter_context(subprocess.Popen([*command, *account], stdout=subprocess.PIPE, text=True))
        stack.callback(server.kill)
        assert server.stdout
        yield int(server.stdout.readline())


@contextmanager
def room() -> Iterator[str]:
    """Make the namespace and a cable to it; give its name."""
    name, cable = f"camd-{os.getpid()}", f"camd{os.getpid()}"  # a cable's name has 15 letters at most
    with ExitStack() as stack:
        _ip("netns", "add", name)
        stack.callback(_ip, "netns", "delete", name)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        stack.callback(_ip, "link", "delete", cable)  # it does not always go with the namespace at once
        _ip("address", "add", f"{OURS}/24", "dev", cable)
        _ip("link", "set", cable, "up")
        for address in (CAMERA, STRANGER):
            _ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        yield name


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
