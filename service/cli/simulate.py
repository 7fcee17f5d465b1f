"""`bongsu simulate`: a day of articles through the whole line on a virtual clock, without a broker."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from service.cli.times import Span
from service.model.errors import BadInput

if TYPE_CHECKING:
    from service.simulation.events import Event
    from service.simulation.run import Simulation

PROGRESS_S = 5.0
DEFAULT_TAIL = "24h"


@click.command()
@click.argument("day", metavar="DAY.jsonl|-")
@click.option(
    "--rules", "rules_path", type=click.Path(path_type=Path), default=Path("rules"), show_default=True, metavar="DIR",
    help="Rule file, or directory of them.",
)  # fmt: skip
@click.option(
    "--subscriptions", "subscriptions_path", type=click.Path(path_type=Path), metavar="FILE",
    help="YAML list of subscriptions: id, rules, policy. Default: one of all rules.",
)  # fmt: skip
@click.option(
    "--tail", "tail_s", type=Span(), default=DEFAULT_TAIL, show_default=True,
    help="How long it goes on after the last line: what is held is told then.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each decision and notification.")
def simulate(day: str, rules_path: Path, subscriptions_path: Path | None, tail_s: float, as_json: bool) -> None:
    """Say what would have been told of a day, when, and why not.

    DAY.jsonl holds articles with the time of their arrival as `at`, and events (docs/simulation.md). Rules, stories and
    policies run as in the worker; nothing is sent. The same day always gives the same output, ids included. A line that
    cannot be used ends it with exit code 2 and the line's number.
    """
    from service.actions.known_rules import known_of
    from service.adapters.engines import compiler
    from service.adapters.rule_files import load_rules
    from service.cli.subscriptions_file import load_subscriptions
    from service.delivery.formats import body_of
    from service.settings import Settings
    from service.simulation.day import read_day
    from service.simulation.named import Named
    from service.simulation.run import Simulation
    from service.simulation.trace import traced
    from service.simulation.world import World

    settings = Settings()
    rules = load_rules(rules_path)
    subscriptions = load_subscriptions(subscriptions_path)
    known, there = known_of(rules.to_records()), f"in {rules_path}"
    named = Named(lambda written: known.check(written, there, "--rules names others."))
    for record in subscriptions:
        try:
            named.subscribe(record)
        except BadInput as error:
            raise BadInput(f"{subscriptions_path}: subscription {record.id}: {error}") from None
    world = World(
        engine=compiler(settings.matching)(rules),
        payload=body_of,
        evidence=settings.matching.evidence_mentions,
        memory_ms=round(settings.alerting.memory_s * 1000),
        time_to_live_ms=round(settings.alerting.time_to_live_s * 1000),
    )
    simulation = Simulation(world)
    simulation.control.subscribe(subscriptions)
    account = Counter[str]()
    lines = _lines(day)
    for sent in _all(simulation, read_day(lines, day, named.check), round(tail_s * 1000)):
        line = traced(sent)
        if line is None:
            account[sent.topic] += 1
            continue
        account[line.get("decision", "notifications")] += 1
        sys.stdout.write((orjson.dumps(line).decode() if as_json else as_text(line)) + "\n")
    for note in dict.fromkeys(named.notes):
        click.echo(f"note: {note}", err=True)
    click.echo(_summary(simulation.articles, account), err=True)


def _lines(day: str) -> Iterator[bytes]:
    from service.model.errors import WrongSetup

    if day == "-":
        yield from sys.stdin.buffer
        return
    try:
        with Path(day).open("rb") as file:
            yield from file
    except OSError as error:
        raise WrongSetup(f"{day}: {error.strerror}; name a .jsonl file, or - for standard input") from None


def _all(simulation: "Simulation", events: Iterable["Event"], tail_ms: int) -> Iterator[Any]:
    """As `simulate` of the simulation, telling on standard error how far a long day is."""
    from service.simulation.trace import shown

    told_s = time.monotonic()
    for event in events:
        yield from simulation.take(event)
        if time.monotonic() - told_s > PROGRESS_S:
            told_s = time.monotonic()
            click.echo(f"{simulation.articles} articles, {shown(simulation.now_ms)}", err=True)
    yield from simulation.run_until(simulation.now_ms + tail_ms)


def as_text(line: dict[str, Any]) -> str:
    """A line for people: when, who, what, and why."""
    head = f"{line['at'][:19].replace('T', ' ')}  {line['subscription']:<16}"
    if "notification" in line:
        held = f", {line['held_count']} held" if "held_count" in line else ""
        reason = f" ({line['reason']}{held})" if "reason" in line else ""
        return f"{head}  => {line['notification']}{reason}  {line.get('summary', line['delivery'])}"
    why = ", ".join(
        str(part)
        for part in (
            line.get("reason"),
            f"by {line['by']}" if "by" in line else None,
            f"until {line['until'][:19].replace('T', ' ')}" if "until" in line else None,
        )
        if part is not None
    )
    what = f"{line.get('article', line['alert'])} by {line.get('rule', '-')}"
    return f"{head}     {line['decision']:<10} {what}{f'  ({why})' if why else ''}"


def _summary(articles: int, account: Counter[str]) -> str:
    decisions = ("notified", "attached", "held", "silenced", "suppressed", "expired")
    said = ", ".join(f"{account[name]} {name}" for name in decisions if account[name])
    return (
        f"{articles} articles, {account['matches']} with a rule, {account['alerts']} records of alerts and flushes; "
        f"{account['notifications']} notifications; decisions: {said or 'none'}"
    )
