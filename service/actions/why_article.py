"""Which article is meant: people know the address at which they read it, and not its id."""

import re
from collections.abc import Sequence

import orjson

from service.adapters.topic_scan import scan
from service.model import topics
from service.model.errors import BadInput
from service.model.records import MatchRecord
from service.settings import KafkaSettings

SCHEMES = ("http://", "https://")
_NEVER_ESCAPED = re.compile(rb"[A-Za-z0-9%._-]+")
"""What every writer of JSON writes as it is; `/`, `&`, `=` and what is not ASCII some write escaped."""


async def article_id(settings: KafkaSettings, named: str, since_ms: int) -> str:
    """The id of the newest article that came from an address; what is no address, or of no article, is an id itself.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or a topic does not exist.
    """
    if not named.lower().startswith(SCHEMES):
        return named
    return await _published(settings, named, since_ms) or await _matched(settings, named, since_ms) or named


async def _published(settings: KafkaSettings, url: str, since_ms: int) -> str | None:
    """As it stands on `articles`, which keeps them for a week. An id that looks like an address is one."""
    found: str | None = None
    written = url.encode()
    parts = _NEVER_ESCAPED.findall(written)
    async for record in scan(settings, topics.ARTICLES, since_ms):
        if record.key == written:
            return url
        if record.key and record.value and says_url(record.value, url, parts):
            found = record.key.decode("utf-8", "replace")
    return found


def says_url(raw: bytes, url: str, parts: Sequence[bytes]) -> bool:
    """Whether an article came from an address; `parts` stand in the bytes of those that did: few others are parsed."""
    if not all(part in raw for part in parts):
        return False
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and value.get("url") == url


async def _matched(settings: KafkaSettings, url: str, since_ms: int) -> str | None:
    """As it stands on `matches`, which keeps those in which a rule was found for a month."""
    found: str | None = None
    written = orjson.dumps(url)[1:-1]
    async for record in scan(settings, topics.MATCHES, since_ms):
        if record.value and written in record.value:
            try:
                article = MatchRecord.decode(record.value, topics.MATCHES).article
            except BadInput:
                continue
            found = article.id if article.url == url else found
    return found
