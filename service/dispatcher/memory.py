"""What the dispatcher holds of records that are not done: how much, whether more may be read, how patient it can be."""

import asyncio
from dataclasses import dataclass

MAX_HELD = 16_384
MAX_HELD_BYTES = 64_000_000
"""Records in memory whose offset is not done; beyond either, reading stops until some have left."""
SLACK = 1.1
"""What one fetch may bring beyond it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How many may wait for one lane, and how long, before they rest in a tier instead."""

    room: int
    wait_s: float


PATIENCE = ((0.5, Patience(8192, 30.0)), (0.8, Patience(512, 1.0)), (9.9, Patience(64, 0.2)))
"""By the share of memory that is taken: the fuller it is, the sooner slow lanes have to rest elsewhere."""


class Memory:
    """Counts records and bytes."""

    def __init__(self) -> None:
        self.held = 0
        """Records."""
        self._bytes = 0
        self.room = asyncio.Event()
        """Set while more may be read."""
        self.room.set()

    def hold(self, records: int, size: int) -> None:
        """So many records of together `size` bytes came; negative: they are done."""
        self.held += records
        self._bytes += size
        if self._fullness >= 1:
            self.room.clear()
        else:
            self.room.set()

    @property
    def overfull(self) -> bool:
        """Even what was fetched already has to wait."""
        return self._fullness >= SLACK

    @property
    def patience(self) -> Patience:
        """With what waits for its lane, as it is now."""
        full = self._fullness
        return next(patience for limit, patience in PATIENCE if full < limit)

    @property
    def _fullness(self) -> float:
        return max(self.held / MAX_HELD, self._bytes / MAX_HELD_BYTES)
