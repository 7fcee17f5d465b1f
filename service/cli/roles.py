"""`bongsu worker | dispatcher | api`: the long-running roles, all with the same options."""

import asyncio
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from service import app, logs
from service.settings import Settings


def role_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every role takes."""
    command = click.option(
        "--ready-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Written, with the pid and the ports, when the role is ready.",
    )(command)
    return click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        help="Serve /metrics, /healthz and /readyz here; 0 takes a free port (see --ready-file).",
    )(command)


LAST_RESORT_S = 9.0
"""SIGTERM ends a role within 10 s, also where a library waits for a Kafka that is away, in a thread or a task."""


def _end_in_time() -> None:
    """End the process after LAST_RESORT_S if it has not ended by itself; what is not committed comes again."""
    last_resort = threading.Timer(LAST_RESORT_S, os._exit, (1,))
    last_resort.daemon = True
    last_resort.start()


def run(name: str, make: app.MakeRole, metrics_port: int | None, ready_file: Path | None) -> None:
    """Run a role in this process until it is told to stop."""
    settings = Settings()
    logs.configure(settings.log, name)
    with asyncio.Runner(loop_factory=lambda: app.new_event_loop(name)) as runner:
        runner.run(
            app.run_role(
                name, make, settings, metrics_port=metrics_port, ready_file=ready_file, on_stopping=_end_in_time
            )
        )


@click.command()
@role_options
def worker(metrics_port: int | None, ready_file: Path | None) -> None:
    """Match articles, address subscriptions, decide what is sent.

    Run as many as there are partitions; they share the work and take over from each other. Ends on SIGTERM with its
    offsets committed.
    """
    run("worker", app.make_worker, metrics_port, ready_file)


@click.command()
@role_options
def dispatcher(metrics_port: int | None, ready_file: Path | None) -> None:
    """Sign and send webhooks, retry what failed, write down every attempt.

    Only public addresses are called; BONGSU_DELIVERY_ALLOW_ADDRESSES (CIDRs) allows others.
    """
    run("dispatcher", app.make_dispatcher, metrics_port, ready_file)


@click.command()
@click.option("--host", help="Address to listen on. Default: BONGSU_API_HOST.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="0 takes a free port (see --ready-file). Default: BONGSU_API_PORT."
)
@role_options
def api(host: str | None, port: int | None, metrics_port: int | None, ready_file: Path | None) -> None:
    """The HTTP API under /v1: subscriptions, deliveries, silences, rules, articles.

    Its OpenAPI is at /v1/openapi.json; `bongsu token create` makes a token for it. Run as many as are wanted, behind
    whatever speaks TLS.
    """
    run("api", partial(app.make_api, host=host, port=port), metrics_port, ready_file)
