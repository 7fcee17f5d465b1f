"""Reads the topics of the history from where its database stands: a plain consumer, without a group.

Where to go on from is in the database, in the transaction of the rows; Kafka is told nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from service import logs
from service.adapters.kafka_client import as_ours, client_options, make_consumer, started, topic_name
from service.history.arrived import Arrived
from service.history.fold import TOPICS
from service.history.store import Partition
from service.model.errors import WrongSetup
from service.settings import KafkaSettings

FETCH_WAIT_MS = 200
"""A broker holds an empty fetch so long; whatever else is asked waits behind it."""
MAX_PARTITION_BYTES = 8_000_000


@dataclass(slots=True)
class Batch:
    """Records, and where each partition in it began, goes on, and what time it is there."""

    records: list[Arrived] = field(default_factory=list)
    moved: dict[Partition, tuple[int, int, int]] = field(default_factory=dict)


class HistoryReader:
    """Call `start`, then `resume` with what the database says, then `next` again and again."""

    def __init__(self, settings: KafkaSettings, *, batch_size: int) -> None:
        self._settings = settings
        self._names = {topic_name(settings, name): name for name in TOPICS}
        self._batch_size = batch_size
        self._consumer: AIOKafkaConsumer | None = None
        self._parts: list[TopicPartition] = []
        self._at: dict[TopicPartition, tuple[int, int]] = {}
        """Next offset and time of each partition, as the next batch begins."""
        self._ends: dict[TopicPartition, int] = {}
        self._mark: tuple[float, dict[TopicPartition, int]] | None = None
        self.whole_s: float | None = None
        """All that was there then was read: of a look whose ends were reached since. Under load the ends of now never
        are, however little waits."""
        self._log = logs.get(__name__)
        self.grown = False

    @property
    def positions(self) -> dict[Partition, int]:
        """Next offset of each partition: what the database holds when every batch was put."""
        return {(part.topic, part.partition): offset for part, (offset, _) in self._at.items()}

    @property
    def behind(self) -> int:
        """Records that are there and were not read, as far as is known."""
        return sum(max(0, self._end(part) - offset) for part, (offset, _) in self._at.items())

    async def start(self) -> None:
        """Connect.

        Raises:
            Unavailable: Kafka does not answer.
            WrongSetup: it refuses us, or a topic does not exist.
        """
        self._consumer = make_consumer(
            self._settings, group=None, fetch_max_wait_ms=FETCH_WAIT_MS, max_partition_fetch_bytes=MAX_PARTITION_BYTES
        )
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise as_ours(self._settings, error) from error
        self._parts = await self._find_partitions()
        self._consumer.assign(self._parts)

    async def stop(self) -> None:
        """Disconnect. May be called at any time."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await consumer.stop()

    async def resume(self, there: Mapping[Partition, tuple[int, int]]) -> dict[Partition, tuple[int, int]]:
        """Go to where the database stands.

        Args:
            there: next offset and time of each partition, as the database has them.

        Returns:
            Those that have to be noted there first: partitions that are new, or whose next record is gone.

        Raises:
            Unavailable: Kafka does not answer.
            WrongSetup: the database was read from other topics than these.
        """
        assert self._consumer is not None
        try:
            first: dict[TopicPartition, int] = await self._consumer.beginning_offsets(self._parts)
            self._ends = await self._consumer.end_offsets(self._parts)
        except (KafkaError, OSError) as error:
            raise as_ours(self._settings, error) from error
        self._mark = None
        self._refuse_others(there)
        noted: dict[Partition, tuple[int, int]] = {}
        for part in self._parts:
            name = (part.topic, part.partition)
            offset, time_ms = there.get(name, (first[part], 0))
            if offset > self._ends[part]:
                raise WrongSetup(
                    f"the history stands at {offset} in partition {part.partition} of {part.topic}, which ends at "
                    f"{self._ends[part]}: these are other topics than those it was read from, or they were made anew. "
                    "`bongsu history rebuild` reads everything again"
                )
            if offset < first[part]:
                self._log.warning(
                    "records were gone before they were read", topic=part.topic, partition=part.partition,
                    n=first[part] - offset,
                )  # fmt: skip
                offset = first[part]
            if there.get(name) != (offset, time_ms):
                noted[name] = (offset, time_ms)
            self._at[part] = (offset, time_ms)
            self._consumer.seek(part, offset)
        return noted

    async def next(self, wait_ms: int) -> Batch:
        """What comes within `wait_ms`, at most a batch; may be empty, also where Kafka is away.

        Raises:
            Unavailable, WrongSetup: Kafka refuses us.
        """
        assert self._consumer is not None
        try:
            found = await self._consumer.getmany(timeout_ms=wait_ms, max_records=self._batch_size)
        except (KafkaError, OSError) as error:
            raise as_ours(self._settings, error) from error
        batch = Batch()
        for part, messages in found.items():
            if messages:
                self._add(batch, part, messages)
        return batch

    async def look(self, now_s: float) -> None:
        """Ask Kafka where its topics end, and see whether they have more partitions than at `start` (`grown`).

        Args:
            now_s: the clock before the call, seconds since the epoch.

        Raises:
            Unavailable, WrongSetup: Kafka does not answer, or refuses us.
        """
        assert self._consumer is not None
        try:
            self._ends = await self._consumer.end_offsets(self._parts)
        except (KafkaError, OSError) as error:
            raise as_ours(self._settings, error) from error
        found = [self._consumer.partitions_for_topic(name) or () for name in self._names]
        self.grown = sum(map(len, found)) > len(self._parts)
        self._compare(now_s)

    def _compare(self, now_s: float) -> None:
        """Whether the ends of the look that is marked, or of this one, are reached."""
        if self._mark is not None and self._reached(self._mark[1]):
            self.whole_s, self._mark = self._mark[0], None
        if self._mark is None:
            if self._reached(self._ends):
                self.whole_s = now_s
            else:
                self._mark = (now_s, dict(self._ends))

    def _reached(self, ends: Mapping[TopicPartition, int]) -> bool:
        return all(self._at[part][0] >= end for part, end in ends.items() if part in self._at)

    def _add(self, batch: Batch, part: TopicPartition, messages: list[Any]) -> None:
        began, time_ms = self._at[part]
        topic = self._names[part.topic]
        for message in messages:
            time_ms = max(time_ms, message.timestamp)
            batch.records.append(Arrived(topic, part.partition, message.offset, time_ms, message.key, message.value))
        after = messages[-1].offset + 1
        batch.moved[part.topic, part.partition] = (began, after, time_ms)
        self._at[part] = (after, time_ms)

    def _end(self, part: TopicPartition) -> int:
        """The latest that was heard of: with a fetch, or when it was asked."""
        assert self._consumer is not None
        return max(self._consumer.highwater(part) or 0, self._ends.get(part, 0))

    def _refuse_others(self, there: Mapping[Partition, tuple[int, int]]) -> None:
        others = sorted({topic for topic, _ in there} - self._names.keys())
        if others:
            raise WrongSetup(
                f"the history was read from {', '.join(others)} and not from the topics of "
                f"BONGSU_KAFKA_TOPIC_PREFIX={self._settings.topic_prefix!r}: give this one a database of its own "
                "(BONGSU_HISTORY_URL, BONGSU_DATA_DIR), or empty it with `bongsu history rebuild`"
            )

    async def _find_partitions(self) -> list[TopicPartition]:
        """Without asking the consumer, which would have a cluster make topics that are missing."""
        async with started(self._settings, AIOKafkaAdminClient(**client_options(self._settings))) as admin:
            described = await admin.describe_topics(list(self._names))
        missing = [topic["topic"] for topic in described if topic["error_code"] or not topic["partitions"]]
        if missing:
            raise WrongSetup(f"the topic {missing[0]} does not exist; run `bongsu topics create`")
        return [
            TopicPartition(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]
        ]
