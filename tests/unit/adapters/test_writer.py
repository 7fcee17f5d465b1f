"""The writer over a producer that answers as told: until all is acknowledged, or never will be."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
)

from service.adapters import writer as module
from service.adapters.writer import Output, Place, Writer
from service.model.errors import WrongSetup
from service.settings import KafkaSettings
from tests.waiting import wait_until


class Producer:
    def __init__(self):
        self.log = []
        self.refuse = {}
        """value -> errors, in turn; then it is taken"""
        self.offsets = {}

    async def start(self):
        self.log.append("start")

    async def stop(self):
        self.log.append("stop")

    async def send(self, topic, value, key, timestamp_ms, headers):
        self.log.append((topic, value, key, timestamp_ms, headers))
        errors = self.refuse.get(value, [])
        if errors and isinstance(errors[0], tuple):
            raise errors.pop(0)[0]
        future = asyncio.get_running_loop().create_future()
        if errors:
            future.set_exception(errors.pop(0))
        else:
            future.set_result(SimpleNamespace(topic=topic, partition=1, offset=self.offsets.get(value, len(self.log))))
        return future


@pytest.fixture
async def made(monkeypatch):
    producer = Producer()
    monkeypatch.setattr(module, "make_producer", lambda _: producer)
    monkeypatch.setattr(module, "RETRY_PAUSES_S", (0.0,))
    retried: list[int] = []
    writer = Writer(KafkaSettings(topic_prefix="eu."), on_retry=retried.append)
    await writer.start()
    producer.log.clear()
    return writer, producer, retried


def some(*values):
    return [Output("alerts", b"k", value, (("h", b"1"),)) for value in values]


async def test_all_are_sent_in_order_with_prefix_key_and_headers(made):
    writer, producer, retried = made
    await writer.write(some(b"1", b"2"))
    assert producer.log == [
        ("eu.alerts", b"1", b"k", None, [("h", b"1")]),
        ("eu.alerts", b"2", b"k", None, [("h", b"1")]),
    ]
    assert retried == []
    await writer.write([])
    await writer.stop()
    assert producer.log[-1] == "stop"


async def test_only_what_is_not_acknowledged_is_sent_again_until_it_is(made):
    writer, producer, retried = made
    producer.refuse = {
        b"2": [KafkaTimeoutError(), NotLeaderForPartitionError()],
        b"3": [(KafkaConnectionError("away"),)],
    }
    await writer.write(some(b"1", b"2", b"3"))
    assert [value for _, value, *_ in producer.log] == [b"1", b"2", b"3", b"2", b"3", b"2"]
    assert retried == [2, 1]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MessageSizeTooLargeError("6 MB"), "too large for alerts"),
        (TopicAuthorizationFailedError(), "docs/topics.md has the ACLs"),
    ],
)
async def test_what_can_never_be_written_ends_it_with_what_to_do(made, error, said):
    writer, producer, _ = made
    producer.refuse = {b"2": [error]}
    with pytest.raises(WrongSetup, match=said):
        await writer.write(some(b"1", b"2"))


async def test_where_it_stands_is_told_in_the_order_of_the_records_even_when_some_took_longer(made):
    writer, producer, _ = made
    producer.refuse = {b"1": [KafkaTimeoutError()]}
    producer.offsets = {b"1": 11, b"2": 12, b"3": -1}
    assert await writer.write(some(b"1", b"2", b"3")) == [Place("eu.alerts", 1, 11), Place("eu.alerts", 1, 12), None]
    assert await writer.write_one(Output("alerts", None, b"2", timestamp_ms=5)) == Place("eu.alerts", 1, 12)
    assert producer.log[-1] == ("eu.alerts", b"2", None, 5, [])


async def test_who_is_cancelled_leaves_the_producers_batch_alone(made):
    writer, producer, _ = made
    batch = asyncio.get_running_loop().create_future()

    async def send(*_, **__):
        producer.log.append("sent")
        return batch

    producer.send = send
    writing = asyncio.create_task(writer.write_one(Output("alerts", None, b"1")))
    await wait_until(lambda: producer.log == ["sent"])
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert not batch.cancelled()


def test_pauses_grow_and_then_stay():
    assert [module.retry_pause(tries) for tries in (1, 2, 3, 4, 5, 500)] == [0.1, 0.5, 1.0, 2.0, 2.0, 2.0]


async def test_a_fault_of_ours_is_raised_as_it_is(made):
    writer, producer, _ = made
    producer.refuse = {b"1": [(TypeError("ours"),)]}
    with pytest.raises(TypeError, match="ours"):
        await writer.write(some(b"1"))


async def test_stop_without_start_is_nothing():
    await Writer(KafkaSettings()).stop()
