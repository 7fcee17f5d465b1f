"""Role `audit`: keeps the books while the others work, and exports what they say."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from service import logs
from service.audit.books import LEDGERS, Books, Partition
from service.audit.oldest import OldestWaiting
from service.audit.reader import COUNTED, READ, LedgerReader, Position
from service.metrics import AuditMetrics
from service.model.errors import BongsuError, Unavailable
from service.model.topics import DAY_MS
from service.settings import Settings

PERIOD_S = 5.0
STALE_S = 60.0
"""Books that are older do not speak for now."""


class Reader(Protocol):
    """What the role asks of `LedgerReader`."""

    unreadable: int
    positions: tuple[Position, ...]

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Disconnect."""
        ...

    async def catch_up(self) -> dict[Partition, int]:
        """Read all that is there."""
        ...


class AuditRole:
    """`bongsu audit --metrics-port N`. Ids that ended are forgotten some time after the worker forgot them."""

    def __init__(
        self,
        settings: Settings,
        registry: CollectorRegistry,
        *,
        clock: Callable[[], float],
        reader: Reader | None = None,
    ) -> None:
        self._metrics = AuditMetrics(registry, LEDGERS, (*READ, *COUNTED))
        self._clock = clock
        self._books = Books()
        self._ledger = LedgerReader(settings.kafka, self._books) if reader is None else None
        self._reader: Reader = self._ledger or cast("Reader", reader)
        self._oldest = OldestWaiting(settings.kafka)
        # a repeat of an alert that the worker still remembers leaves no decision: the first must still stand here
        self._memory_ms = round(settings.alerting.memory_s * 1000) + DAY_MS
        self._task: asyncio.Task[None] | None = None
        self._whole_s: float | None = None
        self._counted_unreadable = 0
        self._log = logs.get(__name__)
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Connect and begin."""
        await self._reader.start()
        if self._ledger is not None:
            await self._oldest.start()
        self._task = asyncio.create_task(self._run(), name="audit")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._reader.stop()
        await self._oldest.stop()

    def not_ready(self) -> list[str]:
        """Ready after the first whole reading, and as long as they succeed."""
        if self._whole_s is None:
            return ["the books are not read to their end yet"]
        age_s = self._clock() - self._whole_s
        return [f"the books were last read to their end {age_s:.0f} s ago"] if age_s > STALE_S else []

    async def _run(self) -> None:
        while True:
            began_s = self._clock()
            try:
                committed = await self._reader.catch_up()
            except Unavailable as error:  # the books are read on when Kafka is back
                self._metrics.failures.inc()
                self._log.warning("the books cannot be read, trying again", error=str(error))
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001  a newer schema, a refusal, a fault of ours: not to be skipped
                self._log.error("the audit ends", exc_info=None if isinstance(error, BongsuError) else error)
                self.failed.set_result(error)
                return
            else:
                self._export(committed)
                await self._export_oldest()
                self._whole_s = began_s
                self._metrics.watermark.set(began_s)
            await asyncio.sleep(PERIOD_S)

    async def _export_oldest(self) -> None:
        """For each topic that a group reads, how long the first record that it has not acknowledged has been there."""
        if self._ledger is None:
            return
        try:
            since = await self._oldest.since(self._ledger.heads)
        except (KafkaError, OSError) as error:  # the books are whole all the same
            self._log.warning("what waits longest cannot be looked at, trying again", error=repr(error))
            return
        now_ms = self._clock() * 1000
        ages_s = {position.topic: 0.0 for position in self._ledger.positions}
        for part, written_ms in since.items():
            topic = self._ledger.name_of(part)
            ages_s[topic] = max(ages_s[topic], (now_ms - written_ms) / 1000)
        for topic, age_s in ages_s.items():
            self._metrics.waiting.labels(topic).set(age_s)

    def _export(self, committed: dict[tuple[str, int], int]) -> None:
        now_ms = round(self._clock() * 1000)
        for balance in self._books.balances(committed, now_ms):
            ledger = balance.ledger
            self._metrics.entries.labels(ledger).set(balance.entries)
            self._metrics.pending.labels(ledger).set(balance.pending)
            self._metrics.unaccounted.labels(ledger).set(balance.unaccounted)
            self._metrics.conflicting.labels(ledger).set(balance.conflicting)
            oldest = balance.oldest_pending_ms
            self._metrics.oldest.labels(ledger).set(0 if oldest is None else max(0, now_ms - oldest) / 1000)
            if not balance.balanced:
                self._log.error("the books do not balance", ledger=ledger, examples=list(balance.examples))
        for position in self._reader.positions:
            self._metrics.records.labels(position.topic).set(position.records)
            self._metrics.behind.labels(position.topic).set(position.behind or 0)
        self._metrics.unreadable.inc(self._reader.unreadable - self._counted_unreadable)
        self._counted_unreadable = self._reader.unreadable
        self._books.forget(now_ms - self._memory_ms)
