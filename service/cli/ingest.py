"""`bongsu ingest`: publish files as articles.

What an article becomes on Kafka, and when it counts, is `service/actions/articles.py`; here files are read, and what
became of them is told.
"""

import asyncio
import os
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import click

from service.actions.articles import (
    MAX_LINE_BYTES,
    TOO_LONG,
    Publisher,
    RefusedArticle,
    articles_topic,
    read_line,
    value_of,
)
from service.actions.ndjson import Line, LineReader
from service.adapters.kafka_client import as_ours, make_producer, started
from service.cli.common import printable, settings_of
from service.ingest.decode import decode_file
from service.model.errors import BadInput
from service.settings import KafkaSettings

LINES = frozenset({".jsonl", ".ndjson"})
FILES = frozenset({".txt", ".html", ".htm"})
CHUNK = 1 << 16
PROGRESS_S = 5.0


@dataclass(slots=True)
class Tally:
    """What became of the input."""

    acknowledged: int = 0
    bad: int = 0
    unacknowledged: list[BaseException] = field(default_factory=list)

    def reject(self, place: str, reason: object) -> None:
        """One article that cannot be published, told where it stands."""
        self.bad += 1
        click.echo(f"{place}: {reason}", err=True)


@click.command()
@click.argument("files", metavar="FILE…|-", nargs=-1, required=True)
@click.option("--ids", is_flag=True, help="Print the id of each article and where it stood, for `bongsu why`.")
def ingest(files: tuple[str, ...], ids: bool) -> int:
    """Publish articles: .txt (line 1 is the title), .html, .jsonl; `-` reads JSON Lines; a directory is searched.

    The same article again gets the same id: a new version, not a new article. What cannot be read is reported with
    its place on standard error and costs nothing else; exit code 1 then.
    """
    settings = settings_of("ingest")
    tally = asyncio.run(publish(settings.kafka, files, _say_id if ids else None))
    lost = f", {len(tally.unacknowledged)} not acknowledged" if tally.unacknowledged else ""
    click.echo(f"{tally.acknowledged} articles acknowledged by Kafka, {tally.bad} refused{lost}")
    if tally.unacknowledged:
        raise as_ours(settings.kafka, tally.unacknowledged[0])
    return int(tally.bad > 0)


def _say_id(place: str, article_id: str) -> None:
    click.echo(printable(f"{article_id}  {place}"))


async def publish(
    settings: KafkaSettings, files: tuple[str, ...], said: Callable[[str, str], None] | None = None
) -> Tally:
    """Publish everything in `files`; returns when all is acknowledged or has failed.

    `said` hears of each that was taken: where it stood, and its id.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or the topic does not exist.
    """
    tally = Tally()
    async with started(settings, make_producer(settings)) as producer:
        publisher = Publisher(producer, await articles_topic(settings, producer), on_progress=_Told())
        async for place, article_id, value in _read(files, tally):
            try:
                await publisher.send(article_id, value)
            except RefusedArticle as error:
                tally.reject(place, error)
                continue
            if said is not None:
                said(place, article_id)
        await publisher.finish()
        tally.acknowledged = publisher.acknowledged
        tally.unacknowledged.extend(publisher.failed)
    return tally


class _Told:
    """Says now and then how far it is."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def __call__(self, publisher: Publisher) -> None:
        if time.monotonic() - self._at >= PROGRESS_S:
            self._at = time.monotonic()
            click.echo(f"{publisher.sent} published, {publisher.acknowledged} acknowledged ...", err=True)


async def _read(files: tuple[str, ...], tally: Tally) -> AsyncIterator[tuple[str, str, bytes]]:
    """(place, article id, value) of everything that can be read; the rest is told."""
    for name in files:
        if name == "-":
            async for item in _read_lines("-", sys.stdin.buffer, tally):
                yield item
            continue
        for path in _expanded(Path(name)):
            try:
                if path.suffix.lower() in LINES:
                    with path.open("rb") as stream:
                        async for item in _read_lines(str(path), stream, tally):
                            yield item
                else:
                    article = decode_file(path.name, path.read_bytes())
                    yield str(path), article.id, value_of(article)
            except BadInput as error:
                tally.reject(str(path), error)
            except OSError as error:
                tally.reject(str(path), error.strerror or error)


def _expanded(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(child for child in path.rglob("*") if child.suffix.lower() in LINES | FILES)
    else:
        yield path


async def _read_lines(name: str, stream: BinaryIO, tally: Tally) -> AsyncIterator[tuple[str, str, bytes]]:
    async for line in _lines(stream):
        place = f"{name}:{line.number}"
        if line.too_long:
            tally.reject(place, TOO_LONG)
            continue
        try:
            article_id, value = read_line(line.raw)
        except BadInput as error:
            tally.reject(place, error)
            continue
        yield place, article_id, value


async def _lines(stream: BinaryIO) -> AsyncIterator[Line]:
    """Lines as soon as they are there: `tail -f | bongsu ingest -` must not wait for a buffer to fill."""
    reader = LineReader(MAX_LINE_BYTES)
    async for chunk in _chunks(stream):
        for line in reader.feed(chunk):
            yield line
    for line in reader.end():
        yield line


async def _chunks(stream: BinaryIO) -> AsyncIterator[bytes]:
    mode = os.fstat(stream.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()):
        while chunk := stream.read(CHUNK):  # a file answers at once
            yield chunk
        return
    # A pipe may be silent for hours: read by the event loop, so that acknowledgements and Ctrl-C come through.
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), stream
    )
    try:
        while chunk := await reader.read(CHUNK):
            yield chunk
    finally:
        transport.close()
