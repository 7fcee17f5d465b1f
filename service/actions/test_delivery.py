"""One webhook of no consequence, through the real dispatcher."""

import secrets

from service.actions.actor import Actor
from service.actions.changes import Change, first_asked, noted
from service.actions.control import Control
from service.actions.subscriptions import Made, get
from service.delivery.formats import notification
from service.delivery.sample import sample_alert
from service.model import ids, topics
from service.model.control_records import SubscriptionRecord
from service.model.record import CONTENT_TYPES
from service.model.records import DeliveryRecord

LIVES_S = 300.0


def as_test(subscription: SubscriptionRecord, nonce: str, now_ms: int, lives_s: float) -> DeliveryRecord:
    """The delivery of a test, in the format of `subscription`; another `nonce` (hexadecimal) makes other ids."""
    body = notification("test", subscription.id, 1, "test", (sample_alert(subscription, now_ms, nonce),), now_ms)
    group = f"test-{nonce}"
    return DeliveryRecord(
        id=ids.delivery_id(subscription.id, group, 1),
        subscription=subscription.id,
        group=group,
        sequence=1,
        type="test",
        body=body,
        body_sha256=ids.sha256_hex(body.encode()),
        content_type=CONTENT_TYPES.get(subscription.format, "application/json"),
        alert_ids=(),
        created_ms=now_ms,
        deadline_ms=now_ms + round(lives_s * 1000),
        published_ms=now_ms,
        reason="test",
    )


async def make(
    control: Control, actor: Actor, subscription: str, *, nonce: str | None = None, lives_s: float = LIVES_S
) -> Made[DeliveryRecord]:
    """A test that is not sent yet; `replayed`: it was sent already, and is not to be sent again.

    Args:
        control: follows `subscriptions`.
        actor: who asks.
        subscription: its id.
        nonce: hexadecimal, from an Idempotency-Key: the same one within a day makes the same id and the same bytes.
        lives_s: after so many seconds it is no longer sent.

    Raises:
        NotFound: there is no such subscription.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    record = await get(control, actor, subscription)
    now_ms = control.now_ms()
    if nonce is None:
        return Made(as_test(record, secrets.token_hex(8), now_ms, lives_s))
    # Its time stands in its body: a repeat takes that of the first.
    first, done = await first_asked(
        control, actor, _change(subscription, f"test-{nonce}", now_ms), now_ms - topics.DAY_MS
    )
    return Made(as_test(record, nonce, first.at_ms, lives_s), replayed=done)


async def send(control: Control, actor: Actor, delivery: DeliveryRecord) -> None:
    """Put a test on its way. Raises Unavailable, WrongSetup."""
    async with noted(control, actor, _change(delivery.subscription, delivery.group, delivery.created_ms)):
        await control.send(topics.DELIVERIES, [(delivery.subscription, delivery.encode())])


def _change(subscription: str, group: str, at_ms: int) -> Change:
    return Change("subscription.tested", subscription, key=group, at_ms=at_ms)
