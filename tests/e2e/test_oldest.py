"""What waits longest for a group, on a real Kafka."""

import time

import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from service.adapters.kafka_client import make_consumer, make_producer, started, topic_name
from service.audit import role as module
from service.audit.oldest import OldestWaiting
from service.audit.role import AuditRole
from service.model import topics
from service.settings import Settings
from tests.waiting import wait_until


async def put(settings, topic, *written_ms):
    async with started(settings, make_producer(settings)) as producer:
        for at in written_ms:
            await producer.send_and_wait(topic_name(settings, topic), b"{}", b"one", partition=0, timestamp_ms=at)


async def test_the_record_at_the_head_is_looked_at_once(kafka_settings):
    await put(kafka_settings, topics.ARTICLES, 1_000, 2_000, 3_000)
    part = TopicPartition(topic_name(kafka_settings, topics.ARTICLES), 0)
    oldest = OldestWaiting(kafka_settings)
    await oldest.start()
    try:
        assert await oldest.since({part: 0}) == {part: 1_000}
        assert await oldest.since({part: 2}) == {part: 3_000}
        consumer = oldest._consumer
        assert consumer is not None
        assigned = consumer.assignment()
        assert await oldest.since({part: 2}) == {part: 3_000}
        assert consumer.assignment() is assigned, "known: nothing is fetched again"
        assert await oldest.since({}) == {}
        assert await oldest.since({part: 1}) == {part: 2_000}
    finally:
        await oldest.stop()


async def test_the_role_tells_how_old_and_that_nothing_waits_any_more(kafka_settings, monkeypatch):
    monkeypatch.setattr(module, "PERIOD_S", 0.05)
    now_s = time.time()
    await put(kafka_settings, topics.ARTICLES, round(now_s * 1000) - 90_000, round(now_s * 1000))
    settings = Settings(
        {
            "BONGSU_KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
            "BONGSU_KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        }
    )
    registry = CollectorRegistry()

    def age(topic):
        return registry.get_sample_value("bongsu_group_oldest_seconds", {"topic": topic})

    role = AuditRole(settings, registry, clock=lambda: now_s)
    await role.start()
    try:
        await wait_until(lambda: age(topics.ARTICLES) > 0, 20)
        assert age(topics.ARTICLES) == pytest.approx(90, abs=0.01)
        assert age(topics.ALERTS) == 0
        part = TopicPartition(topic_name(kafka_settings, topics.ARTICLES), 0)
        worker = make_consumer(kafka_settings, group=topics.WORKER_GROUP)
        async with started(kafka_settings, worker):
            worker.assign([part])
            await worker.commit({part: 2})
        await wait_until(lambda: age(topics.ARTICLES) == 0, 20)
    finally:
        await role.stop()
