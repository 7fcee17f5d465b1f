"""`bongsu attempts`: what each POST did, from the topic `attempts`."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import click

from service.adapters.control_revisions import read_standing
from service.adapters.control_subscriptions import SUBSCRIPTION
from service.adapters.topic_scan import scan
from service.cli.common import settings_of, tenant_option
from service.cli.times import Moment
from service.model import topics
from service.model.errors import BadInput
from service.model.record import DEFAULT_TENANT
from service.model.records import AttemptRecord
from service.settings import KafkaSettings

DAY_MS = 86_400_000


async def read_attempts(settings: KafkaSettings, since_ms: int | None) -> AsyncIterator[AttemptRecord]:
    """Attempts from `since_ms` on, those of one subscription in their order; what cannot be read is left out.

    Raises:
        NewerSchema: one was written by a newer Bongsu.
        Unavailable, WrongSetup: Kafka does not answer, or the topic does not exist.
    """
    async for record in scan(settings, topics.ATTEMPTS, since_ms):
        try:
            yield AttemptRecord.decode(record.value or b"", topics.ATTEMPTS)
        except BadInput as error:
            where = f"{record.topic}[{record.partition}]@{record.offset}"
            click.echo(f"note: {where} is no attempt: {error}", err=True)


def as_lines(attempt: AttemptRecord) -> str:
    """An attempt for people: what came of it, then where the time went."""
    at = datetime.fromtimestamp(attempt.started_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    came = " ".join(str(part) for part in (attempt.status, attempt.error) if part is not None) or "-"
    kind = "" if attempt.reason == "live" else f" ({attempt.reason})"
    head = (
        f"{at}  {attempt.subscription}  {attempt.delivery_id}  #{attempt.number}  {attempt.outcome}{kind}  {came}  "
        f"{attempt.duration_ms:.0f} ms"
    )
    details = [_where(attempt), attempt.detail or ""]
    if attempt.excerpt and attempt.excerpt not in details[1]:
        details.append(f"answered: {attempt.excerpt}")
    if attempt.next_due_ms is not None:
        due = datetime.fromtimestamp(attempt.next_due_ms / 1000, UTC).astimezone().strftime("%H:%M:%S")
        details.append(f"again at {due}")
    return "\n".join([head, *(f"    {line}" for line in details if line)])


def _where(attempt: AttemptRecord) -> str:
    parts = [f"to {attempt.address}"] if attempt.address else []
    if attempt.phases is not None:
        times = {
            "dns": attempt.phases.dns_ms,
            "connect": attempt.phases.connect_ms,
            "tls": attempt.phases.tls_ms,
            "first byte": attempt.phases.first_byte_ms,
        }
        parts += [f"{name} {value:.1f} ms" for name, value in times.items() if value is not None]
    if attempt.request_bytes is not None:
        parts.append(f"sent {attempt.request_bytes} bytes")
    if attempt.response_bytes is not None:
        parts.append(f"read {attempt.response_bytes}")
    return ", ".join(parts)


@click.command()
@click.option("--subscription", metavar="ID", help="Only to this subscription.")
@click.option("--delivery", metavar="ID", help="Only of this webhook-id.")
@click.option("--failed", is_flag=True, help="Only those that did not deliver.")
@click.option("--since", "since_ms", type=Moment(), help="1h, 7d, or a time. Default: 24h; with --delivery all.")
@tenant_option
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each attempt.")
def attempts(
    subscription: str | None, delivery: str | None, failed: bool, since_ms: int | None, tenant: str, as_json: bool
) -> None:
    """What each POST did: where it went, how long each part took, what was answered.

    Oldest first. Secrets in answers are masked. Those to subscriptions that were removed more than a month ago, of
    which nothing is known any more, are shown without --tenant.
    """
    settings = settings_of("attempts")
    if since_ms is None and delivery is None:
        since_ms = time.time_ns() // 1_000_000 - DAY_MS

    def wanted(attempt: AttemptRecord) -> bool:
        return (
            subscription in (None, attempt.subscription)
            and delivery in (None, attempt.delivery_id)
            and not (failed and attempt.outcome == "delivered")
        )

    found = asyncio.run(_found(settings.kafka, tenant, since_ms, wanted))
    for attempt in found:
        click.echo(attempt.encode().decode() if as_json else as_lines(attempt))
    if not found and not as_json:
        click.echo("no attempts; `bongsu attempts --since 7d` looks further back")


async def _found(
    settings: KafkaSettings, tenant: str, since_ms: int | None, wanted: Callable[[AttemptRecord], bool]
) -> list[AttemptRecord]:
    standing = await read_standing(settings, SUBSCRIPTION)
    tenants = {key: record.tenant for key, record in (*standing.known.items(), *standing.gone.items())}
    found = [
        attempt
        async for attempt in read_attempts(settings, since_ms)
        if wanted(attempt) and tenants.get(attempt.subscription, DEFAULT_TENANT) == tenant
    ]
    return sorted(found, key=lambda attempt: (attempt.started_ms, attempt.delivery_id, attempt.number))
