"""POST /v1/articles: one article as JSON, or many as NDJSON, answered when Kafka has acknowledged them.

Many are read as they come and never held: of a body of any length only what Kafka has not acknowledged yet is in
memory, and while Kafka is slow nothing more is read. A body that ends early (too large, broken off, Kafka away) has
been taken as far as it came: the problem says how far, and the same articles may be sent again, for they have the same
ids.
"""

from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import KafkaError
from fastapi import APIRouter, Request, Response, status

from service.actions.articles import (
    MAX_LINE_BYTES,
    TOO_LONG,
    MalformedArticle,
    Publisher,
    RefusedArticle,
    articles_topic,
    read_line,
)
from service.actions.control import Control
from service.actions.ndjson import Line, LineReader
from service.adapters.kafka_client import as_ours
from service.api.bodies import one_of, parts, whole
from service.api.models.articles import ARTICLE, MAX_ERRORS, ArticlesTaken, ArticleTaken, LineError
from service.api.openapi import problems
from service.api.problems import ApiProblem, of_error
from service.api.security import needs
from service.api.services import ControlDep
from service.model.errors import BongsuError, Unavailable
from service.settings import KafkaSettings

JSON = "application/json"
NDJSON = "application/x-ndjson"
BODY = {
    "required": True,
    "content": {
        JSON: {"schema": ARTICLE},
        NDJSON: {
            "schema": {
                "type": "string",
                "description": "One article as JSON on each line; blank lines are skipped. Up to "
                "BONGSU_API_MAX_BODY_BYTES, also after gzip.",
            },
            "example": '{"title": "가람시, 나루군과 협약"}\n{"title": "나루군 축제 시작"}\n',
        },
    },
}
TAKEN: dict[int | str, dict[str, Any]] = {
    200: {"model": ArticlesTaken, "description": f"Of {NDJSON}: at least one article was taken."},
    201: {"model": ArticleTaken, "description": f"Of {JSON}: it was taken."},
}

router = APIRouter(prefix="/v1/articles", tags=["articles"])


@router.post(
    "",
    operation_id="publish_articles",
    status_code=status.HTTP_201_CREATED,
    dependencies=needs("articles:write"),
    responses=TAKEN
    | problems("malformed-request", "request-timeout", "body-too-large", "unsupported-media-type", "invalid-request"),
    openapi_extra={"requestBody": BODY},
)
async def publish_articles(request: Request, response: Response, control: ControlDep) -> Any:
    """Publish one article, or many.

    Answered when Kafka has acknowledged all. The same article again (the same `id`) is a new version of it, so sending
    again what may or may not have arrived is safe. Of many, a line that is no article costs only itself; 422 when not
    one was taken. With 413, 408 and 503 the members `accepted` and `rejected` say what became of what was read.
    """
    limit = control.settings.api.max_body_bytes
    if one_of(request, (JSON, NDJSON)) == JSON:
        return ArticleTaken(id=await _one(control, request, await whole(request, limit)))
    taking = _Taking(await _publisher(control, request), control.settings.kafka)
    try:
        reader = LineReader(MAX_LINE_BYTES)
        async for part in parts(request, limit):
            for line in reader.feed(part):
                await taking.take(line)
        for line in reader.end():
            await taking.take(line)
        await _finish(taking.publisher, taking.kafka)
    except (ApiProblem, BongsuError) as error:
        raise await taking.so_far(error) from None
    response.status_code = status.HTTP_200_OK
    return taking.answer()


async def _one(control: Control, request: Request, body: bytes) -> str:
    kafka = control.settings.kafka
    publisher = await _publisher(control, request)
    try:
        article_id = await _send(publisher, kafka, body.strip())
    except MalformedArticle as error:
        raise ApiProblem("malformed-request", f"the body is {error}") from None
    except RefusedArticle as error:
        raise ApiProblem("invalid-request", str(error), errors=[{"detail": str(error)}]) from None
    await _finish(publisher, kafka)
    return article_id


async def _send(publisher: Publisher, kafka: KafkaSettings, line: bytes) -> str:
    """Hand an article over; gives its id. Raises RefusedArticle; Unavailable or WrongSetup: Kafka takes none."""
    article_id, value = read_line(line)
    try:
        await publisher.send(article_id, value)
    except KafkaError as error:
        raise as_ours(kafka, error) from error
    return article_id


async def _finish(publisher: Publisher, kafka: KafkaSettings) -> None:
    """Until all is acknowledged. Raises Unavailable or WrongSetup: something is not."""
    await publisher.finish()
    if publisher.failed:
        raise as_ours(kafka, publisher.failed[0])


async def _publisher(control: Control, request: Request) -> Publisher:
    """Over the one producer; that the topic exists is asked once."""
    kafka, kept = control.settings.kafka, request.app.state
    producer = await control.producer()
    if getattr(kept, "articles_topic", None) is None:
        try:
            kept.articles_topic = await articles_topic(kafka, producer)
        except (KafkaError, OSError) as error:
            raise as_ours(kafka, error) from error
    return Publisher(producer, kept.articles_topic, timeout_s=control.settings.api.timeout_s)


@dataclass(slots=True)
class _Taking:
    """What becomes of the lines of one body."""

    publisher: Publisher
    kafka: KafkaSettings
    rejected: int = 0
    errors: list[LineError] = field(default_factory=list)

    async def take(self, line: Line) -> None:
        if line.too_long:
            self._reject(line, TOO_LONG)
            return
        try:
            await _send(self.publisher, self.kafka, line.raw)
        except RefusedArticle as error:
            self._reject(line, str(error))

    def _reject(self, line: Line, error: str) -> None:
        self.rejected += 1
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(LineError(line=line.number, error=error))

    def answer(self) -> ArticlesTaken:
        if not self.publisher.acknowledged:
            errors = [{"line": one.line, "detail": one.error} for one in self.errors]
            none = (
                f"{self.rejected} lines, and none of them is an article" if errors else "there is no line in the body"
            )
            raise ApiProblem("invalid-request", none, errors=errors, accepted=0, rejected=self.rejected)
        return ArticlesTaken(accepted=self.publisher.acknowledged, rejected=self.rejected, errors=self.errors)

    async def so_far(self, error: ApiProblem | BongsuError) -> ApiProblem:
        """The problem, and what was taken until then: what is under way is waited for, where Kafka still answers."""
        problem = of_error(error)
        if problem is error:
            try:
                await self.publisher.finish()
            except Unavailable as silent:
                problem = of_error(silent)
        problem.more |= {"accepted": self.publisher.acknowledged, "rejected": self.rejected}
        return problem
