"""`bongsu subscriptions pause | resume`: hold deliveries back, and send what was held."""

import click

from service.actions import subscriptions as actions
from service.cli.acting import act
from service.cli.common import settings_of, tenant_option


@click.command()
@click.argument("subscription", metavar="ID")
@tenant_option
def pause(subscription: str, tenant: str) -> None:
    """Hold its deliveries back until it is resumed; they are kept and keep their ids."""
    settings = settings_of("subscriptions")
    act(settings, lambda control, actor: actions.pause(control, actor, subscription), tenant=tenant)
    click.echo(f"paused {subscription}")


@click.command()
@click.argument("subscription", metavar="ID")
@tenant_option
def resume(subscription: str, tenant: str) -> None:
    """Send to it again, after a pause or after its endpoint was disabled; what was held goes out first thing."""
    settings = settings_of("subscriptions")
    act(settings, lambda control, actor: actions.resume(control, actor, subscription), tenant=tenant)
    click.echo(f"resumed {subscription}")
