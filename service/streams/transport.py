"""Faust's Kafka driver with two waits that Faust and aiokafka hard-code, made short.

A consumer has one fetch request under way to a broker at a time. Three agents share one consumer here, so a wait for
the partitions of one is a wait for all:

- While fetched records of any partition are not yet handed over, aiokafka asks the broker for nothing, up to 0.1 s.
  Faust hands over on another thread, so that happens; we go on asking for the other partitions.
- What arrives then on the partition that was left out waits for the answer of that request, up to Faust's 1.5 s. We let
  it wait FETCH_MAX_WAIT_MS, which costs small requests while nothing happens.
"""

import inspect
import types
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any

from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver

SCHEME = "bongsu"
FETCH_MAX_WAIT_MS = 20


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Makes the underlying aiokafka consumer."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # read when the consumer starts its fetcher, which is later
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001
        start = consumer.start

        async def start_and_do_not_back_off() -> None:
            await start()
            consumer._fetcher._prefetch_backoff = 0.0  # noqa: SLF001

        consumer.start = start_and_do_not_back_off
        return consumer


class Consumer(driver.Consumer):
    """Faust's consumer, on our thread, handing records over without two tasks for each."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def wait_first(self, *waits: Any, timeout: Any = None) -> Any:  # noqa: ASYNC109  Faust's signature
        """As Faust's, but a first wait that is over at once is not made a task.

        Faust calls this once for each record, with "hand it to the agents" and "the flow is suspended"; handing over
        waits only when a buffer is full, and two tasks a record were a third of the cost of reading.
        """
        first, *others = waits
        if timeout is not None or not inspect.iscoroutine(first) or not all(map(inspect.iscoroutine, others)):
            return await super().wait_first(*waits, timeout=timeout)
        try:
            waited_for = first.send(None)
        except StopIteration:
            for other in others:
                other.close()
            return None  # `_drain_messages` does not look at it
        return await super().wait_first(_rest(first, waited_for), *others)


async def _rest(begun: Coroutine[Any, Any, Any], waits_for: Any) -> Any:
    return await _resumed(begun, waits_for)


@types.coroutine
def _resumed(begun: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """The rest of a coroutine that was begun by hand and waits for a future."""
    while True:
        try:
            value = yield waits_for
        except BaseException as error:  # noqa: BLE001  a cancellation belongs to the coroutine
            step = partial(begun.throw, error)
        else:
            step = partial(begun.send, value)
        try:
            waits_for = step()
        except StopIteration as end:
            return end.value


class Transport(driver.Transport):
    """Named by the scheme of the broker's URL."""

    Consumer = Consumer


def register() -> None:
    """Make `bongsu://host:port` known to Faust."""
    TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
