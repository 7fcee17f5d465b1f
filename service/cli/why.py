"""`bongsu why`: what became of an article for a subscription, out of the topics."""

import asyncio
import time
from dataclasses import asdict

import click
import orjson

from service.cli.common import printable, settings_of, tenant_option
from service.cli.times import Moment
from service.model.record import Lang


@click.command()
@click.option("--subscription", required=True, metavar="ID", help="Who was, or was not, told.")
@click.option("--article", required=True, metavar="ID|URL", help="Of what: its id, or where it was published.")
@click.option("--rule", metavar="ID", help="Only this rule.")
@click.option(
    "--since", "since_ms", type=Moment(), default="7d", show_default=True, help="How far back to look: 1h, 30d, a time."
)
@click.option("--lang", type=click.Choice(["ko", "en"]), default="en", show_default=True, help="Of the answer.")
@tenant_option
@click.option("--json", "as_json", is_flag=True, help="The whole answer as one JSON object.")
def why(
    subscription: str, article: str, rule: str | None, since_ms: int, lang: Lang, tenant: str, as_json: bool
) -> None:
    """Say what became of an article for a subscription, and why.

    Reads the topics and changes nothing: no such article, no rule fired (and what the nearest one lacked), filtered,
    suppressed, attached to which story, held until when, silenced by whom, delivered when, or what failed.
    """
    from service.actions.why import why as ask

    answer = asyncio.run(
        ask(
            settings_of("why"), subscription, article,
            since_ms=since_ms, now_s=time.time(), rule=rule, tenant=tenant, lang=lang,
        )
    )  # fmt: skip
    if as_json:
        body = {"subscription": subscription, "article": article, "asked_ms": time.time_ns() // 1_000_000}
        click.echo(orjson.dumps({**body, **asdict(answer)}).decode())
        return
    click.echo(printable(answer.sentence))
    if len(answer.lines) > 1:
        for line in answer.lines:
            click.echo(printable(f"  {line.rule}: {line.sentence}"))
    for note in answer.notes:
        click.echo(printable(f"  {note}"))
