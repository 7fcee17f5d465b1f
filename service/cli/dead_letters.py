"""`bongsu dead-letters`: what could not be read, where it stood and why, from the topic `dead-letters`."""

import asyncio
import base64
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import click
import orjson

from service.adapters.topic_scan import scan
from service.cli.common import printable, settings_of
from service.cli.times import Moment, shown_time
from service.model import topics
from service.settings import KafkaSettings

DAY_MS = 86_400_000
SHOWN = 160
"""Characters of a key or value for people; `--json` has all of it."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that could not be read."""

    at: str
    topic: str
    partition: int
    offset: int
    """Where it stood."""
    key: str | None
    reason: str
    size: int | None
    """Bytes of its value; None: it had none."""
    value: str | None
    base64: str | None
    """The value where it is no UTF-8; cut where it was too large to be kept whole."""


@click.command(name="dead-letters")
@click.option("--topic", metavar="NAME", help="Only of this topic, without the prefix: articles, deliveries ...")
@click.option("--since", "since_ms", type=Moment(), help="1h, 7d, or a time. Default: 24h.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each, with the whole value.")
def dead_letters(topic: str | None, since_ms: int | None, as_json: bool) -> None:
    """Show what could not be read: where it stood, why, and how it begins. Oldest first; kept for 30 days.

    An article that is mended and published again is found and told like any other.
    """
    settings = settings_of("dead-letters")
    if since_ms is None:
        since_ms = time.time_ns() // 1_000_000 - DAY_MS
    counts = asyncio.run(_show(settings.kafka, topic, since_ms, as_json=as_json))
    if as_json:
        return
    if not counts:
        click.echo("no dead letters; `bongsu dead-letters --since 30d` looks further back")
        return
    of_each = ", ".join(f"{count} of {name}" for name, count in counts.most_common())
    click.echo(printable(f"{counts.total()} in all: {of_each}"))


def as_lines(one: DeadLetter) -> str:
    """For people; what strangers wrote does not steer a terminal."""
    key = "without a key" if one.key is None else f"key {_begin(one.key)}"
    begins = one.value if one.value is not None else f"not UTF-8: {one.base64}" if one.base64 is not None else ""
    size = "no value" if one.size is None else f"{one.size:,} bytes"
    lines = [f"{one.at}  {one.topic}[{one.partition}]@{one.offset}  {key}  {size}", f"    {one.reason}"]
    return "\n".join(printable(line) for line in [*lines, *([f"    {_begin(begins)}"] if begins else [])])


def _begin(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


async def _show(settings: KafkaSettings, topic: str | None, since_ms: int, *, as_json: bool) -> Counter[str]:
    """One by one, in the order of the topic's only partition: a month of them need not fit in memory."""
    counts = Counter[str]()
    async for record in scan(settings, topics.DEAD_LETTERS, since_ms):
        one = _shown(record)
        if topic in (None, one.topic):
            click.echo(orjson.dumps(asdict(one)) if as_json else as_lines(one))
            counts[one.topic] += 1
    return counts


def _shown(record: Any) -> DeadLetter:
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    raw: bytes | None = record.value
    try:
        text, packed = (None if raw is None else raw.decode()), None
    except UnicodeDecodeError:
        text, packed = None, base64.b64encode(raw or b"").decode()
    return DeadLetter(
        at=shown_time(record.timestamp),
        topic=headers.get("topic", "?"),
        partition=_number(headers.get("partition")),
        offset=_number(headers.get("offset")),
        key=None if record.key is None else record.key.decode("utf-8", "replace"),
        reason=headers.get("reason", "?"),
        size=_number(headers["size"]) if "size" in headers else None if raw is None else len(raw),
        value=text,
        base64=packed,
    )


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else -1
