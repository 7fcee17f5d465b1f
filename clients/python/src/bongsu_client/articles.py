"""What comes in."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bongsu_client import models
from bongsu_client.resource import Resource

BATCH_BYTES = 4_000_000
"""Of one request: under what the API takes (5 MB) by a margin."""
BATCH_ARTICLES = 5_000


class Articles(Resource):
    """Methods of /v1/articles."""

    def publish_articles(self, article: Mapping[str, Any]) -> models.ArticleTaken:
        """Publish one article; it is in Kafka when this returns. The same id again is a new version of it."""
        return self._json(models.ArticleTaken, "POST", "/v1/articles", json=dict(article))

    def publish_many(self, articles: Iterable[Mapping[str, Any]]) -> Iterator[models.ArticlesTaken]:
        """Publish many, a request for each few thousand; one answer for each request, as it comes.

        Nothing is sent before the answers are read: `for taken in client.publish_many(...)`. A line that is no article
        is in `errors` (counted from 1 in each request); InvalidRequest when not one of a request was taken.
        """
        for batch in _batches(articles):
            yield self._json(
                models.ArticlesTaken,
                "POST",
                "/v1/articles",
                content=b"\n".join(batch) + b"\n",
                headers={"Content-Type": "application/x-ndjson"},
            )


def _batches(articles: Iterable[Mapping[str, Any]]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for article in articles:
        line = json.dumps(dict(article), ensure_ascii=False).encode("utf-8")
        if batch and (size + len(line) > BATCH_BYTES or len(batch) == BATCH_ARTICLES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 1
    if batch:
        yield batch
