"""Agent `story`: says which story an article belongs to, and addresses its matches to the subscriptions.

The order of a batch, and what a crash between two of them costs (docs/crash-tables-worker.md has every row as a test):
stories to the changelog, acknowledged -> alerts produced, acknowledged -> input acknowledged to Faust.
"""

from collections.abc import Callable
from typing import Any

from service import logs
from service.adapters.dead_letters import dead_letter
from service.adapters.writer import Output, Writer
from service.alerting.addressing import Addresses, alerts_for
from service.alerting.place import Place
from service.alerting.story import Stories
from service.metrics import WorkerMetrics
from service.metrics.latency import Waits
from service.model import topics
from service.model.errors import BadInput, NewerSchema
from service.model.records import MatchRecord
from service.streams.changelog import Changelog
from service.streams.indexed import Indexed

EXPIRE_PER_EVENT = 4
"""Old entries removed at most while one record is handled: the stream never stops for a sweep."""


class StoryStage:
    """What the agent does with a batch of match records."""

    def __init__(  # noqa: PLR0913 - the parts that the composition root chooses
        self,
        stories: Stories,
        changelog: Changelog,
        addresses: Callable[[], Addresses],
        outputs: Writer,
        metrics: WorkerMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._stories = stories
        self._changelog = changelog
        self._addresses = addresses
        self._outputs = outputs
        self._metrics = metrics
        self._clock = clock
        self.index = Indexed("stories", changelog, stories.rebuild, stories.forget)
        self._log = logs.get(__name__)

    async def process(self, events: list[Any]) -> None:
        """Join and address a batch with one set of subscriptions; return when Kafka has stories and alerts."""
        addresses = self._addresses()
        waits = Waits()
        written = [output for event in events for output in self._one(event.message, addresses, waits)]
        self._metrics.batch.labels("story").observe(len(events))
        self.index.stored(await self._changelog.flush())
        await self._outputs.write(written)
        self._metrics.latency.observe_all("story", waits, self._clock())
        self._metrics.stories.set(len(self._stories))

    def _one(self, message: Any, addresses: Addresses, waits: Waits) -> list[Output]:
        place = Place(message.partition, message.offset, round(message.timestamp * 1000))
        try:
            record = MatchRecord.decode(message.value or b"", topics.MATCHES)
        except NewerSchema:
            raise
        except BadInput as error:
            self._metrics.dead_letters.labels(topics.MATCHES).inc()
            self._log.warning("match to dead-letters", reason=str(error), offset=message.offset)
            return [dead_letter(message, topics.MATCHES, str(error), place.now_ms)]
        self._changelog.turn(place.partition)
        step = self._stories.step(record, place)
        if step.value is not None:
            self._changelog.put(step.key, step.value)
            self._metrics.story_articles.labels(step.story.joined_by or "new").inc()
            if step.story.joined_by is None:
                for entity in {entity for match in step.matches for entity in match.entities}:
                    self._metrics.rules.stories.of(entity).inc()
            for key in self._stories.expire(place, EXPIRE_PER_EVENT):
                self._changelog.put(key, None)
        alerts = alerts_for(record, addresses, round(self._clock() * 1000), step)
        self._metrics.alerts.inc(len(alerts))
        waits.add(record.published_ms / 1000, record.article.id)
        return [Output(topics.ALERTS, alert.subscription.encode(), alert.encode()) for alert in alerts]
