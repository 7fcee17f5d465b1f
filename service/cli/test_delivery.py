"""`bongsu test-delivery`: one webhook of no consequence, through the real dispatcher, and what came of it."""

from typing import Any

import click

from service.actions import test_delivery as actions
from service.actions.actor import Actor
from service.actions.control import Control
from service.adapters.topic_scan import tail
from service.cli.acting import act
from service.cli.attempts import as_lines
from service.cli.common import settings_of, tenant_option
from service.model import topics
from service.model.errors import BadInput, Unavailable
from service.model.records import AttemptRecord


@click.command(name="test-delivery")
@click.option("--subscription", required=True, metavar="ID", help="Whom to send it to.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(1, 600), default=30.0, show_default=True, help="Seconds for its attempt."
)
@click.option("--json", "as_json", is_flag=True, help="The attempt as one line of JSON.")
@tenant_option
def test_delivery(subscription: str, wait_s: float, as_json: bool, tenant: str) -> int:
    """Send a webhook of type `test` to a subscription and print what came of it.

    It is sent once, by the running dispatcher, in the format of the subscription. It never counts against the health of
    the endpoint and stands in no ledger. Exit code 0 when it was delivered.
    """
    settings = settings_of("test-delivery")

    async def sent(control: Control, actor: Actor) -> AttemptRecord | None:
        delivery = (await actions.make(control, actor, subscription, lives_s=wait_s)).record

        def is_it(record: Any) -> bool:
            try:
                return AttemptRecord.decode(record.value or b"", topics.ATTEMPTS).delivery_id == delivery.id
            except BadInput:
                return False

        async with tail(control.settings.kafka, topics.ATTEMPTS) as attempts:
            await actions.send(control, actor, delivery)
            record = await attempts.wait_for(is_it, wait_s)
        return None if record is None else AttemptRecord.decode(record.value, topics.ATTEMPTS)

    attempt = act(settings, sent, tenant=tenant)
    if attempt is None:
        raise Unavailable(f"no attempt within {wait_s:g} s: is a `bongsu dispatcher` running? The test has expired.")
    click.echo(attempt.encode().decode() if as_json else as_lines(attempt))
    return 0 if attempt.outcome == "delivered" else 1
