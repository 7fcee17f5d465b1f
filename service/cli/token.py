"""`bongsu token create | list | revoke`: who may use the API. Only a shell makes tokens, no route does."""

import time
from typing import Any

import click
import orjson

from service.actions import tokens as actions
from service.actions.actor import Actor
from service.actions.control import Control
from service.cli.acting import act
from service.cli.common import settings_of, tenant_option
from service.cli.times import Span, shown_time
from service.model import topics
from service.model.control_records import TokenRecord

_FOLLOW = (topics.TOKENS,)
_MAX_SPAN_S = 3660 * 86_400


@click.group()
def token() -> None:
    """Who may use the API, and what for.

    A token is shown once and stands nowhere: on the topic `tokens` is its hash.
    """


def _shown(record: TokenRecord) -> dict[str, Any]:
    now_ms = time.time_ns() // 1_000_000
    return {
        "id": record.id, "state": actions.state_of(record, now_ms), "name": record.name, "tenant": record.tenant,
        "scopes": list(record.scopes), "created": shown_time(record.created_ms),
        "expires": shown_time(record.expires_ms),
    }  # fmt: skip


@token.command()
@click.option("--name", required=True, help="For people: who uses it, and where.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, metavar="SCOPE", type=click.Choice(("all", *actions.SCOPES)),
    help=f"What it may do; repeatable. {', '.join(actions.SCOPES)}, or all of these.",
)  # fmt: skip
@click.option("--expires", "span_s", type=Span(), default="90d", show_default=True, help="How long it is good for.")
@tenant_option
def create(name: str, scopes: tuple[str, ...], span_s: float, tenant: str) -> None:
    """A new token, as one line of JSON: the only time that it is shown."""
    if span_s > _MAX_SPAN_S:
        raise click.UsageError("--expires: at most 3660d")
    wanted = actions.SCOPES if "all" in scopes else scopes
    expires_ms = time.time_ns() // 1_000_000 + round(span_s * 1000)
    made = act(
        settings_of("token"),
        lambda control, actor: actions.create(control, actor, name, wanted, expires_ms=expires_ms),
        tenant=tenant,
        follow=_FOLLOW,
    )
    click.echo(orjson.dumps(_shown(made.record) | {"token": made.text}).decode())


@token.command(name="list")
@click.option("--all-tenants", is_flag=True, help="Those of every tenant, for whoever runs Bongsu.")
@tenant_option
def list_(all_tenants: bool, tenant: str) -> None:
    """Every token as a line of JSON, revoked and expired ones too for a month."""

    async def found(control: Control, actor: Actor) -> tuple[TokenRecord, ...]:
        return await (actions.of_every_tenant(control) if all_tenants else actions.list_(control, actor))

    for record in act(settings_of("token"), found, tenant=tenant, follow=_FOLLOW):
        click.echo(orjson.dumps(_shown(record)).decode())


@token.command()
@click.argument("token_id", metavar="ID")
@tenant_option
def revoke(token_id: str, tenant: str) -> None:
    """End a token now: the first part of it, between the underscores, is its ID."""
    record = act(
        settings_of("token"),
        lambda control, actor: actions.revoke(control, actor, token_id),
        tenant=tenant,
        follow=_FOLLOW,
    )
    click.echo(f"revoked {record.id} ({record.name})")
