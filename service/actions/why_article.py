"""Which article is meant: people know the address at which they read it, and not its id."""

import orjson

from service.adapters.topic_scan import scan
from service.model import topics
from service.model.errors import BadInput
from service.model.records import MatchRecord
from service.settings import KafkaSettings

SCHEMES = ("http://", "https://")


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
    escaped = orjson.dumps(url)[1:-1], url.replace("/", "\\/").encode()
    async for record in scan(settings, topics.ARTICLES, since_ms):
        if record.key == written:
            return url
        if record.key and record.value and any(one in record.value for one in escaped) and _url(record.value) == url:
            found = record.key.decode("utf-8", "replace")
    return found


def _url(raw: bytes) -> str | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    url = value.get("url") if isinstance(value, dict) else None
    return url if isinstance(url, str) else None


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
