"""What becomes of each record that was read; decides at once and never waits.

rested? --no--> the partition is paused until it has
due?    --no--> the largest tier that does not overshoot, or a timer when less than a second is missing
subscription paused or disabled? --> `deliveries.held`, until it is not
lane of its subscription full, or its breaker open? --> a tier that fits how many of it rest already
POST --> attempt written --> retry written --> offset done

What rests because its endpoint was down or busy is called back from its tier when the endpoint can take it again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiokafka import ConsumerRecord

from service import logs
from service.adapters.dead_letters import dead_letter
from service.delivery.attempts import Finish, Hold, WaitUntil, before_post
from service.delivery.schedule import tier_for
from service.dispatcher.endpoints import Endpoints, Ticket
from service.dispatcher.intake import Poison, read_delivery
from service.dispatcher.lanes import Lanes
from service.dispatcher.memory import Memory
from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.partition import WAKE, Job, Partition
from service.dispatcher.progress import Done, HandOn, Progress
from service.dispatcher.rests import Rests
from service.dispatcher.sender import Sender
from service.model.errors import NewerSchema
from service.settings import DeliverySettings

FULL_WAIT_S = 0.1
KEPT = 4
"""Of an endpoint that gets only probes, so many wait here, and as many retries that are due; others rest in a tier."""
TESTS, ALL_TESTS = 2, 32
"""Test deliveries at once of one subscription, and of all, that need not queue."""


class Flow:
    """All deliveries that this dispatcher has read and not ended."""

    def __init__(  # noqa: PLR0913 - the parts it is made of
        self,
        settings: DeliverySettings,
        *,
        sender: Sender,
        endpoints: Endpoints,
        progress: Progress,
        metrics: DispatcherMetrics,
        clock: Callable[[], float],
        pause: Callable[[Partition], None],
        resume: Callable[[Partition], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        """`pause` and `resume` stop and start fetching a partition; `fail` ends the role."""
        self._sender = sender
        self._endpoints = endpoints
        self._progress = progress
        self._metrics = metrics
        self._clock = clock
        self._pause = pause
        self._resume = resume
        self._fail = fail
        self._log = logs.get(__name__)
        self._stopped = False
        self._open: dict[str, list[Job]] = {}
        """Ids under way here, each with the repeated records of it that wait for how it ends."""
        self.memory = Memory()
        self.lanes: Lanes[Job] = Lanes(
            slots=settings.max_in_flight,
            slots_of=self._slots_of,
            slots_per_host=settings.max_in_flight_per_host,
            room_per_key=self.memory.patience.room,
        )
        self._testing: Counter[str] = Counter()
        """Test deliveries under way past the lanes, by subscription."""
        self._rests = Rests(endpoints, self.lanes, clock)
        self.on_hold: set[str] = set()
        """Subscriptions that something was held back from here: when they may be sent to again, it has to be read."""

    def accept(self, partition: Partition, records: list[ConsumerRecord]) -> None:
        """Take records that have rested; the first that has not pauses its partition."""
        if partition.leaving or self._stopped:
            return
        self._rests.seen(partition)
        partition.resting.extend(records)
        rest_ms = partition.tier_s * 1000
        while partition.resting:
            record = partition.resting[0]
            if partition.held and record.offset >= partition.pass_end:
                partition.next_offset = record.offset
                self._pause(partition)  # until `look_through`
                return
            wait_s = (record.timestamp + rest_ms) / 1000 - self._clock() if rest_ms else 0.0
            wait_s = self._rests.wait_s(partition, record.offset, record.key, wait_s)
            if self.memory.overfull:
                wait_s = max(wait_s, FULL_WAIT_S)
            if wait_s > 0:
                self._rest(partition, wait_s)
                return
            partition.resting.popleft()
            partition.next_offset = record.offset + 1
            self._admit(partition, record)
            if self._stopped:
                return
        if WAKE in partition.timers:
            partition.timers.pop(WAKE).cancel()
            self._resume(partition)

    def look_through(self, partition: Partition, end: int) -> None:
        """Read what is held back up to `end`: some of it may be sent now, the rest is written behind it again."""
        partition.pass_end = max(partition.pass_end, end)
        if WAKE not in partition.timers:
            self._resume(partition)
        self.accept(partition, [])

    def spill_overdue(self) -> None:
        """Let what has waited too long for its lane rest in a tier, and lanes go on that may. To be called often."""
        now = time.monotonic()
        for key in self.lanes.stalled():
            if self._endpoints.of(key).breaker.is_open:
                for job in self.lanes.surplus(key, KEPT):
                    self._spill(job, self._rests.rest_s(job), "open")
            self.lanes.wake(key)
        for partition in self._rests.call_back():
            self.accept(partition, [])
        self._pump()
        patience = self.memory.patience
        self.lanes.room_per_key = patience.room
        for job in self.lanes.overdue(now - patience.wait_s):
            self._spill(job, self._rests.rest_s(job), "busy")

    async def release(self, leaving: list[Partition], grace_s: float) -> None:
        """End what is under way of these partitions within `grace_s`, or abandon it; forget what has not begun."""
        for partition in leaving:
            partition.leaving = True
            partition.drop_what_waits()
        self.lanes.remove(lambda job: job.partition.leaving)
        tasks = {task for partition in leaving for task in partition.tasks}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for partition in leaving:
            partition.drop_what_waits()  # a task that ended may have set a timer
            self.memory.hold(-partition.tracker.unfinished, -sum(partition.sizes.values()))
            partition.sizes.clear()
        self._rests.forget()
        self._open.clear()  # Kafka's eager protocol takes all partitions away before it gives any

    def stop(self, error: BaseException) -> None:
        """Take nothing more: the role ends."""
        self._stopped = True
        self._fail(error)

    def _slots_of(self, key: str) -> int:
        head = self.lanes.head(key)
        due = head is not None and head.delivery.attempts_made > 0
        return self._endpoints.slots(key, time.monotonic(), busy=self.lanes.busy_of(key), due=due)

    def _rest(self, partition: Partition, wait_s: float) -> None:
        partition.next_offset = partition.resting[0].offset
        if WAKE in partition.timers:
            partition.timers[WAKE].cancel()
        else:
            self._pause(partition)
        self._later(partition, WAKE, wait_s, lambda: self.accept(partition, []))

    def _admit(self, partition: Partition, record: ConsumerRecord) -> None:
        partition.tracker.take(record.offset)
        partition.sizes[record.offset] = size = len(record.value or b"")
        self.memory.hold(1, size)
        try:
            delivery = read_delivery(record.value, record.topic, self._progress)
        except NewerSchema as error:
            self.stop(error)
            return
        if isinstance(delivery, Poison):
            self._spawn(partition, self._bury(partition, record, delivery))
        else:
            self._begin(Job(partition, record.offset, record.value, record.key, delivery, record.timestamp))

    def _begin(self, job: Job) -> None:
        """Send it, unless that is done already, or being done: a crash leaves records of one id side by side."""
        if job.partition.leaving:
            return  # a repeat whose turn came in the last moment: its next owner reads it again
        delivery = job.delivery
        if delivery.reason == "live":
            if delivery.id in self._open:
                self._open[delivery.id].append(job)
                return
            self._open[delivery.id] = []
        known = self._progress.of(delivery)
        if isinstance(known, Done):
            self._metrics.repeats.inc()
            self._end(job)
        elif isinstance(known, HandOn):
            self._metrics.repeats.inc()
            self._spawn(job.partition, self._hand_on(job, known))
        else:
            self._rests.returned(job)
            if not job.partition.tier_s and not job.partition.held:
                self._metrics.read(delivery)
            self._route(job)

    def _end(self, job: Job) -> None:
        """Everything that this record causes is acknowledged; now the repeats of it can be judged."""
        self._finish(job.partition, job.offset)
        if job.delivery.reason != "live":
            return
        for repeat in self._open.pop(job.delivery.id, ()):
            # What it became may have been read before its acknowledgement came: that record is no repeat.
            carried_on = job.went_to is not None and job.went_to != repeat.place
            if carried_on and repeat.delivery.attempts_made <= job.delivery.attempts_made:
                self._metrics.repeats.inc()
                self._finish(repeat.partition, repeat.offset)
            else:
                self._begin(repeat)

    def _route(self, job: Job) -> None:
        delivery = job.delivery
        now_s = self._clock()
        command = before_post(
            due_ms=delivery.due_ms,
            deadline_ms=delivery.deadline_ms,
            now_ms=int(now_s * 1000),
            **self._sender.standing(delivery),
        )
        if isinstance(command, Finish):
            self._spawn(job.partition, self._finish_unsent(job, command))
        elif isinstance(command, Hold):
            self._spawn(job.partition, self._hold_back(job, command))
        elif isinstance(command, WaitUntil):
            self._wait(job, command.due_ms / 1000 - now_s)
        else:
            self._queue(job)

    def _queue(self, job: Job) -> None:
        """Let it wait for its turn, a retry before the others: if it is accepted, so will they be."""
        if job.delivery.reason == "test" and self._testing[job.lane] < TESTS and self._testing.total() < ALL_TESTS:
            self._testing[job.lane] += 1
            self._spawn(job.partition, self._test(job))
            return
        endpoint = self._endpoints.of(job.lane)
        is_open = endpoint.breaker.is_open
        retry = job.delivery.attempts_made > 0
        room = (2 * KEPT if retry else KEPT) if is_open else None
        if self.lanes.offer(job.lane, job, time.monotonic(), host=endpoint.host, room=room, first=retry):
            self._pump()
        else:
            self._spill(job, self._rests.rest_s(job), "open" if is_open else "busy")

    def _wait(self, job: Job, wait_s: float) -> None:
        tier_s = tier_for(wait_s)
        if tier_s is not None:
            self._spill(job, tier_s, "not_due")
        else:
            self._later(job.partition, job.offset, max(wait_s, 0.0), lambda: self._route(job))

    def _spill(self, job: Job, tier_s: int, why: str) -> None:
        self._spawn(job.partition, self._rest_in_tier(job, tier_s, why))

    def _pump(self) -> None:
        while (job := self.lanes.take()) is not None:
            ticket = self._endpoints.started(job.lane, time.monotonic())
            self._spawn(job.partition, self._send(job, ticket))

    async def _test(self, job: Job) -> None:
        """Somebody waits for its answer: it goes past what waits, and is no probe."""
        try:
            await self._sender.send(job, self._endpoints.aside(job.lane))
        finally:
            self._testing[job.lane] -= 1
            self._testing += Counter()  # drops those that are zero
        self._end(job)

    async def _send(self, job: Job, ticket: Ticket) -> None:
        lane = job.lane
        try:
            due_ms = await self._sender.send(job, ticket)
        finally:
            self.lanes.finished(lane)
            self._pump()
        if job.held_back:
            self.on_hold.add(lane)
        if job.unreached is None:
            self._after(job, due_ms)
        else:
            await self._rest_in_tier(job, self._rests.rest_s(job), "our_side")

    async def _hold_back(self, job: Job, hold: Hold) -> None:
        await self._sender.hold_back(job, hold)
        self.on_hold.add(job.lane)
        self._end(job)

    async def _finish_unsent(self, job: Job, finish: Finish) -> None:
        await self._sender.finish_unsent(job, finish)
        self._end(job)

    async def _rest_in_tier(self, job: Job, tier_s: int, why: str) -> None:
        await self._sender.spill(job, tier_s, why)
        if why != "not_due":
            self._rests.spilled(job, tier_s)
        self._end(job)

    async def _hand_on(self, job: Job, known: HandOn) -> None:
        self._after(job, await self._sender.hand_on(job, known.attempts_made, known.due_ms))

    def _after(self, job: Job, due_ms: int | None) -> None:
        if due_ms is None:
            self._end(job)
        else:
            self._wait(job, due_ms / 1000 - self._clock())

    async def _bury(self, partition: Partition, record: ConsumerRecord, poison: Poison) -> None:
        await self._sender.bury(dead_letter(record, record.topic, poison.reason, record.timestamp))
        self._metrics.dead_letters.labels(poison.why).inc()
        self._log.warning(
            "dead letter", topic=record.topic, partition=record.partition, offset=record.offset, reason=poison.reason
        )
        self._finish(partition, record.offset)

    def _finish(self, partition: Partition, offset: int) -> None:
        partition.tracker.finish(offset)
        self.memory.hold(-1, -partition.sizes.pop(offset))

    def _later(self, partition: Partition, name: int, wait_s: float, work: Callable[[], None]) -> None:
        def run() -> None:
            if name != WAKE:
                partition.timers.pop(name, None)
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a record must not vanish in a timer
                self.stop(error)

        if partition.leaving:
            return  # its next owner reads it again
        partition.timers[name] = asyncio.get_running_loop().call_later(wait_s, run)

    def _spawn(self, partition: Partition, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self.guard(work))
        partition.tasks.add(task)
        task.add_done_callback(partition.tasks.discard)

    async def guard(self, work: Awaitable[None]) -> None:
        """A fault of ours ends the role with its offsets uncommitted; it is never swallowed with a record in it."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - handed to whoever runs the role
            self.stop(error)
