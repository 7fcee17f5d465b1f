"""What the worker remembers: two tables, the stages over them and the timer, through every change of partitions.

Given up: the batch under way ends, its changelog acknowledged, before another worker may begin (`given_up`).
Assigned: what is no longer ours is forgotten (`assigned`). Recovered: what came, or moved without us, is indexed, and
only then are records handed over (`recovered`).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from faust.types import TP

from service.adapters.kafka_client import topic_name
from service.adapters.writer import Writer
from service.alerting.addressing import SubscriptionIndex
from service.alerting.groups import Context, Groups
from service.alerting.policy import Policy
from service.alerting.silence import Silence
from service.alerting.story import Stories, StoryLimits
from service.delivery.formats import body_of
from service.metrics import WorkerMetrics
from service.model import topics
from service.model.control_records import SilenceRecord, SubscriptionRecord
from service.model.errors import Unavailable
from service.settings import Settings
from service.streams.batcher import Batcher
from service.streams.changelog import Changelog, ChangelogProducer
from service.streams.faust_app import make_table
from service.streams.group import GroupStage
from service.streams.indexed import Indexed
from service.streams.story import StoryStage
from service.streams.timer import Timer

GIVE_UP_S = 20.0
"""How long the batch under way may take when partitions are given up; Kafka waits 30 s for a member."""


class State:
    """Stages `story` and `group` with their tables, indices and timer."""

    def __init__(  # noqa: PLR0913 - the parts that the composition root chooses
        self,
        app: Any,
        settings: Settings,
        outputs: Writer,
        changelogs: ChangelogProducer,
        silences: Callable[[int], Sequence[Silence]],
        metrics: WorkerMetrics,
        clock: Callable[[], float],
        partitions: tuple[int, int],
    ) -> None:
        """`silences`: those active at a time. `partitions`: of `matches` and of `alerts`, and so of their tables."""
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._index = SubscriptionIndex(())
        self._since: dict[str, int] = {}
        self._empty: list[tuple[str, Policy, int]] | None = None
        """What `_empty_digests` found; None: the subscriptions changed since."""
        self._silences = silences
        self._silence_ends: dict[str, int] = {}
        self._topics = {name: topic_name(settings.kafka, name) for name in (topics.MATCHES, topics.ALERTS)}
        alerting = settings.alerting
        story_log = self._changelog("stories", changelogs, partitions[0])
        self._stories = Stories(
            StoryLimits(
                round(alerting.story_window_s * 1000), alerting.story_articles, round(alerting.redated_after_s * 1000)
            ),
            story_log.get,
        )
        self.story = StoryStage(self._stories, story_log, lambda: self._index, outputs, metrics, clock)
        group_log = self._changelog("groups", changelogs, partitions[1])
        self._groups = Groups(group_log)
        self.group = GroupStage(
            alerting, self._groups, group_log, self._context, outputs, metrics, clock, self._committed
        )
        self.timer = Timer(self._groups, self.group.index, self._empty_digests, outputs, metrics, clock, partitions[1])
        self._indices: dict[str, Indexed] = {topics.MATCHES: self.story.index, topics.ALERTS: self.group.index}

    def _changelog(self, name: str, producer: ChangelogProducer, partitions: int) -> Changelog:
        table = make_table(self._app, name, store=self._settings.alerting.store, partitions=partitions)
        return Changelog(producer, table.changelog_topic.get_topic_name(), lambda: table.data)

    def subscribed(self, records: Sequence[SubscriptionRecord]) -> None:
        """These are the subscriptions from the next batch on."""
        self._index = SubscriptionIndex(records)
        self._since = {record.id: record.updated_ms for record in records}
        self._empty = None

    def silenced(self, records: Iterable[SilenceRecord]) -> None:
        """These silences are new, or changed: what they hold is due when they end now."""
        for record in records:
            self._silence_ends[record.id] = record.ends_ms
            if not self.group.index.recovering:  # a thread makes the index; `recovered` tells it afterwards
                self._groups.silence_ends(record.id, record.ends_ms)

    async def given_up(self, batchers: Iterable[Batcher]) -> None:
        """Partitions are about to go: end what is under way.

        Raises:
            Unavailable: it does not end; to go on would be to write the changelog of another worker's partition.
        """
        try:
            await asyncio.wait_for(asyncio.gather(*[batcher.drain() for batcher in batchers]), GIVE_UP_S)
        except TimeoutError:
            raise Unavailable(
                f"Kafka did not take what was decided within {GIVE_UP_S:g} s while partitions change hands; "
                "the worker must be started again"
            ) from None

    def assigned(self) -> None:
        """The new assignment is known, the tables are not recovered yet."""
        for topic, index in self._indices.items():
            index.assigned(self._ours(topic))
        self.group.sent_through.keep(self.group.index.partitions)

    async def recovered(self, topic: str) -> None:
        """A table is recovered: index it before its records come."""
        index = self._indices[topic]
        self._metrics.recovery_seconds.labels(index.name).set(await index.recovered(self._ours(topic)))
        if topic == topics.ALERTS:
            for silence, ends_ms in self._silence_ends.items():
                self._groups.silence_ends(silence, ends_ms)

    def _ours(self, topic: str) -> set[int]:
        name = self._topics[topic]
        return {part.partition for part in self._app.consumer.assignment() if part.topic == name}

    def _committed(self, partition: int) -> int:
        known = self._app.consumer._committed_offset  # noqa: SLF001  Faust has no other way to ask
        return max(0, known.get(TP(self._topics[topics.ALERTS], partition)) or 0)

    def _context(self) -> Context:
        index = self._index
        return Context(
            policy=index.policy,
            style=index.style,
            silences=self._silences,
            payload=body_of,
            sent_through=-1,
            time_to_live_ms=round(self._settings.alerting.time_to_live_s * 1000),
        )

    def _empty_digests(self) -> list[tuple[str, Policy, int]]:
        """The timer asks at each tick: to look at 5,000 subscriptions takes 5 ms, so it is done when they changed."""
        if self._empty is None:
            self._empty = [(one, policy, self._since.get(one, 0)) for one, policy in self._index.empty_digests()]
        return self._empty
