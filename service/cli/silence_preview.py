"""`bongsu silence preview`: what a silence would have hidden, out of the alerts of the last day."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import click
import orjson

from service.actions import silences as actions
from service.actions.actor import Actor
from service.actions.control import Control
from service.cli.acting import act, tell
from service.cli.common import printable, settings_of, tenant_option
from service.cli.silence_matchers import matcher_options, read_matchers, topics_of
from service.cli.times import Moment, shown_time
from service.model.records import AlertRecord
from service.model.tenants import local

SHOWN = 20


@click.command()
@click.argument("silence_id", metavar="[ID]", required=False)
@matcher_options
@click.option("--since", "since_ms", type=Moment(), default="24h", show_default=True, help="How far back to look.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each alert, and nothing else.")
@tenant_option
def preview(silence_id: str | None, since_ms: int, *, as_json: bool, tenant: str, **asked: tuple[str, ...]) -> None:
    """What a silence would have hidden of the last day: of these options, or of the silence ID. Changes nothing."""
    settings = settings_of("silence")
    if (silence_id is not None) == any(asked.values()):
        raise click.UsageError("say what is hidden, e.g. --rule 'seoul-*', or name a silence: sil_...")
    given = None if silence_id is not None else read_matchers(asked)

    async def look(control: Control, actor: Actor) -> actions.Preview:
        if given is not None:
            tell(await actions.notes_on(control, actor, given))
            return await actions.preview(control, actor, given, since_ms)
        known = await actions.get(control, actor, silence_id or "")
        return await actions.preview(control, actor, known.matchers, since_ms)

    looked = act(settings, look, tenant=tenant, follow=topics_of(given))
    found = looked.hidden
    if as_json:
        for alert in found.values():
            click.echo(orjson.dumps(_line(alert)).decode())
        return
    for rule, count in Counter(local(alert.rule.id) for alert in found.values()).most_common():
        click.echo(f"{count:>6}  {rule}")
    for text in shown(found.values()):
        click.echo(printable(text))
    click.echo(f"would have hidden {len(found)} of {looked.seen} alerts since {shown_time(since_ms)}")


def shown(alerts: Iterable[AlertRecord]) -> Iterator[str]:
    """A line for each article and rule, the newest first: what many subscriptions were told of stands there once."""
    together: dict[tuple[str, str], list[AlertRecord]] = {}
    for alert in sorted(alerts, key=lambda alert: -alert.alerted_ms):
        together.setdefault((alert.rule.id, alert.article.id), []).append(alert)
    for same in list(together.values())[:SHOWN]:
        line, whom = _line(same[0]), len({alert.subscription for alert in same})
        text = f"{line['time']}  {line['rule']}  {line['source'] or '-'}  {line['title'] or line['article']}"
        yield text + (f"  ({whom} subscriptions)" if whom > 1 else "")
    if len(together) > SHOWN:
        yield f"... and {len(together) - SHOWN} more; --json shows every alert"


def _line(alert: AlertRecord) -> dict[str, Any]:
    return {
        "time": shown_time(alert.alerted_ms), "alert_id": alert.alert_id, "subscription": alert.subscription,
        "rule": local(alert.rule.id), "story": alert.story.id, "source": alert.article.source,
        "article": alert.article.id, "title": alert.article.title,
    }  # fmt: skip
