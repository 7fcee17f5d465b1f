"""`bongsu ingest`: publish files as articles.

A line of .jsonl is published as it was given (only `id` and `schema` are put in front where they are missing), so
that fields, numbers and escapes that we do not know survive.
"""

import asyncio
import os
import stat
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from service.adapters.kafka_client import as_ours, make_producer, started, topic_name
from service.cli.common import settings_of
from service.ingest.decode import decode_article, decode_file
from service.model import topics
from service.model.article import Article
from service.model.errors import BadInput, NewerSchema, WrongSetup
from service.model.records import SCHEMA
from service.settings import KafkaSettings

LINES = frozenset({".jsonl", ".ndjson"})
FILES = frozenset({".txt", ".html", ".htm"})
CHUNK = 1 << 16
IN_FLIGHT = 2000
"""Articles that wait for Kafka's acknowledgement at once; bounds memory on a long input."""
PROGRESS_S = 5.0


@dataclass(slots=True)
class Tally:
    """What became of the input."""

    published: int = 0
    acknowledged: int = 0
    bad: int = 0
    unacknowledged: list[BaseException] = field(default_factory=list)

    def reject(self, place: str, reason: object) -> None:
        """One article that cannot be published, told where it stands."""
        self.bad += 1
        click.echo(f"{place}: {reason}", err=True)


def value_of(article: Article) -> bytes:
    """The value that a .txt or .html file becomes."""
    fields = {"id": article.id, "schema": SCHEMA, "title": article.title, "text": article.text, "html": article.html,
              "partial": article.partial or None}  # fmt: skip
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


def value_of_line(line: bytes, article: Article) -> bytes:
    """The line as it was given, with `id` and `schema` put in front where it has none (a null id means the same id)."""
    given: dict[str, Any] = orjson.loads(line)
    missing = {name: value for name, value in (("id", article.id), ("schema", SCHEMA)) if name not in given}
    return orjson.dumps(missing)[:-1] + b"," + line[1:] if missing else line


@click.command()
@click.argument("files", metavar="FILE…|-", nargs=-1, required=True)
def ingest(files: tuple[str, ...]) -> int:
    """Publish articles: .txt (line 1 is the title), .html, .jsonl; `-` reads JSON Lines; a directory is searched.

    The same article again gets the same id: a new version, not a new article. What cannot be read is reported with
    its place on standard error and costs nothing else; exit code 1 then.
    """
    settings = settings_of("ingest")
    tally = asyncio.run(publish(settings.kafka, files))
    lost = f", {len(tally.unacknowledged)} not acknowledged" if tally.unacknowledged else ""
    click.echo(f"{tally.acknowledged} articles acknowledged by Kafka, {tally.bad} refused{lost}")
    if tally.unacknowledged:
        raise as_ours(settings.kafka, tally.unacknowledged[0])
    return int(tally.bad > 0)


async def publish(settings: KafkaSettings, files: tuple[str, ...]) -> Tally:
    """Publish everything in `files`; returns when all is acknowledged or has failed.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or the topic does not exist.
    """
    tally = Tally()
    topic = topic_name(settings, topics.ARTICLES)
    async with started(settings, make_producer(settings)) as producer:
        metadata = await producer.client.fetch_all_metadata()
        if topic not in metadata.topics():
            raise WrongSetup(f"the topic {topic} does not exist; run `bongsu topics create`")
        publisher = _Publisher(producer, topic, tally)
        async for place, article_id, value in _read(files, tally):
            await publisher.send(place, article_id, value)
        await publisher.finish()
    return tally


class _Publisher:
    """Keeps up to IN_FLIGHT articles on their way, counts what is acknowledged."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, tally: Tally) -> None:
        self._producer = producer
        self._topic = topic
        self._tally = tally
        self._under_way: set[asyncio.Future[Any]] = set()
        self._told = time.monotonic()

    async def send(self, place: str, article_id: str, value: bytes) -> None:
        try:
            future = await self._producer.send(self._topic, value, key=article_id.encode("utf-8", "surrogatepass"))
        except MessageSizeTooLargeError:
            self._tally.reject(place, f"{len(value)} bytes; Kafka takes articles up to 6 MB")
            return
        self._tally.published += 1
        self._under_way.add(future)
        if len(self._under_way) >= IN_FLIGHT:
            await self._settle(asyncio.FIRST_COMPLETED)
        if time.monotonic() - self._told >= PROGRESS_S:
            self._told = time.monotonic()
            click.echo(f"{self._tally.published} published, {self._tally.acknowledged} acknowledged ...", err=True)

    async def finish(self) -> None:
        if self._under_way:
            await self._settle(asyncio.ALL_COMPLETED)

    async def _settle(self, until: str) -> None:
        done, self._under_way = await asyncio.wait(self._under_way, return_when=until)
        for future in done:
            error = future.exception()
            if error is None:
                self._tally.acknowledged += 1
            elif isinstance(error, KafkaError):
                self._tally.unacknowledged.append(error)
            else:
                raise error


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
    number = 0
    async for raw in _lines(stream):
        number += 1
        line = raw.strip()
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not line:
            continue
        try:
            article = decode_article(line)
            value = value_of_line(line, article)
        except BadInput as error:
            tally.reject(f"{name}:{number}", error)
            continue
        except NewerSchema:
            tally.reject(f"{name}:{number}", f"schema: this Bongsu knows up to {SCHEMA}")
            continue
        yield f"{name}:{number}", article.id, value


async def _lines(stream: BinaryIO) -> AsyncIterator[bytes]:
    """Lines as soon as they are there: `tail -f | bongsu ingest -` must not wait for a buffer to fill."""
    rest = b""
    async for chunk in _chunks(stream):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
    if rest:
        yield rest


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
