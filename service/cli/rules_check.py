"""`bongsu rules check`: do the files load, and what will be regretted."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from service.cli.rules import as_json, directory

if TYPE_CHECKING:
    from service.matching.lints import Lint
    from service.model.article import Article
    from service.model.errors import Problem

SHOWN = 100
"""Warnings printed for people; --json has all."""


@click.command()
@directory
@click.option(
    "--articles", "files", multiple=True, metavar="FILE",
    help="Look in these articles (.txt, .html, .jsonl, -) for names that mostly stand inside other words.",
)  # fmt: skip
@as_json
def check(path: Path, files: tuple[str, ...], as_json: bool) -> None:
    """Load the rule files of DIR and warn about noise to come and rules that cannot do their work.

    Exit code 0: nothing to say. 1: they load, with warnings. 2: they do not load; every problem with file:line:column
    and what to do about it.
    """
    from service.adapters.rule_files import load_rules
    from service.cli.matching import veto_by_settings
    from service.matching.lints import lint
    from service.model.errors import InvalidRules
    from service.settings import Settings

    try:
        ruleset = load_rules(path)
    except InvalidRules as error:
        if not as_json:
            raise
        _print({"loads": False, "errors": [_problem(one) for one in error.problems], "warnings": []})
        raise SystemExit(2) from None
    veto = veto_by_settings()
    found = list(
        lint(
            ruleset,
            now_s=time.time(),
            reading=veto.reading if veto is not None else None,
            min_confidence=Settings().matching.min_confidence,
            articles=_articles(files),
        )
    )
    warnings = _placed(path, found)
    counts = {"entities": len(ruleset.entities), "rules": len(ruleset.rules), "version": ruleset.version}
    if as_json:
        _print({"loads": True, **counts, "errors": [], "warnings": warnings})
    else:
        for one in warnings[:SHOWN]:
            click.echo(f"{one['file']}:{one['line']}:{one['column']}: warning: {one['id']}: {one['message']}")
        if len(warnings) > SHOWN:
            click.echo(f"... and {len(warnings) - SHOWN} more; --json has all")
        click.echo(
            f"{path}: {counts['entities']} entities, {counts['rules']} rules, version {ruleset.version[:12]}; "
            f"{len(warnings)} warnings"
        )
    if warnings:
        raise SystemExit(1)


def _placed(path: Path, found: "list[Lint]") -> list[dict[str, Any]]:
    """With file, line and column, in their order; the files are read again only if there is something to say."""
    from service.adapters.rule_files import places

    where = places(path) if found else {}
    out = []
    for one in found:
        file, line, column = where[one.what, one.id]
        out.append(
            {"file": file, "line": line, "column": column, "kind": one.kind.value, one.what: one.id, "id": one.id,
             "message": one.message}
        )  # fmt: skip
    return sorted(out, key=lambda one: (one["file"], one["line"], one["kind"]))


def _problem(problem: "Problem") -> dict[str, Any]:
    return {"file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message}


def _articles(files: Iterable[str]) -> "Iterable[Article]":
    from service.cli.matching import read_article, read_jobs, warn
    from service.model.errors import BadInput, NewerSchema

    for job in read_jobs(files):
        try:
            yield read_article(job)
        except (BadInput, NewerSchema) as error:
            warn(f"{job.name}:{job.line}: left out: {error}")


def _print(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
