"""Whether a process lives: a lock that it holds for as long as it does, however it ends.

Rule: the kernel lets go of the lock, so that nobody has to. A process that stands still holds it all the same.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alive(lock: Path) -> Iterator[None]:
    """Hold `lock` until the block ends."""
    handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_alive(lock: Path) -> bool:
    """Whether somebody holds `lock` now."""
    with nobody_alive(lock) as gone:
        return not gone


@contextmanager
def nobody_alive(lock: Path) -> Iterator[bool]:
    """Give whether nobody holds `lock`; if so, nobody can until the block ends."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        yield True
        return
    try:
        yield _shared(descriptor)
    finally:
        os.close(descriptor)


def _shared(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
