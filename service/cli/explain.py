"""`bongsu explain`: every occurrence of every surface in an article, what was decided at each step, and why."""

import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from service.cli.matching import Matcher
    from service.ingest.metadata import Metadata
    from service.matching.entities import Rule
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

    from service.cli.explain_rule import part_dict, print_parts
    from service.cli.matching import Matcher, read_article, read_jobs
    from service.ingest.metadata import read_metadata
    from service.ingest.reading import Document
    from service.matching.expiry import expired
    from service.matching.explain import explain as explained
    from service.matching.expression import EntityTerm, terms_of

    matcher = Matcher(rules_path)
    known = [one.id for one in matcher.engine.ruleset.entities]
    if entity is not None and entity not in known:
        from service.matching.language import did_you_mean

        raise click.UsageError(f"there is no entity {entity}{did_you_mean(entity, known)}")
    rule = _rule(matcher, rule_id) if rule_id is not None else None
    is_over = rule is not None and any(expired([rule], time.time()))
    for job in read_jobs([article]):
        read = read_article(job)
        found = list(explained(matcher.engine, read, entity))
        parts = []
        if rule is not None:
            from service.matching.trace import trace

            parts = [part_dict(part) for part in trace(matcher.engine, rule, read)]
            about_it = {term.id for term in terms_of(rule.expression) if isinstance(term, EntityTerm)}
            found = [one for one in found if one.mention.entity in about_it]
        about = read_metadata(Document(read))
        if as_json:
            answer: dict[str, Any] = {
                "article": {"id": read.id, **asdict(about)},
                "occurrences": [_as_dict(one) for one in found],
            }
            if rule is not None:
                answer["rule"] = {**_rule_dict(rule), "fires": parts[0]["true"] and not is_over, "parts": parts}
            sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        else:
            if rule is not None:
                said = "; ".join(f"{name}: {value}" for name, value in _rule_dict(rule).items() if value)
                verdict = "does not fire any more" if is_over else "fires" if parts[0]["true"] else "does not fire"
                click.secho(f"{verdict}  {said}", bold=True)
                print_parts(parts)
            _print(read.title or read.id, about, found)


def _rule(matcher: "Matcher", wanted: str) -> "Rule":
    from service.matching.language import did_you_mean

    known = {rule.id: rule for rule in matcher.engine.ruleset.rules}
    if wanted not in known:
        raise click.UsageError(f"there is no rule {wanted}{did_you_mean(wanted, list(known))}")
    return known[wanted]


def _rule_dict(rule: "Rule") -> dict[str, Any]:
    """What is said of a rule beside what it asks for."""
    return {
        "id": rule.id,
        "name": rule.name,
        "owner": rule.owner,
        "expires": rule.expires,
        "shadow": rule.shadow,
    }


def _as_dict(one: "Explanation") -> dict[str, Any]:
    from service.matching.answer import mention_dict

    steps = [{"question": step.question, "answer": step.answer, "passed": step.passed} for step in one.steps]
    return {**mention_dict(one.mention), "merged": one.merged, "sentence": one.sentence, "steps": steps}


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
