"""`bongsu bench NAME`: measure, beside what it is to be compared with, in one run."""

import importlib
import os
import platform
import time
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from service.cli.common import settings_of

BENCHES = {
    "find": "CPU an article for finding names, beside pyahocorasick and naive search",
    "match": "CPU an article for matching 100 to 100,000 rules, beside pyahocorasick with a loop, and all rules run",
    "load": "how long 100,000 rules take to load, from YAML and from the control topic, and what they weigh",
    "stream": "articles/s of workers on a real Kafka, beside a raw aiokafka loop",
    "delivery": "webhooks/s, their cost and latency; endpoints that hang, fail and come back",
    "stories": "copies joined and false joins on generated families, articles/s of sketch and join, memory",
    "alerting": "alerts/s of one worker with its tables on disk; recovery of a million table entries",
    "api": "articles/s through POST /v1/articles beside a bare producer; a list of attempts over a million rows",
    "day": "a planted day met exactly on a virtual clock; memory over a simulated week",
    "scrape": "ms and bytes of a scrape of a worker with 10,000 rules and a dispatcher with 1,000 subscriptions",
    "latency": "from publishing to arrival at 50 articles/s, beside a raw chain of aiokafka hops",
}


@click.command()
@click.argument("name", required=False, type=click.Choice(list(BENCHES)))
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object on stdout.")
@click.option("--list", "listed", is_flag=True, help="Print the names of the benchmarks.")
@click.option("--quick", is_flag=True, help="A tenth of the work: to see that it runs, not to quote.")
@click.option("--only", multiple=True, help="Run this part of `delivery` alone; may be given more than once.")
@click.option("--rules", type=click.Path(path_type=Path), help="For `match`: these rule files, not made-up ones.")
@click.option("--articles", type=click.Path(path_type=Path), help="For `match`: these articles, one JSON a line.")
def bench(
    name: str | None,
    as_json: bool,
    listed: bool,
    quick: bool,
    only: tuple[str, ...],
    rules: Path | None,
    articles: Path | None,
) -> None:
    """Measure one thing and print it; progress goes to stderr.

    Machines are noisy: compare the ratios within a run, not numbers of different runs.
    """
    if listed:
        click.echo("\n".join(BENCHES))
        return
    if name is None:
        for known, text in BENCHES.items():
            click.echo(f"{known:<10} {text}")
        return
    module = importlib.import_module(f"service.bench.{name}")
    if only and name != "delivery":
        raise click.UsageError("--only is for `bongsu bench delivery`; the others are one measurement each.")
    if (rules is None) != (articles is None):
        raise click.UsageError("--rules and --articles go together: give both, or none for made-up ones.")
    if rules is not None and name != "match":
        raise click.UsageError("--rules and --articles are for `bongsu bench match`.")
    parts: dict[str, Any] = {"only": only} if only else {}
    if rules is not None:
        parts = {"rules": rules, "articles_file": articles}
    settings_of("bench")  # or what is logged on the way would stand on stdout, before the JSON
    before = time.monotonic()
    result = {
        "bench": name,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]},
        "quick": quick,
        **module.run(quick=quick, **parts, progress=lambda line: click.echo(line, err=True)),
    }
    result["seconds"] = round(time.monotonic() - before, 1)
    if as_json:
        click.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    else:
        Console().print_json(orjson.dumps(result).decode())
