"""Agent `group`: decides each alert, stores the decision, then sends it.

The order of a batch, and what a crash between two of them costs (docs/crash-tables-worker.md has every row as a test):
states to the changelog, acknowledged -> decisions and deliveries produced, acknowledged -> input acknowledged to Faust.
"""

import asyncio
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any

from service import logs
from service.adapters.dead_letters import dead_letter
from service.adapters.writer import Output, Writer
from service.alerting.groups import Context, Groups, Step, Verdict
from service.alerting.place import Place
from service.metrics import WorkerMetrics
from service.metrics.bounded import OTHER
from service.metrics.latency import Waits
from service.metrics.worker import SUPPRESSED
from service.model import topics
from service.model.errors import BadInput, NewerSchema
from service.model.records import AlertRecord, DecisionRecord, FlushRecord, decode_alerts, outcome_of
from service.settings import AlertingSettings
from service.streams.changelog import Changelog
from service.streams.indexed import Indexed

EXPIRE_PER_EVENT = 4
"""Old groups removed at most while one record is handled: the stream never stops for a sweep."""
WRITES = 1000
"""Records handed to the producer at once: a digest of thousands has as many decisions."""


class SentThrough:
    """Up to which offset of each partition all outputs are known to be acknowledged.

    A step forgets the bytes of older records. So a number too low costs room, and one too high would cost a delivery.
    """

    def __init__(self, committed: Callable[[int], int]) -> None:
        """`committed`: the offset from which a partition of `alerts` would be read on after a crash; 0: none is."""
        self._committed = committed
        self._known: dict[int, int] = {}

    def before(self, partition: int, first: int) -> int:
        """What holds as a batch begins whose first record of the partition stands at `first`.

        Never at or behind it: a partition may be read again from before (service/streams/watchdog.py).
        """
        known = self._known.get(partition)
        return min(self._committed(partition) - 1 if known is None else known, first - 1)

    def sent(self, partition: int, last: int) -> None:
        """All outputs of the partition's records up to `last` are acknowledged."""
        self._known[partition] = last

    def keep(self, partitions: Iterable[int]) -> None:
        """Forget the others: whoever has them meanwhile commits."""
        kept = set(partitions)
        self._known = {partition: offset for partition, offset in self._known.items() if partition in kept}


class GroupStage:
    """What the agent does with a batch of alerts and flushes."""

    def __init__(  # noqa: PLR0913 - the parts that the composition root chooses
        self,
        settings: AlertingSettings,
        groups: Groups,
        changelog: Changelog,
        context: Callable[[], Context],
        outputs: Writer,
        metrics: WorkerMetrics,
        clock: Callable[[], float],
        committed: Callable[[int], int],
    ) -> None:
        """`context` is asked once a batch; its `sent_through` is set here."""
        self._memory_ms = round(settings.memory_s * 1000)
        self._groups = groups
        self._changelog = changelog
        self._context = context
        self._outputs = outputs
        self._metrics = metrics
        self._clock = clock
        self.sent_through = SentThrough(committed)
        self.index = Indexed("groups", changelog, self._rebuild, groups.forget)
        self._log = logs.get(__name__)

    def _rebuild(self, partition: int, items: Iterable[tuple[bytes, bytes]]) -> None:
        del partition  # the values say it
        self._groups.rebuild(items)

    async def process(self, events: list[Any]) -> None:
        """Decide a batch, store, send; return when Kafka has all of it."""
        context = self._context()
        contexts: dict[int, Context] = {}
        last: dict[int, int] = {}
        written: list[Output] = []
        waits = Waits()
        for event in events:
            message = event.message
            if message.partition not in contexts:
                through = self.sent_through.before(message.partition, message.offset)
                contexts[message.partition] = replace(context, sent_through=through)
            written += await self._one(message, contexts[message.partition], waits)
            last[message.partition] = message.offset
        self._metrics.batch.labels("group").observe(len(events))
        self.index.stored(await self._changelog.flush())
        for start in range(0, len(written), WRITES):
            await self._outputs.write(written[start : start + WRITES])
        self._metrics.latency.observe_all("group", waits, self._clock())
        for partition, offset in last.items():
            self.sent_through.sent(partition, offset)
        self._metrics.groups.set(len(self._groups))

    async def _one(self, message: Any, context: Context, waits: Waits) -> list[Output]:
        place = Place(message.partition, message.offset, round(message.timestamp * 1000))
        try:
            record = decode_alerts(message.value or b"")
        except NewerSchema:
            raise
        except BadInput as error:
            self._metrics.dead_letters.labels(topics.ALERTS).inc()
            self._log.warning("alert to dead-letters", reason=str(error), offset=message.offset)
            return [dead_letter(message, topics.ALERTS, str(error), place.now_ms)]
        self._changelog.turn(place.partition)
        step = await _breathing(self._groups.work(record, place, context))
        self._count(record, step.verdict, waits)
        if step.verdict is Verdict.TAKEN:
            self._groups.expire(place, self._memory_ms, EXPIRE_PER_EVENT)  # stages what it removes
        outputs = [Output(out.topic, out.key, out.value) for out in step.outputs]
        for out in outputs:
            if out.topic == topics.DECISIONS and out.value is not None:
                self._decided(out.value)
        return outputs

    def _decided(self, raw: bytes) -> None:
        outcome = outcome_of(raw)
        self._metrics.decisions.labels(outcome).inc()
        if outcome == "suppressed":
            reason = DecisionRecord.decode(raw, topics.DECISIONS).reason
            self._metrics.suppressed.labels(reason if reason in SUPPRESSED else OTHER).inc()

    def _count(self, record: AlertRecord | FlushRecord, verdict: Verdict, waits: Waits) -> None:
        if isinstance(record, FlushRecord):
            self._metrics.flushes.labels(verdict.value).inc()
            return
        if verdict is Verdict.REPEATED:
            self._metrics.alerts_repeated.inc()
            return
        waits.add(record.published_ms / 1000, record.article.id)


async def _breathing(work: Generator[None, None, Step]) -> Step:
    """The step; in the pauses of a long one the loop has its turn (heartbeats, the other stages)."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            step: Step = done.value
            return step
        await asyncio.sleep(0)
