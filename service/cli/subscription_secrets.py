"""`bongsu subscriptions rotate-secret | rekey`: secrets exchanged and sealed anew, without a gap."""

import asyncio
import base64
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from service.adapters.control import new_nonce, publish_subscription, read_subscriptions
from service.cli.common import settings_of
from service.cli.times import Span
from service.delivery.rotation import VERSIONS, public_keys, rotated, versions_of
from service.delivery.sealing import opened_record, rekeyed_record
from service.delivery.signing import SYMMETRIC, private_secret, read_secret
from service.model.errors import ChangedMeanwhile, InvalidSubscription, WrongSetup
from service.model.records import SubscriptionRecord
from service.settings import KafkaSettings

MAX_OVERLAP_S = 30 * 86_400


def new_secret(version: str = "v1") -> str:
    """A secret of 32 random bytes: `whsec_` for v1, `whsk_` for v1a."""
    if version == "v1a":
        return private_secret(secrets.token_bytes(32))
    return SYMMETRIC + base64.b64encode(secrets.token_bytes(32)).decode()


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


def read_versions(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Callback of --sign."""
    if value is None:
        return None
    versions = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
    if not set(versions) <= set(VERSIONS):
        raise click.BadParameter(f"{value!r} is not v1, v1a or v1,v1a")
    return versions


def shown_once(record: SubscriptionRecord) -> dict[str, Any]:
    """What the owner of a subscription is told when it is made: the only time that its secrets are shown."""
    shown = record.model_dump(mode="python", by_alias=True, exclude_none=True)
    keys = public_keys(record.secrets)
    return shown | ({"public_keys": keys} if keys else {})


async def known_subscription(settings: KafkaSettings, subscription: str) -> SubscriptionRecord:
    """As it stands on the topic, sealed where it is.

    Raises:
        InvalidSubscription: there is none.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    for record in await read_subscriptions(settings):
        if record.id == subscription:
            return record
    raise InvalidSubscription(f"there is no subscription {subscription}; `bongsu subscriptions list` shows all.")


@click.command(name="rotate-secret")
@click.argument("subscription", metavar="ID")
@click.option(
    "--overlap",
    "overlap_s",
    type=Span(),
    default="24h",
    show_default=True,
    help="How long the old secrets sign beside the new; 0s ends them now.",
)
@click.option("--secret", help="The new secret. Default: made for you.")
@click.option("--sign", "versions", callback=read_versions, help="v1, v1a or v1,v1a. Default: as before.")
def rotate_secret(subscription: str, overlap_s: float, secret: str | None, versions: tuple[str, ...] | None) -> None:
    """Give a subscription new secrets; the old ones sign beside them for a while.

    Prints the new ones: this once. Change the receiver within the overlap, during which it may hold either.
    """
    if overlap_s > MAX_OVERLAP_S:
        raise InvalidSubscription("--overlap: at most 30d; a secret that never ends was not exchanged.")
    if secret is not None and versions is not None:
        raise click.UsageError("--secret says how it signs; leave --sign out")
    settings = settings_of("subscriptions")
    record = asyncio.run(known_subscription(settings.kafka, subscription))
    if secret is not None:
        new = [checked_secret(secret)]
    else:
        versions = versions or versions_of(opened_record(record, settings.bongsu.keys).secrets)
        new = [new_secret(version) for version in versions]
    now_ms = time.time_ns() // 1_000_000
    changed = rotated(record, new, now_ms=now_ms, overlap_ms=round(overlap_s * 1000))
    asyncio.run(publish_subscription(settings.kafka, changed, settings.bongsu.keys))
    told: dict[str, Any] = {"id": subscription, "secrets": new, "old_secrets_that_sign": len(changed.retiring)}
    if keys := public_keys(new):
        told["public_keys"] = keys
    if changed.retiring:
        last_ms = max(old.until_ms for old in changed.retiring)
        told["old_secrets_end"] = datetime.fromtimestamp(last_ms / 1000, UTC).isoformat(timespec="seconds")
    click.echo(orjson.dumps(told).decode())


@click.command()
def rekey() -> int:
    """Seal all secrets with the first key of BONGSU_SECRET_KEY, those that stand in clear too.

    To exchange the key: put the new one in front, restart the roles, rekey, then drop the old one. May be repeated;
    exit code 1 when one is left as it is: it holds something that none of the keys opens, or was changed meanwhile.
    """
    settings = settings_of("subscriptions")
    keys = settings.bongsu.keys
    if keys is None:
        raise WrongSetup("BONGSU_SECRET_KEY is not set; e.g. export BONGSU_SECRET_KEY=k1:$(openssl rand -base64 32)")
    changed = stuck = 0
    known = asyncio.run(read_subscriptions(settings.kafka))
    for record in known:
        try:
            new = rekeyed_record(record, keys, new_nonce)
        except InvalidSubscription as error:
            click.echo(f"{record.id}: {error}", err=True)
            stuck += 1
            continue
        if new == record:
            continue
        try:
            asyncio.run(
                publish_subscription(settings.kafka, new.model_copy(update={"revision": record.revision + 1}), keys)
            )
        except ChangedMeanwhile as error:
            click.echo(str(error), err=True)
            stuck += 1
        else:
            changed += 1
    click.echo(f"{changed} of {len(known)} subscriptions sealed with the key {keys.keys[0][0]}, {stuck} are left")
    return int(stuck > 0)
