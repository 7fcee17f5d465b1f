"""`bongsu subscriptions rotate-secret | rekey`: secrets exchanged and sealed anew, without a gap."""

from datetime import UTC, datetime
from typing import Any

import click
import orjson

from service.actions.rotation import MAX_OVERLAP_S, rotate
from service.actions.rotation import rekey as actions_rekey
from service.cli.acting import act
from service.cli.common import settings_of, tenant_option
from service.cli.times import Span
from service.delivery.rotation import VERSIONS, public_keys
from service.delivery.signing import read_secret
from service.model.control_records import SubscriptionRecord
from service.model.errors import InvalidSubscription


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
@tenant_option
def rotate_secret(
    subscription: str, overlap_s: float, secret: str | None, versions: tuple[str, ...] | None, tenant: str
) -> None:
    """Give a subscription new secrets; the old ones sign beside them for a while.

    Prints the new ones: this once. Change the receiver within the overlap, during which it may hold either.
    """
    if overlap_s > MAX_OVERLAP_S:
        raise InvalidSubscription("--overlap: at most 30d; a secret that never ends was not exchanged.")
    if secret is not None and versions is not None:
        raise click.UsageError("--secret says how it signs; leave --sign out")
    if secret is not None:
        checked_secret(secret)
    done = act(
        settings_of("subscriptions"),
        lambda control, actor: rotate(
            control, actor, subscription, overlap_s=overlap_s, secret=secret, versions=versions
        ),
        tenant=tenant,
    )
    new, retiring = list(done.secrets), done.record.retiring
    told: dict[str, Any] = {"id": subscription, "secrets": new, "old_secrets_that_sign": len(retiring)}
    if keys := public_keys(new):
        told["public_keys"] = keys
    if retiring:
        last_ms = max(old.until_ms for old in retiring)
        told["old_secrets_end"] = datetime.fromtimestamp(last_ms / 1000, UTC).isoformat(timespec="seconds")
    click.echo(orjson.dumps(told).decode())


@click.command()
def rekey() -> int:
    """Seal all secrets with the first key of BONGSU_SECRET_KEY, those that stand in clear too.

    To exchange the key: put the new one in front, restart the roles, rekey, then drop the old one. May be repeated;
    exit code 1 when one is left as it is: it holds something that none of the keys opens, or was changed meanwhile.
    """
    settings = settings_of("subscriptions")
    done = act(settings, actions_rekey)
    for why in done.left:
        click.echo(why, err=True)
    keys = settings.bongsu.keys
    assert keys is not None, "rekey refuses to run without"
    click.echo(
        f"{done.changed} of {done.known} subscriptions sealed with the key {keys.keys[0][0]}, {len(done.left)} are left"
    )
    return int(bool(done.left))
