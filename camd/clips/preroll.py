"""The seconds before the event: encoded packets in RAM, in whole groups of pictures.

Rule: pure. A group starts with a key picture; only whole groups are dropped, so what is taken always decodes from its
first picture. Bounded in seconds and in bytes, whichever is reached first; nothing here ever touches a disk.
"""

from collections import deque

from camd.model import Nanos, Packet


class PreRoll:
    """Keeps at least the last `keep` of the stream (or all there was), in at most `max_bytes`."""

    def __init__(self, keep: Nanos, max_bytes: int) -> None:
        self._keep, self._max_bytes = keep, max_bytes
        self._groups: deque[list[Packet]] = deque()
        self.held_bytes = 0

    def push(self, packet: Packet) -> None:
        """Take the next packet of the stream; one before the first key picture cannot be decoded and is dropped."""
        if packet.is_key:
            self._groups.append([])
        if not self._groups:
            return
        self._groups[-1].append(packet)
        self.held_bytes += len(packet.data)
        while self._groups and self._may_drop(packet.t):
            self.held_bytes -= sum(len(old.data) for old in self._groups.popleft())

    def _may_drop(self, now: Nanos) -> bool:
        if self.held_bytes > self._max_bytes:
            return True
        return len(self._groups) > 1 and self._groups[1][0].t <= now - self._keep

    def since(self, t: Nanos) -> list[Packet]:
        """Everything held from the last key picture at or before `t`; from the first one when all are later."""
        first = 0
        for number, group in enumerate(self._groups):
            if group[0].t <= t:
                first = number
        return [packet for group in list(self._groups)[first:] for packet in group]

    def clear(self) -> None:
        """Forget everything: the stream was interrupted."""
        self._groups.clear()
        self.held_bytes = 0
