"""Subscriptions on the control topic `subscriptions`: one record each, a null value removes it.

Two that change one subscription at the same time must not undo each other's change. Kafka has no compare-and-set, but
one order that all see: a change carries the revision after the one that it was made from, and **every reader ignores a
record whose revision is not higher than the one that stands**. So the first of two wins everywhere. Who writes reads
its own record back, and says so when it lost; it then writes the winner's again, which changes nothing and is what
compaction keeps.
"""

import os
from collections.abc import Callable
from typing import Protocol

from service import logs
from service.adapters.control_topic import ControlTopic, OnFailure, put, read_each
from service.adapters.kafka_client import make_producer, started, topic_name
from service.delivery.sealing import NONCE_BYTES, Keyring, is_sealed, opened_record, sealed_record, values_of
from service.model import topics
from service.model.errors import BadInput, ChangedMeanwhile, InvalidSubscription
from service.model.records import SubscriptionRecord
from service.settings import KafkaSettings


def new_nonce() -> bytes:
    """For one sealed value."""
    return os.urandom(NONCE_BYTES)


class Standing:
    """The subscriptions that stand, from the records of the topic in their order."""

    def __init__(self) -> None:
        self.known: dict[str, SubscriptionRecord] = {}
        self._log = logs.get(__name__)

    def take(self, key: str, value: bytes | None) -> None:
        """The next record; one that cannot be read, or came too late, leaves what stands.

        Raises:
            NewerSchema: written by a newer Bongsu.
        """
        if value is None:
            self.known.pop(key, None)
            return
        try:
            record = SubscriptionRecord.decode(value, topics.SUBSCRIPTIONS)
        except BadInput as error:
            self._log.error("subscription cannot be read, the last good one stays", subscription=key, reason=str(error))
            return
        stands = self.known.get(key)
        if stands is None or record.revision > stands.revision:  # compaction may have taken those in between
            self.known[key] = record
        elif record != stands:
            self._log.warning(
                "a change that came too late is ignored", subscription=key, revision=record.revision,
                stands=stands.revision,
            )  # fmt: skip

    def all(self) -> tuple[SubscriptionRecord, ...]:
        """In the order of their ids."""
        return tuple(self.known[key] for key in sorted(self.known))


async def _read_standing(settings: KafkaSettings) -> Standing:
    standing = Standing()
    await read_each(settings, topics.SUBSCRIPTIONS, standing.take)
    return standing


async def publish_subscription(
    settings: KafkaSettings, record: SubscriptionRecord, keys: Keyring | None = None
) -> None:
    """Create or replace a subscription; it stands when this returns. With `keys`, its secrets are sealed.

    Raises:
        ChangedMeanwhile: somebody else changed it since the revision that `record` was made from; that stands.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    written = sealed_record(record, keys, new_nonce)
    topic = topic_name(settings, topics.SUBSCRIPTIONS)
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic, [(record.id, written.encode())])
        standing, stood = Standing(), False

        def take(key: str, value: bytes | None) -> None:
            nonlocal stood
            standing.take(key, value)
            stood = stood or (key == record.id and standing.known.get(key) == written)

        await read_each(settings, topics.SUBSCRIPTIONS, take)
        if stood:  # the next change may have been made from it already
            return
        stands = standing.known.get(record.id)
        if stands is not None:
            await put(producer, topic, [(record.id, stands.encode())])
    raise ChangedMeanwhile(
        f"the subscription {record.id} was {'removed' if stands is None else 'changed'} by somebody else at the same "
        f"time{'' if stands is None else f' (revision {stands.revision} stands)'}; nothing of this change was kept. "
        "Look at it, and try again."
    )


async def remove_subscription(settings: KafkaSettings, subscription: str) -> None:
    """Remove a subscription; nothing happens when there is none of this id. Raises as `publish_subscription`."""
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic_name(settings, topics.SUBSCRIPTIONS), [(subscription, None)])


async def read_subscriptions(settings: KafkaSettings) -> tuple[SubscriptionRecord, ...]:
    """All subscriptions there are now, in the order of their ids; those that cannot be read are logged and left out.

    Raises:
        NewerSchema: one was written by a newer Bongsu.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return (await _read_standing(settings)).all()


class SubscriptionsFollower:
    """Follows the topic `subscriptions`. A record that cannot be read leaves the last good one of its id in force."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        on_change: Callable[[], None] | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """`on_change` is called after each batch of records; `on_failure` as in `ControlTopic`."""
        self._topic = ControlTopic(
            settings, topics.SUBSCRIPTIONS, self._on_record, on_batch=self._on_batch, on_failure=on_failure
        )
        self._on_change = on_change
        self._standing = Standing()
        self._all: tuple[SubscriptionRecord, ...] = ()

    @property
    def ready(self) -> bool:
        """Read to the end and following."""
        return self._topic.ready

    def get(self, subscription: str) -> SubscriptionRecord | None:
        """The subscription of this id; None when there is none (any more)."""
        return self._standing.known.get(subscription)

    def all(self) -> tuple[SubscriptionRecord, ...]:
        """Every subscription, in the order of their ids."""
        return self._all

    async def start(self) -> None:
        """Read the topic to its end. Raises as `ControlTopic.start`."""
        await self._topic.start()

    async def stop(self) -> None:
        """Stop following; what is known stays."""
        await self._topic.stop()

    def _on_record(self, key: str, value: bytes | None) -> None:
        self._standing.take(key, value)

    async def _on_batch(self) -> None:
        self._all = self._standing.all()
        if self._on_change is not None:
            self._on_change()


class Subscriptions(Protocol):
    """What a follower knows."""

    def get(self, subscription: str, /) -> SubscriptionRecord | None:
        """None when there is none."""
        ...

    def all(self) -> tuple[SubscriptionRecord, ...]:
        """Every one."""
        ...


class OpenSubscriptions:
    """The subscriptions of a follower with their secrets opened, for whoever signs with them.

    The follower keeps what stands on the topic: so nothing that is opened can be written back by mistake.
    """

    def __init__(self, follower: Subscriptions, keys: Keyring | None) -> None:
        self._follower = follower
        self._keys = keys
        self._opened: dict[str, tuple[SubscriptionRecord, SubscriptionRecord]] = {}
        self._warned = False
        self._log = logs.get(__name__)

    def get(self, subscription: str) -> SubscriptionRecord | None:
        """The subscription; what does not open is left sealed, and signing with it says why it cannot."""
        record = self._follower.get(subscription)
        if record is None:
            self._opened.pop(subscription, None)
            return None
        known = self._opened.get(subscription)
        if known is None or known[0] is not record:
            known = self._opened[subscription] = (record, self._open(record))
        return known[1]

    def all(self) -> tuple[SubscriptionRecord, ...]:
        """Every subscription, as `get` gives it."""
        known = (self.get(record.id) for record in self._follower.all())
        return tuple(record for record in known if record is not None)

    def _open(self, record: SubscriptionRecord) -> SubscriptionRecord:
        if not self._warned and not all(map(is_sealed, values_of(record))):
            self._warned = True
            todo = "run `bongsu subscriptions rekey`" if self._keys else "set BONGSU_SECRET_KEY, then rekey"
            self._log.warning("webhook secrets stand in clear on the topic", subscription=record.id, todo=todo)
        try:
            return opened_record(record, self._keys)
        except InvalidSubscription as error:
            self._log.error("nothing can be signed for a subscription", subscription=record.id, reason=str(error))
            return record
