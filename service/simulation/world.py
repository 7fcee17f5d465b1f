"""What a simulation stands on: rules, limits, and the stores that Kafka's tables are in production."""

from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

from service.alerting.story import StoryLimits
from service.matching.engine import Engine
from service.model.notice import Notice
from service.model.topics import DATA_PARTITIONS

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class World:
    """What does not change during a day."""

    engine: Engine
    payload: Callable[[Notice], str]
    stories: StoryLimits = field(default_factory=StoryLimits)
    evidence: int = 20
    """Mentions kept of one rule in one article."""
    memory_ms: int = 48 * HOUR_MS
    """How long a group is remembered after its last alert."""
    time_to_live_ms: int = 72 * HOUR_MS
    """Where a policy does not say: a notification older than this expires."""


class MemoryStore:
    """A table as a dict."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value, None when there is none."""
        return self.entries.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set, or remove with None."""
        if value is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = value


class Offsets:
    """Where the next record of each topic will stand: a counter a partition, as a broker has it."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, int], int] = {}

    def take(self, topic: str, partition: int) -> int:
        """The offset of one more record."""
        offset = self._next.get((topic, partition), 0)
        self._next[topic, partition] = offset + 1
        return offset


def partition_of(subscription: str) -> int:
    """Of the topics keyed by subscription. Which one does not matter, only that a key has one."""
    return crc32(subscription.encode()) % DATA_PARTITIONS
