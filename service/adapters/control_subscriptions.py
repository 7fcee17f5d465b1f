"""Subscriptions on the control topic `subscriptions`: one record each; that of one that was removed says so."""

import os
import time
from collections.abc import Callable
from typing import Protocol

from service import logs
from service.adapters.control_revisions import Kind, RevisionsFollower, read_standing
from service.adapters.control_topic import OnFailure
from service.adapters.control_writes import publish_revision
from service.delivery.sealing import NONCE_BYTES, Keyring, is_sealed, opened_record, sealed_record, values_of
from service.model import topics
from service.model.control_records import SubscriptionRecord
from service.model.errors import InvalidSubscription
from service.settings import KafkaSettings


def new_nonce() -> bytes:
    """For one sealed value."""
    return os.urandom(NONCE_BYTES)


SUBSCRIPTION = Kind(SubscriptionRecord, topics.SUBSCRIPTIONS, "subscription", lambda record: record.removed_ms)


def removal_of(record: SubscriptionRecord, now_ms: int) -> SubscriptionRecord:
    """What stands for a subscription that is gone: whose it was, and nothing of it that is secret."""
    return SubscriptionRecord(
        id=record.id, revision=record.revision + 1, tenant=record.tenant, url="", rules=(), secrets=(),
        created_ms=record.created_ms, updated_ms=now_ms, removed_ms=now_ms, request=record.request,
    )  # fmt: skip


async def publish_subscription(
    settings: KafkaSettings, record: SubscriptionRecord, keys: Keyring | None = None
) -> None:
    """Create or replace a subscription; it stands when this returns. With `keys`, its secrets are sealed.

    Raises:
        ChangedMeanwhile: somebody else changed it since the revision that `record` was made from; that stands.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    await publish_revision(settings, sealed_record(record, keys, new_nonce), SUBSCRIPTION)


async def remove_subscription(settings: KafkaSettings, subscription: str) -> None:
    """Remove a subscription; nothing happens when there is none of this id. Raises as `publish_subscription`."""
    stands = (await read_standing(settings, SUBSCRIPTION)).known.get(subscription)
    if stands is not None:
        now_ms = time.time_ns() // 1_000_000
        await publish_revision(settings, removal_of(stands, now_ms), SUBSCRIPTION)


async def read_subscriptions(settings: KafkaSettings) -> tuple[SubscriptionRecord, ...]:
    """All subscriptions there are now, in the order of their ids; those that cannot be read are logged and left out.

    Raises:
        NewerSchema: one was written by a newer Bongsu.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return (await read_standing(settings, SUBSCRIPTION)).all()


class SubscriptionsFollower(RevisionsFollower[SubscriptionRecord]):
    """Follows the topic `subscriptions`."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        on_change: Callable[[], None] | None = None,
        on_failure: OnFailure | None = None,
        once: bool = False,
    ) -> None:
        """`on_change` is called after each batch of records; the others as in `RevisionsFollower`."""
        super().__init__(settings, SUBSCRIPTION, on_failure=on_failure, once=once)
        self._on_change = on_change

    def _changed(self, _: tuple[SubscriptionRecord, ...]) -> None:
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
