"""`bongsu silence preview`: what a silence would have hidden, out of the alerts of the last day."""

import asyncio
from collections import Counter
from typing import Any

import click
import orjson

from service.adapters.topic_scan import scan
from service.alerting.silence import Silence, matches
from service.cli.common import printable, settings_of
from service.cli.silence_matchers import known_silence, matcher_options, read_matchers, tell_of_matchers
from service.cli.times import Moment, shown_time
from service.model import topics
from service.model.errors import BadInput
from service.model.records import AlertRecord, SilenceMatchers, decode_alerts
from service.settings import KafkaSettings

SHOWN = 20


@click.command()
@click.argument("silence_id", metavar="[ID]", required=False)
@matcher_options
@click.option("--since", "since_ms", type=Moment(), default="24h", show_default=True, help="How far back to look.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each alert, and nothing else.")
def preview(silence_id: str | None, since_ms: int, *, as_json: bool, **asked: tuple[str, ...]) -> None:
    """What a silence would have hidden of the last day: of these options, or of the silence ID. Changes nothing."""
    settings = settings_of("silence")
    if (silence_id is not None) == any(asked.values()):
        raise click.UsageError("say what is hidden, e.g. --rule 'seoul-*', or name a silence: sil_...")
    given = None if silence_id is not None else read_matchers(asked)

    async def look() -> tuple[dict[str, AlertRecord], int]:
        if given is not None:
            await tell_of_matchers(settings.kafka, given)
            return await hidden_by(settings.kafka, given, since_ms)
        return await hidden_by(
            settings.kafka, (await known_silence(settings.kafka, silence_id or "")).matchers, since_ms
        )

    found, seen = asyncio.run(look())
    if as_json:
        for alert in found.values():
            click.echo(orjson.dumps(_line(alert)).decode())
        return
    for rule, count in Counter(alert.rule.id for alert in found.values()).most_common():
        click.echo(f"{count:>6}  {rule}")
    for alert in sorted(found.values(), key=lambda alert: -alert.alerted_ms)[:SHOWN]:
        line = _line(alert)
        text = f"{line['time']}  {line['rule']}  {line['source'] or '-'}  {line['title'] or line['article']}"
        click.echo(printable(text))
    if len(found) > SHOWN:
        click.echo(f"... and {len(found) - SHOWN} more; --json shows all")
    click.echo(f"would have hidden {len(found)} of {seen} alerts since {shown_time(since_ms)}")


async def hidden_by(
    settings: KafkaSettings, matchers: SilenceMatchers, since_ms: int
) -> tuple[dict[str, AlertRecord], int]:
    """The alerts since then that fit, each once, and how many there were of all. Raises as `scan`."""
    silence = Silence("preview", matchers, 0, 0)
    found: dict[str, AlertRecord] = {}
    seen: set[str] = set()
    async for record in scan(settings, topics.ALERTS, since_ms):
        try:
            alert = decode_alerts(record.value or b"")
        except BadInput:
            continue  # the worker has put it to dead-letters
        if isinstance(alert, AlertRecord):
            seen.add(alert.alert_id)
            if matches(silence, alert):
                found[alert.alert_id] = alert
    return found, len(seen)


def _line(alert: AlertRecord) -> dict[str, Any]:
    return {
        "time": shown_time(alert.alerted_ms), "alert_id": alert.alert_id, "subscription": alert.subscription,
        "rule": alert.rule.id, "story": alert.story.id, "source": alert.article.source, "article": alert.article.id,
        "title": alert.article.title,
    }  # fmt: skip
