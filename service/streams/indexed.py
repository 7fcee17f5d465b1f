"""A table and the index that a stage keeps in memory of it, partition by partition.

The index answers what the table cannot be asked (what is due, which stories are near). It is made of the table's
entries when a partition comes, kept up to date by the stage, and made anew when the table moved without the stage:
another worker had the partition meanwhile, and the recovery has read what it wrote.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from service import logs
from service.streams.changelog import Changelog

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

Rebuild = Callable[[int, Iterable[tuple[bytes, bytes]]], None]


class Indexed:
    """Which partitions are indexed, and as of which offset of their changelog."""

    def __init__(self, name: str, changelog: Changelog, rebuild: Rebuild, forget: Callable[[int], None]) -> None:
        self.name = name
        self._changelog = changelog
        self._rebuild = rebuild
        self._forget = forget
        self._as_of: dict[int, int | None] = {}
        self._log = logs.get(__name__)
        self.recovering = False
        """True while entries are read: the index is not to be asked."""

    @property
    def partitions(self) -> "AbstractSet[int]":
        """What is indexed."""
        return self._as_of.keys()

    def stored(self, partitions: Iterable[int]) -> None:
        """The stage has written these, and its index knows what it wrote."""
        for partition in partitions:
            self._as_of[partition] = self._changelog.applied(partition)

    def assigned(self, partitions: "AbstractSet[int]") -> None:
        """Forget what is no longer ours, although it may come back before a recovery ends."""
        for partition in [known for known in self._as_of if known not in partitions]:
            self._forget(partition)
            del self._as_of[partition]

    async def recovered(self, partitions: Iterable[int]) -> float:
        """Index what came, or moved; returns the seconds that it took. In a thread: a million entries take a while."""
        began = time.monotonic()
        self.recovering = True
        try:
            for partition in sorted(partitions):
                applied = self._changelog.applied(partition)
                if partition in self._as_of and self._as_of[partition] == applied:
                    continue
                self._forget(partition)
                count = await asyncio.to_thread(self._read, partition)
                self._as_of[partition] = applied
                self._log.info("table indexed", table=self.name, partition=partition, entries=count)
        finally:
            self.recovering = False
        return time.monotonic() - began

    def _read(self, partition: int) -> int:
        count = 0

        def counted() -> Iterator[tuple[bytes, bytes]]:
            nonlocal count
            for item in self._changelog.scan(partition):
                count += 1
                yield item

        self._changelog.turn(partition)
        self._rebuild(partition, counted())
        return count
