"""The flow on a simulated Kafka, with the orders of events that a real one shows once a week: nothing is ever lost.

Acknowledgements come late, tier records are read before they are acknowledged, records come twice, receivers fail, and
the dispatcher is killed between any two steps. What must hold in the end: every id has exactly one accepted end.
"""

import asyncio
import random
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from service.adapters.writer import Output, Place
from service.delivery.attempts import Answer, Failure
from service.dispatcher import memory
from service.dispatcher.endpoints import Endpoints
from service.dispatcher.flow import Flow
from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.partition import Partition
from service.dispatcher.progress import Progress
from service.dispatcher.sender import Sender
from service.model import ids, topics
from service.model.records import AttemptRecord, DeliveryRecord
from service.settings import DeliverySettings
from tests.deliveries import Known, subscription

TIERS = {topics.DELIVERIES: 0} | {topics.retry_topic(tier): tier for tier in topics.RETRY_TIERS_S}
START_S = 1_000_000.0
SPEED = 1000.0
"""Seconds of the simulation in one of ours."""


class SimulatedKafka:
    """Logs of records with one partition each; a write stands at once and is acknowledged when luck wants it."""

    def __init__(self, luck: random.Random) -> None:
        self.luck = luck
        self.logs: dict[str, list[Any]] = {
            topic: [] for topic in (*TIERS, topics.ATTEMPTS, topics.ENDPOINTS, topics.DEAD_LETTERS)
        }
        self.committed = dict.fromkeys(TIERS, 0)

    def append(self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int) -> Place:
        log = self.logs[topic]
        record = SimpleNamespace(
            topic=topic, partition=0, offset=len(log), key=key, value=value, timestamp=timestamp_ms
        )
        log.append(record)
        return Place(topic, 0, record.offset)

    async def write_one(self, output: Output) -> Place:
        await asyncio.sleep(self.luck.choice((0, 0, 0.001)))
        place = self.append(output.topic, output.key, output.value, output.timestamp_ms or 0)
        await asyncio.sleep(self.luck.choice((0, 0, 0.001, 0.012)))  # up to 12 s of the simulation: longer than a tier
        return place


class Life:
    """One dispatcher over the simulated Kafka, from its start to its end."""

    def __init__(self, kafka: SimulatedKafka, posts: Counter[str], luck: random.Random) -> None:
        self.kafka = kafka
        self.posts = posts
        self.luck = luck
        self.failed: list[BaseException] = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        clock = lambda: START_S + (loop.time() - began) * SPEED + kafka_age(kafka)  # noqa: E731
        self.clock = clock
        progress = Progress()
        for record in kafka.logs[topics.ATTEMPTS]:
            progress.made(AttemptRecord.decode(record.value, topics.ATTEMPTS))
        metrics = DispatcherMetrics(CollectorRegistry())
        known = Known()
        known.add(subscription("http://receiver.example/", "a"))
        known.add(subscription("http://receiver.example/", "b"))
        values: Any = {"schedule_s": (0.3, 1.5, 0.2, 2.5) * 8, "max_in_flight": 4, "max_in_flight_per_subscription": 2}
        chosen = DeliverySettings(**values)
        endpoints = Endpoints(chosen, known.get)
        sender = Sender(
            chosen, writer=kafka, client=self, subscriptions=known, metrics=metrics, progress=progress,  # type: ignore[arg-type]
            endpoints=endpoints, publish=known.publish,
            clock=clock, luck=luck.random,
        )  # fmt: skip
        self.paused: set[str] = set()
        self.flow = Flow(
            chosen, sender=sender, endpoints=endpoints, progress=progress, metrics=metrics, clock=clock,
            pause=lambda partition: self.paused.add(partition.tp.topic),
            resume=lambda partition: self.paused.discard(partition.tp.topic),
            fail=self.failed.append,
        )  # fmt: skip
        self.partitions = {topic: Partition(TopicPartition(topic, 0), tier) for topic, tier in TIERS.items()}
        self.read = dict(kafka.committed)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        self.posts[headers["webhook-id"]] += 1
        await asyncio.sleep(self.luck.choice((0, 0.001, 0.004)))
        good = self.luck.random() < 0.5
        return Answer(200) if good else Answer(500, Failure.STATUS)

    async def run(self, until: Any) -> None:
        while not until() and not self.failed:
            for topic, partition in self.partitions.items():
                if topic not in self.paused and self.flow.memory.room.is_set():
                    start = self.read[topic]
                    batch = self.kafka.logs[topic][start : start + self.luck.randint(1, 5)]
                    self.read[topic] += len(batch)
                    self.flow.accept(partition, batch)
            self.flow.spill_overdue()
            if self.luck.random() < 0.3:
                self.commit()
            await asyncio.sleep(self.luck.choice((0, 0.0005)))

    def commit(self) -> None:
        for topic, partition in self.partitions.items():
            if partition.tracker.committable is not None:
                self.kafka.committed[topic] = partition.tracker.committable

    async def end(self, *, killed: bool) -> None:
        await self.flow.release(list(self.partitions.values()), 0.0 if killed else 1.0)
        if not killed:
            self.commit()


def kafka_age(kafka: SimulatedKafka) -> float:
    """So that time goes on from life to life."""
    stamps = [log[-1].timestamp for log in kafka.logs.values() if log]
    return max(0.0, max(stamps, default=0) / 1000 - START_S) if not hasattr(kafka, "age") else kafka.age


def made(number: int, to: str) -> DeliveryRecord:
    body = f'{{"n":{number}}}'
    return DeliveryRecord(
        id=ids.delivery_id(to, f"g{number}", 1), subscription=to, group=f"g{number}", sequence=1, type="alert.matched",
        body=body, body_sha256=ids.sha256_hex(body.encode()), alert_ids=("a",), created_ms=0,
        deadline_ms=int((START_S + 10_000_000) * 1000), published_ms=0,
    )  # fmt: skip


async def simulate(seed: int, count: int, lives: int) -> None:
    luck = random.Random(seed)
    kafka = SimulatedKafka(luck)
    records = [made(number, luck.choice("ab")) for number in range(count)]
    for record in records:
        for _ in range(luck.choice((1, 1, 1, 2))):  # the group stage may send its outbox again
            kafka.append(topics.DELIVERIES, b"k", record.encode(), int(START_S * 1000))
    posts: Counter[str] = Counter()

    def ended() -> set[str]:
        return {
            attempt.delivery_id
            for record in kafka.logs[topics.ATTEMPTS]
            if (attempt := AttemptRecord.decode(record.value, "attempts")).terminal
        }

    for number in range(lives):
        kafka.age = kafka_age(kafka)  # type: ignore[attr-defined]
        life = Life(kafka, posts, luck)
        last = number == lives - 1
        goal = len(kafka.logs[topics.ATTEMPTS]) + luck.randint(1, count)

        def settled(life: Life = life) -> bool:
            at_rest = not life.flow.memory.held and all(
                life.read[topic] == len(kafka.logs[topic]) and not partition.resting
                for topic, partition in life.partitions.items()
            )
            return at_rest and len(ended()) == count

        def far_enough(goal: int = goal) -> bool:
            return len(kafka.logs[topics.ATTEMPTS]) >= goal or len(ended()) == count

        async with asyncio.timeout(20):
            await life.run(settled if last else far_enough)
        assert not life.failed
        await life.end(killed=not last)
        del kafka.age  # type: ignore[attr-defined]
    ends = [AttemptRecord.decode(record.value, "attempts") for record in kafka.logs[topics.ATTEMPTS]]
    by_id = Counter(attempt.delivery_id for attempt in ends if attempt.terminal)
    assert set(by_id) == {record.id for record in records}
    assert set(by_id.values()) == {1}
    assert all(kafka.committed[topic] == len(kafka.logs[topic]) for topic in TIERS)


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 25), lives=st.integers(1, 4))
def test_nothing_is_lost_in_any_order_of_events(seed: int, count: int, lives: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "PATIENCE", ((9.9, memory.Patience(3, 0.002)),))
        asyncio.run(simulate(seed, count, lives))
