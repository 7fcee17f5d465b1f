"""The dispatcher alone, on a real Kafka and against real HTTP servers."""

import asyncio
import time

import pytest

from service.adapters.receiver import Receiver, Script
from service.model import topics
from service.model.errors import NewerSchema
from service.settings import KafkaSettings
from tests.deliveries import (
    SECRET, Known, attempts, committed, delivery, dispatching, produce, read_all, settings_for, subscription, terminal,
)  # fmt: skip
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


async def test_a_delivery_arrives_signed_and_is_written_down(kafka_settings: KafkaSettings) -> None:
    sent = delivery(1)
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [sent])
        async with dispatching(settings_for(kafka_settings), known):
            (attempt,) = await terminal(kafka_settings, [sent.id])
        (got,) = receiver.received
    assert got.verified
    assert got.body == sent.body.encode()
    assert got.headers["webhook-id"] == sent.id == attempt.delivery_id
    assert (attempt.outcome, attempt.status, attempt.number, attempt.error) == ("delivered", 204, 1, None)
    assert attempt.body_sha256 == sent.body_sha256
    assert (await committed(kafka_settings))[topics.DELIVERIES] == 1


async def test_two_500s_then_200_keep_the_id_and_the_bytes(kafka_settings: KafkaSettings) -> None:
    sent = delivery(1)
    async with Receiver([SECRET], script=Script((500, 500, 200))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [sent])
        async with dispatching(settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="0.2,1.3"), known):
            made = await terminal(kafka_settings, [sent.id])
    assert [got.headers["webhook-id"] for got in receiver.received] == [sent.id] * 3
    assert {got.body for got in receiver.received} == {sent.body.encode()}
    assert all(got.verified for got in receiver.received)
    assert [(one.number, one.outcome, one.status) for one in made] == [
        (1, "retry", 500), (2, "retry", 500), (3, "delivered", 200),
    ]  # fmt: skip
    first, second, third = (got.at_s for got in receiver.received)
    assert second - first >= 0.2
    assert third - second >= 1.3
    # the first wait was too short for a tier and stayed in memory; the second rested in one
    assert len(await read_all(kafka_settings, topics.retry_topic(1))) == 1
