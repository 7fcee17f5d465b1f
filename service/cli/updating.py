"""`bongsu subscriptions update`: change what a subscription is told, where and how, without a new secret."""

from typing import Any

import click
import orjson

from service.actions import subscriptions as actions
from service.actions.actor import Actor
from service.actions.control import Control
from service.actions.subscription_urls import checked_url
from service.cli.acting import act, tell
from service.cli.common import settings_of, tenant_option
from service.cli.policy_fields import listed_rules, policy_options, said_policy, says_policy
from service.cli.subscription_fields import (
    changed_headers,
    checked_fields,
    field_options,
    masked,
    new_headers,
    tell_of_url,
)
from service.model.control_records import SubscriptionRecord
from service.model.record import Format, Lang


@click.command()
@click.argument("subscription", metavar="ID")
@click.option("--url", help="Where webhooks are POSTed from now on.")
@field_options
@policy_options
@click.option("--without-header", "without", multiple=True, metavar="NAME", help="A header that goes; repeatable.")
@click.option("--revision", type=click.IntRange(1), help="Only if it is still at this one; `list` shows it.")
@tenant_option
def update(
    subscription: str, url: str | None, rules: tuple[str, ...], format_: Format | None, lang: Lang | None,
    headers: tuple[str, ...], max_per_s: float | None, max_in_flight: float | None, name: str | None,
    without: tuple[str, ...], revision: int | None, tenant: str, **said: Any,
) -> None:  # fmt: skip
    """Change a subscription; what is not named stays as it is.

    --rule, --tag and --entity replace all its rules, --policy its whole policy ('{}' for none of its own), --mode and
    the like one field of it; --header sets the ones that are named. What waits goes to the new URL, under the same
    ids; a new format or language is that of what is found from now on. Prints the subscription, its secrets masked.
    When somebody else changes it at the same time, this is made of what stands then; with --revision nothing is made.
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

    def change(stands: SubscriptionRecord) -> dict[str, Any]:
        made = dict(fields)
        if new or without:
            made["headers"] = changed_headers(stands, new, without)
        if says_policy(said):
            made["policy"] = said_policy(said, stands.policy)
        return made

    async def write(control: Control, actor: Actor) -> SubscriptionRecord:
        wanted = change(await actions.get(control, actor, subscription))
        tell(await actions.notes_on_rules(control, actor, listed, wanted.get("policy")))
        expected = None if revision is None else {revision}
        return await actions.update(control, actor, subscription, change, expected=expected)

    record = act(settings, write, tenant=tenant)
    tell_of_url(told)
    click.echo(orjson.dumps(masked(record)).decode())
