"""Agent `group`: decides each alert, stores the decision, then sends it.

The order of one step, and what a crash between two of them costs (docs/crash-tables.md has every row as a test):
state to the changelog, acknowledged -> decision and delivery produced, acknowledged -> input acknowledged to Faust.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from faust.events import Event

from service import logs
from service.adapters.dead_letters import dead_letter
from service.adapters.writer import Output, Writer, raise_if_final, retry_pause
from service.alerting.group import Group, Payload, Place, Verdict, decide, group_key, place_of, state_key
from service.metrics import WorkerMetrics
from service.model import topics
from service.model.errors import BadInput, NewerSchema
from service.model.records import AlertRecord, DecisionRecord
from service.settings import AlertingSettings

EXPIRE_PER_EVENT = 4
"""Old keys removed at most while one alert is handled: the stream never stops for a sweep."""


class Changelog:
    """The table's writes as futures that can be awaited.

    `table[key] = value` hides the future of the changelog record, and Faust does not wait for it before it commits
    the input (design, part 5). So the record is sent by hand and the value put into the table's store beside it.
    """

    def __init__(self, table: Any, *, on_retry: Callable[[int], None] = lambda _: None) -> None:
        self._table = table
        self._on_retry = on_retry
        self._log = logs.get(__name__)

    def get(self, key: bytes) -> bytes | None:
        """The stored value."""
        value: bytes | None = self._table.data.get(key)
        return value

    def items(self) -> list[tuple[bytes, bytes]]:
        """All entries."""
        return list(self._table.data.items())

    def __len__(self) -> int:
        return len(self._table.data)

    def put(self, partition: int, key: bytes, value: bytes | None) -> asyncio.Future[Any]:
        """Store (None removes) and send; the future is done when Kafka has acknowledged."""
        future: asyncio.Future[Any] = self._table.send_changelog(partition, key, value, "raw", "raw")
        if value is None:
            self._table.data.pop(key, None)
        else:
            self._table.data[key] = value
        return future

    async def flush(self, writes: list[tuple[int, bytes, bytes | None, asyncio.Future[Any]]]) -> None:
        """Wait for the acknowledgements; where one is missing all are sent again, in order, until all are there.

        Raises:
            WrongSetup: Kafka refuses one for good.
        """
        tries = 0
        while writes:
            results = await asyncio.gather(*[future for *_, future in writes], return_exceptions=True)
            failed = [result for result in results if isinstance(result, BaseException)]
            if not failed:
                return
            for error in failed:
                raise_if_final(error, "the worker's changelog")
            self._on_retry(len(failed))
            self._log.warning("changelog not acknowledged, sending again", count=len(failed), error=repr(failed[0]))
            tries += 1
            await asyncio.sleep(retry_pause(tries))
            writes = [
                (partition, key, value, self._table.send_changelog(partition, key, value, "raw", "raw"))
                for partition, key, value, _ in writes
            ]


class GroupStage:
    """What the agent does with a batch of alerts."""

    def __init__(  # noqa: PLR0913 - the parts that the composition root chooses
        self,
        settings: AlertingSettings,
        changelog: Changelog,
        outputs: Writer,
        metrics: WorkerMetrics,
        payload: Payload,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._changelog = changelog
        self._outputs = outputs
        self._metrics = metrics
        self._payload = payload
        self._clock = clock
        self._log = logs.get(__name__)
        self._ages: dict[int, deque[tuple[int, bytes]]] | None = None
        """Partition -> (taken at, key), the oldest first; None: to be read from the table."""

    def recovered(self) -> None:
        """After a rebalance or a recovery the table holds other keys: their ages are read anew when next needed."""
        self._ages = None
        self._metrics.groups.set(len(self._changelog))

    async def process(self, events: list[Event]) -> None:
        """Decide a batch, store, send; return when Kafka has all of it."""
        writes: list[tuple[int, bytes, bytes | None, asyncio.Future[Any]]] = []
        written: list[Output] = []
        for event in events:
            self._one(event.message, writes, written)
        self._metrics.batch.labels("group").observe(len(events))
        await self._changelog.flush(writes)
        await self._outputs.write(written)
        self._metrics.groups.set(len(self._changelog))

    def _one(self, message: Any, writes: list[Any], written: list[Output]) -> None:
        try:
            alert = AlertRecord.decode(message.value or b"", topics.ALERTS)
        except NewerSchema:
            raise
        except BadInput as error:
            self._metrics.dead_letters.labels(topics.ALERTS).inc()
            self._log.warning("alert to dead-letters", reason=str(error), offset=message.offset)
            written.append(dead_letter(message, topics.ALERTS, str(error), round(message.timestamp * 1000)))
            return
        place = Place(message.partition, message.offset, round(message.timestamp * 1000))
        key = state_key(alert.subscription, group_key(alert))
        raw = self._changelog.get(key)
        verdict, group = decide(
            None if raw is None else Group.decode(raw),
            alert,
            place,
            time_to_live_ms=round(self._settings.time_to_live_s * 1000),
            payload=self._payload,
        )
        if verdict is Verdict.REPEATED:
            self._metrics.alerts_repeated.inc()
            return
        if verdict is Verdict.TAKEN:
            value = group.encode()
            self._aged(place.partition).append((place.now_ms, key))
            writes.append((place.partition, key, value, self._changelog.put(place.partition, key, value)))
            self._expire(place, writes)
        self._send(alert, group, written)

    def _send(self, alert: AlertRecord, group: Group, written: list[Output]) -> None:
        subscription = alert.subscription.encode()
        written.append(Output(topics.DECISIONS, subscription, group.decision))
        if group.delivery is not None:
            written.append(Output(topics.DELIVERIES, subscription, group.delivery))
        decision = DecisionRecord.decode(group.decision, topics.DECISIONS)
        self._metrics.decisions.labels(decision.decision).inc()
        self._metrics.latency.labels("group").observe(max(0.0, self._clock() - alert.published_ms / 1000))

    def _aged(self, partition: int) -> deque[tuple[int, bytes]]:
        if self._ages is None:
            self._ages = {}
            for place, key in sorted(
                ((place_of(value), key) for key, value in self._changelog.items()), key=lambda held: held[0].now_ms
            ):
                self._ages.setdefault(place.partition, deque()).append((place.now_ms, key))
        return self._ages.setdefault(partition, deque())

    def _expire(self, place: Place, writes: list[Any]) -> None:
        """Forget a few groups of this partition that are older than the memory, by the time of its records.

        Of this partition only: another may lag by days, and may belong to another worker by now.
        """
        ages = self._aged(place.partition)
        oldest = place.now_ms - round(self._settings.memory_s * 1000)
        for _ in range(EXPIRE_PER_EVENT):
            if not ages or ages[0][0] >= oldest:
                return
            _, key = ages.popleft()
            if self._changelog.get(key) is not None:
                writes.append((place.partition, key, None, self._changelog.put(place.partition, key, None)))
