"""`bongsu replay`: send again what was sent before, under the same ids and with the same bytes."""

import sys

import click

from service.actions import replay as actions
from service.cli.acting import act
from service.cli.common import settings_of, tenant_option
from service.cli.times import Moment
from service.delivery.replay import LeftOut, Wanted
from service.model.errors import BongsuError

ASKS_ABOVE = 20
MEANS = {
    LeftOut.PENDING: "still on the way by themselves",
    LeftOut.NO_SUBSCRIPTION: "of subscriptions that are gone",
    LeftOut.NOT_KEPT: "older than what the topic deliveries keeps",
    LeftOut.TWO_CONTENTS: "with bytes that are not those that were sent under their id; `bongsu audit` names them",
}


def _wanted(
    delivery: str | None, subscription: str | None, since_ms: int | None, until_ms: int | None, failed_ms: int | None
) -> Wanted:
    ways = [delivery is not None, since_ms is not None, failed_ms is not None]
    if sum(ways) != 1:
        raise click.UsageError(
            "say what: --delivery ID, or --subscription ID --since T [--until T], or --failed-since T"
        )
    if since_ms is not None and subscription is None:
        raise click.UsageError("--since needs --subscription ID; --failed-since T takes all subscriptions")
    if delivery is not None and (subscription is not None or until_ms is not None):
        raise click.UsageError("--delivery ID stands alone")
    start_ms = since_ms if since_ms is not None else failed_ms or 0
    if until_ms is not None and until_ms <= start_ms:
        raise click.UsageError("--until is not after the beginning of the range")
    return Wanted(delivery, subscription, start_ms, until_ms, failed_ms is not None)


@click.command()
@click.option("--delivery", metavar="ID", help="One webhook-id.")
@click.option("--subscription", metavar="ID", help="All of this subscription, with --since or --failed-since.")
@click.option("--since", "since_ms", type=Moment(), help="What was decided since: 1h, 7d, or a time.")
@click.option("--until", "until_ms", type=Moment(), help="And before.")
@click.option("--failed-since", "failed_ms", type=Moment(), help="What ended since without having been delivered.")
@click.option("--yes", is_flag=True, help=f"Do not ask, not even before more than {ASKS_ABOVE}.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@tenant_option
def replay(
    delivery: str | None, subscription: str | None, since_ms: int | None, until_ms: int | None,
    failed_ms: int | None, yes: bool, dry_run: bool, tenant: str,
) -> int:  # fmt: skip
    """Send webhooks again: the same webhook-id and the same bytes, signed anew.

    A receiver that has seen the id does nothing; one that missed it gets it. What is still being tried by itself
    is left alone. Exit code 1 when what was asked for cannot be sent again.
    """
    wanted = _wanted(delivery, subscription, since_ms, until_ms, failed_ms)
    settings = settings_of("replay")
    choice = act(settings, lambda control, actor: actions.choose(control, actor, wanted), tenant=tenant)
    for why, count in choice.left_out.items():
        click.echo(f"left out: {count} {MEANS[why]}", err=True)
    count = len(choice.records)
    if not count:
        if delivery is not None and not choice.left_out:
            click.echo(
                f"no webhook {delivery} of this tenant is known: ids are those of `bongsu attempts` and of the header "
                "webhook-id, and are kept for 30 days",
                err=True,
            )
        click.echo("nothing to send again")
        return int(delivery is not None or bool(choice.left_out))
    to = len({record.subscription for record in choice.records})
    what = f"{count} webhook{'s' * (count > 1)} to {to} subscription{'s' * (to > 1)}"
    if dry_run:
        for record in choice.records:
            click.echo(f"{record.id}  {record.subscription}  {record.type}")
        click.echo(f"would send {what} again")
        return 0
    if count > ASKS_ABOVE and not yes:
        if not sys.stdin.isatty():
            raise BongsuError(f"{what} would be sent again; say --yes when that is meant")
        click.confirm(f"Send {what} again?", abort=True)
    act(settings, lambda control, actor: actions.send(control, actor, choice), tenant=tenant, follow=())
    click.echo(f"{what} on the way again; `bongsu attempts` shows what comes of it")
    return 0
