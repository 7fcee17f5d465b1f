"""`bongsu subscribe` and `bongsu subscriptions list | remove`."""

import asyncio
import base64
import secrets
import time

import click
import orjson

from service.adapters.control import publish_subscription, read_subscriptions, remove_subscription
from service.cli.common import settings_of
from service.delivery.addresses import AddressPolicy, Reason, Refusal, check_url
from service.delivery.signing import PRIVATE, SYMMETRIC, read_secret
from service.model.errors import InvalidSubscription
from service.model.records import SubscriptionRecord

_NEVER = frozenset({Reason.MALFORMED, Reason.SCHEME, Reason.USERINFO, Reason.ZONE})
"""Refused here. The other reasons depend on the dispatcher's settings, which may not be ours: they are only told."""


def new_secret() -> str:
    """A `whsec_` secret of 32 random bytes."""
    return SYMMETRIC + base64.b64encode(secrets.token_bytes(32)).decode()


def checked_url(url: str, policy: AddressPolicy) -> str | None:
    """None when `url` can be called; a sentence when the dispatcher would refuse it under `policy`.

    Raises:
        InvalidSubscription: it can never be called.
    """
    verdict = check_url(url, policy)
    if not isinstance(verdict, Refusal):
        return None
    if verdict.reason in _NEVER:
        raise InvalidSubscription(f"--url {url}: {verdict}. An example that works: https://alerts.example.org/bongsu")
    return str(verdict)


def checked_secret(secret: str) -> str:
    """`secret`, if it can sign.

    Raises:
        InvalidSubscription: it cannot; the secret itself is not repeated.
    """
    try:
        read_secret(secret)
    except InvalidSubscription as error:
        raise InvalidSubscription(f"--secret: {error} Without --secret one is made for you.") from None
    return secret


@click.command()
@click.option("--url", required=True, help="Where webhooks are POSTed: https, or http in allowed networks.")
@click.option(
    "--rule",
    "rules",
    multiple=True,
    metavar="GLOB",
    help="Rules that are told, e.g. 'seoul-*'; repeatable. Default: all.",
)
@click.option("--secret", help="whsec_... or whsk_... to sign with. Default: a new whsec_ of 32 bytes.")
@click.option("--name", default="", help="For people.")
def subscribe(url: str, rules: tuple[str, ...], secret: str | None, name: str) -> None:
    """Send what rules find to a URL.

    Prints the subscription as one line of JSON, with its secret: this once, so keep it.
    """
    settings = settings_of("subscribe")
    delivery = settings.delivery
    told = checked_url(url, AddressPolicy.of(delivery.allow_addresses, delivery.ports, allow_http=delivery.allow_http))
    if any(not glob.strip() for glob in rules):
        raise InvalidSubscription(
            "--rule '': a glob over rule ids is needed, e.g. 'seoul-*'; leave --rule out for all."
        )
    now = time.time_ns() // 1_000_000
    record = SubscriptionRecord(
        id=f"sub_{secrets.token_hex(8)}",
        name=name,
        url=url,
        rules=rules or ("*",),
        secrets=(checked_secret(secret or new_secret()),),
        created_ms=now,
        updated_ms=now,
    )
    asyncio.run(publish_subscription(settings.kafka, record))
    if told:
        click.echo(f"note: with the settings of this shell the dispatcher would refuse it: {told}", err=True)
    click.echo(record.encode().decode())


@click.group()
def subscriptions() -> None:
    """List or remove subscriptions."""


@subscriptions.command(name="list")
def list_() -> None:
    """Every subscription as a line of JSON, its secrets masked."""
    settings = settings_of("subscriptions")
    for record in asyncio.run(read_subscriptions(settings.kafka)):
        shown = record.model_dump(mode="python", by_alias=True)
        shown["secrets"] = [_masked(secret) for secret in record.secrets]
        click.echo(orjson.dumps(shown).decode())


@subscriptions.command()
@click.argument("subscription", metavar="ID")
def remove(subscription: str) -> None:
    """Remove a subscription; what is already queued for it is no longer sent."""
    settings = settings_of("subscriptions")

    async def remove_known() -> bool:
        if all(record.id != subscription for record in await read_subscriptions(settings.kafka)):
            return False
        await remove_subscription(settings.kafka, subscription)
        return True

    if not asyncio.run(remove_known()):
        raise InvalidSubscription(f"there is no subscription {subscription}; `bongsu subscriptions list` shows all.")
    click.echo(f"removed {subscription}")


def _masked(secret: str) -> str:
    return next((prefix for prefix in (SYMMETRIC, PRIVATE) if secret.startswith(prefix)), "") + "***"
