"""Faust's Kafka driver with two waits that Faust and aiokafka hard-code, made short.

A consumer has one fetch request under way to a broker at a time. Three agents share one consumer here, so a wait for
the partitions of one is a wait for all:

- While fetched records of any partition are not yet handed over, aiokafka asks the broker for nothing, up to 0.1 s.
  Faust hands over on another thread, so that happens; we go on asking for the other partitions.
- What arrives then on the partition that was left out waits for the answer of that request, up to Faust's 1.5 s. We let
  it wait FETCH_MAX_WAIT_MS, which costs small requests while nothing happens.
"""

import asyncio
import contextlib
import inspect
import types
from collections.abc import Coroutine, Generator
from functools import partial
from typing import Any, cast

from faust.transport.consumer import ensure_TP
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver

SCHEME = "bongsu"
FETCH_MAX_WAIT_MS = 20
RECOVERY_STALLED_S = 4.0


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

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tasks_of_ours: set[asyncio.Task[None]] = set()
        self._seeks = 0
        """How often partitions were sought; what was fetched before is out of date."""
        self._seeking = 0
        """How often all are being sought now (by a recovery, and by the fetcher, which found the flow stopped): Faust's
        books of what was read are not yet those of where it reads."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109  Faust's signature
        """As Faust's, but what is fetched is handed over or given back, never dropped.

        Around a rebalance Faust cancels a fetch while its thread goes on with it, and ignores records that come while
        the flow is stopped. aiokafka's position is behind them then. Those of the agents' topics are read again from
        the committed offset; those of a changelog never were, and the recovery of the table waited for them for ever.

        A fetch may also end after partitions were sought, the flow being on again or (a rewind of ours) all the time.
        Its records stand ahead of what is read next; Faust would take what lies between for a hole in the log, and
        count it as acknowledged. So it would where a fetch ends between the seek, on Faust's thread, and its note of it
        here: what was handed over meanwhile would then be the hole.
        """
        seeks = self._seeks
        fetching = asyncio.ensure_future(super()._getmany(active_partitions, timeout))
        try:
            records = await asyncio.shield(fetching)
        except asyncio.CancelledError:
            fetching.add_done_callback(self._give_back_later)
            raise
        if records and (seeks != self._seeks or self._seeking or not self.flow_active):
            await self._give_back(records)
            return {}
        return self._without_changelogs(records)

    def _without_changelogs(self, records: Any) -> Any:
        """What is not for the tables; what is goes there at once, see service/streams/recovery.py."""
        tables: Any = self.app.tables
        changelogs = {part: of_it for part, of_it in (records or {}).items() if part.topic in tables.changelog_topics}
        if not changelogs:
            return records
        tables.recovery.take({ensure_TP(part): of_it for part, of_it in changelogs.items()})
        return {part: of_it for part, of_it in records.items() if part not in changelogs}

    async def perform_seek(self) -> None:
        """As Faust's, and partitions of which nothing was ever committed are read from their beginning again.

        Faust leaves their position where it is, behind records that it fetched and dropped in a rebalance, and would
        then commit what comes after those. Its committed offset is set to the one before the beginning, so that no
        commit can pass over a head that was not acknowledged.
        """
        self._seeking += 1
        try:
            await super().perform_seek()
        finally:
            self._seeking -= 1
            self._seeks += 1
        for partition in self.assignment():
            # What was acknowledged before is read again, and holes are seen again: counted twice, Faust would commit
            # one record a second (`_new_offset` ends a run at a number that comes twice).
            for known in (self._gap, self._acked, self._acked_index):
                known.pop(partition, None)
        acked_topics = self.app.topics.acks_enabled_for
        fresh = [tp for tp in self.assignment() if acked_topics(tp.topic) and self._committed_offset[tp] is None]
        if not fresh:
            return
        beginnings = await self.earliest_offsets(*fresh)
        await self.seek_wait(dict(beginnings))
        for partition, beginning in beginnings.items():
            self._committed_offset[partition] = beginning - 1

    async def seek_wait(self, partitions: Any) -> None:
        """As Faust's; a fetch that is under way is out of date from now on, whoever seeks."""
        self._seeks += 1  # before: our thread seeks before it fetches again
        await super().seek_wait(partitions)

    def _new_offset(self, tp: Any) -> int | None:
        """As Faust's, but each acknowledged offset counts once, however often it was read."""
        acked = self._acked[tp]
        acked[:] = sorted(set(acked))
        found: int | None = super()._new_offset(tp)
        return found

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:
        """Offsets that hold no record (it aged out, or marks a transaction) count as acknowledged.

        `offset_to` is the record behind them. Faust counts it in, and so as acknowledged before it was looked at.
        """
        self.log.info("Offsets %s to %s of %r hold no records, passing over them", offset_from, offset_to - 1, tp)
        await super()._add_gap(tp, offset_from, offset_to - 1)

    async def _commit_offsets(self, offsets: Any, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002
        """As Faust's, but what Kafka did not take is not noted as committed, nor is what was given up meanwhile.

        Faust notes it whatever the answer is. A commit that a rebalance overtook then hid from the watchdog that its
        partition was never committed, or stood in the way of all that the partition's next owner, ourselves, commits.
        """
        before = {part: self._committed_offset.get(part) for part in offsets}
        ours = {part: offset for part, offset in offsets.items() if part in self.assignment()}
        if not ours or not await self._commit(ours):
            return False
        kept = {part: offset for part, offset in ours.items() if self._committed_offset.get(part) == before[part]}
        self.app.tables.on_commit(kept)
        self._committed_offset.update(kept)
        self.app.monitor.on_tp_commit(kept)
        return True

    def verify_recovery_event_path(self, now: float, tp: Any) -> None:
        """Faust asks this of each changelog every few seconds of a recovery: one that stalls is read again."""
        super().verify_recovery_event_path(now, tp)
        recovery: Any = cast("Any", self.app.tables).recovery
        received_at = recovery._active_events_received_at.get(tp)  # noqa: SLF001
        if received_at is None or now - received_at > RECOVERY_STALLED_S:
            self._later(self._read_changelog_again(tp))

    async def _read_changelog_again(self, tp: Any) -> None:
        """Seek behind the last record that the table has got; to get one twice does no harm, they are whole values."""
        recovery: Any = cast("Any", self.app.tables).recovery
        reached = recovery.active_offsets.get(tp, -1)
        with contextlib.suppress(Exception):  # a rebalance begins another recovery
            if recovery.in_recovery and reached < recovery.active_highwaters.get(tp, -1):
                self.log.warning("Recovery of %r stands still at offset %s, reading again", tp, reached)
                await self.seek_wait({tp: reached + 1})

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks_of_ours.add(task)
        task.add_done_callback(self._tasks_of_ours.discard)

    def _give_back_later(self, fetching: asyncio.Future[Any]) -> None:
        if not fetching.cancelled() and fetching.exception() is None and (records := fetching.result()):
            self._later(self._give_back(records))

    async def _give_back(self, records: Any) -> None:
        """Rewind to the first record of each partition that nobody has read or sought since."""

        async def rewind() -> None:
            consumer = self._thread._ensure_consumer()  # noqa: SLF001
            for partition, messages in records.items():
                if partition not in consumer.assignment() or not messages:
                    continue
                if await consumer.position(partition) == messages[-1].offset + 1:
                    consumer.seek(partition, messages[0].offset)

        with contextlib.suppress(Exception):  # the partition, or the thread, is gone: whoever has it now reads it
            await self._thread.call_thread(rewind)

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
