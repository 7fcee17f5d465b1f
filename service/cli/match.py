"""`bongsu match`: files or JSON Lines against rules, without a broker (contract 3.3)."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click


@click.command()
@click.option(
    "--rules", "rules_path", type=click.Path(path_type=Path), default=Path("rules"), show_default=True, metavar="DIR",
    help="Rule file, or directory of them.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes; output keeps its order."
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
def match(rules_path: Path, workers: int, files: tuple[str, ...]) -> None:
    """Match articles against rules; one JSON line for each article, in order.

    FILE is .txt, .html or .jsonl; - reads JSON Lines from standard input. An article that cannot be read is a line with
    "error"; the exit code is then still 0. Rules that do not load: exit code 2, and file:line:column of each problem.
    """
    out = sys.stdout.buffer
    for line in _answers(rules_path, workers, files):
        out.write(line)
    out.flush()


def _answers(rules_path: Path, workers: int, files: tuple[str, ...]) -> Iterator[bytes]:
    from service.cli.in_order import in_order
    from service.cli.matching import Matcher, read_jobs

    return in_order(read_jobs(files), partial(Matcher, rules_path), workers=workers)
