"""`bongsu subscribe` and `bongsu subscriptions list | remove | rotate-secret | rekey`."""

import asyncio
import secrets
import time
from typing import get_args

import click
import orjson

from service.adapters.control import publish_subscription, read_subscriptions, remove_subscription
from service.cli.common import settings_of
from service.cli.pausing import pause, resume
from service.cli.subscription_secrets import (
    checked_secret,
    known_subscription,
    new_secret,
    read_versions,
    rekey,
    rotate_secret,
    shown_once,
)
from service.delivery.addresses import AddressPolicy, Reason, Refusal, check_url
from service.delivery.headers import read_headers, shown_headers
from service.delivery.sealing import is_sealed, key_id_of
from service.delivery.signing import PRIVATE, SYMMETRIC
from service.model.errors import InvalidSubscription
from service.model.records import Format, Lang, SubscriptionRecord

_NEVER = frozenset({Reason.MALFORMED, Reason.SCHEME, Reason.USERINFO, Reason.ZONE})
"""Refused here. The other reasons depend on the dispatcher's settings, which may not be ours: they are only told."""


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
@click.option(
    "--sign", "versions", callback=read_versions, help="v1 (HMAC-SHA256), v1a (ed25519) or both: v1,v1a. Default: v1."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(Format)),
    default="bongsu",
    show_default=True,
    help="What the body looks like.",
)
@click.option(
    "--lang", type=click.Choice(get_args(Lang)), default="ko", show_default=True, help="Of the summary sentence."
)
@click.option(
    "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent with every webhook; repeatable."
)
@click.option("--name", default="", help="For people.")
def subscribe(
    url: str, rules: tuple[str, ...], secret: str | None, versions: tuple[str, ...] | None,
    format_: Format, lang: Lang, headers: tuple[str, ...], name: str,
) -> None:  # fmt: skip
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
    if secret is not None and versions is not None:
        raise click.UsageError("--secret says how it signs; leave --sign out")
    made = [checked_secret(secret)] if secret else [new_secret(version) for version in versions or ("v1",)]
    now = time.time_ns() // 1_000_000
    record = SubscriptionRecord(
        id=f"sub_{secrets.token_hex(8)}",
        name=name,
        url=url,
        rules=rules or ("*",),
        secrets=tuple(made),
        headers=checked_headers(headers),
        format=format_,
        lang=lang,
        created_ms=now,
        updated_ms=now,
    )
    asyncio.run(publish_subscription(settings.kafka, record, settings.bongsu.keys))
    if told:
        click.echo(f"note: with the settings of this shell the dispatcher would refuse it: {told}", err=True)
    click.echo(orjson.dumps(shown_once(record)).decode())


@click.group()
def subscriptions() -> None:
    """List or remove subscriptions, exchange and seal their secrets."""


subscriptions.add_command(rotate_secret)
subscriptions.add_command(rekey)
subscriptions.add_command(pause)
subscriptions.add_command(resume)


@subscriptions.command(name="list")
def list_() -> None:
    """Every subscription as a line of JSON, its secrets masked."""
    settings = settings_of("subscriptions")
    for record in asyncio.run(read_subscriptions(settings.kafka)):
        shown = record.model_dump(mode="python", by_alias=True)
        shown["secrets"] = [_masked(secret) for secret in record.secrets]
        shown["retiring"] = [{"secret": _masked(old.secret), "until_ms": old.until_ms} for old in record.retiring]
        shown["headers"] = shown_headers(record.headers)
        click.echo(orjson.dumps(shown).decode())


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


def checked_headers(texts: tuple[str, ...]) -> dict[str, str]:
    """`Name: value` texts as headers that may be sent.

    Raises:
        InvalidSubscription: one may not.
    """
    try:
        return read_headers(texts)
    except InvalidSubscription as error:
        raise InvalidSubscription(f"--header: {error}") from None


def _masked(secret: str) -> str:
    if is_sealed(secret):
        return f"sealed with {key_id_of(secret)}"
    return next((prefix for prefix in (SYMMETRIC, PRIVATE) if secret.startswith(prefix)), "") + "***"
