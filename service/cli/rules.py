"""`bongsu rules`: check and test rule files; `apply` publishes them to a running Bongsu."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.matching.engine import Engine
    from service.matching.entities import Example, Rule
    from service.matching.ruleset import RuleSet


class _Rules(click.Group):
    """`apply` talks to Kafka and is imported only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        names = list(super().list_commands(ctx))
        return [*names, "apply"] if importlib.util.find_spec("service.cli.rules_apply") else names

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "apply" and importlib.util.find_spec("service.cli.rules_apply"):
            command: click.Command = importlib.import_module("service.cli.rules_apply").apply
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Rules)
def rules() -> None:
    """Check, test and apply rule files."""


_PATH = click.argument("path", type=click.Path(path_type=Path), metavar="DIR", default=Path("rules"))


@rules.command()
@_PATH
def check(path: Path) -> None:
    """Load rule files, warn about noise to come. Exit code 2, with file:line:column, when they do not load."""
    from service.adapters.rule_files import load_rules

    ruleset = load_rules(path)
    warnings = list(_warnings(ruleset))
    for warning in warnings:
        click.echo(f"warning: {warning}")
    counts = f"{len(ruleset.entities)} entities, {len(ruleset.rules)} rules"
    click.echo(f"{path}: {counts}, version {ruleset.version[:12]}; {len(warnings)} warnings")


def _warnings(ruleset: "RuleSet") -> list[str]:
    """Surfaces that are common words, and entities that no rule asks for."""
    from service.cli.matching import veto_by_settings
    from service.matching.expression import EntityTerm, terms_of
    from service.matching.sense import Reading

    out = []
    veto = veto_by_settings()
    for entity in ruleset.entities:
        for alias in entity.aliases if veto else ():
            if alias.needs or entity.not_in or len(alias.text) > 2 or not "가" <= alias.text[0] <= "힣":
                continue
            assert veto is not None
            if veto.reading(alias.text) is Reading.WORD:
                out.append(
                    f"{entity.id}: {alias.text} is a common word and no name that the dictionary knows; every use of "
                    "it will count. Give it needs: or not_in:"
                )
    used = {term.id for rule in ruleset.rules for term in terms_of(rule.expression) if isinstance(term, EntityTerm)}
    used |= {
        need[1:]
        for entity in ruleset.entities
        for alias in entity.aliases
        for need in alias.needs
        if need.startswith("@")
    }
    out.extend(f"{entity.id}: no rule asks for it" for entity in ruleset.entities if entity.id not in used)
    return out


@rules.command()
@_PATH
@click.option("--rule", "wanted", metavar="ID", help="Only this rule.")
def test(path: Path, wanted: str | None) -> None:
    """Run the tests that rules carry. Exit code 1 when one fails."""
    from service.adapters.rule_files import load_rules
    from service.cli.matching import veto_by_settings
    from service.matching.engine import Engine

    ruleset = load_rules(path)
    engine = Engine(ruleset, veto=veto_by_settings())
    ran = failed = untested = 0
    for rule in ruleset.rules:
        if wanted not in (None, rule.id):
            continue
        untested += not rule.tests
        wrong = [said for example in rule.tests if (said := _run(engine, rule, example))]
        ran += len(rule.tests)
        failed += len(wrong)
        if wrong:
            click.echo(f"{rule.id}  FAILED")
            for said in wrong:
                click.echo(f"    {said}")
        elif rule.tests:
            click.echo(f"{rule.id}  ok ({len(rule.tests)})")
    click.echo(f"{ran} tests, {failed} failed; {untested} rules have none")
    if failed:
        raise SystemExit(1)


def _run(engine: "Engine", rule: "Rule", example: "Example") -> str | None:
    """What is wrong, or None."""
    from service.model.article import Article

    given = example.article
    findings = engine.examine(Article("test", given.get("title"), given.get("text"), given.get("html")))
    fires = any(hit.rule.id == rule.id for hit in findings.hits)
    if fires is example.fires:
        return None
    seen = ", ".join(
        f"@{mention.entity} {mention.text}" + (f" ({mention.reason.value})" if mention.reason else "")
        for mention in (*findings.mentions, *findings.suppressed)
    )
    text = next(iter(example.article.values()))
    return f"{'fires, but must not' if fires else 'does not fire, but must'}: {text[:80]!r}; seen: {seen or 'nothing'}"
