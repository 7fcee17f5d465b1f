"""The dispatcher: one consumer over `deliveries` and its retry tiers that never sleeps on a record (flow.py).

Offsets are committed as the contiguous prefix of what is done: every second, when partitions go, and at the end.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import GroupAuthorizationFailedError, IllegalStateError, KafkaError, TopicAuthorizationFailedError

from service import logs
from service.adapters.kafka_client import as_ours, make_consumer, topic_name
from service.adapters.writer import Writer
from service.delivery.health import WARN_PERCENT
from service.dispatcher.endpoints import Endpoints
from service.dispatcher.flow import Flow
from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.partition import Partition
from service.dispatcher.progress import Progress
from service.dispatcher.recovery import recover
from service.dispatcher.sender import Client, Publish, Sender, Subscriptions
from service.model import topics
from service.model.errors import NewerSchema
from service.settings import Settings

FETCH_RECORDS = 500
FETCH_WAIT_MS = 10
FETCH_BYTES = 512 * 1024
WRITE_BATCH_BYTES = 512 * 1024
"""Half of what a record batch of these topics may hold."""
SWEEP_S = 0.05
LOOK_S = 0.2
HELD_PASS_S = 3600.0
"""What is held back is looked through so often at least: what expires meanwhile gets its end."""
COMMIT_S = 1.0
COMMIT_TIMEOUT_S = 3.0
REVOKE_GRACE_S = 3.0
"""Kafka gives a member 10 s to hand its partitions over."""
RECOVERY_S = 5.0
CLOSE_S = 3.0


class Dispatcher:
    """Sends what stands on `deliveries`. `failed` is set when the role must end; nothing undone is committed then."""

    def __init__(  # noqa: PLR0913 - the parts that the composition root chooses
        self,
        settings: Settings,
        *,
        metrics: DispatcherMetrics,
        subscriptions: Subscriptions,
        publish: Publish,
        client: Client,
        clock: Callable[[], float],
        luck: Callable[[], float],
    ) -> None:
        """Nothing connects before `start`.

        Args:
            settings: of every section.
            metrics: what it counts.
            subscriptions: where to send.
            publish: replaces a subscription: one whose endpoint is disabled.
            client: who sends.
            clock: seconds since the epoch.
            luck: gives [0, 1).
        """
        self._kafka = settings.kafka
        self._metrics = metrics
        self._log = logs.get(__name__)
        self._progress = Progress()
        self._writer = Writer(settings.kafka, on_retry=metrics.output_retries.inc, max_batch_bytes=WRITE_BATCH_BYTES)
        self._endpoints = Endpoints(settings.delivery, subscriptions.get)
        self._sender = Sender(
            settings.delivery,
            writer=self._writer,
            client=client,
            subscriptions=subscriptions,
            endpoints=self._endpoints,
            publish=publish,
            metrics=metrics,
            progress=self._progress,
            clock=clock,
            luck=luck,
        )
        self._flow = Flow(
            settings.delivery,
            sender=self._sender,
            endpoints=self._endpoints,
            progress=self._progress,
            metrics=metrics,
            clock=clock,
            pause=self._pause,
            resume=self._resume,
            fail=self._fail,
        )
        self._tiers = {topic_name(settings.kafka, topics.DELIVERIES): 0} | {
            topic_name(settings.kafka, topics.retry_topic(tier)): tier for tier in topics.RETRY_TIERS_S
        }
        self._held_topic = topic_name(settings.kafka, topics.HELD)
        self._tiers[self._held_topic] = 0
        self._clock = clock
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions: dict[TopicPartition, Partition] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._committing = asyncio.Lock()
        self._recovered = asyncio.Event()
        self._owner = 0
        """Counts the times that partitions were taken away."""
        self.ready = False
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Connect and join the group. Returns before partitions are assigned: ask `ready`.

        Raises:
            Unavailable: Kafka does not answer.
            WrongSetup: it refuses us.
        """
        try:
            await self._writer.start()
            self._consumer = make_consumer(
                self._kafka,
                group=topics.DISPATCHER_GROUP,
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                # By range, partition n of every tier goes where partition n of `deliveries` goes: a subscription has
                # one dispatcher, so its caps hold and repeated records of an id meet.
                partition_assignment_strategy=(RangePartitionAssignor,),
            )
            self._consumer.subscribe(topics=list(self._tiers), listener=_Listener(self))
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise as_ours(self._kafka, error) from error
        work = {
            "read": self._read(),
            "sweep": self._sweep(),
            "commit": self._commit_often(),
            "held": self._look_through(),
        }
        self._tasks = [asyncio.create_task(self._flow.guard(part), name=name) for name, part in work.items()]

    async def stop(self, drain_s: float = 5.0) -> None:
        """Let what is in flight end within `drain_s`, commit what is done, leave the group."""
        self._stopping = True
        self.ready = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._release(list(self._partitions), drain_s)
        for client in (self._consumer, self._writer):
            if client is not None:
                with contextlib.suppress(KafkaError, TimeoutError):  # Kafka may be away; we leave all the same
                    await asyncio.wait_for(client.stop(), CLOSE_S)

    def own_faults(self) -> list[str]:
        """Faults of this machine that have lasted for a while and keep everything from being sent, as sentences."""
        return list(self._endpoints.our_side.lasting(time.monotonic()))

    def troubled(self) -> list[tuple[str, bool]]:
        """As `Endpoints.troubled`."""
        return self._endpoints.troubled()

    def hosts(self) -> set[str]:
        """As `Endpoints.hosts`."""
        return self._endpoints.hosts()

    async def _read(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        while True:
            await self._flow.memory.room.wait()
            try:
                fetched = await consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=FETCH_RECORDS)
            except (TopicAuthorizationFailedError, GroupAuthorizationFailedError) as error:
                raise as_ours(self._kafka, error) from error
            except KafkaError as error:
                self._log.warning("cannot read, trying again", error=repr(error))
                await asyncio.sleep(COMMIT_S)
                continue
            owner = self._owner
            await self._recovered.wait()
            if owner == self._owner:  # else taken away meanwhile: read again by whoever has them now
                for tp, records in fetched.items():
                    self._flow.accept(self._partition(tp), records)
            await asyncio.sleep(0)  # getmany may return without ever yielding while its buffer lasts

    def _partition(self, tp: TopicPartition) -> Partition:
        found = self._partitions.get(tp)
        if found is None:
            found = self._partitions[tp] = Partition(tp, self._tiers[tp.topic], held=tp.topic == self._held_topic)
        return found

    def _pause(self, partition: Partition) -> None:
        assert self._consumer is not None
        with contextlib.suppress(IllegalStateError):  # it was taken away meanwhile
            self._consumer.pause(partition.tp)

    def _resume(self, partition: Partition) -> None:
        assert self._consumer is not None
        with contextlib.suppress(IllegalStateError):
            self._consumer.resume(partition.tp)

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self._log.error("the dispatcher ends; what it was doing is not committed", error=repr(error))
            self.failed.set_result(error)

    async def _sweep(self) -> None:
        while True:
            self._flow.spill_overdue()
            self._gauge()
            await asyncio.sleep(SWEEP_S)

    async def _look_through(self) -> None:
        """Read what is held back when somebody may want it: after an assignment, a resumption, and now and then."""
        owner, looked_at = -1, 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            self._gauge_endpoints()
            wanted = {name for name in self._flow.on_hold if self._sender.may_be_sent_to(name)}
            due = owner != self._owner or time.monotonic() - looked_at > HELD_PASS_S
            if not self._recovered.is_set() or not (wanted or due):
                continue
            assert self._consumer is not None
            now_owner = self._owner
            tps = [tp for tp in self._consumer.assignment() if tp.topic == self._held_topic]
            try:
                ends = await asyncio.wait_for(self._consumer.end_offsets(tps), COMMIT_TIMEOUT_S)
            except (KafkaError, TimeoutError) as error:
                self._log.warning("what is held back cannot be read, trying again", error=repr(error))
                continue
            if now_owner != self._owner:
                continue
            owner, looked_at = now_owner, time.monotonic()
            self._flow.on_hold -= wanted
            for tp, end in ends.items():
                self._flow.look_through(self._partition(tp), end)

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
            try:
                await asyncio.wait_for(self._consumer.commit(offsets), COMMIT_TIMEOUT_S)
            except (KafkaError, IllegalStateError, ValueError, TimeoutError) as error:
                # Somebody else has them now, or Kafka is away: what is not committed is repeated, with the same ids.
                self._log.warning("offsets not committed", error=repr(error))
                return
            for partition in partitions:
                partition.committed = offsets.get(partition.tp, partition.committed)

    async def assigned(self, tps: set[TopicPartition]) -> None:
        """Partitions came: learn what their last owner did with what it did not commit."""
        numbers = {tp.partition for tp in tps}
        remembered = 0
        try:
            remembered = await asyncio.wait_for(
                recover(
                    self._kafka,
                    numbers,
                    self._progress,
                    remember=self._endpoints.remember,
                    restore=self._endpoints.restore,
                ),
                RECOVERY_S,
            )
        except (KafkaError, TimeoutError) as error:  # it only saves repetitions
            self._log.warning("the last attempts cannot be read; some may be repeated", error=repr(error))
        except NewerSchema as error:
            self._flow.stop(error)
            return
        self._recovered.set()
        self.ready = bool(tps) and not self._stopping
        self._log.info("partitions assigned", count=len(tps), attempts_remembered=remembered)

    async def revoked(self, tps: set[TopicPartition]) -> None:
        """Partitions go: end what is under way, commit it, forget the rest."""
        self.ready = False
        self._owner += 1
        self._recovered.clear()
        await self._release(list(tps), REVOKE_GRACE_S)
        self._endpoints.forget()

    async def _release(self, tps: list[TopicPartition], grace_s: float) -> None:
        leaving = [self._partitions[tp] for tp in tps if tp in self._partitions]
        if not leaving:
            return
        await self._flow.release(leaving, grace_s)
        await self._commit(leaving)
        for partition in leaving:
            self._partitions.pop(partition.tp, None)

    def _gauge(self) -> None:
        assert self._consumer is not None
        self._metrics.held.set(self._flow.memory.held)
        self._metrics.waiting.set(self._flow.lanes.waiting)
        depth = dict.fromkeys(self._tiers.values(), 0)
        for partition in self._partitions.values():
            if partition.held:
                continue
            with contextlib.suppress(IllegalStateError):
                end = self._consumer.highwater(partition.tp) or 0
                depth[partition.tier_s] += max(0, end - partition.next_offset)
        self._metrics.on_hold.set(len(self._flow.on_hold))
        self._metrics.backlog.set(depth.pop(0))
        for tier_s, records in depth.items():
            self._metrics.retry_depth.labels(f"{tier_s}s").set(records)

    def _gauge_endpoints(self) -> None:
        self._metrics.open_breakers.set(self._endpoints.open_breakers())
        percents = self._endpoints.percents(int(self._clock() * 1000))
        for level in WARN_PERCENT:
            self._metrics.failing.labels(str(level)).set(sum(percent >= level for percent in percents))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._dispatcher.revoked(set(revoked))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._dispatcher.assigned(set(assigned))
