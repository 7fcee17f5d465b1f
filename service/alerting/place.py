"""Where and when a record stands: all that a pure step knows of Kafka and of time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Coordinates of the record that is being decided on."""

    partition: int
    offset: int
    now_ms: int
    """Timestamp of the record, milliseconds since the epoch: the only clock of a step."""
