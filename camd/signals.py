"""SIGTERM and SIGINT, heeded by a thread of its own.

Idea: Python runs a handler wherever its main thread is, also in the middle of another handler: `timeout` and
a second Ctrl-C send two signals at once. What takes a lock there, as setting an Event does, may wait for itself for
ever. So the handler does nothing, and a thread reads the byte that the kernel's signal leaves in a pipe.
Rule: who stops threads for a signal does it here.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def heeded(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` in a thread for each SIGTERM and SIGINT until the block ends; later ones do nothing.

    For the main thread alone, as everything about signals is.
    """
    heard, told = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(told, False)
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    thread = threading.Thread(target=_heed, args=(heard, stop), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(told)
        thread.join()
        os.close(heard)


def _heed(heard: int, stop: Callable[[], None]) -> None:
    while os.read(heard, 1):
        stop()
