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
    from service.model.article import Article

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
    from service.actions.rules_check import Source
    from service.actions.rules_check import check as checked
    from service.cli.matching import veto_by_settings
    from service.model.errors import InvalidRules, Problem
    from service.settings import Settings

    answer = checked(
        Source.at(path),
        now_s=time.time(),
        veto=veto_by_settings(),
        min_confidence=Settings().matching.min_confidence,
        articles=_articles(files),
    )
    if not answer["loads"]:
        if not as_json:
            raise InvalidRules([Problem(**one) for one in answer["errors"]])
        _print(answer)
        raise SystemExit(2)
    warnings = answer["warnings"]
    if as_json:
        _print(answer)
    else:
        for one in warnings[:SHOWN]:
            click.echo(f"{one['file']}:{one['line']}:{one['column']}: warning: {one['id']}: {one['message']}")
        if len(warnings) > SHOWN:
            click.echo(f"... and {len(warnings) - SHOWN} more; --json has all")
        click.echo(
            f"{path}: {answer['entities']} entities, {answer['rules']} rules, version {answer['version'][:12]}; "
            f"{len(warnings)} warnings"
        )
    if warnings:
        raise SystemExit(1)


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
