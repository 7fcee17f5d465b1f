"""A record as it came off a topic, with a time that never runs back within its partition."""

from dataclasses import dataclass

PLACE = ("record_ms", "record_partition", "record_offset")
"""A record's place, as the columns of a row that was folded out of it are called."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One record."""

    topic: str
    """Without the prefix."""
    partition: int
    offset: int
    time_ms: int
    """Kafka's timestamp, but no earlier than that of any record before it in the partition: what comes later is
    never older, so a time can say up to where records are forgotten or gone."""
    key: bytes | None
    value: bytes | None

    @property
    def place(self) -> tuple[int, int, int]:
        """Of two records of one id, the one of the later place stands. Within a partition that is the order of it."""
        return self.time_ms, self.partition, self.offset
