"""`bongsu subscribe`, and `bongsu subscriptions` with `list` and `remove`; the others have files of their own."""

import asyncio
import secrets
import time
from typing import Any

import click
import orjson

from service.adapters.control import publish_subscription, read_subscriptions, remove_subscription
from service.cli.common import settings_of
from service.cli.pausing import pause, resume
from service.cli.policy_fields import listed_rules, policy_options, said_policy
from service.cli.subscription_fields import checked_fields, checked_url, field_options, masked, new_headers, tell_of_url
from service.cli.subscription_secrets import (
    checked_secret,
    known_subscription,
    new_secret,
    read_versions,
    rekey,
    rotate_secret,
    shown_once,
)
from service.cli.subscription_show import show, tell_of_rules
from service.cli.updating import update
from service.model.records import Format, Lang, SubscriptionRecord


@click.command()
@click.option("--url", required=True, help="Where webhooks are POSTed: https, or http in allowed networks.")
@click.option("--secret", help="whsec_... or whsk_... to sign with. Default: a new whsec_ of 32 bytes.")
@click.option(
    "--sign", "versions", callback=read_versions, help="v1 (HMAC-SHA256), v1a (ed25519) or both: v1,v1a. Default: v1."
)
@field_options
@policy_options
def subscribe(
    url: str, secret: str | None, versions: tuple[str, ...] | None, rules: tuple[str, ...], format_: Format | None,
    lang: Lang | None, headers: tuple[str, ...], max_per_s: float | None, max_in_flight: float | None, name: str | None,
    **said: Any,
) -> None:  # fmt: skip
    """Send what rules find to a URL.

    Without --rule, --tag and --entity it is told of all rules; of a story once, where no policy says otherwise.
    Prints the subscription as one line of JSON, with its secret: this once, so keep it.
    """
    settings = settings_of("subscribe")
    told = checked_url(url, settings.delivery)
    listed = listed_rules(rules, said)
    fields = checked_fields(listed, format_, lang, max_per_s, max_in_flight, name)
    if secret is not None and versions is not None:
        raise click.UsageError("--secret says how it signs; leave --sign out")
    made = [checked_secret(secret)] if secret else [new_secret(version) for version in versions or ("v1",)]
    policy = said_policy(said)
    now = time.time_ns() // 1_000_000
    record = SubscriptionRecord(
        id=f"sub_{secrets.token_hex(8)}",
        url=url,
        secrets=tuple(made),
        headers=new_headers(headers),
        created_ms=now,
        updated_ms=now,
        policy=policy,
        **fields,
    )

    async def publish() -> None:
        await tell_of_rules(settings.kafka, listed, policy)
        await publish_subscription(settings.kafka, record, settings.bongsu.keys)

    asyncio.run(publish())
    tell_of_url(told)
    click.echo(orjson.dumps(shown_once(record)).decode())


@click.group()
def subscriptions() -> None:
    """List, change or remove subscriptions, exchange and seal their secrets."""


subscriptions.add_command(show)
subscriptions.add_command(update)
subscriptions.add_command(rotate_secret)
subscriptions.add_command(rekey)
subscriptions.add_command(pause)
subscriptions.add_command(resume)


@subscriptions.command(name="list")
def list_() -> None:
    """Every subscription as a line of JSON, its secrets masked, and the URL where that is one."""
    settings = settings_of("subscriptions")
    for record in asyncio.run(read_subscriptions(settings.kafka)):
        click.echo(orjson.dumps(masked(record)).decode())


@subscriptions.command()
@click.argument("subscription", metavar="ID")
def remove(subscription: str) -> None:
    """Remove a subscription; what is already queued for it is no longer sent."""
    settings = settings_of("subscriptions")

    async def remove_known() -> None:
        await known_subscription(settings.kafka, subscription)
        await remove_subscription(settings.kafka, subscription)

    asyncio.run(remove_known())
    click.echo(f"removed {subscription}")
