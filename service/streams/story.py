"""Agent `story`: matches in, one alert for each subscription that wants them. For now an article is its own story."""

from collections.abc import Callable
from typing import Any

from service import logs
from service.adapters.dead_letters import dead_letter
from service.adapters.writer import Output, Writer
from service.alerting.addressing import Addresses, alerts_for
from service.metrics import WorkerMetrics
from service.model import topics
from service.model.errors import BadInput, NewerSchema
from service.model.records import MatchRecord


class StoryStage:
    """What the agent does with a batch of match records."""

    def __init__(
        self,
        addresses: Callable[[], Addresses],
        outputs: Writer,
        metrics: WorkerMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._addresses = addresses
        self._outputs = outputs
        self._metrics = metrics
        self._clock = clock
        self._log = logs.get(__name__)

    async def process(self, events: list[Any]) -> None:
        """Address a batch with one set of subscriptions; return when Kafka has the alerts."""
        addresses = self._addresses()
        written = [output for event in events for output in self._one(event.message, addresses)]
        self._metrics.batch.labels("story").observe(len(events))
        await self._outputs.write(written)

    def _one(self, message: Any, addresses: Addresses) -> list[Output]:
        try:
            record = MatchRecord.decode(message.value or b"", topics.MATCHES)
        except NewerSchema:
            raise
        except BadInput as error:
            self._metrics.dead_letters.labels(topics.MATCHES).inc()
            self._log.warning("match to dead-letters", reason=str(error), offset=message.offset)
            return [dead_letter(message, topics.MATCHES, str(error), round(message.timestamp * 1000))]
        now = self._clock()
        alerts = alerts_for(record, addresses, round(now * 1000))
        self._metrics.alerts.inc(len(alerts))
        self._metrics.latency.labels("story").observe(max(0.0, now - record.published_ms / 1000))
        return [Output(topics.ALERTS, alert.subscription.encode(), alert.encode()) for alert in alerts]
