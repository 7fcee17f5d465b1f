"""Faust's Kafka driver with one option that Faust hard-codes: how long a fetch may wait for data.

A consumer has one fetch request under way to a broker at a time. While records of one partition are being handed over,
the next request asks for the *other* partitions only, and waits for them; what arrives on the first partition
meanwhile waits as well, up to Faust's 1.5 s. Three agents share one consumer here, so that would be their latency. A
short wait costs a few small requests a second while nothing happens.
"""

from typing import Any

from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver

SCHEME = "bongsu"
FETCH_MAX_WAIT_MS = 10


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Makes the underlying aiokafka consumer."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # read when the consumer starts its fetcher, which is later
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS  # noqa: SLF001
        return consumer


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, on our thread."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class Transport(driver.Transport):  # type: ignore[misc]
    """Named by the scheme of the broker's URL."""

    Consumer = Consumer


def register() -> None:
    """Make `bongsu://host:port` known to Faust."""
    TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
