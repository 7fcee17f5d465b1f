"""What we rely on of Faust, pinned on a real Kafka: an upgrade that changes one of these must turn this file red."""

import asyncio
import socket
from functools import partial
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from service.adapters.kafka_client import client_options, make_producer, started, topic_name
from service.model.topics import WORKER_GROUP
from service.streams import transport
from service.streams.batcher import Batcher
from service.streams.changelog import Changelog, ChangelogProducer
from service.streams.faust_app import make_app, make_table, raw_topic
from service.streams.handover import handed_over
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.filterwarnings("default::DeprecationWarning"),
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]


MEMORY, DISK = "memory://", "rocksdb://?driver=rocksdict"


class Running:
    """A Faust app of ours with one agent, as the worker builds it."""

    def __init__(self, settings, path, handle, *, size=50, table=None):
        """`table`: where it is kept; None: there is none."""
        self.app = make_app(settings, path, store=table or MEMORY, alert_partitions=2)
        self.table: Any = make_table(self.app, "facts", store=table, partitions=2) if table else None
        self.producer = ChangelogProducer(settings)
        self.failures: list[BaseException] = []

        async def agent(stream):
            async with Batcher(handle, size=size, on_failure=self.failures.append) as batcher:
                async for events in handed_over(stream, size):
                    await batcher.put(events)

        self.app.agent(raw_topic(self.app, settings, "alerts"), name="facts")(agent)

    @property
    def changelog(self):
        return Changelog(self.producer, self.table.changelog_topic.get_topic_name(), lambda: self.table.data)

    async def __aenter__(self):
        await self.producer.start()
        await self.app.start()
        await wait_until(lambda: self.app.consumer.assignment() and not self.app.rebalancing, 60)
        return self

    async def __aexit__(self, *_):
        await self.app.stop()
        await self.producer.stop()


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


async def test_a_commit_that_kafka_refuses_is_not_noted_and_what_it_held_is_committed_when_read_again(
    kafka_settings, tmp_path
):
    """Faust's own notes it all the same; whoever looks for partitions that stand still then sees none."""
    seen: list[int] = []

    async def note(events):
        seen.extend(event.message.offset for event in events)

    async def refuse(_):
        return False

    async with Running(kafka_settings, tmp_path, note) as running:
        consumer = running.app.consumer
        (part,) = (one for one in consumer.assignment() if one[1] == 0 and one.topic.endswith("alerts"))
        take, consumer._commit = consumer._commit, refuse
        await produce(kafka_settings, 3)
        await wait_until(lambda: part in consumer._acked and not consumer._acked[part] and len(seen) == 3)
        assert consumer._committed_offset[part] == -1
        consumer._commit = take
        await consumer.seek_wait({part: 0})

        async def all_committed():
            return await committed(kafka_settings) == {0: 3}

        await wait_until(all_committed)
    assert seen == [0, 1, 2, 0, 1, 2]


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


@pytest.mark.parametrize("where", [MEMORY, DISK])
async def test_a_table_of_bytes_is_recovered_from_its_changelog(where, kafka_settings, tmp_path):
    stored: list[object] = []

    async def store(events):
        for event in events:
            changelog.turn(event.message.partition)
            changelog.put(b"key", b"\x00\xff bytes, not text")
            changelog.put(b"gone", b"x")
            changelog.put(b"gone", None)
            await changelog.flush()
            stored.append(event)

    async def nothing(events):
        pass

    async with Running(kafka_settings, tmp_path / "1", store, table=where) as running:
        changelog = running.changelog
        await produce(kafka_settings, 1)
        await wait_until(lambda: stored)
    async with Running(kafka_settings, tmp_path / "2", nothing, table=where) as running:
        await _recovered(running)
        assert dict(running.changelog.scan(0)) == {b"key": b"\x00\xff bytes, not text"}
        assert dict(running.changelog.scan(1)) == {}


async def _recovered(running):
    await wait_until(
        lambda: not running.app.rebalancing and not running.app.tables.recovery.in_recovery
        and running.app.tables.recovery.completed.is_set(),
        60,
    )  # fmt: skip


async def test_a_table_on_disk_goes_on_where_it_was_and_reads_what_others_wrote_meanwhile(kafka_settings, tmp_path):
    """Its offset is written with its values: the recovery begins there, and what stands before it is not read again."""

    async def nothing(events):
        pass

    async def write(running, key, value):
        changelog = running.changelog
        changelog.turn(0)
        changelog.put(key, value)
        await changelog.flush()
        return changelog.applied(0)

    async with Running(kafka_settings, tmp_path / "1", nothing, table=DISK) as running:
        await _recovered(running)
        assert await write(running, b"first", b"1") == 0
        # what a crash between changelog and disk would leave: only the changelog has it
        await running.producer.write(running.changelog._topic, 0, [(b"unstored", b"u")])
    async with Running(kafka_settings, tmp_path / "2", nothing, table=DISK) as running:
        await _recovered(running)
        assert await write(running, b"first", b"2") == 2
    async with Running(kafka_settings, tmp_path / "1", nothing, table=DISK) as running:
        await _recovered(running)
        assert dict(running.changelog.scan(0)) == {b"first": b"2", b"unstored": b"u"}
        assert running.changelog.applied(0) == 2
        assert running.app.tables.recovery.active_offsets  # Faust was told where the table stands
        running.table.data.write(0, [(b"kept", b"only here")], None)
    async with Running(kafka_settings, tmp_path / "1", nothing, table=DISK) as running:
        await _recovered(running)
        assert dict(running.changelog.scan(0))[b"kept"] == b"only here", "the table was not read anew"


async def test_what_is_staged_is_read_at_once_and_stored_when_it_is_acknowledged(kafka_settings, tmp_path):
    async def nothing(events):
        pass

    async with Running(kafka_settings, tmp_path, nothing, table=DISK) as running:
        await _recovered(running)
        changelog = running.changelog
        changelog.turn(1)
        changelog.put(b"key", b"value")
        assert changelog.get(b"key") == b"value"
        assert dict(changelog.scan(1)) == {}, "a crash now must not leave what the changelog does not have"
        await changelog.flush()
        assert dict(changelog.scan(1)) == {b"key": b"value"}


async def test_tables_of_different_numbers_of_partitions_live_in_one_app(kafka_settings, tmp_path):
    async def nothing(events):
        pass

    running = Running(kafka_settings, tmp_path, nothing, table=DISK)
    other = make_table(running.app, "other-facts", store=DISK, partitions=1)
    topic = raw_topic(running.app, kafka_settings, "matches")

    async def agent(stream):
        async for _ in handed_over(stream, 10):
            pass

    running.app.agent(topic, name="matches")(agent)
    async with running:
        await _recovered(running)
        found: dict[str, set[int]] = {}
        for partition in running.app.consumer.assignment():
            found.setdefault(partition.topic, set()).add(partition.partition)
        assert found[other.changelog_topic.get_topic_name()] == {0}
        assert found[running.table.changelog_topic.get_topic_name()] == {0, 1}


async def test_agents_and_tables_may_have_different_numbers_of_partitions(kafka_settings, tmp_path):
    admin = AIOKafkaAdminClient(**client_options(kafka_settings))
    async with started(kafka_settings, admin):
        await admin.create_topics([NewTopic(topic_name(kafka_settings, "other"), 5, 1)])
    seen = []

    async def note(events):
        seen.extend(events)

    running = Running(kafka_settings, tmp_path, note, table=DISK)

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
