"""Reads the topics of the books with a plain consumer without a group: an audit changes nothing.

Order matters: committed offsets first, then the ends of the topics, then everything up to those ends.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from service import logs
from service.adapters.kafka_client import as_ours, client_options, make_consumer, topic_name
from service.audit.books import Books, Partition
from service.model import topics
from service.model.errors import BadInput, Unavailable, WrongSetup
from service.model.records import AlertRecord, AttemptRecord, DecisionRecord, DeliveryRecord, decode_alerts
from service.settings import KafkaSettings

RETRY_TOPICS = tuple(map(topics.retry_topic, topics.RETRY_TIERS_S))
READ = (topics.ALERTS, topics.DECISIONS, topics.DELIVERIES, *RETRY_TOPICS, topics.HELD, topics.ATTEMPTS)
COUNTED = (topics.ARTICLES, topics.MATCHES, topics.DEAD_LETTERS)
"""Only their sizes are asked."""
POLL_MS = 200
AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Position:
    """How far a group is in a topic, summed over partitions."""

    topic: str
    records: int
    behind: int | None
    """Records that its group has not acknowledged; None where no group reads it."""


class LedgerReader:
    """Keeps `books` up to date with the topics."""

    def __init__(self, settings: KafkaSettings, books: Books) -> None:
        self._settings = settings
        self._books = books
        self._names = {topic_name(settings, name): name for name in (*READ, *COUNTED)}
        self._groups = {
            topic_name(settings, topics.WORKER_GROUP): (topics.ARTICLES, topics.MATCHES, topics.ALERTS),
            topic_name(settings, topics.DISPATCHER_GROUP): (topics.DELIVERIES, *RETRY_TOPICS, topics.HELD),
        }
        self._grouped = {name for names in self._groups.values() for name in names}
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._read: list[TopicPartition] = []
        self._counted: list[TopicPartition] = []
        self._log = logs.get(__name__)
        self.unreadable = 0
        self.positions: tuple[Position, ...] = ()
        self.heads: dict[TopicPartition, int] = {}
        """Where each group stands that has not read a partition to its end."""

    async def start(self) -> None:
        """Connect and find the partitions.

        Raises:
            Unavailable: Kafka does not answer.
            WrongSetup: it refuses us, or a topic does not exist.
        """
        self._consumer = make_consumer(self._settings, group=None, max_poll_records=5000)
        self._admin = AIOKafkaAdminClient(**client_options(self._settings))
        try:
            await self._consumer.start()
            await self._admin.start()
            described = await self._admin.describe_topics(list(self._names))
        except (KafkaError, OSError) as error:
            raise as_ours(self._settings, error) from error
        for topic in described:
            if topic["error_code"] or not topic["partitions"]:  # without it the books would balance by being empty
                raise WrongSetup(f"the topic {topic['topic']} does not exist; run `bongsu topics create`")
            name = self._names[topic["topic"]]
            parts = [TopicPartition(topic["topic"], part["partition"]) for part in topic["partitions"]]
            (self._read if name in READ else self._counted).extend(parts)
        self._consumer.assign(self._read)
        await self._consumer.seek_to_beginning(*self._read)

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()
        if self._admin is not None:
            await self._admin.close()

    async def catch_up(self) -> dict[Partition, int]:
        """Read all that is there; returns the committed offsets as they were before.

        Raises:
            Unavailable: Kafka does not answer, or stopped in the middle; what was read is kept, so call again.
            NewerSchema: a record was written by a newer Bongsu.
        """
        try:
            return await self._catch_up()
        except (KafkaError, OSError) as error:
            raise as_ours(self._settings, error) from error

    async def _catch_up(self) -> dict[Partition, int]:
        assert self._consumer is not None
        committed = await self._committed()
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets([*self._read, *self._counted])
        starts: dict[TopicPartition, int] = await self._consumer.beginning_offsets([*self._read, *self._counted])
        left = {part for part in self._read if await self._consumer.position(part) < ends[part]}
        progress_s = time.monotonic()
        while left:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS)
            if batches:
                progress_s = time.monotonic()
            elif time.monotonic() - progress_s > self._settings.request_timeout_s:
                raise Unavailable(
                    f"Kafka at {self._settings.bootstrap_servers} says that there is more to read and does not give it"
                )
            for part, messages in batches.items():
                for message in messages:
                    self._take(self._names[part.topic], message)
            left = {part for part in left if await self._consumer.position(part) < ends[part]}
            await asyncio.sleep(0)
        heads = {
            part: max(start, committed.get((self.name_of(part), part.partition), 0)) for part, start in starts.items()
        }
        self.positions = self._positions(starts, ends, heads)
        self.heads = {
            part: head for part, head in heads.items() if self.name_of(part) in self._grouped and head < ends[part]
        }
        return committed

    async def _committed(self) -> dict[Partition, int]:
        committed: dict[Partition, int] = {}
        for group in self._groups:
            offsets = await self._offsets_of(group)
            for part, meta in offsets.items():
                if part.topic in self._names and meta.offset >= 0:
                    committed[(self._names[part.topic], part.partition)] = meta.offset
        return committed

    async def _offsets_of(self, group: str) -> Any:
        """Asked again for a while: a new broker makes its topic of offsets only when it is first asked for them."""
        assert self._admin is not None
        deadline = time.monotonic() + self._settings.request_timeout_s
        while True:
            try:
                return await self._admin.list_consumer_group_offsets(group)
            except KafkaError as error:
                if not error.retriable or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(AGAIN_S)

    def _positions(
        self, starts: dict[TopicPartition, int], ends: dict[TopicPartition, int], heads: dict[TopicPartition, int]
    ) -> tuple[Position, ...]:
        found = []
        for full, name in self._names.items():
            parts = [part for part in ends if part.topic == full]
            behind = sum(ends[part] - heads[part] for part in parts)
            records = sum(ends[part] - starts[part] for part in parts)
            found.append(Position(name, records, behind if name in self._grouped else None))
        return tuple(found)

    def name_of(self, part: TopicPartition) -> str:
        """The topic, without the prefix."""
        return self._names[part.topic]

    def _take(self, name: str, message: Any) -> None:
        partition = (name, message.partition)
        value = message.value or b""
        try:
            if name == topics.ALERTS:
                record = decode_alerts(value)
                if isinstance(record, AlertRecord):
                    self._books.alert(record, partition, message.offset)
                else:
                    self._books.flush()
            elif name == topics.DECISIONS:
                self._books.decision(DecisionRecord.decode(value, name))
            elif name == topics.ATTEMPTS:
                self._books.attempt(AttemptRecord.decode(value, name))
            else:
                self._books.delivery(DeliveryRecord.decode(value, name), partition, message.offset)
        except BadInput as error:
            # the role that owns the topic dead-letters it; the books only say that it was there
            self.unreadable += 1
            self._log.warning("unreadable record in the books", topic=name, offset=message.offset, reason=str(error))
