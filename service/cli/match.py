"""`bongsu match`: files or JSON Lines against rules, without a broker (contract 3.3)."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--rules", "rules_path", type=click.Path(path_type=Path), default=Path("rules"), show_default=True, metavar="DIR",
              help="Rule file, or directory of them.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes; output keeps its order.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...|-")
def match(rules_path: Path, workers: int, files: tuple[str, ...]) -> None:
    """Match articles against rules; one JSON line for each article, in order.

    FILE is .txt, .html or .jsonl; - reads JSON Lines from standard input.
    """
    from service.cli.matching import Matcher, read_jobs

    matcher = Matcher(rules_path)
    out = sys.stdout.buffer
    for line in _answers(matcher, read_jobs(files), workers):
        out.write(line)
    out.flush()


def _answers(matcher: Any, jobs: Iterable[Any], workers: int) -> Iterator[bytes]:
    if workers == 1:
        yield from map(matcher, jobs)
        return
    from service.cli.matching import answer_in_worker, start_worker
    from concurrent.futures import ProcessPoolExecutor

    del matcher, answer_in_worker, start_worker, ProcessPoolExecutor
    raise click.ClickException("--workers above 1 is not available yet")
