"""Time as records: what is due is written to `alerts`, and decided there like everything else.

The timer touches no state. It asks the index what is due and the policies which digests come even when there is
nothing to tell, and produces flush records under the subscription's key. A second flush of one sequence does nothing,
so two workers that both believe to own a partition do no harm, nor does one that asks again.
"""

import asyncio
from collections.abc import Callable, Sequence

from service.adapters.partitions import partition_of
from service.adapters.writer import Output, Writer
from service.alerting.calendar import next_digest_ms
from service.alerting.groups import Groups, digest_flush
from service.alerting.policy import Policy
from service.metrics import WorkerMetrics
from service.model import topics
from service.model.records import FlushRecord
from service.streams.indexed import Indexed

TICK_S = 0.25
LATE_MS = 3_600_000
"""An empty digest that nobody asked for when it was due is still asked for so long after it."""

EmptyDigests = Callable[[], Sequence[tuple[str, Policy, int]]]
"""Subscription, its policy, and since when it stands so (milliseconds): no digest of before is owed."""


class Timer:
    """Flushes what is due of the partitions that this worker has."""

    def __init__(  # noqa: PLR0913 - the parts that the composition root chooses
        self,
        groups: Groups,
        index: Indexed,
        empty_digests: EmptyDigests,
        outputs: Writer,
        metrics: WorkerMetrics,
        clock: Callable[[], float],
        partitions: int,
    ) -> None:
        """`clock`: seconds since the epoch. `partitions`: how many `alerts` has."""
        self._groups = groups
        self._index = index
        self._empty_digests = empty_digests
        self._outputs = outputs
        self._metrics = metrics
        self._clock = clock
        self._partitions = partitions
        self._digests: dict[str, tuple[Policy, int]] = {}
        """Subscription -> the policy that was asked, and when its next digest is due."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = self.due(round(self._clock() * 1000))
            if due:
                await self._outputs.write(
                    [Output(topics.ALERTS, flush.subscription.encode(), flush.encode()) for flush in due]
                )
                self._metrics.flushes_asked.inc(len(due))
            await asyncio.sleep(TICK_S)

    def due(self, now_ms: int) -> list[FlushRecord]:
        """What to write now; nothing while partitions change hands."""
        if self._index.recovering:
            return []
        next_ms = self._groups.next_due_ms()
        due = self._groups.due(now_ms) if next_ms is not None and next_ms <= now_ms else []
        asked = {(flush.subscription, flush.flush) for flush in due}
        return due + [one for one in self._empty(now_ms) if (one.subscription, one.flush) not in asked]

    def _empty(self, now_ms: int) -> list[FlushRecord]:
        """Digests that come although nothing may be held for them."""
        wanted = self._empty_digests()
        ids = {subscription for subscription, *_ in wanted}
        if not ids.issuperset(self._digests):
            self._digests = {known: of_it for known, of_it in self._digests.items() if known in ids}
        due = []
        for subscription, policy, since_ms in wanted:
            if partition_of(subscription.encode(), self._partitions) not in self._index.partitions:
                self._digests.pop(subscription, None)  # whoever has it asks; if it comes back, from LATE_MS ago
                continue
            known, due_ms = self._digests.get(subscription, (None, 0))
            if known != policy:
                due_ms = next_digest_ms(policy, max(since_ms, now_ms - LATE_MS))
            while due_ms <= now_ms:
                due.append(digest_flush(subscription, due_ms))
                due_ms = next_digest_ms(policy, due_ms)
            self._digests[subscription] = (policy, due_ms)
        return due
