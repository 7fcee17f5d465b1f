"""`bongsu topics create | list | export | import`."""

import asyncio
from typing import BinaryIO

import click
import orjson

from service.adapters.control_copy import exported, import_lines
from service.adapters.topics_admin import TopicState, create_topics, describe_topics
from service.cli.common import settings_of
from service.settings import KafkaSettings


@click.group()
def topics() -> None:
    """Create, show and copy the topics."""


@topics.command()
@click.option(
    "--partitions",
    type=click.IntRange(1, 1000),
    help="Of the topics that spread (default 4); rules, subscriptions, matches and dead-letters keep one.",
)
def create(partitions: int | None) -> int:
    """Create the topics that are missing. What is there is compared and never changed.

    Exit code 1 when one differs from what it must be.
    """
    settings = settings_of("topics")
    return _report(asyncio.run(create_topics(settings.kafka, partitions=partitions)))


@topics.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(as_json: bool) -> int:
    """Every topic, and how it differs from what it must be.

    Exit code 1 when one is missing or differs.
    """
    settings = settings_of("topics")
    return _report(asyncio.run(describe_topics(settings.kafka)), as_json=as_json)


@topics.command()
def export() -> None:
    """What stands on rules, subscriptions, silences and tokens, as JSON Lines on standard output.

    A backup, or the beginning of another cluster or prefix. Webhook secrets are in it, sealed where BONGSU_SECRET_KEY
    is set and in clear where it is not: keep it like a password.
    """
    asyncio.run(_export(settings_of("topics").kafka))


async def _export(settings: KafkaSettings) -> None:
    async for line in exported(settings):
        click.echo(line)


@topics.command(name="import")
@click.argument("file", type=click.File("rb"))
def import_(file: BinaryIO) -> None:
    """Put what `export` wrote (FILE, or - for standard input) onto topics that are empty."""
    counts = asyncio.run(import_lines(settings_of("topics").kafka, file.readlines()))
    click.echo(", ".join(f"{count} of {name}" for name, count in counts.items()))


def _report(states: list[TopicState], *, as_json: bool = False) -> int:
    width = max(len(state.name) for state in states)
    for state in states:
        if as_json:
            click.echo(orjson.dumps(state).decode())
            continue
        partitions = f"{state.partitions} partition{'s' if state.partitions != 1 else ''}" if state.partitions else ""
        click.echo(f"{state.state:<8} {state.name:<{width}} {partitions}".rstrip())
        for difference in state.differences if state.state == "differs" else ():
            click.echo(f"         {difference}")
    return int(any(state.state in ("differs", "missing") for state in states))
