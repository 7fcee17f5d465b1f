"""A table as the stages see it: changes are staged, acknowledged by the changelog, and only then stored locally.

`table[key] = value` puts the value into the local store at once, hides the future of the changelog's record, and Faust
does not wait for it before it commits the input (design, part 5). A local store that is ahead of its changelog is worse
than none: its worker would take an alert for told of which no other worker will ever know. So the order is: changelog,
acknowledged -> local store, values and offset in one write -> outputs.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from service import logs
from service.adapters.kafka_client import make_producer
from service.adapters.writer import failed_future, raise_if_final, retry_pause
from service.model.errors import Unavailable
from service.settings import KafkaSettings
from service.streams.stores import Change, PartitionStore

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

OnRetry = Callable[[int], None]


PULSE_S = 0.5
ASLEEP_S = 10.0
"""Shorter stops are taken for a busy machine, however short the session is."""


class ChangelogProducer:
    """One idempotent producer for the changelogs of all tables. Order matters here: the last value of a key stays.

    A process that was stopped for longer than a session (SIGSTOP, a frozen container) was replaced meanwhile and does
    not know it yet: what it would append now could come behind what its successor wrote. It must end instead.
    """

    def __init__(self, settings: KafkaSettings, *, on_retry: OnRetry = lambda _: None) -> None:
        self._settings = settings
        self._on_retry = on_retry
        self._producer: AIOKafkaProducer | None = None
        self._pulse: asyncio.Task[None] | None = None
        self._awake_s = time.monotonic()
        self._asleep_s = 0.0
        self._log = logs.get(__name__)

    async def start(self) -> None:
        """Connect."""
        self._producer = make_producer(self._settings)
        await self._producer.start()
        self._awake_s = time.monotonic()  # what came before, rules to compile, is no stop: nobody could be replaced yet
        self._pulse = asyncio.create_task(self._stay_awake(), name="pulse")

    async def stop(self) -> None:
        """Disconnect."""
        if self._pulse is not None:
            self._pulse.cancel()
            await asyncio.gather(self._pulse, return_exceptions=True)
        if self._producer is not None:
            await self._producer.stop()

    async def _stay_awake(self) -> None:
        while True:
            self._check_awake()
            self._awake_s = time.monotonic()
            await asyncio.sleep(PULSE_S)

    def _check_awake(self) -> None:
        asleep_s = time.monotonic() - self._awake_s
        if asleep_s > max(self._settings.session_timeout_s, ASLEEP_S):
            self._asleep_s = max(self._asleep_s, asleep_s)

    async def write(self, topic: str, partition: int, changes: list[Change]) -> int | None:
        """Append in order; returns the offset of the last, once all are acknowledged (None: Kafka did not say).

        What is not acknowledged is sent again with all that follows it, so that of one key the last stays the last.

        Raises:
            WrongSetup: Kafka refuses one for good.
            Unavailable: this process was stopped for so long that another may have its partitions.
        """
        tries = 0
        left = changes
        while True:
            self._check_awake()
            if self._asleep_s:
                raise Unavailable(
                    f"this worker was stopped for {self._asleep_s:.0f} s and may have been replaced meanwhile; what it "
                    "had begun is left to whoever has its partitions now. Start it again"
                )
            results = await self._sent(topic, partition, left)
            first = next((at for at, result in enumerate(results) if isinstance(result, BaseException)), None)
            if first is None:
                return max((result.offset for result in results), default=-1) if _told(results) else None
            failed = [result for result in results if isinstance(result, BaseException)]
            for error in failed:
                raise_if_final(error, topic)
            self._on_retry(len(failed))
            self._log.warning("changelog not acknowledged, sending again", count=len(failed), error=repr(failed[0]))
            tries += 1
            await asyncio.sleep(retry_pause(tries))
            left = left[first:]

    async def _sent(self, topic: str, partition: int, changes: list[Change]) -> list[Any]:
        assert self._producer is not None, "start() first"
        futures: list[Any] = []
        for key, value in changes:
            try:
                futures.append(await self._producer.send(topic, value, key, partition=partition))
            except Exception as error:  # noqa: BLE001  judged by `write`, with those that came after it
                futures.append(failed_future(error))
        return await asyncio.gather(*map(asyncio.shield, futures), return_exceptions=True)


def _told(results: list[Any]) -> bool:
    return bool(results) and results[-1].offset >= 0


class Changelog:
    """One table: read through what is staged; `turn` says which partition is meant."""

    def __init__(self, producer: ChangelogProducer, topic: str, store: Callable[[], PartitionStore]) -> None:
        """`store` is asked each time: Faust makes its store when it is first used."""
        self._producer = producer
        self._topic = topic
        self._store = store
        self._partition = 0
        self._staged: dict[int, dict[bytes, bytes | None]] = {}
        self._changes: dict[int, list[Change]] = {}

    def turn(self, partition: int) -> None:
        """Until the next call keys are those of this partition."""
        self._partition = partition

    def get(self, key: bytes) -> bytes | None:
        """The value as of the last `put`, acknowledged or not."""
        staged = self._staged.get(self._partition)
        if staged is not None and key in staged:
            return staged[key]
        return self._store().read(self._partition, key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Stage a change; None removes."""
        self._staged.setdefault(self._partition, {})[key] = value
        self._changes.setdefault(self._partition, []).append((key, value))

    def scan(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """All stored entries of one partition, whosever turn it is; what is staged is not among them."""
        return self._store().scan(partition)

    def applied(self, partition: int) -> int | None:
        """Up to which offset of the changelog the store holds a partition; None: not known."""
        return self._store().applied(partition)

    async def flush(self) -> list[int]:
        """Append what is staged, wait until it is acknowledged, then store it locally; returns the partitions.

        Raises:
            WrongSetup: Kafka refuses a record for good.
        """
        changes = self._changes
        offsets = await asyncio.gather(
            *[self._producer.write(self._topic, partition, of_it) for partition, of_it in changes.items()]
        )
        for (partition, of_it), offset in zip(changes.items(), offsets, strict=True):
            self._store().write(partition, of_it, offset)
        self.discard()
        return list(changes)

    def discard(self) -> None:
        """Forget what is staged: its partitions were given up."""
        self._staged, self._changes = {}, {}
