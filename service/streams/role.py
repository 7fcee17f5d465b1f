"""The worker role: one Faust app with the three agents, its readiness, and its end."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust
from aiokafka.admin import AIOKafkaAdminClient
from faust.exceptions import ConsistencyError

from service import logs
from service.adapters.control import RulesFollower, SilencesFollower, SubscriptionsFollower
from service.adapters.kafka_client import client_options, topic_name
from service.adapters.writer import Writer
from service.matching.layers import Compile, Compiler, tried
from service.matching.ruleset import RuleSet
from service.metrics import RoleMetrics, WorkerMetrics
from service.metrics.disk import table_bytes
from service.metrics.worker import TABLES
from service.model import topics
from service.model.control_records import SilenceRecord
from service.model.errors import BongsuError, Unavailable, WrongSetup
from service.settings import Settings
from service.streams.batcher import Batcher, Process
from service.streams.changelog import ChangelogProducer
from service.streams.engines import Engines
from service.streams.faust_app import make_app, raw_topic
from service.streams.handover import handed_over
from service.streams.local_tables import LocalTables
from service.streams.match import MatchStage
from service.streams.state import State
from service.streams.watchdog import Watchdog

LAG_PERIOD_S = 2.0
DISK_PERIOD_S = 15.0


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
        self._engines = Engines(Compiler(compile_engine), on_swap=self._rules_in_force)
        self._rules = RulesFollower(settings.kafka, on_change=self._engines.changed, on_failure=self._fail, check=tried)
        self._subscriptions = SubscriptionsFollower(
            settings.kafka, on_change=self._control_changed, on_failure=self._fail
        )
        self._silences = SilencesFollower(settings.kafka, on_change=self._silenced, on_failure=self._fail)
        self._outputs = Writer(settings.kafka, on_retry=metrics.output_retries.inc)
        self._changelogs = ChangelogProducer(settings.kafka, on_retry=metrics.output_retries.inc)
        self._tables: LocalTables | None = None
        self._state: State | None = None
        self._app: Any = None
        self._batchers: dict[str, Batcher] = {}
        self._watchdog = Watchdog()
        self._connected = False
        self._tasks: list[asyncio.Task[None]] = []
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Read the control topics, connect, join the group. Returns before partitions are assigned: ask `ready`."""
        cluster, partitions = await self._cluster(topics.MATCHES, topics.ALERTS)
        await self._rules.start()
        await self._subscriptions.start()
        await self._silences.start()
        await self._outputs.start()
        await self._changelogs.start()
        kafka = self._settings.kafka
        self._tables = LocalTables(self._settings.bongsu.data_dir, cluster, topic_name(kafka, topics.WORKER_GROUP))
        self._build(self._tables.take(), (partitions[topics.MATCHES], partitions[topics.ALERTS]))
        self._control_changed()
        self._silenced(self._silences.all())
        await self._app.start()
        self._connected = True
        self._tasks = [
            asyncio.create_task(self._ends_with_us(self._report()), name="lag"),
            asyncio.create_task(self._ends_with_us(self._state_built.timer.run()), name="timer"),
        ]

    async def stop(self) -> None:
        """Leave the group with the offsets of what was acknowledged committed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._app is not None:
            await self._app.stop()
        await self._outputs.stop()
        await self._changelogs.stop()
        await self._engines.stop()
        await self._rules.stop()
        await self._subscriptions.stop()
        await self._silences.stop()
        if self._tables is not None:
            self._tables.release()

    @property
    def _state_built(self) -> State:
        assert self._state is not None, "start() first"
        return self._state

    def not_ready(self) -> list[str]:
        """What is still missing, as sentences; empty when ready."""
        missing = []
        if not all(followed.ready for followed in (self._rules, self._subscriptions, self._silences)):
            missing.append("control topics are not read to their end")
        elif not self._engines.ready:
            missing.append(self._why_no_rules())
        if not self._connected or not self._app.consumer.assignment() or self._app.rebalancing:
            missing.append("no partitions are assigned")
        elif self._app.tables.recovery.in_recovery:
            missing.append("tables are being recovered")
        return missing

    def notes(self) -> list[str]:
        """What an operator should know though the role is ready."""
        refused = self._engines.refused or self._rules.refused
        if refused is None or not self._engines.ready:
            return []
        in_force = self._engines.version[:12]
        return [f"the newest rule set is refused ({refused}); {in_force} stays in force: mend it and apply it again"]

    def _why_no_rules(self) -> str:
        refused = self._engines.refused or self._rules.refused
        if refused is not None:
            return f"the rule set does not load ({refused}): mend it and run `bongsu rules apply DIR`"
        if self._rules.current is not None:
            return "the rules are being compiled"
        return "no rule set is published: run `bongsu rules apply DIR`"

    def _build(self, tables: Path, partitions: tuple[int, int]) -> None:
        settings = self._settings
        app = make_app(settings.kafka, tables, store=settings.alerting.store, alert_partitions=partitions[1])
        match = MatchStage(settings.matching, self._engines, self._outputs, self._metrics, self._clock)
        state = State(
            app, settings, self._outputs, self._changelogs, self._silences.at, self._metrics, self._clock, partitions
        )
        self._agent(app, topics.ARTICLES, "match", match.process, settings.matching.batch_size)
        self._agent(app, topics.MATCHES, "story", state.story.process, settings.matching.batch_size)
        self._agent(app, topics.ALERTS, "group", state.group.process, settings.alerting.commit_every)

        async def on_revoked(*_: Any, **__: Any) -> None:
            await self._ends_with_us(state.given_up(self._batchers.values()))

        async def on_assigned(*about: Any, **_: Any) -> None:
            state.assigned()
            self._log.info("partitions assigned", count=len(about[1]))

        app.on_partitions_revoked.connect(cast("Any", on_revoked))
        app.on_partitions_assigned.connect(cast("Any", on_assigned))
        for table, topic in (("stories", topics.MATCHES), ("groups", topics.ALERTS)):
            app.tables[table].on_recover(partial(self._recovered, topic))
        self._app, self._state = app, state

    async def _recovered(self, topic: str) -> None:
        await self._ends_with_us(self._state_built.recovered(topic))

    async def _ends_with_us(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a part of the role: where it fails the role does, since nobody else would see it."""
        try:
            await work
        except Exception as error:  # noqa: BLE001
            self._fail(error)

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

    def _control_changed(self) -> None:
        known = self._subscriptions.all()
        self._role_metrics.subscriptions.set(len(known))
        if self._state is not None:
            self._state.subscribed(known)

    def _silenced(self, changed: Sequence[SilenceRecord]) -> None:
        if self._state is not None:
            self._state.silenced(changed)

    async def _cluster(self, *names: str) -> tuple[str, dict[str, int]]:
        """The id of the cluster, and how many partitions each topic has."""
        admin = AIOKafkaAdminClient(**client_options(self._settings.kafka))
        wanted = {topic_name(self._settings.kafka, name): name for name in names}
        try:
            await admin.start()
            cluster = await admin.describe_cluster()
            # all: asking for one by name may create it on a cluster that creates topics by itself
            found = {one["topic"]: len(one["partitions"]) for one in await admin.describe_topics()}
        except Exception as error:
            raise Unavailable(f"Kafka at {self._settings.kafka.bootstrap_servers} does not answer: {error}") from error
        finally:
            await admin.close()
        partitions = {name: found.get(full, 0) for full, name in wanted.items()}
        for full, name in wanted.items():
            if not partitions[name]:
                raise WrongSetup(f"the topic {full} does not exist; run `bongsu topics create`")
        for table, name in topics.CHANGELOGS.items():
            changelog = topic_name(self._settings.kafka, topics.changelog_topic(table))
            if found.get(changelog, partitions[name]) != partitions[name]:  # none yet: Faust makes it
                raise WrongSetup(
                    f"{changelog} has {found[changelog]} partitions and {topic_name(self._settings.kafka, name)} has "
                    f"{partitions[name]}: what is known of a key would not be where its records are. "
                    "docs/operations.md, Repartitioning, says what to do"
                )
        return str(cluster.get("cluster_id") or ""), partitions

    async def _report(self) -> None:
        """Lag by topic every LAG_PERIOD_S, the disk every DISK_PERIOD_S; and the end of a stream that crashed."""
        looked_at = -DISK_PERIOD_S
        while True:
            if self._app.crashed:
                raise self._crash(self._app.crash_reason)
            await self._read_again(self._report_lag(await self._ends()))
            self._metrics.rules.refused.set(self._rules.refused is not None or self._engines.refused is not None)
            if self._tables is not None:
                self._tables.touch()
                if time.monotonic() - looked_at >= DISK_PERIOD_S:
                    looked_at = time.monotonic()
                    await asyncio.to_thread(self._look_at_disk, self._tables.path)
            await asyncio.sleep(LAG_PERIOD_S)

    def _look_at_disk(self, tables: Path) -> None:
        self._metrics.disk.look(self._settings.bongsu.data_dir)
        for table, size in table_bytes(tables, TABLES).items():
            self._metrics.table_bytes.labels(table).set(size)

    def _rules_in_force(self, ruleset: RuleSet) -> None:
        rules, entities = [rule.id for rule in ruleset.rules], [entity.id for entity in ruleset.entities]
        self._metrics.rules.in_force(ruleset.version, rules, entities, self._clock())
        self._metrics.rules.published.set((self._rules.published_ms or 0) / 1000)

    def _crash(self, reason: BaseException | None) -> BongsuError:
        if isinstance(reason, ConsistencyError) and self._tables is not None:
            return WrongSetup(
                "the worker's tables are ahead of their changelogs: topics were deleted and made again. Remove "
                f"{self._tables.path} and start it again; everything in it is read from Kafka ({reason})"
            )
        return reason if isinstance(reason, BongsuError) else Unavailable(f"the stream crashed: {reason!r}")

    async def _read_again(self, progress: Mapping[Any, tuple[int, int]]) -> None:
        """Rewind what stands still to its committed offset."""
        idle = not self._app.rebalancing and all(batcher.idle for batcher in self._batchers.values())
        stalled = self._watchdog.stalled(time.monotonic(), progress, idle=idle)
        if stalled:
            self._log.warning("partitions stand still, reading again from what is committed", partitions=len(stalled))
            self._metrics.rewinds.inc(len(stalled))
            await self._app.consumer.seek_wait({partition: progress[partition][0] for partition in stalled})

    def _inputs(self) -> dict[str, str]:
        """Topics that the agents read, with the prefix, and without."""
        names = (topics.ARTICLES, topics.MATCHES, topics.ALERTS)
        return {topic_name(self._settings.kafka, name): name for name in names}

    async def _ends(self) -> dict[Any, int]:
        """The end of each assigned partition of an input, as far as we know.

        A fetch tells it. Of one from which nothing was fetched yet Kafka is asked: it may be what stands still.
        """
        consumer, inputs = self._app.consumer, self._inputs()
        ours = [partition for partition in consumer.assignment() if partition.topic in inputs]
        ends = {partition: consumer.highwater(partition) for partition in ours}
        unknown = [partition for partition, end in ends.items() if end is None]
        if unknown and not self._app.rebalancing:
            with contextlib.suppress(Exception):  # it changes hands, or Kafka is away: the next round asks again
                ends |= await asyncio.wait_for(consumer.highwaters(*unknown), LAG_PERIOD_S)
        return {partition: end for partition, end in ends.items() if end is not None}

    def _report_lag(self, ends: Mapping[Any, int]) -> dict[Any, tuple[int, int]]:
        """Exports the lag; returns (committed, end) of each partition."""
        consumer, names = self._app.consumer, self._inputs()
        lags = dict.fromkeys(names.values(), 0)
        progress = {}
        for partition, end in ends.items():
            committed = max(0, consumer._committed_offset[partition] or 0)  # noqa: SLF001
            lags[names[partition.topic]] += max(0, end - committed)
            progress[partition] = (committed, end)
        for name, lag in lags.items():
            self._metrics.lag.labels(name).set(lag)
        return progress
