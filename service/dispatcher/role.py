"""The dispatcher: one consumer over `deliveries` and its retry tiers, that never sleeps on a record.

read --> rested? --no--> paused partition, a timer
     --> due?    --no--> the largest tier that does not overshoot, or a timer when less than a second is missing
     --> lane of its subscription --full--> the smallest tier
     --> POST --> attempt written --> retry written --> offset done --> contiguous prefix committed
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, IllegalStateError, KafkaError, TopicAuthorizationFailedError

from service import logs
from service.adapters.kafka_client import as_ours, make_consumer, topic_name
from service.delivery.attempts import Finish, WaitUntil, before_post
from service.delivery.schedule import tier_for
from service.dispatcher.intake import Poison, read_delivery, where_and_why
from service.dispatcher.lanes import Lanes
from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.partition import WAKE, Job, Partition
from service.dispatcher.progress import Done, HandOn, Progress
from service.dispatcher.recovery import recover
from service.dispatcher.sender import Client, CrashPoint, Sender, Subscriptions
from service.dispatcher.writer import Writer
from service.model import topics
from service.model.errors import NewerSchema
from service.settings import Settings

GROUP = "dispatcher"
MAX_HELD = 8192
"""Records in memory whose offset is not done; beyond it reading stops. All of them leave within seconds."""
LANE_ROOM = 1024
LANE_WAIT_S = 1.0
"""What waits longer for its lane rests in a tier instead: its offset must not hold back what is done behind it."""
FETCH_RECORDS = 500
FETCH_WAIT_MS = 200
SWEEP_S = 0.1
COMMIT_S = 1.0
COMMIT_TIMEOUT_S = 3.0
REVOKE_GRACE_S = 3.0
RECOVERY_S = 10.0


class Dispatcher:
    """`bongsu dispatcher`. `failed` is set when the role must end; what it was doing then is not committed."""

    def __init__(  # noqa: PLR0913 - the parts that the composition root chooses
        self,
        settings: Settings,
        *,
        metrics: DispatcherMetrics,
        subscriptions: Subscriptions,
        client: Client,
        clock: Callable[[], float],
        luck: Callable[[], float],
        crash_points: CrashPoint = lambda _: None,
    ) -> None:
        """Nothing connects before `start`. `clock` is seconds since the epoch, `luck` gives [0, 1)."""
        delivery = settings.delivery
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._crash_point = crash_points
        self._log = logs.get(__name__)
        self._progress = Progress()
        self._writer = Writer(settings.kafka, on_retry=metrics.output_retries.inc)
        self._sender = Sender(
            delivery, writer=self._writer, client=client, subscriptions=subscriptions, metrics=metrics,
            progress=self._progress, clock=clock, luck=luck, crash_points=crash_points,
        )  # fmt: skip
        self._lanes: Lanes[Job] = Lanes(
            slots=delivery.max_in_flight,
            slots_per_key=delivery.max_in_flight_per_subscription,
            room_per_key=LANE_ROOM,
        )
        self._tiers = {topic_name(settings.kafka, topics.DELIVERIES): 0} | {
            topic_name(settings.kafka, topics.retry_topic(tier)): tier for tier in topics.RETRY_TIERS_S
        }
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions: dict[TopicPartition, Partition] = {}
        self._held = 0
        self._room = asyncio.Event()
        self._room.set()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._committing = asyncio.Lock()
        self._recovered = asyncio.Event()
        self._generation = 0
        self.ready = False
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Connect and join the group. Returns before partitions are assigned: ask `ready`."""
        await self._writer.start()
        self._consumer = make_consumer(
            self._settings.kafka, group=GROUP, max_partition_fetch_bytes=512 * 1024, fetch_max_wait_ms=FETCH_WAIT_MS
        )
        self._consumer.subscribe(topics=list(self._tiers), listener=_Listener(self))
        await self._consumer.start()
        self._tasks = [
            asyncio.create_task(self._guard(self._read()), name="read"),
            asyncio.create_task(self._guard(self._sweep()), name="sweep"),
            asyncio.create_task(self._guard(self._commit_often()), name="commit"),
        ]

    async def stop(self, drain_s: float = 5.0) -> None:
        """Let what is in flight end within `drain_s`, commit what is done, leave the group."""
        self._stopping = True
        self.ready = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._release(list(self._partitions), drain_s)
        for close in (self._consumer.stop if self._consumer is not None else None, self._writer.stop):
            if close is not None:
                with contextlib.suppress(KafkaError, TimeoutError):  # Kafka may be away; we leave all the same
                    await asyncio.wait_for(close(), 3.0)

    # --- reading ---------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        while True:
            await self._room.wait()
            try:
                fetched = await consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=FETCH_RECORDS)
            except (TopicAuthorizationFailedError, GroupAuthorizationFailedError) as error:
                raise as_ours(self._settings.kafka, error) from error
            except KafkaError as error:
                self._log.warning("cannot read, trying again", error=repr(error))
                await asyncio.sleep(COMMIT_S)
                continue
            owner = self._generation
            await self._recovered.wait()
            if owner != self._generation:
                continue  # taken away while we waited: whoever has them reads them from what was committed
            for tp, records in fetched.items():
                self._accept(self._partition(tp), records)
            await asyncio.sleep(0)  # getmany may return without ever yielding while its buffer lasts

    def _partition(self, tp: TopicPartition) -> Partition:
        found = self._partitions.get(tp)
        if found is None:
            found = self._partitions[tp] = Partition(tp, self._tiers[tp.topic])
        return found

    def _accept(self, partition: Partition, records: list[ConsumerRecord]) -> None:
        """Take records that have rested; the first that has not pauses its partition."""
        if partition.leaving or self.failed.done():
            return
        partition.resting.extend(records)
        rest_ms = partition.tier_s * 1000
        while partition.resting:
            record = partition.resting[0]
            wait_s = (record.timestamp + rest_ms) / 1000 - self._clock()
            if rest_ms and wait_s > 0:
                self._pause(partition, wait_s)
                return
            if self._held >= MAX_HELD + FETCH_RECORDS:
                self._pause(partition, SWEEP_S)
                return
            partition.resting.popleft()
            partition.next_offset = record.offset + 1
            self._admit(partition, record)
            if self.failed.done():
                return
        if WAKE in partition.timers:
            partition.timers.pop(WAKE).cancel()
            self._resume(partition)

    def _pause(self, partition: Partition, wait_s: float) -> None:
        assert self._consumer is not None
        partition.next_offset = partition.resting[0].offset
        if WAKE not in partition.timers:
            with contextlib.suppress(IllegalStateError):
                self._consumer.pause(partition.tp)
        else:
            partition.timers[WAKE].cancel()
        loop = asyncio.get_running_loop()
        partition.timers[WAKE] = loop.call_later(wait_s, self._guarded, self._accept, partition, [])

    def _resume(self, partition: Partition) -> None:
        assert self._consumer is not None
        with contextlib.suppress(IllegalStateError):  # it was taken away meanwhile
            self._consumer.resume(partition.tp)

    def _admit(self, partition: Partition, record: ConsumerRecord) -> None:
        """Decide what is done with one record; never waits."""
        partition.tracker.take(record.offset)
        try:
            delivery = read_delivery(record.value, record.topic, self._progress)
        except NewerSchema as error:
            self._fail(error)
            return
        self._hold(1)
        if isinstance(delivery, Poison):
            self._spawn(partition, record.offset, self._bury(record, delivery))
            return
        job = Job(partition, record.offset, record.value, record.key, delivery)
        known = self._progress.of(delivery)
        if isinstance(known, Done):
            self._metrics.repeats.inc()
            self._done(job)
        elif isinstance(known, HandOn):
            self._metrics.repeats.inc()
            self._spawn(partition, job.offset, self._hand_on(job, known), done=False)
        else:
            if not partition.tier_s:
                self._metrics.deliveries.inc()
            self._route(job)

    def _route(self, job: Job) -> None:
        delivery = job.delivery
        now_s = self._clock()
        receiver = self._sender.receiver(delivery)
        command = before_post(
            due_ms=delivery.due_ms,
            deadline_ms=delivery.deadline_ms,
            now_ms=int(now_s * 1000),
            receiver=receiver is not None,
        )
        if isinstance(command, Finish):
            self._spawn(job.partition, job.offset, self._sender.finish_unsent(job, command))
        elif isinstance(command, WaitUntil):
            self._wait(job, command.due_ms / 1000 - now_s)
        elif self._lanes.offer(job.lane, job, time.monotonic()):
            self._pump()
        else:
            self._spill(job, topics.RETRY_TIERS_S[0], "busy")

    def _wait(self, job: Job, wait_s: float) -> None:
        tier_s = tier_for(wait_s)
        if tier_s is not None:
            self._spill(job, tier_s, "not_due")
            return

        def due() -> None:
            job.partition.timers.pop(job.offset, None)
            self._route(job)

        loop = asyncio.get_running_loop()
        job.partition.timers[job.offset] = loop.call_later(max(wait_s, 0.0), self._guarded, due)

    def _spill(self, job: Job, tier_s: int, why: str) -> None:
        self._spawn(job.partition, job.offset, self._sender.spill(job, tier_s, why))

    # --- doing -----------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        while (job := self._lanes.take()) is not None:
            self._spawn(job.partition, job.offset, self._send(job), done=False)

    async def _send(self, job: Job) -> None:
        lane = job.lane
        try:
            due_ms = await self._sender.send(job)
        finally:
            self._lanes.finished(lane)
            self._pump()
        self._after(job, due_ms)

    async def _hand_on(self, job: Job, known: HandOn) -> None:
        self._after(job, await self._sender.hand_on(job, known.attempts_made, known.due_ms))

    def _after(self, job: Job, due_ms: int | None) -> None:
        if due_ms is None:
            self._done(job)
        else:
            self._wait(job, due_ms / 1000 - self._clock())

    async def _bury(self, record: ConsumerRecord, poison: Poison) -> None:
        await self._writer.write(
            topics.DEAD_LETTERS, record.key, record.value,
            timestamp_ms=int(self._clock() * 1000), headers=where_and_why(record, poison),
        )  # fmt: skip
        self._crash_point("dead_letter_written")
        self._metrics.dead_letters.labels(poison.why).inc()
        self._log.warning(
            "dead letter", topic=record.topic, partition=record.partition, offset=record.offset, reason=poison.reason
        )

    def _spawn(self, partition: Partition, offset: int, work: Coroutine[Any, Any, None], *, done: bool = True) -> None:
        async def run() -> None:
            await work
            if done:
                self._finish(partition, offset)

        task = asyncio.create_task(self._guard(run()))
        partition.tasks.add(task)
        task.add_done_callback(partition.tasks.discard)

    def _done(self, job: Job) -> None:
        self._finish(job.partition, job.offset)

    def _finish(self, partition: Partition, offset: int) -> None:
        partition.tracker.finish(offset)
        self._hold(-1)

    def _hold(self, change: int) -> None:
        self._held += change
        if self._held >= MAX_HELD:
            self._room.clear()
        else:
            self._room.set()

    async def _guard(self, work: Awaitable[None]) -> None:
        """A fault of ours ends the role with its offsets uncommitted; it is never swallowed with a record in it."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - handed to whoever runs the role
            self._fail(error)

    def _guarded(self, work: Callable[..., None], *args: Any) -> None:
        """The same for what a timer calls."""
        try:
            work(*args)
        except Exception as error:  # noqa: BLE001
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self._log.error("the dispatcher ends; what it was doing is not committed", error=repr(error))
            self.failed.set_result(error)

    # --- committing ------------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            for job in self._lanes.overdue(time.monotonic() - LANE_WAIT_S):
                self._spill(job, topics.RETRY_TIERS_S[0], "busy")
            self._gauge()
            await asyncio.sleep(SWEEP_S)

    async def _commit_often(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_S)
            await self._commit(list(self._partitions.values()))

    async def _commit(self, partitions: list[Partition]) -> None:
        assert self._consumer is not None
        async with self._committing:
            offsets = {
                partition.tp: partition.tracker.committable
                for partition in partitions
                if partition.tracker.committable not in (None, partition.committed)
            }
            if not offsets:
                return
            self._crash_point("before_commit")
            try:
                await asyncio.wait_for(self._consumer.commit(offsets), COMMIT_TIMEOUT_S)
            except (KafkaError, IllegalStateError, ValueError, TimeoutError) as error:
                # Somebody else has them now, or Kafka is away: what is not committed is repeated, with the same ids.
                self._log.warning("offsets not committed", error=repr(error))
                return
            self._crash_point("committed")
            for partition in partitions:
                partition.committed = offsets.get(partition.tp, partition.committed)

    async def assigned(self, tps: set[TopicPartition]) -> None:
        """Partitions came: learn what their last owner did with what it did not commit."""
        numbers = {tp.partition for tp in tps if self._tiers.get(tp.topic) == 0}
        try:
            count = await asyncio.wait_for(recover(self._settings.kafka, numbers, self._progress), RECOVERY_S)
        except (KafkaError, TimeoutError) as error:
            count = 0  # it only saves repetitions
            self._log.warning("the last attempts cannot be read; some may be repeated", error=repr(error))
        except NewerSchema as error:
            self._fail(error)
            return
        self._recovered.set()
        self.ready = bool(tps) and not self._stopping
        self._log.info("partitions assigned", count=len(tps), attempts_remembered=count)

    async def revoked(self, tps: set[TopicPartition]) -> None:
        """Partitions go: end what is under way, commit it, forget the rest."""
        self.ready = False
        self._generation += 1
        self._recovered.clear()
        await self._release(list(tps), REVOKE_GRACE_S)

    async def _release(self, tps: list[TopicPartition], grace_s: float) -> None:
        leaving = [partition for tp in tps if (partition := self._partitions.get(tp)) is not None]
        for partition in leaving:
            partition.leaving = True
            partition.drop_what_waits()
        self._lanes.remove(lambda job: job.partition.leaving)
        tasks = {task for partition in leaving for task in partition.tasks}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for partition in leaving:
            partition.drop_what_waits()  # a task that ended may have set a timer
        await self._commit(leaving)
        for partition in leaving:
            self._partitions.pop(partition.tp, None)
            self._hold(-partition.tracker.unfinished)

    def _gauge(self) -> None:
        assert self._consumer is not None
        self._metrics.held.set(self._held)
        self._metrics.waiting.set(self._lanes.waiting)
        depth = dict.fromkeys(self._tiers.values(), 0)
        for partition in self._partitions.values():
            with contextlib.suppress(IllegalStateError):
                end = self._consumer.highwater(partition.tp)
                depth[partition.tier_s] += max(0, (end or 0) - partition.next_offset)
        self._metrics.backlog.set(depth.pop(0))
        for tier_s, records in depth.items():
            self._metrics.retry_depth.labels(f"{tier_s}s").set(records)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._dispatcher.revoked(set(revoked))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._dispatcher.assigned(set(assigned))
