"""One partition while this dispatcher holds it: what was read of it and is not done yet."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from aiokafka import ConsumerRecord, TopicPartition

from service.adapters.writer import Place
from service.delivery.attempts import Failure
from service.dispatcher.offsets import OffsetTracker
from service.model.records import DeliveryRecord


@dataclass(slots=True, eq=False)
class Partition:
    """`tier_s` is how long its records rest; 0 for `deliveries` itself."""

    tp: TopicPartition
    tier_s: int
    tracker: OffsetTracker = field(default_factory=OffsetTracker)
    resting: deque[ConsumerRecord] = field(default_factory=deque)
    """Read, but not rested; the partition is paused meanwhile, so this is one fetch at most."""
    sizes: dict[int, int] = field(default_factory=dict)
    """Bytes of what was taken and is not done, by offset."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)
    """By offset; WAKE is the one that ends a rest."""
    committed: int | None = None
    next_offset: int = 0
    """The first that was not read, or rests."""
    called_to: int = 0
    """Of a tier: what stands before this offset need not rest any longer: somebody can take some of it now."""
    held: bool = False
    """Of `deliveries.held`: read only up to `pass_end`, when somebody may want what rests there."""
    pass_end: int = 0
    leaving: bool = False
    """Being given up: nothing new is taken."""

    def drop_what_waits(self) -> None:
        """Forget timers and what rests: uncommitted, so it comes again."""
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
        self.resting.clear()


WAKE = -1


@dataclass(slots=True, eq=False)
class Job:
    """A delivery that was read and has not ended here."""

    partition: Partition
    offset: int
    raw: bytes
    """The value as it was read: a spill writes it unchanged."""
    key: bytes | None
    delivery: DeliveryRecord
    written_ms: int = 0
    """When the record was written, by Kafka's timestamp."""
    unreached: Failure | None = None
    """A fault of ours kept it here: no attempt was made."""
    held_back: bool = False
    """It rests on `deliveries.held` now."""
    went_to: Place | None = None
    """The record in a retry tier that carries on what is left to do."""

    @property
    def place(self) -> Place:
        """Where it was read."""
        return Place(self.partition.tp.topic, self.partition.tp.partition, self.offset)

    @property
    def was_due(self) -> bool:
        """It rested in its tier because it could not be sent, not because it was not due."""
        return self.partition.tier_s > 0 and self.delivery.due_ms <= self.written_ms

    @property
    def lane(self) -> str:
        """Who shares slots with it."""
        return self.delivery.subscription
