"""Which offset of a partition may be committed when its records end out of order.

Kafka remembers one number a partition: "all before this is done". So only the contiguous prefix of what was taken
counts; one record that still waits holds the number back, and what is done behind it is repeated after a crash.
"""

from collections import deque


class OffsetTracker:
    """Records are taken in the order of their offsets (gaps are normal: compaction, transactions) and end in any."""

    __slots__ = ("_committable", "_done", "_taken")

    def __init__(self) -> None:
        self._taken: deque[int] = deque()
        self._done: set[int] = set()
        self._committable: int | None = None

    def take(self, offset: int) -> None:
        """A record was read. Raises `ValueError` when offsets run backwards: then two owners share a tracker."""
        if self._taken and offset <= self._taken[-1]:
            raise ValueError(f"offset {offset} was taken after {self._taken[-1]}")
        self._taken.append(offset)

    def finish(self, offset: int) -> None:
        """Everything that this record causes is acknowledged."""
        self._done.add(offset)
        while self._taken and self._taken[0] in self._done:
            self._committable = self._taken.popleft() + 1
            self._done.discard(self._committable - 1)

    @property
    def committable(self) -> int | None:
        """The offset to commit: the first that must be read again after a crash. None before anything ended."""
        return self._committable

    @property
    def unfinished(self) -> int:
        """Records taken that have not ended."""
        return len(self._taken) - len(self._done)
