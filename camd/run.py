"""`camd run`: the whole house in the foreground: capture and notify as children, taken down in order.

Idea: it watches over its children's connections, too (`camd.warden`): it is small, parses nothing that strangers send,
and is there anyway.
Rule: capture ends first, so that notify can still say what it has to say. A notify that dies is started again and
capture never notices; so is a capture whose camera was there and is lost. When capture ends otherwise, everything ends
with its exit code. The children die with their parent.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Final

from camd import config
from camd.camera.address import Address, Login
from camd.clock import Clock, SystemClock
from camd.config import Config
from camd.errors import RefusedError, UnavailableError
from camd.model import SECOND, Nanos
from camd.places import Places
from camd.settings_camera import is_network
from camd.signals import heeded
from camd.terminal import say
from camd.wanted import as_wanted, parser
from camd.warden import Peer, Warden

WHAT: Final = (
    "Watch: run capture and notify as children in the foreground, until Ctrl-C takes them down in order or a file has "
    "no more to give. Their connections are made for them, to the broker and to network cameras alone."
)
LOOK_EVERY: Final = SECOND // 5
GRACE_S: Final = 10.0  # for a child to end by itself; capture needs 2 at most
PATIENCE: Final = (1 * SECOND, 2 * SECOND, 5 * SECOND, 30 * SECOND)  # before notify is started again, and again
WELL_AFTER: Final = 20 * SECOND  # a capture that lived for so long has had its camera
FATAL: Final = (64, 77, 78)  # exit codes that another start would only repeat
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Child:
    """A verb with its options, and whom it has to reach over the network."""

    verb: Sequence[str]
    peers: tuple[Peer, ...] = ()


def main(arguments: list[str]) -> int:
    """`camd run`."""
    wanted = parser("camd run", WHAT).parse_args(arguments)
    settings = config.load(wanted.config)
    cameras = as_wanted(settings, wanted)
    places = Places.of(wanted.data or settings.store.data)
    stop = threading.Event()
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0)  # no child of ours writes to our memory, where their warden is
    shared = _passed_on(config=wanted.config, data=wanted.data)
    seeing = [*_passed_on(camera=wanted.camera), *(["--loop"] if wanted.loop else [])]
    say(f"camd: clips go to {places.clips}, alerts to {settings.mqtt.host}:{settings.mqtt.port}. Ctrl-C ends it.")
    with heeded(stop.set):
        return watch_over(
            Child(("capture", *shared, *seeing), _cameras(cameras)),
            Child(("notify", *shared), (Peer(settings.mqtt.host, settings.mqtt.port),)),
            stop,
        )


def _passed_on(**options: object) -> list[str]:
    return [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]


def _cameras(settings: Config) -> tuple[Peer, ...]:
    sources = [url for each in settings.each() for url in (each.camera.source, each.camera.detect_source)]
    addresses = [Address.of(url, Login()) for url in sources if is_network(url)]
    return tuple(Peer(address.host, address.port) for address in addresses)


def watch_over(capture_child: Child, notify_child: Child, stop: threading.Event) -> int:
    """Run both until `stop` is set or capture ends; the exit code is capture's."""
    clock = SystemClock()
    with ExitStack() as stack:
        children = (notify_child, capture_child)
        notify, capture = (stack.enter_context(closing(_Again(child, clock))) for child in children)
        refused = False  # by guard.strict: the whole house runs, or none of it
        while not refused and not capture.has_ended() and clock.wait(clock.boot() + LOOK_EVERY, stop):
            notify.look()
            if capture.lost_its_camera():
                capture.look()
            refused = notify.refused()
        code = capture.end()
    return RefusedError.exit_code if refused else code


class _Again:
    """Starts a child again that died, after a while that grows."""

    def __init__(self, child: Child, clock: Clock) -> None:
        self._child, self._clock = child, clock
        self._process, self._began = _start(child), clock.boot()
        self._deaths = 0
        self._due: Nanos | None = None
        self._was_well = False

    def has_ended(self) -> bool:
        """Whether it ended and is not to be started again for a lost camera."""
        return self._process.poll() is not None and not self.lost_its_camera()

    def lost_its_camera(self) -> bool:
        """Whether it ended without its camera, with which it has lived for a while before."""
        if self._process.poll() is None:
            self._was_well = self._was_well or self._clock.boot() - self._began > WELL_AFTER
        return self._was_well and self._process.poll() == UnavailableError.exit_code

    def refused(self) -> bool:
        """Whether it ended because its cage is open, and may not be."""
        return self._process.poll() == RefusedError.exit_code

    def end(self) -> int:
        """End it, if it has not; its exit code."""
        return _end(self._process)

    def close(self) -> None:
        """It does not outlive us."""
        self.end()

    def look(self) -> None:
        """See whether the child lives, and start it again when that is due."""
        code, now = self._process.poll(), self._clock.boot()
        if code is None or code in FATAL:
            return
        if self._due is None:
            self._due = now + PATIENCE[min(self._deaths, len(PATIENCE) - 1)]
            self._deaths += 1
            say(f"camd run: {self._child.verb[0]} ended with code {code}; it is started again soon")
        elif now >= self._due:
            self._due = None
            self._process = _start(self._child)


def _start(child: Child) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C on the terminal reaches us alone, and we take the children down in order.
    warden = Warden(child.peers)
    process = subprocess.Popen(
        [sys.executable, "-m", "camd", *child.verb],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_die_with_parent,
        pass_fds=(warden.descriptor,),
        env=os.environ | warden.environment,
    )
    warden.watch(process.pid)
    return process


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(child: "subprocess.Popen[bytes]") -> int:
    if child.poll() is None:
        child.terminate()
    try:
        code = child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        say(f"camd run: a child did not end within {GRACE_S:.0f} s and was killed")
        child.kill()
        code = child.wait()
    return code if code >= 0 else 128 - code
