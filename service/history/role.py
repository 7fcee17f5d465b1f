"""Role `history`: folds the topics into the database, one batch a transaction, and removes what is too old.

Killed at any moment it goes on from what was committed, for the offsets stand beside the rows. While Kafka or the
database is away it waits; after an error of the database it asks it where it stands, for a commit whose answer was
lost may have been made.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from service import logs
from service.history.database import open_to_write, url_of
from service.history.fold import Fold, Rows
from service.history.metrics import HistoryMetrics
from service.history.migrate import migrate
from service.history.reader import Batch, HistoryReader
from service.history.store import Kept, Store
from service.model.errors import BadInput, BongsuError, HistoryUnavailable, Unavailable
from service.model.topics import BY_NAME, CHANGES, DAY_MS
from service.settings import Settings

POLL_MS = 500
TELL_S = 2.0
"""Between two times that the database is told how far it is."""
RETRY_S = 1.0
EXPIRE_S = 600.0
STALE_S = 60.0
LEAVE_S = 4.0
"""For a transaction under way when the role is told to stop."""


class HistoryRole:
    """`bongsu history`. There is one: two that write would stop each other."""

    def __init__(self, settings: Settings, registry: CollectorRegistry, *, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._metrics = HistoryMetrics(registry)
        self._clock = clock
        self._url = url_of(settings)
        self._engine: Engine | None = None
        self._reader = HistoryReader(settings.kafka, batch_size=settings.history.batch_size)
        self._fold = Fold(keep_text=settings.history.keep_text)
        self._store: Store | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._began_s = clock()
        self._whole_s: float | None = None
        self._told_s = 0.0
        self._expired_s: float | None = None
        self._log = logs.get(__name__)
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """As `open`, and go on by itself from there."""
        await self.open()
        self._task = asyncio.create_task(self._run(), name="history")

    async def open(self) -> None:
        """Migrate the database, connect, and stand where it stands.

        Raises:
            Unavailable: Kafka or the database does not answer.
            WrongSetup: either refuses us, a newer Bongsu made the tables, or they are of other topics.
        """
        self._engine = engine = open_to_write(self._url)
        before, now = await asyncio.to_thread(migrate, engine)
        if before != now:
            self._log.info("tables migrated", before=before, now=now)
        self._store = Store(engine)
        await self._reader.start()
        await self._resume()

    async def stop(self) -> None:
        """End the transaction under way, then leave."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=LEAVE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._reader.stop()
        if self._engine is not None:
            await asyncio.to_thread(self._engine.dispose)

    def not_ready(self) -> list[str]:
        """Ready once all was read that was there, and as long as it keeps up."""
        if self._whole_s is None:
            behind = f" ({self._reader.behind} records to go)" if self._task is not None else ""
            return [f"the topics are not read to their end yet{behind}"]
        age_s = self._clock() - self._whole_s
        return [f"the topics were last read to their end {age_s:.0f} s ago"] if age_s > STALE_S else []

    async def catch_up(self) -> int:
        """Read what is there now, and end: after `open`, for commands. Returns how many records that was.

        Raises as `open`.
        """
        records = 0
        while self._reader.behind:
            batch = await self._reader.next(POLL_MS)
            await self._put(batch)
            records += len(batch.records)
            if not batch.records:
                await self._reader.look(self._clock())
        await self._tell()
        return records

    async def _resume(self) -> None:
        assert self._store is not None
        noted = await self._reader.resume(await asyncio.to_thread(self._store.positions))
        if noted:
            await asyncio.to_thread(self._store.begin, noted)

    async def _run(self) -> None:
        again = False
        while not self._stopping.is_set():
            try:
                if again:
                    await self._resume()
                again = False
                await self._round()
            except HistoryUnavailable as error:
                again = await self._failed_round("database", error)
            except Unavailable as error:
                again = await self._failed_round("kafka", error)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001  a newer schema, a second writer, a fault of ours
                self._log.error("the history ends", exc_info=None if isinstance(error, BongsuError) else error)
                self.failed.set_result(error)
                return

    async def _round(self) -> None:
        batch = await self._reader.next(POLL_MS)
        await self._put(batch)
        if time.monotonic() - self._told_s < TELL_S:
            return
        await self._reader.look(self._clock())
        if self._reader.grown:
            self._log.info("a topic has more partitions now")
            await self._reader.stop()
            await self._reader.start()
            await self._resume()
        await self._tell()
        if self._whole_s is not None and (self._expired_s is None or time.monotonic() - self._expired_s > EXPIRE_S):
            self._expired_s = time.monotonic()
            await self._expire()

    async def _failed_round(self, by: str, error: Unavailable) -> bool:
        self._metrics.failures.labels(by).inc()
        self._export()
        self._log.warning("the history waits and tries again", waits_for=by, reason=str(error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RETRY_S)
        return True

    async def _put(self, batch: Batch) -> None:
        if not batch.records:
            return
        assert self._store is not None
        began_s = time.monotonic()
        read, unread = await asyncio.to_thread(partial(self._fold_and_put, self._store, batch))
        self._metrics.transaction.observe(time.monotonic() - began_s)
        for topic, count in read.items():
            self._metrics.records.labels(topic).inc(count)
        for topic, count in unread.items():
            self._metrics.unreadable.labels(topic).inc(count)

    def _fold_and_put(self, store: Store, batch: Batch) -> tuple[Counter[str], Counter[str]]:
        rows = Rows()
        read: Counter[str] = Counter()
        unread: Counter[str] = Counter()
        for record in batch.records:
            read[record.topic] += 1
            try:
                self._fold.take(rows, record)
            except BadInput as error:  # the role that owns the topic has put it among the dead letters
                unread[record.topic] += 1
                self._log.warning(
                    "unreadable record", topic=record.topic, partition=record.partition, offset=record.offset,
                    reason=str(error),
                )  # fmt: skip
        store.apply(rows, batch.moved, self._kept())
        return read, unread

    async def _tell(self) -> None:
        assert self._store is not None
        behind = self._reader.behind
        now_s = self._clock()
        whole_s = max(self._whole_s or 0, self._reader.whole_s or 0) or None if behind else now_s
        await asyncio.to_thread(
            partial(
                self._store.tell,
                self._reader.positions,
                behind_records=behind,
                now_ms=round(now_s * 1000),
                whole_ms=None if whole_s is None else round(whole_s * 1000),
            )
        )
        if self._settings.history.url is None:
            await asyncio.to_thread(self._metrics.disk.look, self._settings.bongsu.data_dir)
        self._told_s = time.monotonic()
        self._whole_s = whole_s
        self._export()

    def _export(self) -> None:
        self._metrics.behind.set(self._reader.behind)
        since_s = self._began_s if self._whole_s is None else self._whole_s
        self._metrics.lag.set(max(0, self._clock() - since_s))

    async def _expire(self) -> None:
        assert self._store is not None
        gone = await asyncio.to_thread(self._store.expire, self._kept())
        self._metrics.expired.inc(gone)
        if gone:
            self._log.info("rows removed that were too old", n=gone)

    def _kept(self) -> Kept:
        """As of now."""
        now_ms = round(self._clock() * 1000)
        rows_ms = round(self._settings.history.retention_days * DAY_MS)
        return Kept(now_ms - rows_ms, now_ms - max(rows_ms, BY_NAME[CHANGES].retention_ms or 0))
