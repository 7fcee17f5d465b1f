"""`bongsu rules backtest`: what rules would have found, before anybody is told."""

import asyncio
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from service.cli.rules import as_json
from service.cli.times import Span

if TYPE_CHECKING:
    from service.cli.matching import Job
    from service.matching.backtest import Backtest, Outcome, Sample
    from service.matching.entities import Rule
    from service.settings import Settings

PROGRESS_S = 1.0
SHOWN = 50
"""Rules shown to people, those that fire most; --json has all."""
SHOWN_SILENT = 20
"""Rules that fire nowhere and are named."""


class _Look:
    """An article in, an outcome out; a sentence where the article cannot be read."""

    def __init__(self, rules: Path, against: Path | None) -> None:
        from service.adapters.rule_files import load_rules
        from service.cli.matching import veto_by_settings
        from service.matching.engine import Engine
        from service.settings import Settings

        veto, minimum = veto_by_settings(), Settings().matching.min_confidence
        self.engine = Engine(load_rules(rules), min_confidence=minimum, veto=veto)
        self.against = Engine(load_rules(against), min_confidence=minimum, veto=veto) if against is not None else None

    def __call__(self, job: "Job") -> "Outcome | str":
        from service.actions.rules_backtest import outcome_of
        from service.cli.matching import read_article
        from service.model.errors import BadInput, NewerSchema

        try:
            article = read_article(job)
        except (BadInput, NewerSchema) as error:
            return f"{job.name}:{job.line}: {error}"
        return outcome_of(article, self.engine, self.against, job.time_s)


@click.command()
@click.option(
    "--rules", "rules_path", type=click.Path(path_type=Path), default=Path("rules"), show_default=True, metavar="DIR",
    help="Rule file, or directory of them.",
)  # fmt: skip
@click.option(
    "--against", type=click.Path(path_type=Path), metavar="DIR", help="Other rules: what would come, what would go."
)
@click.option("--from-topic", is_flag=True, help="The articles that the topic holds, instead of files.")
@click.option("--since", "since_s", type=Span(), metavar="AGO", help="With --from-topic: only the last 24h, 7d, 90m.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@as_json
@click.argument("files", nargs=-1, metavar="[ARTICLES]...")
def backtest(
    rules_path: Path,
    against: Path | None,
    from_topic: bool,
    since_s: float | None,
    workers: int,
    as_json: bool,
    files: tuple[str, ...],
) -> None:
    """Say what rules would have found in ARTICLES (.txt, .html, .jsonl, - for JSON Lines) or in the topic.

    Of each rule: articles, by day and by source, a few of them; shadow rules too. With --against also in which articles
    it fires now and did not, and the other way round. Progress on stderr; nothing is written to Kafka.
    """
    from service.actions.rules_backtest import summary
    from service.cli.in_order import in_order
    from service.cli.matching import read_jobs, warn
    from service.matching.backtest import Backtest

    if bool(files) == from_topic:
        raise click.UsageError("name files of articles, or say --from-topic")
    if since_s is not None and not from_topic:
        raise click.UsageError("--since is for --from-topic; files have no times")
    make = partial(_Look, rules_path, against)
    first = make()  # rules that do not load are told before an article is read
    rules = {rule.id: rule for rule in first.engine.ruleset.rules}
    tally = Backtest(rules.values())
    jobs = _from_topic(since_s) if from_topic else read_jobs(files)
    unread = 0
    told_s = time.monotonic()
    for outcome in in_order(jobs, make, workers=workers, made=first):
        if isinstance(outcome, str):
            unread += 1
            warn(f"left out: {outcome}")
            continue
        tally.add(outcome)
        if time.monotonic() - told_s > PROGRESS_S:
            told_s = time.monotonic()
            click.echo(f"{tally.articles} articles, {tally.fired_in} with a rule ...", err=True)
    if as_json:
        answer = summary(tally, rules, unread, compared=against is not None)
        sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
    else:
        _print(tally, rules, compared=against is not None)


def _from_topic(since_s: float | None) -> "Iterator[Job]":
    """The records of `articles`: one loop, stepped by who asks for the next."""
    from service.cli.common import settings_of

    since_ms = round((time.time() - since_s) * 1000) if since_s is not None else None
    with asyncio.Runner() as runner:
        records = _records(settings_of("rules"), since_ms)
        try:
            while (job := runner.run(_next(records))) is not None:
                yield job
        finally:
            runner.run(records.aclose())


async def _next(records: Any) -> "Job | None":
    return await anext(records, None)


async def _records(settings: "Settings", since_ms: int | None) -> Any:
    from service.actions.rules_backtest import stored_articles
    from service.cli.matching import Job

    async for one in stored_articles(settings.kafka, since_ms):
        yield Job(f"partition {one.partition}", one.offset, one.raw, True, one.time_s)


def _print(tally: "Backtest", rules: dict[str, "Rule"], *, compared: bool) -> None:
    from service.actions.rules_backtest import about as about_rule

    days = f" on {len(tally.by_day)} days" if tally.by_day else ""
    click.secho(f"{tally.articles} articles; a rule fires in {tally.fired_in}{days}", bold=True)
    ranked = sorted(tally.rules.items(), key=lambda item: -(item[1].gained + item[1].lost or item[1].articles))
    firing = [item for item in ranked if item[1].articles or item[1].lost]
    for rule_id, volume in firing[:SHOWN]:
        about = about_rule(rules.get(rule_id))
        said = ", ".join(f"{name} {value}" if value is not True else name for name, value in about.items() if value)
        change = f"  (+{volume.gained} -{volume.lost})" if compared else ""
        click.secho(f"\n{rule_id}  {volume.articles}{change}", bold=True, nl=False)
        click.echo(f"  {said}" if said else "")
        if volume.articles:
            click.echo("    by day     " + ", ".join(f"{day} {count}" for day, count in sorted(volume.by_day.items())))
            click.echo("    by source  " + ", ".join(f"{name} {n}" for name, n in volume.by_source.most_common(5)))
        shown = [("+", volume.gained_samples), ("-", volume.lost_samples)] if compared else [(" ", volume.samples)]
        for sign, samples in shown:
            for sample in samples:
                _print_sample(sign, sample)
    if len(firing) > SHOWN:
        click.echo(f"\n... and {len(firing) - SHOWN} more rules; --json has all")
    silent = sorted(set(tally.rules).difference(rule_id for rule_id, _ in firing))
    more = f", ... and {len(silent) - SHOWN_SILENT} more" if len(silent) > SHOWN_SILENT else ""
    named = f": {', '.join(silent[:SHOWN_SILENT])}{more}" if silent else ""
    click.echo(f"\n{len(silent)} rules fire nowhere{named}")


def _print_sample(sign: str, sample: "Sample") -> None:
    click.echo(f"  {sign} {sample.title or sample.article}")
    if sample.sentence and sample.sentence != sample.title:
        click.echo(f"      {sample.sentence[:120]}")
