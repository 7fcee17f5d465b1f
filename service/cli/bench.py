"""`bongsu bench NAME`: measure, beside what it is to be compared with, in one run."""

import importlib
import os
import platform
import time

import click
import orjson
from rich.console import Console

BENCHES = {
    "find": "CPU an article for finding names, beside pyahocorasick and naive search",
    "stream": "articles/s of workers on a real Kafka, beside a raw aiokafka loop",
    "delivery": "webhooks/s, their cost and latency; endpoints that hang, fail and come back",
    "stories": "copies joined and false joins on generated families, articles/s of sketch and join, memory",
    "alerting": "alerts/s of one worker with its tables on disk; recovery of a million table entries",
    "day": "a planted day met exactly on a virtual clock; memory over a simulated week",
    "latency": "from publishing to arrival at 50 articles/s, beside a raw chain of aiokafka hops",
}


@click.command()
@click.argument("name", required=False, type=click.Choice(list(BENCHES)))
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object on stdout.")
@click.option("--list", "listed", is_flag=True, help="Print the names of the benchmarks.")
@click.option("--quick", is_flag=True, help="A tenth of the work: to see that it runs, not to quote.")
@click.option("--only", multiple=True, help="Run this part of `delivery` alone; may be given more than once.")
def bench(name: str | None, as_json: bool, listed: bool, quick: bool, only: tuple[str, ...]) -> None:
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
    parts = {"only": only} if only else {}
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
