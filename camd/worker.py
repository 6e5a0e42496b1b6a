"""How work gets from one part to the next: at once, or through a thread.

Idea: a `Lane` takes items and hands each to one handler, in order. `Direct` calls the handler where it stands, which
makes a replay deterministic; `Queued` and `Latest` have a thread each, so that the camera never waits for anybody.
Rule: a handler that raises ends the whole process in order: `Crew` keeps the first failure, tells everybody to stop,
and `Crew.check` raises it in the thread that asks. Nothing is swallowed.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Lane(Protocol[T_contra]):
    """Takes items for one handler."""

    def put(self, item: T_contra) -> bool:
        """Hand over one item; False when it was dropped instead."""

    def flush(self) -> None:
        """Wait until the handler has done what was taken so far, or has failed."""

    def close(self) -> None:
        """Let the handler finish what was taken, then stop."""


class Crew:
    """The threads of one process: how they are told to stop, and the first failure among them."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._failure: Exception | None = None

    def start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Start a thread; what its `work` raises stops everybody."""
        thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
        thread.start()
        return thread

    def check(self) -> None:
        """Raise what a thread raised, if one did."""
        if self._failure is not None:
            raise self._failure

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # kept, and raised by `check`: a thread has nobody above it
            self._failure = self._failure or error
            self.stop.set()


class Direct(Generic[T]):
    """Handles each item at once, in the caller's thread."""

    def __init__(self, handle: Callable[[T], None]) -> None:
        self._handle = handle

    def put(self, item: T) -> bool:
        """Handle the item now."""
        self._handle(item)
        return True

    def flush(self) -> None:
        """Nothing is ever left to do."""

    def close(self) -> None:
        """Nothing is ever left to do."""


class _Threaded(Generic[T]):
    """A lane with a thread of its own. What waits stands in `_items`; `_changed` guards it."""

    def __init__(self, crew: Crew, name: str, handle: Callable[[T], None]) -> None:
        self._handle = handle
        self._items: deque[T] = deque()
        self._closed = self._is_over = False
        self._taken = self._done = 0  # items
        self._changed = threading.Condition()
        self._thread = crew.start(name, self._work)

    def flush(self) -> None:
        """Wait until the handler has done what was taken so far, or has failed."""
        with self._changed:
            due = self._taken
            self._changed.wait_for(lambda: self._done >= due or self._is_over)

    def close(self) -> None:
        """Wait until the handler has done everything that was taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        try:
            while self._work_on_one():
                pass
        finally:
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _work_on_one(self) -> bool:
        """Wait for an item and handle it; False when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed)
            if not self._items:
                return False
            item = self._items.popleft()
        self._handle(item)
        with self._changed:
            self._done += 1
            self._handled(item)
            self._changed.notify_all()
        return True

    def _handled(self, item: T) -> None:
        """The handler is done with `item`; `_changed` is held."""


class Queued(_Threaded[T]):
    """Handles every item in order in a thread of its own.

    `weigh` says how much of `most` an item takes until it is handled; one that does not fit is dropped. Items that
    weigh nothing always fit.
    """

    def __init__(
        self, crew: Crew, name: str, handle: Callable[[T], None], weigh: Callable[[T], int], most: int
    ) -> None:
        self._weigh, self._most, self._load = weigh, most, 0
        super().__init__(crew, name, handle)

    def put(self, item: T) -> bool:
        """Queue the item, or drop it (False) when the handler is too far behind."""
        weight = self._weigh(item)
        with self._changed:
            if weight and self._load + weight > self._most:
                return False
            self._items.append(item)
            self._taken += 1
            self._load += weight
            self._changed.notify_all()
        return True

    def _handled(self, item: T) -> None:
        self._load -= self._weigh(item)


class Latest(_Threaded[T]):
    """Handles the newest item in a thread of its own; one that a newer overtakes is skipped and counted."""

    def __init__(self, crew: Crew, name: str, handle: Callable[[T], None]) -> None:
        self.skipped = 0
        super().__init__(crew, name, handle)

    def put(self, item: T) -> bool:
        """Offer the item in place of one that still waits."""
        with self._changed:
            self.skipped += len(self._items)
            self._taken += 1 - len(self._items)
            self._items.clear()
            self._items.append(item)
            self._changed.notify_all()
        return True


class Lanes(Protocol):
    """Makes the lanes of a process: all direct, or all with threads."""

    def newest(self, name: str, handle: Callable[[T], None]) -> Lane[T]:
        """A lane on which the newest item wins."""

    def every(self, name: str, handle: Callable[[T], None], weigh: Callable[[T], int], most: int) -> Lane[T]:
        """A lane that keeps every item, as long as all that wait weigh no more than `most`."""


class AtOnce:
    """Every lane is direct: one thread, and the same result each time."""

    def newest(self, name: str, handle: Callable[[T], None]) -> Lane[T]:
        """Handle each item where it is put."""
        return Direct(handle)

    def every(self, name: str, handle: Callable[[T], None], weigh: Callable[[T], int], most: int) -> Lane[T]:
        """Handle each item where it is put."""
        return Direct(handle)


class Threads:
    """Every lane has a thread of the crew."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def newest(self, name: str, handle: Callable[[T], None]) -> Lane[T]:
        """Handle the newest item in a thread."""
        return Latest(self._crew, name, handle)

    def every(self, name: str, handle: Callable[[T], None], weigh: Callable[[T], int], most: int) -> Lane[T]:
        """Handle every item in a thread, in order."""
        return Queued(self._crew, name, handle, weigh, most)
