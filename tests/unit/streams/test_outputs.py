"""Outputs over a producer that answers as told: until all is acknowledged, or never will be."""

import asyncio

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
)

from service.model.errors import WrongSetup
from service.settings import KafkaSettings
from service.streams import outputs as module
from service.streams.outputs import Output, Outputs


class Producer:
    def __init__(self):
        self.log = []
        self.refuse = {}
        """value -> errors, in turn; then it is taken"""

    async def start(self):
        self.log.append("start")

    async def stop(self):
        self.log.append("stop")

    async def send(self, topic, value, key, headers):
        self.log.append((topic, value, key, headers))
        errors = self.refuse.get(value, [])
        if errors and isinstance(errors[0], tuple):
            raise errors.pop(0)[0]
        future = asyncio.get_running_loop().create_future()
        if errors:
            future.set_exception(errors.pop(0))
        else:
            future.set_result("metadata")
        return future


@pytest.fixture
async def made(monkeypatch):
    producer = Producer()
    monkeypatch.setattr(module, "make_producer", lambda _: producer)
    monkeypatch.setattr(module, "RETRY_PAUSE_S", 0.0)
    retried: list[int] = []
    outputs = Outputs(KafkaSettings(topic_prefix="eu."), on_retry=retried.append)
    await outputs.start()
    producer.log.clear()
    return outputs, producer, retried


def some(*values):
    return [Output("alerts", b"k", value, (("h", b"1"),)) for value in values]


async def test_all_are_sent_in_order_with_prefix_key_and_headers(made):
    outputs, producer, retried = made
    await outputs.write(some(b"1", b"2"))
    assert producer.log == [("eu.alerts", b"1", b"k", [("h", b"1")]), ("eu.alerts", b"2", b"k", [("h", b"1")])]
    assert retried == []
    await outputs.write([])
    await outputs.stop()
    assert producer.log[-1] == "stop"


async def test_only_what_is_not_acknowledged_is_sent_again_until_it_is(made):
    outputs, producer, retried = made
    producer.refuse = {
        b"2": [KafkaTimeoutError(), NotLeaderForPartitionError()],
        b"3": [(KafkaConnectionError("away"),)],
    }
    await outputs.write(some(b"1", b"2", b"3"))
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
    outputs, producer, _ = made
    producer.refuse = {b"2": [error]}
    with pytest.raises(WrongSetup, match=said):
        await outputs.write(some(b"1", b"2"))


async def test_a_fault_of_ours_is_raised_as_it_is(made):
    outputs, producer, _ = made
    producer.refuse = {b"1": [(TypeError("ours"),)]}
    with pytest.raises(TypeError, match="ours"):
        await outputs.write(some(b"1"))


async def test_stop_without_start_is_nothing():
    await Outputs(KafkaSettings()).stop()
