"""`bongsu explain`: every occurrence of every surface in an article, what was decided at each step, and why."""

import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.ingest.metadata import Metadata
    from service.matching.explain import Explanation


@click.command()
@click.option(
    "--rules", "rules_path", type=click.Path(path_type=Path), default=Path("rules"), show_default=True, metavar="DIR",
    help="Rule file, or directory of them.",
)  # fmt: skip
@click.option("--entity", metavar="ID", help="Only this entity.")
@click.option("--rule", "rule_id", metavar="ID", help="Only this rule: each part of it, true or not, and why.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each article.")
@click.argument("article", metavar="ARTICLE|-")
def explain(rules_path: Path, entity: str | None, rule_id: str | None, as_json: bool, article: str) -> None:
    """Say of every occurrence in ARTICLE (.txt, .html, .jsonl or - for JSON Lines) why it counts or does not.

    With --rule: of each part of that rule whether it is true there, and why; then the occurrences that it is about.
    """
    import orjson

    from service.actions.rules_explain import UnknownName, check_names, part_dict, rule_dict
    from service.actions.rules_explain import explain as explained
    from service.cli.explain_rule import print_parts
    from service.cli.matching import Matcher, read_article, read_jobs

    engine = Matcher(rules_path).engine
    try:
        check_names(engine, entity=entity, rule_id=rule_id)
    except UnknownName as error:
        raise click.UsageError(str(error)) from None
    for job in read_jobs([article]):
        said = explained(engine, read_article(job), entity=entity, rule_id=rule_id, now_s=time.time())
        if as_json:
            sys.stdout.buffer.write(orjson.dumps(said.as_dict(), option=orjson.OPT_APPEND_NEWLINE))
            continue
        if said.rule is not None:
            about = "; ".join(f"{name}: {value}" for name, value in rule_dict(said.rule).items() if value)
            verdict = "does not fire any more" if said.is_over else "fires" if said.fires else "does not fire"
            click.secho(f"{verdict}  {about}", bold=True)
            print_parts(map(part_dict, said.parts))
        _print(said.article.title or said.article.id, said.about, said.occurrences)


def _print(title: str, about: "Metadata", found: Iterable["Explanation"]) -> None:
    click.secho(title, bold=True)
    said = [f"{name.replace('_', ' ')}: {value}" for name, value in asdict(about).items() if value is not None]
    click.echo("; ".join(said) if said else "nothing in it says who wrote it")
    count = 0
    for one in found:
        count += 1
        mention = one.mention
        verdict, colour = (
            ("counts", "green") if mention.reason is None else (f"does not count: {mention.reason.value}", "red")
        )
        if one.merged:
            verdict, colour = "part of another mention", "yellow"
        click.echo()
        where = f"{mention.field} {mention.start}-{mention.end}"
        click.echo(f"@{mention.entity}  {mention.surface}  in {mention.text}  ({where})  ", nl=False)
        click.secho(verdict, fg=colour)
        click.echo(f"    {one.sentence[:160]}")
        for step in one.steps:
            click.echo(f"    {'yes' if step.passed else 'NO '}  {step.question:<11} {step.answer}")
    if not count:
        click.echo("no surface of a watched entity stands in it")
