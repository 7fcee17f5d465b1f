"""`bongsu subscribe`, and `bongsu subscriptions` with `list` and `remove`; the others have files of their own."""

from typing import Any

import click
import orjson

from service.actions import subscriptions as actions
from service.actions.actor import Actor
from service.actions.control import Control
from service.actions.rotation import new_secret
from service.actions.subscription_urls import checked_url
from service.cli.acting import act, tell
from service.cli.common import settings_of, tenant_option
from service.cli.pausing import pause, resume
from service.cli.policy_fields import listed_rules, policy_options, said_policy
from service.cli.subscription_fields import checked_fields, field_options, masked, new_headers, tell_of_url
from service.cli.subscription_secrets import checked_secret, read_versions, rekey, rotate_secret, shown_once
from service.cli.subscription_show import show
from service.cli.updating import update
from service.delivery.sealing import opened_record
from service.model.control_records import SubscriptionRecord
from service.model.record import Format, Lang


@click.command()
@click.option("--url", required=True, help="Where webhooks are POSTed: https, or http in allowed networks.")
@click.option("--secret", help="whsec_... or whsk_... to sign with. Default: a new whsec_ of 32 bytes.")
@click.option(
    "--sign", "versions", callback=read_versions, help="v1 (HMAC-SHA256), v1a (ed25519) or both: v1,v1a. Default: v1."
)
@field_options
@policy_options
@tenant_option
def subscribe(
    url: str, secret: str | None, versions: tuple[str, ...] | None, rules: tuple[str, ...], format_: Format | None,
    lang: Lang | None, headers: tuple[str, ...], max_per_s: float | None, max_in_flight: float | None, name: str | None,
    tenant: str, **said: Any,
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
    fields |= {"url": url, "secrets": tuple(made), "headers": new_headers(headers), "policy": policy}

    async def create(control: Control, actor: Actor) -> SubscriptionRecord:
        tell(await actions.notes_on_rules(control, actor, listed, policy))
        return (await actions.create(control, actor, fields)).record

    record = act(settings, create, tenant=tenant)
    tell_of_url(told)
    click.echo(orjson.dumps(shown_once(opened_record(record, settings.bongsu.keys))).decode())


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
@tenant_option
def list_(tenant: str) -> None:
    """Every subscription as a line of JSON, its secrets masked, and the URL where that is one."""
    for record in act(settings_of("subscriptions"), actions.list_, tenant=tenant):
        click.echo(orjson.dumps(masked(record)).decode())


@subscriptions.command()
@click.argument("subscription", metavar="ID")
@tenant_option
def remove(subscription: str, tenant: str) -> None:
    """Remove a subscription; what is already queued for it is no longer sent."""
    act(
        settings_of("subscriptions"),
        lambda control, actor: actions.remove(control, actor, subscription),
        tenant=tenant,
    )
    click.echo(f"removed {subscription}")
