"""Read topics as they stand, or wait for what comes next: a plain consumer without a group, which changes nothing."""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from service.adapters.kafka_client import client_options, make_consumer, started, topic_name
from service.model.errors import Unavailable, WrongSetup
from service.settings import KafkaSettings

POLL_MS = 200


async def scan(settings: KafkaSettings, name: str, since_ms: int | None = None) -> AsyncIterator[Any]:
    """Every record of the topic `name` (without the prefix) that is there now, those of one partition in their order.

    Args:
        settings: where Kafka is.
        name: of the topic.
        since_ms: leave out what was written before, by Kafka's timestamps.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or the topic does not exist.
    """
    async with started(settings, make_consumer(settings, group=None)) as consumer:
        parts = await _assigned(consumer, settings, name)
        ends = await consumer.end_offsets(parts)
        await _seek(consumer, parts, ends, since_ms)
        left = await _behind(consumer, parts, ends)
        progress_s = time.monotonic()
        while left:
            batches = await consumer.getmany(*left, timeout_ms=POLL_MS)
            for part, records in batches.items():
                for record in records:
                    if record.offset < ends[part]:
                        yield record
            if batches:
                progress_s = time.monotonic()
            elif time.monotonic() - progress_s > settings.request_timeout_s:
                raise Unavailable(
                    f"Kafka at {settings.bootstrap_servers} stopped in the middle of {name}; try again"
                ).told_outside_as(f"Kafka stopped in the middle of {name}; try again")
            left = await _behind(consumer, left, ends)


class Tail:
    """What comes to a topic from now on."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def wait_for(self, wanted: Callable[[Any], bool], timeout_s: float) -> Any | None:
        """The first record that `wanted` accepts; None when none came within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    if wanted(record):
                        return record
        return None


@asynccontextmanager
async def tail(settings: KafkaSettings, name: str) -> AsyncIterator[Tail]:
    """Stand at the end of the topic `name`. Raises as `scan`."""
    async with started(settings, make_consumer(settings, group=None)) as consumer:
        parts = await _assigned(consumer, settings, name)
        await consumer.seek_to_end(*parts)
        for part in parts:
            await consumer.position(part)  # the end is asked for now, not at the first fetch
        yield Tail(consumer)


async def _assigned(consumer: AIOKafkaConsumer, settings: KafkaSettings, name: str) -> list[TopicPartition]:
    topic = topic_name(settings, name)
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        (described,) = await admin.describe_topics([topic])
    parts = [TopicPartition(topic, part["partition"]) for part in described["partitions"]]
    if described["error_code"] or not parts:
        raise WrongSetup(f"the topic {topic} does not exist; run `bongsu topics create`")
    consumer.assign(parts)
    return parts


async def _seek(
    consumer: AIOKafkaConsumer, parts: list[TopicPartition], ends: dict[TopicPartition, int], since_ms: int | None
) -> None:
    if since_ms is None:
        await consumer.seek_to_beginning(*parts)
        return
    found = await consumer.offsets_for_times(dict.fromkeys(parts, max(0, since_ms)))
    for part in parts:
        at = found.get(part)
        consumer.seek(part, ends[part] if at is None else at.offset)


async def _behind(
    consumer: AIOKafkaConsumer, parts: Iterable[TopicPartition], ends: dict[TopicPartition, int]
) -> list[TopicPartition]:
    return [part for part in parts if await consumer.position(part) < ends[part]]
