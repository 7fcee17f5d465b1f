"""The worker role: one Faust app with the three agents, its readiness, and its end."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import faust
from aiokafka.admin import AIOKafkaAdminClient

from service import logs
from service.adapters.control import RulesFollower, SubscriptionsFollower
from service.adapters.kafka_client import client_options, topic_name
from service.adapters.writer import Writer
from service.alerting.addressing import SubscriptionIndex
from service.delivery.formats import notification
from service.metrics import RoleMetrics, WorkerMetrics
from service.model import topics
from service.model.errors import BongsuError, Unavailable, WrongSetup
from service.settings import Settings
from service.streams.batcher import Batcher, Process
from service.streams.engines import Compile, Engines
from service.streams.faust_app import make_app, raw_topic
from service.streams.group import Changelog, GroupStage
from service.streams.handover import handed_over
from service.streams.match import MatchStage
from service.streams.story import StoryStage
from service.streams.watchdog import Watchdog

LAG_PERIOD_S = 2.0


class Worker:
    """`bongsu worker`. `failed` is set when the role must end (a newer schema, a fault of ours)."""

    def __init__(
        self,
        settings: Settings,
        *,
        compile_engine: Compile,
        metrics: WorkerMetrics,
        role_metrics: RoleMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._role_metrics = role_metrics
        self._clock = clock
        self._log = logs.get(__name__)
        self._engines = Engines(compile_engine)
        self._rules = RulesFollower(settings.kafka, on_change=self._engines.changed, on_failure=self._fail)
        self._subscriptions = SubscriptionsFollower(
            settings.kafka, on_change=self._index_subscriptions, on_failure=self._fail
        )
        self._index = SubscriptionIndex(())
        self._outputs = Writer(settings.kafka, on_retry=metrics.output_retries.inc)
        self._app: Any = None
        self._batchers: dict[str, Batcher] = {}
        self._watchdog = Watchdog()
        self._connected = False
        self._lag_task: asyncio.Task[None] | None = None
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Read the control topics, connect, join the group. Returns before partitions are assigned: ask `ready`."""
        partitions = await self._partitions_of(topics.ALERTS)
        await self._rules.start()
        await self._subscriptions.start()
        self._index_subscriptions()
        await self._outputs.start()
        self._app = self._build(partitions)
        await self._app.start()
        self._connected = True
        self._lag_task = asyncio.create_task(self._report(), name="lag")

    async def stop(self) -> None:
        """Leave the group with the offsets of what was acknowledged committed."""
        if self._lag_task is not None:
            self._lag_task.cancel()
            await asyncio.gather(self._lag_task, return_exceptions=True)
        if self._app is not None:
            await self._app.stop()
        await self._outputs.stop()
        await self._engines.stop()
        await self._rules.stop()
        await self._subscriptions.stop()

    def not_ready(self) -> list[str]:
        """What is still missing, as sentences; empty when ready."""
        missing = []
        if not self._rules.ready or not self._subscriptions.ready:
            missing.append("control topics are not read to their end")
        elif not self._engines.ready:
            missing.append(self._why_no_rules())
        if not self._connected or not self._app.consumer.assignment() or self._app.rebalancing:
            missing.append("no partitions are assigned")
        elif self._app.tables.recovery.in_recovery:
            missing.append("tables are being recovered")
        return missing

    def _why_no_rules(self) -> str:
        refused = self._engines.refused or self._rules.refused
        if refused is not None:
            return f"the rule set does not load ({refused}): mend it and run `bongsu rules apply DIR`"
        if self._rules.current is not None:
            return "the rules are being compiled"
        return "no rule set is published: run `bongsu rules apply DIR`"

    def _build(self, alert_partitions: int) -> Any:
        settings = self._settings
        app = make_app(
            settings.kafka, settings.bongsu.data_dir, store=settings.alerting.store, alert_partitions=alert_partitions
        )
        table = app.Table(
            "groups",
            key_type=bytes,
            value_type=bytes,  # a `dict` or `list` could not be decoded on recovery (design, part 5)
            partitions=alert_partitions,
        )
        match = MatchStage(settings.matching, self._engines, self._outputs, self._metrics, self._clock)
        story = StoryStage(lambda: self._index, self._outputs, self._metrics, self._clock)
        group = GroupStage(
            settings.alerting,
            Changelog(table, on_retry=self._metrics.output_retries.inc),
            self._outputs,
            self._metrics,
            notification,
            self._clock,
        )
        self._agent(app, topics.ARTICLES, "match", match.process, settings.matching.batch_size)
        self._agent(app, topics.MATCHES, "story", story.process, settings.matching.batch_size)
        self._agent(app, topics.ALERTS, "group", group.process, settings.alerting.commit_every)

        async def on_assigned(*about: Any, **_: Any) -> None:
            group.recovered()
            self._log.info("partitions assigned", count=len(about[1]))

        async def on_recovered() -> None:
            group.recovered()

        app.on_partitions_assigned.connect(cast("Any", on_assigned))
        table.on_recover(on_recovered)

        return app

    def _agent(self, app: faust.App, topic: str, name: str, process: Process, size: int) -> None:
        async def agent(stream: Any) -> None:
            async with Batcher(process, size=size, on_failure=self._fail) as batcher:
                self._batchers[name] = batcher
                async for events in handed_over(stream, size):
                    await batcher.put(events)

        app.agent(raw_topic(app, self._settings.kafka, topic), name=f"bongsu.{name}")(agent)

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self._log.error(
                "the worker ends, what it was doing is not acknowledged",
                error=str(error) or repr(error),
                exc_info=None if isinstance(error, BongsuError) else error,
            )
            self.failed.set_result(error)

    def _index_subscriptions(self, *_: Any) -> None:
        known = self._subscriptions.all()
        self._index = SubscriptionIndex(known)
        self._role_metrics.subscriptions.set(len(known))

    async def _partitions_of(self, topic: str) -> int:
        admin = AIOKafkaAdminClient(**client_options(self._settings.kafka))
        name = topic_name(self._settings.kafka, topic)
        try:
            await admin.start()
            found = await admin.describe_topics([name])
        except Exception as error:
            raise Unavailable(f"Kafka at {self._settings.kafka.bootstrap_servers} does not answer: {error}") from error
        finally:
            await admin.close()
        if not found or found[0].get("error_code"):
            raise WrongSetup(f"the topic {name} does not exist; run `bongsu topics create`")
        return len(found[0]["partitions"])

    async def _report(self) -> None:
        """Lag by topic, and the rules in force, every LAG_PERIOD_S; and the end of a stream that crashed."""
        try:
            while True:
                if self._app.crashed:
                    raise Unavailable(f"the stream crashed: {self._app.crash_reason!r}")  # noqa: TRY301
                await self._read_again(self._report_lag())
                self._metrics.rules_loaded.set(self._engines.rules)
                self._metrics.rules_refused.set(self._rules.refused is not None or self._engines.refused is not None)
                await asyncio.sleep(LAG_PERIOD_S)
        except Exception as error:  # noqa: BLE001  nobody else would see that the stream crashed
            self._fail(error)

    async def _read_again(self, progress: Mapping[Any, tuple[int, int]]) -> None:
        """Rewind what stands still to its committed offset."""
        idle = not self._app.rebalancing and all(batcher.idle for batcher in self._batchers.values())
        stalled = self._watchdog.stalled(time.monotonic(), progress, idle=idle)
        if stalled:
            self._log.warning("partitions stand still, reading again from what is committed", partitions=len(stalled))
            self._metrics.rewinds.inc(len(stalled))
            await self._app.consumer.seek_wait({partition: progress[partition][0] for partition in stalled})

    def _report_lag(self) -> dict[Any, tuple[int, int]]:
        """Exports the lag; returns (committed, end) of each partition."""
        kafka, consumer = self._settings.kafka, self._app.consumer
        names = {topic_name(kafka, name): name for name in (topics.ARTICLES, topics.MATCHES, topics.ALERTS)}
        lags = dict.fromkeys(names.values(), 0)
        progress = {}
        for partition in list(consumer.assignment()):
            if (name := names.get(partition.topic)) is not None:
                end = consumer.highwater(partition) or 0
                committed = max(0, consumer._committed_offset[partition] or 0)  # noqa: SLF001
                lags[name] += max(0, end - committed)
                progress[partition] = (committed, end)
        for name, lag in lags.items():
            self._metrics.lag.labels(name).set(lag)
        return progress
