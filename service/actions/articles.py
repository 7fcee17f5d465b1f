"""Publishing articles: `bongsu ingest` and POST /v1/articles do the same, and make the same ids (contract 3.1).

A line is published as it was given (only `id` and `schema` are put in front where they are missing), so that fields,
numbers and escapes that we do not know survive. An article counts when Kafka has acknowledged it, not before.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from service.adapters.kafka_client import topic_name
from service.ingest.decode import decode_article
from service.model import topics
from service.model.article import Article
from service.model.errors import BadInput, NewerSchema, NotJson, Unavailable, WrongSetup
from service.model.record import SCHEMA
from service.settings import KafkaSettings

IN_FLIGHT = 2_000
"""Articles of one publisher that wait for Kafka's acknowledgement at once; bounds memory on a long input."""
MAX_LINE_BYTES = 6_000_000
"""Of one article as JSON: what Kafka takes."""
TOO_LONG = "longer than 6 MB; Kafka takes articles up to 6 MB"


class RefusedArticle(BadInput):
    """One article cannot be published; the others can."""


class MalformedArticle(RefusedArticle):
    """It is not even JSON."""


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


def read_line(line: bytes) -> tuple[str, bytes]:
    """The id of an article and the value that is published, from its JSON without white space around it.

    Raises:
        RefusedArticle: it is no article; says which field and what it must be.
    """
    try:
        article = decode_article(line)
    except NewerSchema:
        raise RefusedArticle(f"schema: this Bongsu knows up to {SCHEMA}") from None
    except NotJson as error:
        raise MalformedArticle(str(error)) from None
    except BadInput as error:
        raise RefusedArticle(str(error)) from None
    return article.id, value_of_line(line, article)


async def articles_topic(settings: KafkaSettings, producer: AIOKafkaProducer) -> str:
    """The topic, with its prefix.

    Raises:
        WrongSetup: it does not exist.
    """
    topic = topic_name(settings, topics.ARTICLES)
    metadata = await producer.client.fetch_all_metadata()
    if topic not in metadata.topics():
        raise WrongSetup(f"the topic {topic} does not exist; run `bongsu topics create`")
    return topic


class Publisher:
    """Keeps up to IN_FLIGHT articles on their way and counts what Kafka acknowledges.

    Whoever sends waits while too many are under way: a long input is read no faster than Kafka takes it.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topic: str,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[["Publisher"], None] = lambda _: None,
    ) -> None:
        """Over a producer that is started and stays the caller's.

        Args:
            producer: idempotent; it tries on for as long as Kafka is away.
            topic: with its prefix.
            timeout_s: without any acknowledgement, until Unavailable is raised; None: wait for as long as it takes.
            on_progress: told after each article that was sent.
        """
        self._producer = producer
        self._topic = topic
        self._timeout_s = timeout_s
        self._on_progress = on_progress
        self._under_way = 0
        self._moved = asyncio.Event()
        self._fault: BaseException | None = None
        self.sent = 0
        self.acknowledged = 0
        self.failed: list[KafkaError] = []
        """What Kafka said of those that it refused."""

    async def send(self, article_id: str, value: bytes) -> None:
        """Hand one article over.

        Raises:
            RefusedArticle: it is larger than Kafka takes.
            Unavailable: no acknowledgement came for `timeout_s`; what is under way may be taken later.
        """
        key = article_id.encode("utf-8", "surrogatepass")
        try:
            async with asyncio.timeout(self._timeout_s):
                future = await self._producer.send(self._topic, value, key=key)
        except MessageSizeTooLargeError:
            raise RefusedArticle(f"{len(value)} bytes; Kafka takes articles up to 6 MB") from None
        except TimeoutError:
            raise self._silent() from None
        self.sent += 1
        self._under_way += 1
        future.add_done_callback(self._settled)
        await self._until(IN_FLIGHT - 1)
        self._on_progress(self)

    async def finish(self) -> None:
        """Until all that was sent is acknowledged or has failed.

        Raises:
            Unavailable: as `send`.
        """
        await self._until(0)

    async def _until(self, most: int) -> None:
        """Wait until no more than so many are under way."""
        while self._under_way > most:
            self._moved.clear()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._moved.wait()
            except TimeoutError:
                raise self._silent() from None
        if self._fault is not None:
            raise self._fault

    def _settled(self, future: "asyncio.Future[Any]") -> None:
        self._under_way -= 1
        self._moved.set()
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is None:
            self.acknowledged += 1
        elif isinstance(error, KafkaError):
            self.failed.append(error)
        elif isinstance(error, asyncio.CancelledError):
            self._fault = Unavailable("it is stopping; send again what was not acknowledged")
        else:
            self._fault = error

    def _silent(self) -> Unavailable:
        return Unavailable(
            f"Kafka has acknowledged nothing for {self._timeout_s:g} s; what was sent and is not acknowledged may be "
            "taken later: send it again, the same article has the same id"
        )
