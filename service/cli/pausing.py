"""`bongsu subscriptions pause | resume`: hold deliveries back, and send what was held."""

import asyncio
import time

import click

from service.adapters.control import publish_subscription
from service.cli.common import settings_of
from service.cli.subscription_secrets import known_subscription
from service.model.records import SubscriptionRecord


@click.command()
@click.argument("subscription", metavar="ID")
def pause(subscription: str) -> None:
    """Hold its deliveries back until it is resumed; they are kept and keep their ids."""
    record = _change(subscription, paused=True)
    click.echo(f"paused {record.id}")


@click.command()
@click.argument("subscription", metavar="ID")
def resume(subscription: str) -> None:
    """Send to it again, after a pause or after its endpoint was disabled; what was held goes out first thing."""
    record = _change(subscription, paused=False, disabled_ms=None, disabled_reason=None)
    click.echo(f"resumed {record.id}")


def _change(subscription: str, **fields: bool | None) -> SubscriptionRecord:
    settings = settings_of("subscriptions")

    async def change() -> SubscriptionRecord:
        record = await known_subscription(settings.kafka, subscription)
        told = {"revision": record.revision + 1, "updated_ms": time.time_ns() // 1_000_000}
        changed = record.model_copy(update={**fields, **told})
        await publish_subscription(settings.kafka, changed)  # as it stands there: sealed secrets stay sealed
        return changed

    return asyncio.run(change())
