"""Deliveries and subscriptions of our own making, and what the dispatcher wrote about them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from service.adapters.kafka_client import make_consumer, make_producer, topic_name
from service.adapters.webhook_client import WebhookClient
from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.role import Dispatcher
from service.model import ids, topics
from service.model.control_records import SubscriptionRecord
from service.model.record import Record
from service.model.records import AttemptRecord, DeliveryRecord
from service.settings import KafkaSettings, Settings
from tests.waiting import wait_until

SECRET = "whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
DAY_MS = 86_400_000
R = TypeVar("R", bound=Record)


def subscription(url: str, name: str = "press-office", **fields: Any) -> SubscriptionRecord:
    return SubscriptionRecord(id=name, url=url, secrets=(SECRET,), created_ms=1, updated_ms=1, **fields)


def delivery(number: int, to: str = "press-office", *, body: str | None = None, **fields: Any) -> DeliveryRecord:
    now_ms = int(time.time() * 1000)
    text = (
        body if body is not None else f'{{"type":"alert.matched","data":{{"n":{number},"summary":"서울시와 重慶 🏮"}}}}'
    )
    values: dict[str, Any] = {
        "id": ids.delivery_id(to, f"g{number}", 1), "subscription": to, "group": f"g{number}", "sequence": 1,
        "type": "alert.matched", "body": text, "body_sha256": ids.sha256_hex(text.encode()),
        "alert_ids": (f"alr_{number}",), "created_ms": now_ms, "deadline_ms": now_ms + DAY_MS, "published_ms": now_ms,
    }  # fmt: skip
    return DeliveryRecord(**{**values, **fields})


class Known(dict[str, SubscriptionRecord]):
    """Subscriptions as the dispatcher asks for them."""

    def add(self, record: SubscriptionRecord) -> None:
        self[record.id] = record

    async def publish(self, record: SubscriptionRecord) -> None:
        self.add(record)


def settings_for(kafka: KafkaSettings, **environ: str) -> Settings:
    made = Settings(
        {"BONGSU_DELIVERY_ALLOW_ADDRESSES": "127.0.0.0/8", "BONGSU_DELIVERY_SCHEDULE_S": "0.05,0.05,0.05", **environ}
    )
    made.kafka = kafka
    return made


async def produce(
    kafka: KafkaSettings, records: Iterable[DeliveryRecord | bytes | None], topic: str = topics.DELIVERIES
) -> None:
    producer = make_producer(kafka)
    await producer.start()
    try:
        sent = []
        for record in records:
            value = record.encode() if isinstance(record, DeliveryRecord) else record
            key = record.subscription.encode() if isinstance(record, DeliveryRecord) else b"press-office"
            sent.append(await producer.send(topic_name(kafka, topic), value, key=key))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read_all(kafka: KafkaSettings, topic: str) -> list[Any]:
    """Every record that stands on a topic now, as aiokafka gives it."""
    consumer = make_consumer(kafka, group=None)
    await consumer.start()
    try:
        name = topic_name(kafka, topic)
        await wait_until(lambda: _partitions(consumer, name), what=f"partitions of {name}")
        tps = [TopicPartition(name, number) for number in await _partitions(consumer, name)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        found: list[Any] = []
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for records in (await consumer.getmany(*tps, timeout_ms=200)).values():
                found += records
        return found
    finally:
        await consumer.stop()


async def _partitions(consumer: Any, name: str) -> set[int]:
    await consumer._client.force_metadata_update()
    return consumer.partitions_for_topic(name) or set()


async def attempts(kafka: KafkaSettings) -> list[AttemptRecord]:
    return [AttemptRecord.decode(record.value, "attempts") for record in await read_all(kafka, topics.ATTEMPTS)]


async def terminal(kafka: KafkaSettings, wanted: Iterable[str], timeout_s: float = 30) -> list[AttemptRecord]:
    """All attempts, once every wanted id has an end."""
    missing = set(wanted)

    async def ended() -> list[AttemptRecord]:
        made = await attempts(kafka)
        return made if missing <= {attempt.delivery_id for attempt in made if attempt.terminal} else []

    found: list[AttemptRecord] = await wait_until(ended, timeout_s, "every delivery has an end")
    return found


async def committed(kafka: KafkaSettings) -> dict[str, int]:
    """Committed offsets of the dispatcher, summed over the partitions of each topic."""
    consumer = make_consumer(kafka, group="dispatcher")
    await consumer.start()
    try:
        totals: dict[str, int] = {}
        for topic in (topics.DELIVERIES, topics.HELD, *map(topics.retry_topic, topics.RETRY_TIERS_S)):
            name = topic_name(kafka, topic)
            for number in await _partitions_of(consumer, name):
                offset = await consumer.committed(TopicPartition(name, number))
                totals[topic] = totals.get(topic, 0) + (offset or 0)
        return totals
    finally:
        await consumer.stop()


async def _partitions_of(consumer: Any, name: str) -> set[int]:
    found: set[int] = await wait_until(lambda: _partitions(consumer, name), what=f"partitions of {name}")
    return found


@contextlib.asynccontextmanager
async def dispatching(settings: Settings, known: Known, **options: Any) -> AsyncIterator[Dispatcher]:
    """A dispatcher with partitions; `failed` may end it."""
    async with WebhookClient(settings.delivery) as client:
        role = Dispatcher(
            settings,
            **{
                "metrics": DispatcherMetrics(CollectorRegistry()),
                "subscriptions": known,
                "publish": known.publish,
                "client": client,
                "clock": time.time,
                "luck": lambda: 0.0,
                **options,
            },
        )
        await role.start()
        try:
            await wait_until(lambda: role.ready or role.failed.done(), 30, "partitions assigned")
            yield role
        finally:
            await role.stop()
