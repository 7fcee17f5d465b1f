"""Writes that are there when they return: every output of the dispatcher is acknowledged before its input counts."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from aiokafka.errors import KafkaError

from service import logs
from service.adapters.kafka_client import make_producer, topic_name
from service.settings import KafkaSettings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

BATCH_BYTES = 512 * 1024
"""Half of what a record batch of these topics may hold."""
BACKOFF_S = (0.1, 0.5, 1.0, 2.0)
Headers = Sequence[tuple[str, bytes]]


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Writer:
    """A producer that does not give up: Kafka may be away for as long as it likes, the offset waits with us."""

    def __init__(self, settings: KafkaSettings, *, on_retry: Callable[[], None]) -> None:
        self._settings = settings
        self._on_retry = on_retry
        self._producer: AIOKafkaProducer | None = None
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._log = logs.get(__name__)

    async def start(self) -> None:
        """Connect."""
        self._producer = make_producer(self._settings, max_batch_size=BATCH_BYTES)
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def write(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        timestamp_ms: int,
        headers: Headers = (),
    ) -> Place | None:
        """Where the record stands, once Kafka has acknowledged it; tries until then, or until cancelled.

        None: it stands there, but Kafka did not say where (an acknowledgement that was lost and asked for again).
        """
        assert self._producer is not None, "start() first"
        name = topic_name(self._settings, topic)
        tries = 0
        while True:
            try:
                # One at a time: of thousands that wait for room in a batch aiokafka wakes all each time one is sent.
                async with self._turn[name]:
                    sent = await self._producer.send(
                        name, value, key=key, timestamp_ms=timestamp_ms, headers=list(headers)
                    )
                there = await asyncio.shield(sent)  # the producer owns it: cancelling us must not reach into its batch
            except KafkaError as error:
                self._on_retry()
                self._log.warning("write not acknowledged, trying again", topic=name, error=repr(error))
                await asyncio.sleep(BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
                tries += 1
            else:
                return Place(there.topic, there.partition, there.offset) if there.offset >= 0 else None
