"""`bongsu test-delivery`: one webhook of no consequence, through the real dispatcher, and what came of it."""

import asyncio
import secrets
import time
from typing import Any

import click

from service.adapters.control import read_subscriptions
from service.adapters.topic_scan import tail
from service.cli.attempts import as_lines
from service.cli.common import settings_of
from service.cli.replay import produce
from service.delivery.formats import notification
from service.delivery.sample import sample_alert
from service.model import ids, topics
from service.model.errors import BadInput, InvalidSubscription, Unavailable
from service.model.records import CONTENT_TYPES, AttemptRecord, DeliveryRecord, SubscriptionRecord
from service.settings import KafkaSettings


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


async def attempt_of(settings: KafkaSettings, delivery: DeliveryRecord, wait_s: float) -> AttemptRecord | None:
    """Send it and wait for its attempt; None when no dispatcher made one in time.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer, or a topic does not exist.
    """

    def is_it(record: Any) -> bool:
        try:
            return AttemptRecord.decode(record.value or b"", topics.ATTEMPTS).delivery_id == delivery.id
        except BadInput:
            return False

    async with tail(settings, topics.ATTEMPTS) as attempts:
        await produce(settings, (delivery,))
        record = await attempts.wait_for(is_it, wait_s)
    return None if record is None else AttemptRecord.decode(record.value, topics.ATTEMPTS)


@click.command(name="test-delivery")
@click.option("--subscription", required=True, metavar="ID", help="Whom to send it to.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(1, 600), default=30.0, show_default=True, help="Seconds for its attempt."
)
@click.option("--json", "as_json", is_flag=True, help="The attempt as one line of JSON.")
def test_delivery(subscription: str, wait_s: float, as_json: bool) -> int:
    """Send a webhook of type `test` to a subscription and print what came of it.

    It is sent once, by the running dispatcher, in the format of the subscription. It never counts against the health of
    the endpoint and stands in no ledger. Exit code 0 when it was delivered.
    """
    settings = settings_of("test-delivery")
    known = {record.id: record for record in asyncio.run(read_subscriptions(settings.kafka))}
    if subscription not in known:
        raise InvalidSubscription(f"there is no subscription {subscription}; `bongsu subscriptions list` shows all.")
    delivery = as_test(known[subscription], secrets.token_hex(8), time.time_ns() // 1_000_000, wait_s)
    attempt = asyncio.run(attempt_of(settings.kafka, delivery, wait_s))
    if attempt is None:
        raise Unavailable(f"no attempt within {wait_s:g} s: is a `bongsu dispatcher` running? The test has expired.")
    click.echo(attempt.encode().decode() if as_json else as_lines(attempt))
    return 0 if attempt.outcome == "delivered" else 1
