"""`bongsu why`: what became of an article for a subscription, out of the topics."""

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import orjson

from service.cli.common import settings_of
from service.cli.times import Moment

if TYPE_CHECKING:
    from service.cli.why_answer import Answer
    from service.cli.why_found import Found
    from service.settings import Settings


@click.command()
@click.option("--subscription", required=True, metavar="ID", help="Who was, or was not, told.")
@click.option("--article", required=True, metavar="ID", help="Of what.")
@click.option("--rule", metavar="ID", help="Only this rule.")
@click.option(
    "--since", "since_ms", type=Moment(), default="7d", show_default=True, help="How far back to look: 1h, 30d, a time."
)
@click.option("--json", "as_json", is_flag=True, help="The whole answer as one JSON object.")
def why(subscription: str, article: str, rule: str | None, since_ms: int, as_json: bool) -> None:
    """Say what became of an article for a subscription, and why.

    Reads the topics and changes nothing: no such article, no rule fired (and what the nearest one lacked), filtered,
    suppressed, attached to which story, held until when, silenced by whom, delivered when, or what failed.
    """
    from service.cli.why_answer import answer_of
    from service.cli.why_found import find

    settings = settings_of("why")
    found = asyncio.run(find(settings.kafka, subscription, article, since_ms))
    answer = answer_of(found, rule)
    if answer is None:
        answer = _no_rule(settings, found, rule)
    if as_json:
        body = {"subscription": subscription, "article": article, "asked_ms": time.time_ns() // 1_000_000}
        click.echo(orjson.dumps({**body, **asdict(answer)}).decode())
        return
    click.echo(_clean(answer.sentence))
    if len(answer.lines) > 1:
        for line in answer.lines:
            click.echo(_clean(f"  {line.rule}: {line.sentence}"))
    for note in answer.notes:
        click.echo(_clean(f"  {note}"))


def _clean(text: str) -> str:
    """What others wrote must not steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _no_rule(settings: "Settings", found: "Found", rule: str | None) -> "Answer":
    """No rule that was asked for fired: what the nearest one lacked, by the rules that are in force now."""
    from service import app
    from service.cli.why_answer import Answer, at
    from service.cli.why_nearest import nearest, watched_by
    from service.ingest.decode import decode_article
    from service.matching.ruleset import RuleSet

    record = found.subscriptions[found.subscription]
    raw = next((value for _, value in reversed(found.versions) if value is not None), None)
    if raw is None:
        gone = "was taken down, and its text" if found.versions else "is older than what is kept, and its text"
        return Answer(
            "no_rule", f"No rule fired in {found.article} that was asked for; it {gone} is not there any more."
        )
    ruleset = RuleSet.from_records(found.rules)
    watched = watched_by(ruleset.rules, (rule,) if rule is not None else record.rules)
    if not watched:
        asked = rule if rule is not None else ", ".join(record.rules)
        return Answer(
            "no_rule", f"There is no rule in force that {asked} means; `bongsu subscriptions show` lists them."
        )
    engine = app.compiler(settings.matching)(ruleset)
    article = decode_article(raw)
    now = [hit.rule for hit in engine.match(article).hits if hit.rule.id in {one.id for one in watched}]
    loud = sorted(one.id for one in now if not one.shadow)
    if loud:
        return Answer(
            "rules_changed",
            f"No rule fired when the article came ({at(found.versions[-1][0])}), but {', '.join(loud)} would now: the "
            "rules were changed since, or the worker has not come to it yet. Publish it again to have it told.",
        )
    if now:
        return Answer("shadow", f"{now[0].id} fired, and is a shadow rule: it is counted and never told.")
    closest = nearest(engine, article, watched)
    assert closest is not None
    lacked = [f"it lacked {', '.join(closest.missing)}"] if closest.missing else []
    lacked += [f"{', '.join(closest.unwanted)} must not be there"] if closest.unwanted else []
    there = f"; there was {', '.join(closest.present)}" if closest.present else ""
    return Answer(
        "no_rule",
        f"None of the {len(watched)} rules that it watches fired. Nearest was {closest.rule.id} ({closest.rule.when}): "
        f"{' and '.join(lacked) or 'all terms were there, but not as the rule wants them'}{there}.",
        notes=list(closest.nearly),
    )
