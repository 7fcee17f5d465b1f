"""Where a record stands and when: the only clock of the pure parts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Partition and offset of a record, and when it was appended, milliseconds since the epoch."""

    partition: int
    offset: int
    now_ms: int
