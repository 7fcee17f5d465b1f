"""What the sample receiver of `bongsu demo` and `bongsu up` got, shown as it comes."""

import asyncio
import contextlib
from collections import OrderedDict

from rich.console import Console

from service.adapters.kafka_client import make_consumer, started
from service.adapters.receiver import Received
from service.cli.show import show_webhook
from service.model import topics
from service.model.records import DeliveryRecord
from service.settings import Settings

REMEMBERED = 10_000
"""Deliveries whose time of publishing is known, at most."""


class Arrivals:
    """What the sample receiver got, shown with the time since its article was published.

    `bongsu up` runs for days: without `keep` nothing grows with what arrives.
    """

    def __init__(self, console: Console, *, keep: bool = True) -> None:
        self._console = console
        self._keep = keep
        self._published: OrderedDict[str, int] = OrderedDict()
        self._there = asyncio.Condition()
        self._showing: set[asyncio.Task[None]] = set()
        self.received: list[Received] = []
        self.latencies_ms: list[float] = []

    def arrived(self, received: Received) -> None:
        """Callback of the receiver."""
        if self._keep:
            self.received.append(received)
        task = asyncio.create_task(self._show(received))
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)

    async def follow(self, settings: Settings) -> None:
        """Read `deliveries` beside the dispatcher: its records tell when the article was published."""
        consumer = make_consumer(settings.kafka, topics.DELIVERIES, group=None)
        async with started(settings.kafka, consumer):
            while True:
                for messages in (await consumer.getmany(timeout_ms=200)).values():
                    async with self._there:
                        for message in messages:
                            record = DeliveryRecord.decode(message.value, topics.DELIVERIES)
                            self._published[record.id] = record.published_ms
                            if len(self._published) > REMEMBERED:
                                self._published.popitem(last=False)
                        self._there.notify_all()

    async def _show(self, received: Received) -> None:
        latency_ms: float | None = None
        with contextlib.suppress(TimeoutError):
            async with self._there:
                await asyncio.wait_for(self._there.wait_for(lambda: received.id in self._published), 2.0)
            latency_ms = received.at_s * 1000 - self._published[received.id]
            if self._keep:
                self.latencies_ms.append(latency_ms)
        show_webhook(self._console, received, latency_ms)

    async def shown(self) -> None:
        """Until everything that arrived is on the terminal."""
        while self._showing:
            await asyncio.gather(*self._showing)
