"""A control topic: compacted, one partition, read whole by everybody who needs it and then followed.

A plain consumer without a group (not a Faust GlobalTable): each process reads all of it, commits nothing, and cannot
hold up a rebalance of the others.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from service import logs
from service.adapters.kafka_client import as_ours, make_consumer, started, topic_name
from service.model.errors import Unavailable, WrongSetup
from service.settings import KafkaSettings

POLL_MS = 500
RETRY_S = 1.0

OnRecord = Callable[[str, bytes | None], None]
OnFailure = Callable[[BaseException], None]


async def read_whole(settings: KafkaSettings, name: str) -> dict[str, bytes]:
    """The last value of every key that `name` (without the prefix) holds now.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or the topic does not exist.
    """
    found: dict[str, bytes] = {}

    def take(key: str, value: bytes | None) -> None:
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value

    await read_each(settings, name, take)
    return found


async def read_each(settings: KafkaSettings, name: str, take: "OnRecord") -> None:
    """Every record that `name` holds now, in its order. Raises as `read_whole`, and whatever `take` raises."""
    async with started(settings, make_consumer(settings, group=None)) as consumer:
        partition, end = await _from_the_beginning(consumer, settings, name)
        async for batch in _to_the_end(consumer, partition, end):
            for key, value in batch:
                take(key, value)


async def put(
    producer: AIOKafkaProducer,
    topic: str,
    records: Iterable[tuple[str, bytes | None]],
    timeout_s: float | None = None,
) -> int:
    """Write records in their order to partition 0 of `topic` (with the prefix) and wait until all are acknowledged.

    An idempotent producer itself tries for ever; `timeout_s` is how long the last of them, which it still holds when
    all are handed over, may take (None: for ever).

    Returns:
        The offset of the last one; -1 when there was none, or when the broker does not say.

    Raises:
        TimeoutError: they took longer; they may be written when Kafka is back.
    """
    sent = [await producer.send(topic, value, key=key.encode(), partition=0) for key, value in records]
    async with asyncio.timeout(timeout_s):
        done = await asyncio.gather(*sent)
    return done[-1].offset if done else -1


class ControlTopic:
    """Reads a control topic to its end, then follows it in a task of its own until `stop`.

    `on_record` is called with every record in its order (value None: removed). `on_batch` is awaited when the end that
    was there at `start` is reached, and after each batch from then on. An error of either ends the following: `ready`
    becomes false and `on_failure` is told. While Kafka is away it waits and logs.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        name: str,
        on_record: OnRecord,
        *,
        on_batch: Callable[[], Awaitable[None]] | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        self._settings = settings
        self._name = name
        self._on_record = on_record
        self._on_batch = on_batch
        self._on_failure = on_failure
        self._consumer: AIOKafkaConsumer | None = None
        self._asking: AIOKafkaConsumer | None = None
        self._position = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._read_to_end = False
        self.failure: BaseException | None = None
        self._log = logs.get(__name__)

    @property
    def ready(self) -> bool:
        """Read to the end that was there at the start, and still following."""
        return self._read_to_end and self.failure is None

    async def start(self) -> None:
        """Read to the end that is there now.

        Raises:
            Unavailable: Kafka does not answer.
            WrongSetup: the topic does not exist, or Kafka refuses us.
            NewerSchema: and whatever else `on_record` and `on_batch` raise.
        """
        began = time.monotonic()
        consumer = make_consumer(self._settings, group=None)
        self._consumer = consumer
        count = 0
        try:
            await consumer.start()
            partition, end = await _from_the_beginning(consumer, self._settings, self._name)
            async for batch in _to_the_end(consumer, partition, end):
                count += len(batch)
                self._hand_over(batch)
            await self._batch_done()
        except (KafkaError, OSError) as error:
            await self.stop()
            raise as_ours(self._settings, error) from error
        except BaseException:
            await self.stop()
            raise
        self._read_to_end = True
        self._position = end
        self._log.info(
            "control topic read", topic=self._name, records=count, seconds=round(time.monotonic() - began, 3)
        )
        self._task = asyncio.create_task(self._follow(consumer, partition), name=f"follow {self._name}")

    async def read_past(self, offset: int, timeout_s: float) -> None:
        """Wait until the record at `offset` was handed over.

        Raises:
            Unavailable: it was not within `timeout_s`, or this does not follow (any more).
        """
        if self._position > offset:
            return
        if not self.ready:
            raise Unavailable(
                f"the topic {self._name} is not followed: {self.failure or 'it was stopped'}"
            ).told_outside_as(f"the topic {self._name} is not followed")
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = (offset, reached)
        self._waiting.append(waiting)
        try:
            await asyncio.wait_for(reached, timeout_s)
        except TimeoutError:
            said = (
                f"did not hand over what was just written to {self._name} within {timeout_s:g} s; it may stand all the "
                "same: look before you try again."
            )
            raise Unavailable(f"Kafka at {self._settings.bootstrap_servers} {said}").told_outside_as(
                f"Kafka {said}"
            ) from None
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    async def catch_up(self, timeout_s: float) -> None:
        """Wait until all that the topic holds now was handed over: what anybody wrote before is known then.

        Raises:
            Unavailable, WrongSetup: Kafka does not answer in time, or refuses us.
        """
        topic = topic_name(self._settings, self._name)
        try:
            async with asyncio.timeout(timeout_s):
                if self._asking is None:
                    # A second connection: on that of the consumer the answer would wait behind the fetch.
                    asking = make_consumer(self._settings, group=None)
                    try:
                        await asking.start()
                        await asking.topics()
                    except BaseException:
                        await asking.stop()
                        raise
                    if self._asking is None:
                        self._asking = asking
                    else:
                        await asking.stop()
                partition = TopicPartition(topic, 0)
                end = (await self._asking.end_offsets([partition]))[partition]
        except (KafkaError, OSError, TimeoutError) as error:
            raise as_ours(self._settings, error) from error
        await self.read_past(end - 1, timeout_s)

    async def stop(self) -> None:
        """Stop following. May be called at any time, also twice."""
        self._read_to_end = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._give_up_waiting(Unavailable(f"the topic {self._name} is not followed any more"))
        consumers, self._consumer, self._asking = (self._consumer, self._asking), None, None
        for consumer in consumers:
            if consumer is not None:
                await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        while True:
            try:
                batches = await consumer.getmany(timeout_ms=POLL_MS)
            except KafkaError as error:
                self._log.warning("control topic cannot be read, trying again", topic=self._name, error=repr(error))
                await asyncio.sleep(RETRY_S)
                continue
            try:
                for records in batches.values():
                    self._hand_over(_decoded(records))
                if batches:
                    await self._batch_done()
                self._reached(await consumer.position(partition))
            except Exception as error:  # noqa: BLE001  it is handed on: a role must end of it, not go deaf
                self._fail(error)
                return

    def _hand_over(self, batch: Iterable[tuple[str, bytes | None]]) -> None:
        for key, value in batch:
            self._on_record(key, value)

    async def _batch_done(self) -> None:
        if self._on_batch is not None:
            await self._on_batch()

    def _reached(self, position: int) -> None:
        """All before `position` was handed over; not the last record's offset, for compaction leaves gaps."""
        self._position = position
        for offset, reached in self._waiting:
            if offset < position and not reached.done():
                reached.set_result(None)

    def _give_up_waiting(self, error: BaseException) -> None:
        for _, reached in self._waiting:
            if not reached.done():
                reached.set_exception(error)

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self._give_up_waiting(error)
        self._log.error("control topic is no longer followed", topic=self._name, error=str(error) or repr(error))
        if self._on_failure is not None:
            self._on_failure(error)


async def _from_the_beginning(consumer: Any, settings: KafkaSettings, name: str) -> tuple[TopicPartition, int]:
    """Assign the topic; returns its partition and the end that is there now."""
    topic = topic_name(settings, name)
    if topic not in await consumer.topics():
        raise WrongSetup(f"the topic {topic} does not exist; run `bongsu topics create`")
    partition = TopicPartition(topic, 0)
    # Asked before anything is fetched: on one connection the answer would wait behind the fetch, half a second.
    end = (await consumer.end_offsets([partition]))[partition]
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    return partition, end


async def _to_the_end(
    consumer: Any, partition: TopicPartition, end: int
) -> AsyncIterator[list[tuple[str, bytes | None]]]:
    """Batches up to `end`. Positions, not counts: compaction leaves gaps."""
    while await consumer.position(partition) < end:
        for records in (await consumer.getmany(partition, timeout_ms=POLL_MS)).values():
            yield _decoded(records)


def _decoded(records: Iterable[Any]) -> list[tuple[str, bytes | None]]:
    """Key and value. A record without a key says nothing on a compacted topic and would not be kept: left out."""
    return [(record.key.decode("utf-8", "replace"), record.value) for record in records if record.key is not None]
