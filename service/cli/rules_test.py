"""`bongsu rules test`: the tests that rules carry, and of those that fail why."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from service.cli.rules import as_json, directory


@click.command()
@directory
@click.option("--rule", "wanted", metavar="ID", help="Only this rule.")
@as_json
def test(path: Path, wanted: str | None, as_json: bool) -> None:
    """Run the tests that the rules of DIR carry; of each that fails, the rule part by part and what was seen.

    Exit code 0: all pass. 1: one fails. 2: the files do not load.
    """
    from service.actions.rules_tests import run_tests
    from service.adapters.rule_files import load_rules
    from service.cli.matching import veto_by_settings
    from service.matching.engine import Engine
    from service.matching.syntax import did_you_mean
    from service.settings import Settings

    ruleset = load_rules(path)
    if wanted is not None and wanted not in (known := [rule.id for rule in ruleset.rules]):
        raise click.UsageError(f"there is no rule {wanted}{did_you_mean(wanted, known)}")
    engine = Engine(ruleset, min_confidence=Settings().matching.min_confidence, veto=veto_by_settings())
    ran = untested = 0
    failures: list[dict[str, Any]] = []
    for rule in ruleset.rules:
        if wanted not in (None, rule.id):
            continue
        untested += not rule.tests
        wrong = [one.failure for one in run_tests(engine, (rule,)) if one.failure is not None]
        ran += len(rule.tests)
        failures.extend(wrong)
        if not as_json and rule.tests:
            click.echo(f"{rule.id}  FAILED" if wrong else f"{rule.id}  ok ({len(rule.tests)})")
            for one in wrong:
                _show(one)
    if as_json:
        answer = {"tests": ran, "failed": len(failures), "untested_rules": untested, "failures": failures}
        sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
    else:
        click.echo(f"{ran} tests, {len(failures)} failed; {untested} rules have none")
    if failures:
        raise SystemExit(1)


def _show(failure: dict[str, Any]) -> None:
    from service.cli.explain_rule import print_parts

    said = "fires, but must not" if failure["fires"] else "does not fire, but must"
    click.echo(f"    {said}: {next(iter(failure['article'].values()))[:100]!r}")
    print_parts(failure["parts"], indent=8)
