"""Role `audit`: keeps the books while the others work, and exports what they say."""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from service import logs
from service.audit.books import LEDGERS, Books
from service.audit.reader import COUNTED, READ, LedgerReader
from service.metrics import AuditMetrics, RoleMetrics
from service.settings import Settings

PERIOD_S = 5.0
MEMORY_MS = 48 * 3_600_000
"""Ids that ended are kept this long; the one-shot `bongsu audit` folds everything that the topics hold."""


class AuditRole:
    """`bongsu audit --metrics-port N`."""

    def __init__(
        self, settings: Settings, registry: CollectorRegistry, role_metrics: RoleMetrics, *, clock: Callable[[], float]
    ) -> None:
        self._metrics = AuditMetrics(registry, LEDGERS)
        self._records = Gauge("bongsu_topic_records", "Records on a topic.", ["topic"], registry=registry)
        self._behind = Gauge(
            "bongsu_group_lag_records",
            "Records that a topic's consumer group has not committed.",
            ["topic"],
            registry=registry,
        )
        for name in (*READ, *COUNTED):
            self._records.labels(name)
            self._behind.labels(name)
        self._role_metrics = role_metrics
        self._clock = clock
        self._books = Books()
        self._reader = LedgerReader(settings.kafka, self._books)
        self._task: asyncio.Task[None] | None = None
        self._rounds = 0
        self._log = logs.get(__name__)
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Connect and begin."""
        await self._reader.start()
        self._task = asyncio.create_task(self._run(), name="audit")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._reader.stop()

    def not_ready(self) -> list[str]:
        """Ready after the first whole round."""
        return [] if self._rounds else ["the books are not read to their end yet"]

    async def _run(self) -> None:
        while True:
            try:
                self._export(await self._reader.catch_up())
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  a broker that is away: the books are read on when it is back
                self._log.warning("audit round failed, trying again", error=str(error))
            await asyncio.sleep(PERIOD_S)

    def _export(self, committed: dict[tuple[str, int], int]) -> None:
        now_ms = round(self._clock() * 1000)
        for balance in self._books.balances(committed):
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
            self._records.labels(position.topic).set(position.records)
            self._behind.labels(position.topic).set(position.behind or 0)
        self._books.forget(now_ms - MEMORY_MS)
        self._rounds += 1
