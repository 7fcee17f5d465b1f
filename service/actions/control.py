"""The control topics in one hand: read, followed and written. Long-lived in the API, for one command in a shell.

A command asks for the topics that it needs and for nothing else: each costs a connection. The producer is started
when something is written for the first time.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import Any, Generic, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from service import logs
from service.actions.known_rules import KnownRules, read_known_rules
from service.actions.standing_rules import StandingRules
from service.adapters.control_revisions import R, RevisionsFollower
from service.adapters.control_silences import SilencesFollower
from service.adapters.control_subscriptions import SubscriptionsFollower
from service.adapters.control_tokens import TokensFollower
from service.adapters.control_topic import OnFailure
from service.adapters.control_writes import RevisionsWriter
from service.adapters.kafka_client import STOP_S, make_producer, ours, start_here, topic_name
from service.adapters.rules_topic import mend
from service.model import topics
from service.model.control_records import SilenceRecord, SubscriptionRecord, TokenRecord
from service.model.errors import BongsuError, WrongSetup
from service.settings import Settings

ALL = (topics.SUBSCRIPTIONS, topics.SILENCES, topics.TOKENS, topics.RULES)
TIDY_AFTER_S = 2.0
"""A writer mends what it left itself; what is untidy for longer was left by one that was killed."""


def now_ms() -> int:
    """The clock, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Records(Generic[R]):
    """The records of one topic, to read and to write."""

    def __init__(self, control: "Control", follower: RevisionsFollower[R]) -> None:
        self.follower = follower
        self._control = control
        self._writer = RevisionsWriter(
            control.settings.kafka, follower, control.producer, control.settings.api.timeout_s
        )

    def get(self, key: str) -> R | None:
        """The record as far as it was read; None when there is none (any more)."""
        return self.follower.get(key)

    def all(self) -> tuple[R, ...]:
        """Every record, in the order of their ids."""
        return self.follower.all()

    def gone(self, key: str) -> R | None:
        """What stands for one that was removed, for a month."""
        return self.follower.standing.gone.get(key)

    async def fresh(self) -> None:
        """Wait until all is known that anybody wrote before. At once in a command, which has just read it.

        Raises:
            Unavailable, WrongSetup: Kafka does not answer in time, or refuses us.
        """
        if not self._control.once:
            await self.follower.catch_up(self._control.settings.api.timeout_s)

    async def of(self, tenant: str, key: str) -> R | None:
        """The record of this id that stands; None when there is none, or it is another tenant's. Raises as `fresh`."""
        await self.fresh()
        record = self.get(key)
        return None if record is None or record.tenant != tenant else record

    async def all_of(self, tenant: str) -> tuple[R, ...]:
        """Every record of a tenant that stands, in the order of their ids. Raises as `fresh`."""
        await self.fresh()
        return tuple(record for record in self.all() if record.tenant == tenant)

    async def write(self, record: R) -> R:
        """As `RevisionsWriter.write`: it stands when this returns."""
        return await self._writer.write(record)

    async def tidy(self) -> int:
        """As `RevisionsWriter.tidy`."""
        return await self._writer.tidy()


class Control:
    """Everything that actions read and write. Start it, or use it as an asynchronous context manager."""

    subscriptions: Records[SubscriptionRecord]
    silences: Records[SilenceRecord]
    tokens: Records[TokenRecord]
    rules: StandingRules | None

    def __init__(
        self,
        settings: Settings,
        *,
        follow: Collection[str] = ALL,
        once: bool = False,
        clock: Callable[[], int] = now_ms,
        on_failure: OnFailure | None = None,
    ) -> None:
        """Connects to nothing yet.

        Args:
            settings: all of them.
            follow: the topics (names of `service.model.topics`) that are read; others cannot be asked for.
            once: for one command: what it read at the start is fresh enough, and what others do meanwhile no warning.
            clock: milliseconds since the epoch.
            on_failure: is told what ended the following, e.g. NewerSchema: the role must end then.
        """
        self.settings = settings
        self.once = once
        self.now_ms = clock
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._tidying: asyncio.Task[None] | None = None
        self._followed: list[Records[Any]] = []
        self._log = logs.get(__name__)
        if topics.SUBSCRIPTIONS in follow:
            self.subscriptions = self._added(SubscriptionsFollower(settings.kafka, on_failure=on_failure, once=once))
        if topics.SILENCES in follow:
            self.silences = self._added(SilencesFollower(settings.kafka, on_failure=on_failure, once=once))
        if topics.TOKENS in follow:
            self.tokens = self._added(TokensFollower(settings.kafka, on_failure=on_failure, once=once))
        self.rules = StandingRules(settings.kafka, on_failure=on_failure) if topics.RULES in follow else None

    @property
    def ready(self) -> bool:
        """All topics that it follows are read to their end and followed."""
        return not self.missing()

    def missing(self) -> list[str]:
        """The topics that are not followed (yet, or any more)."""
        missing = [one.follower.standing.kind.topic for one in self._followed if not one.follower.ready]
        if self.rules is not None and not self.rules.ready:
            missing.append(topics.RULES)
        return missing

    async def start(self) -> None:
        """Read the topics to their ends.

        Raises:
            Unavailable, WrongSetup, NewerSchema: as `ControlTopic.start`.
        """
        try:
            await asyncio.gather(
                *(one.follower.start() for one in self._followed), *([self.rules.start()] if self.rules else [])
            )
            if not self.once:
                await self.producer()
                self._tidying = asyncio.create_task(self._tidy(), name="tidy control topics")
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop following and writing. May be called at any time, also twice."""
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
            self._tidying = None
        followed = [one.follower.stop() for one in self._followed] + ([self.rules.stop()] if self.rules else [])
        await asyncio.gather(*followed, return_exceptions=True)
        if self._producer is not None:
            producer, self._producer = self._producer, None
            with contextlib.suppress(KafkaError, TimeoutError):  # what was not written was told to who wrote it
                await asyncio.wait_for(producer.stop(), STOP_S)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def producer(self) -> AIOKafkaProducer:
        """The one producer, started; a new one where it failed for good. Raises Unavailable, WrongSetup."""
        async with self._starting:
            if self._producer is not None and self._producer._sender.sender_task.done():  # noqa: SLF001
                # An idempotent producer ends when what it gave up was in doubt, e.g. after the broker was away.
                broken, self._producer = self._producer, None
                with contextlib.suppress(KafkaError, TimeoutError):
                    await asyncio.wait_for(broken.stop(), STOP_S)
            if self._producer is None:
                producer = await start_here(self.settings.kafka, make_producer(self.settings.kafka))
                try:
                    await self._check_changes(producer)
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _check_changes(self, producer: AIOKafkaProducer) -> None:
        """Whoever writes writes there first; a producer waits half a minute for a topic that does not exist."""
        changes = topic_name(self.settings.kafka, topics.CHANGES)
        with ours(self.settings.kafka):
            metadata = await producer.client.fetch_all_metadata()
        if changes not in metadata.topics():
            raise WrongSetup(f"the topic {changes} does not exist; run `bongsu topics create`")

    async def send(self, name: str, records: Iterable[tuple[str, bytes]]) -> None:
        """Write records (key, value) to the topic `name`, each to the partition of its key, until all are acknowledged.

        Raises:
            Unavailable, WrongSetup: Kafka does not answer or refuses us; some may have been written.
        """
        producer = await self.producer()
        topic = topic_name(self.settings.kafka, name)
        # an idempotent producer itself tries for ever; what is given up here may be written when Kafka is back
        with ours(self.settings.kafka):
            sent: list[Any] = []
            for key, value in records:
                async with asyncio.timeout(self.settings.api.timeout_s):
                    sent.append(await producer.send(topic, value, key=key.encode()))
                    if len(sent) >= 500:
                        await asyncio.gather(*sent)
                        sent.clear()
            async with asyncio.timeout(self.settings.api.timeout_s):
                await asyncio.gather(*sent)

    async def known_rules(self, tenant: str) -> KnownRules | None:
        """The rules of a tenant in force; None when there are none. The topic is read only where it is not followed.

        Raises:
            Unavailable, WrongSetup: Kafka does not answer or refuses us, or they are not whole on the topic.
            BadInput, NewerSchema: their manifest cannot be read.
        """
        if self.rules is None:
            return await read_known_rules(self.settings.kafka, tenant)
        await self.rules.fresh(self.settings.api.timeout_s)
        return await self.rules.known(tenant)

    def _added(self, follower: RevisionsFollower[R]) -> Records[R]:
        records = Records(self, follower)
        self._followed.append(records)
        return records

    async def _tidy(self) -> None:
        """Mend what writers left that were killed: what is untidy twice in a row."""
        before: list[set[str]] = [set() for _ in self._followed]
        rules_before: set[str] = set()
        while True:
            try:
                for number, one in enumerate(self._followed):
                    untidy = set(one.follower.standing.untidy)
                    if before[number] & untidy:
                        count = await one.tidy()
                        self._log.info(
                            "standing records written again", topic=one.follower.standing.kind.topic, n=count
                        )
                    before[number] = untidy
                rules_before = await self._tidy_rules(rules_before)
            except BongsuError as error:
                self._log.warning("control topics could not be tidied, trying again", reason=str(error))
            await asyncio.sleep(TIDY_AFTER_S)

    async def _tidy_rules(self, before: set[str]) -> set[str]:
        """Manifests of those tenants that were untidy before; returns who is now. Raises Unavailable, WrongSetup."""
        untidy = [] if self.rules is None else self.rules.untidy()
        old = [order for order in untidy if order.tenant in before]
        if old:
            producer = await self.producer()
            with ours(self.settings.kafka):
                async with asyncio.timeout(self.settings.api.timeout_s):
                    await mend(self.settings.kafka, producer, old)
            self._log.info("standing records written again", topic=topics.RULES, n=len(old))
        return {order.tenant for order in untidy}
