"""What we rely on of Faust, pinned on a real Kafka: an upgrade that changes one of these must turn this file red."""

import asyncio
import socket
from functools import partial

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from service.adapters.kafka_client import client_options, make_producer, started, topic_name
from service.model.topics import WORKER_GROUP
from service.streams import transport
from service.streams.batcher import Batcher
from service.streams.faust_app import make_app, raw_topic
from service.streams.group import Changelog
from service.streams.handover import handed_over
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]


class Running:
    """A Faust app of ours with one agent, as the worker builds it."""

    def __init__(self, settings, path, handle, *, size=50, table=False):
        self.app = make_app(settings, path, store="memory://", alert_partitions=2)
        self.table = self.app.Table("facts", key_type=bytes, value_type=bytes, partitions=2) if table else None
        self.failures: list[BaseException] = []

        async def agent(stream):
            async with Batcher(handle, size=size, on_failure=self.failures.append) as batcher:
                async for events in handed_over(stream, size):
                    await batcher.put(events)

        self.app.agent(raw_topic(self.app, settings, "alerts"), name="facts")(agent)

    async def __aenter__(self):
        await self.app.start()
        await wait_until(lambda: self.app.consumer.assignment() and not self.app.rebalancing, 60)
        return self

    async def __aexit__(self, *_):
        await self.app.stop()


async def produce(settings, count, first=0):
    async with started(settings, make_producer(settings)) as producer:
        for number in range(first, first + count):
            await producer.send_and_wait(topic_name(settings, "alerts"), b"%d" % number, b"k", partition=0)


async def committed(settings):
    admin = AIOKafkaAdminClient(**client_options(settings))
    async with started(settings, admin):
        offsets = await admin.list_consumer_group_offsets(topic_name(settings, WORKER_GROUP))
    return {
        part.partition: meta.offset for part, meta in offsets.items() if part.topic == topic_name(settings, "alerts")
    }


async def test_only_the_contiguous_prefix_of_what_was_acknowledged_is_committed(kafka_settings, tmp_path):
    seen = []

    async def keep(events):
        seen.extend(events)
        await asyncio.Event().wait()  # the batcher acknowledges nothing

    async with Running(kafka_settings, tmp_path, keep):
        await produce(kafka_settings, 6)
        await wait_until(lambda: seen)
        await wait_until(lambda: seen)
        for event in seen:
            if event.message.offset != 2:
                event.ack()
        acked = [event.message.offset for event in seen if event.message.offset != 2]
    offsets = await committed(kafka_settings)
    assert offsets.get(0, 0) <= 2, f"acknowledged {acked}, 2 was not"


async def test_what_was_not_acknowledged_comes_again_after_a_restart(kafka_settings, tmp_path):
    seen: list[int] = []
    again: list[int] = []

    async def fail(events):
        seen.extend(event.message.offset for event in events)
        raise ValueError("died")

    async def good(events):
        again.extend(event.message.offset for event in events)

    async with Running(kafka_settings, tmp_path / "1", fail) as running:
        await produce(kafka_settings, 3)
        await wait_until(lambda: running.failures)
    async with Running(kafka_settings, tmp_path / "2", good):
        await wait_until(lambda: len(again) == 3, 60)
    assert again == [0, 1, 2]
    assert await committed(kafka_settings) == {0: 3}


async def test_a_table_of_bytes_is_recovered_from_its_changelog(kafka_settings, tmp_path):
    stored: list[object] = []

    async def store(events):
        for event in events:
            await changelog.put(event.message.partition, b"key", b"\x00\xff bytes, not text")
            await changelog.put(event.message.partition, b"gone", b"x")
            await changelog.put(event.message.partition, b"gone", None)
            stored.append(event)

    async def nothing(events):
        pass

    async with Running(kafka_settings, tmp_path / "1", store, table=True) as running:
        changelog = Changelog(running.table)
        await produce(kafka_settings, 1)
        await wait_until(lambda: stored)
    async with Running(kafka_settings, tmp_path / "2", nothing, table=True) as running:
        await wait_until(lambda: not running.app.tables.recovery.in_recovery and len(running.table.data), 60)
        assert dict(running.table.data.items()) == {b"key": b"\x00\xff bytes, not text"}


async def test_agents_and_tables_may_have_different_numbers_of_partitions(kafka_settings, tmp_path):
    admin = AIOKafkaAdminClient(**client_options(kafka_settings))
    async with started(kafka_settings, admin):
        await admin.create_topics([NewTopic(topic_name(kafka_settings, "other"), 5, 1)])
    seen = []

    async def note(events):
        seen.extend(events)

    running = Running(kafka_settings, tmp_path, note, table=True)

    async def agent(stream):
        async for events in handed_over(stream, 10):
            for event in events:
                seen.append(event)
                event.ack()

    running.app.agent(raw_topic(running.app, kafka_settings, "other"), name="other")(agent)
    async with running:
        assert len([tp for tp in running.app.consumer.assignment() if tp.topic.endswith("other")]) == 5
        await produce(kafka_settings, 1)
        await wait_until(lambda: seen)


async def test_no_web_port_is_bound_and_the_fetch_wait_is_ours(kafka_settings, tmp_path):
    async def nothing(events):
        pass

    async with Running(kafka_settings, tmp_path, nothing) as running:
        with socket.socket() as probe:
            probe.settimeout(1)
            assert probe.connect_ex(("127.0.0.1", 6066)) != 0
        consumer = running.app.consumer._thread._ensure_consumer()
        assert consumer._fetcher._fetch_max_wait_ms == transport.FETCH_MAX_WAIT_MS


async def test_more_than_the_buffers_hold_is_handed_over_once_and_in_order(kafka_settings, tmp_path):
    """The way on which `wait_first` really waits: Faust's buffer of 4,096 is full, the batcher is slow."""
    seen: list[int] = []

    async def slow(events):
        seen.extend(event.message.offset for event in events)
        await asyncio.sleep(0.002)

    topic = topic_name(kafka_settings, "alerts")
    async with started(kafka_settings, make_producer(kafka_settings)) as producer:
        futures = [await producer.send(topic, b"x" * 100, b"k", partition=0) for _ in range(12_000)]
        await asyncio.gather(*futures)
    async with Running(kafka_settings, tmp_path, slow):
        await wait_until(lambda: len(seen) >= 12_000)

        async def all_committed():
            return await committed(kafka_settings) == {0: 12_000}

        await wait_until(all_committed)
    assert seen == list(range(12_000))


async def test_a_cancelled_fetch_gives_back_what_its_thread_still_gets(kafka_settings, tmp_path):
    """Without this a changelog's records were lost to the recovery that waited for them (half of the takeovers)."""
    seen: list[int] = []

    async def note(events):
        seen.extend(event.message.offset for event in events)

    def more_than(number: int) -> bool:
        return len(seen) > number

    async with Running(kafka_settings, tmp_path, note) as running:
        consumer = running.app.consumer
        parts = {part for part in consumer.assignment() if part.topic == topic_name(kafka_settings, "alerts")}
        for number in range(20):
            fetching = asyncio.ensure_future(consumer._getmany(parts, 1.0))
            await asyncio.sleep(0.02)  # the thread waits for data now
            fetching.cancel()
            await produce(kafka_settings, 1)
            await wait_until(partial(more_than, number), 10, f"record {number}")
    assert sorted(set(seen)) == list(range(20))
