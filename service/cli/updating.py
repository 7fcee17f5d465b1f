"""`bongsu subscriptions update`: change what a subscription is told, where and how, without a new secret."""

import asyncio
import time
from typing import Any

import click
import orjson

from service.adapters.control import publish_subscription
from service.cli.common import settings_of
from service.cli.policy_fields import listed_rules, policy_options, said_policy, says_policy
from service.cli.subscription_fields import (
    changed_headers,
    checked_fields,
    checked_url,
    field_options,
    masked,
    new_headers,
    tell_of_url,
)
from service.cli.subscription_secrets import known_subscription
from service.cli.subscription_show import tell_of_rules
from service.delivery.sealing import Keyring, is_sealed, values_of
from service.model.errors import ChangedMeanwhile, InvalidSubscription
from service.model.records import Format, Lang, SubscriptionRecord


def changed(
    record: SubscriptionRecord, fields: dict[str, Any], now_ms: int, keys: Keyring | None
) -> SubscriptionRecord:
    """The next revision of `record`; itself when it is so already.

    Raises:
        InvalidSubscription: a secret would stand in clear beside sealed ones.
    """
    new = record.model_copy(update=fields)
    if new == record:
        return record
    clear = {value for value in values_of(new) if not is_sealed(value)} - set(values_of(record))
    if clear and keys is None and any(map(is_sealed, values_of(record))):
        raise InvalidSubscription(
            f"what is secret of {record.id} is sealed, and what you give would stand in clear beside it: set "
            "BONGSU_SECRET_KEY as the roles have it."
        )
    return new.model_copy(update={"revision": record.revision + 1, "updated_ms": now_ms})


@click.command()
@click.argument("subscription", metavar="ID")
@click.option("--url", help="Where webhooks are POSTed from now on.")
@field_options
@policy_options
@click.option("--without-header", "without", multiple=True, metavar="NAME", help="A header that goes; repeatable.")
@click.option("--revision", type=click.IntRange(1), help="Only if it is still at this one; `list` shows it.")
def update(
    subscription: str, url: str | None, rules: tuple[str, ...], format_: Format | None, lang: Lang | None,
    headers: tuple[str, ...], max_per_s: float | None, max_in_flight: float | None, name: str | None,
    without: tuple[str, ...], revision: int | None, **said: Any,
) -> None:  # fmt: skip
    """Change a subscription; what is not named stays as it is.

    --rule, --tag and --entity replace all its rules, --policy its whole policy ('{}' for none of its own), --mode and
    the like one field of it; --header sets the ones that are named. What waits goes to the new URL, under the same
    ids; a new format or language is that of what is found from now on. Prints the subscription, its secrets masked.
    When somebody else changes it at the same time, one of the two changes stands and the other is told so.
    """
    settings = settings_of("subscriptions")
    listed = listed_rules(rules, said)
    fields = checked_fields(listed, format_, lang, max_per_s, max_in_flight, name)
    new = new_headers(headers)
    told = None
    if url is not None:
        told = checked_url(url, settings.delivery)
        fields["url"] = url
    if not (fields or new or without or says_policy(said)):
        raise click.UsageError("say what is to change, e.g. --url or --max-per-s; see --help")
    keys = settings.bongsu.keys

    async def change() -> SubscriptionRecord:
        stands = await known_subscription(settings.kafka, subscription)
        if revision not in (None, stands.revision):
            raise ChangedMeanwhile(f"{subscription} is at revision {stands.revision} and not {revision}; look again.")
        if new or without:
            fields["headers"] = changed_headers(stands, new, without, keys)
        if says_policy(said):
            fields["policy"] = said_policy(said, stands.policy)
        await tell_of_rules(settings.kafka, listed, fields.get("policy"))
        record = changed(stands, fields, time.time_ns() // 1_000_000, keys)
        if record is not stands:
            await publish_subscription(settings.kafka, record, keys)
        return record

    record = asyncio.run(change())
    tell_of_url(told)
    click.echo(orjson.dumps(masked(record)).decode())
