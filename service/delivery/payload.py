"""What a webhook says (contract 3.4): JSON text, made once; its bytes are stored, signed and sent unchanged.

At most 20 kB. What does not fit is cut in the order in which a reader misses it least: first evidence, then long
texts, then alerts from the end, and `truncated` says so. The same alerts always make the same bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from service.delivery.summary import summary
from service.model.records import AlertRecord, Evidence

MAX_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Cut:
    """How much may be said; None means all of it. `text` and `url` are characters of one field."""

    mentions: int | None = None
    sentence: int | None = None
    text: int | None = None
    url: int | None = None


CUTS = (
    Cut(),
    Cut(mentions=20, sentence=600),
    Cut(mentions=10, sentence=400),
    Cut(mentions=5, sentence=300),
    Cut(mentions=3, sentence=200, text=1000),
    Cut(mentions=2, sentence=160, text=300, url=2000),
    Cut(mentions=1, sentence=120, text=200, url=2000),
    Cut(mentions=0, sentence=0, text=100, url=300),
)


def alert_payload(  # noqa: PLR0913 - the fields of the contract
    kind: str, subscription: str, sequence: int, reason: str, alerts: Sequence[AlertRecord], timestamp_ms: int
) -> str:
    """The body of one notification as JSON text, at most 20,000 bytes in UTF-8.

    Args:
        kind: `alert.matched`, `alert.digest`, `alert.updated`.
        subscription: who is told.
        sequence: of this notification in its group; receivers order by it.
        reason: why this is told now.
        alerts: what is told, at least one; the first gives rule and story.
        timestamp_ms: when it was decided, milliseconds since the epoch.

    Raises:
        ValueError: no alerts.
    """
    return fitted(Head(kind, subscription, sequence, reason, timestamp_ms), alerts, _plain)


@dataclass(frozen=True, slots=True)
class Head:
    """What a notification says beside its alerts; the fields are the arguments of `alert_payload`."""

    kind: str
    subscription: str
    sequence: int
    reason: str
    timestamp_ms: int


Envelope = Callable[[Head, dict[str, Any]], dict[str, Any]]
"""Puts `data` of the contract into what is sent."""


def _plain(head: Head, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": head.kind, "timestamp": rfc3339(head.timestamp_ms), "data": data}


def fitted(head: Head, alerts: Sequence[AlertRecord], envelope: Envelope) -> str:
    """The body with as much as fits into 20,000 bytes.

    Raises:
        ValueError: no alerts.
    """
    if not alerts:
        raise ValueError("a notification without alerts says nothing")

    def made(count: int, cut: Cut) -> bytes:
        return encoded(envelope(head, _data(head, alerts, count, cut)))

    for cut in CUTS:
        body = made(len(alerts), cut)
        if len(body) <= MAX_BYTES:
            return body.decode()
    fewest, most = 1, len(alerts)
    while fewest < most:  # the largest number of alerts that fits
        middle = (fewest + most + 1) // 2
        if len(made(middle, CUTS[-1])) <= MAX_BYTES:
            fewest = middle
        else:
            most = middle - 1
    return made(fewest, CUTS[-1]).decode()


class _Shortener:
    """Cuts texts to what `cut` allows and remembers whether it had to."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self.used = False

    def text(self, value: str | None) -> str | None:
        return None if value is None else self.short(value)

    def short(self, value: str) -> str:
        limit = self.cut.text
        if limit is None or len(value) <= limit:
            return value
        self.used = True
        return value[: limit - 1] + "…"

    def url(self, value: str | None) -> str | None:
        # Half an address leads nowhere: whole or not at all.
        if value is not None and self.cut.url is not None and len(value) > self.cut.url:
            self.used = True
            return None
        return value

    def mentions(self, all_of_them: Sequence[Evidence]) -> list[dict[str, Any]]:
        limit = self.cut.mentions
        kept = all_of_them
        if limit is not None and len(all_of_them) > limit:
            self.used = True
            kept = _most_telling(all_of_them, limit)
        return [
            {
                "entity": mention.entity,
                "surface": self.short(mention.surface),
                "text": self.short(mention.text),
                "sentence": self.sentence(mention.sentence, mention.text),
                "zone": mention.zone,
            }
            for mention in kept
        ]

    def sentence(self, sentence: str, around: str) -> str:
        """`sentence` itself, or the part of it around what was found."""
        limit = self.cut.sentence
        if limit is None or len(sentence) <= limit:
            return sentence
        self.used = True
        middle = max(sentence.find(around), 0) + len(around) // 2
        start = max(0, min(middle - limit // 2, len(sentence) - limit))
        end = start + limit
        return ("…" if start else "") + sentence[start:end] + ("…" if end < len(sentence) else "")


def _most_telling(mentions: Sequence[Evidence], limit: int) -> list[Evidence]:
    """The first mention of every entity before the second of any; otherwise in the order of the article."""
    seen: dict[str, int] = {}
    ranked = []
    for index, mention in enumerate(mentions):
        name = mention.entity or mention.surface
        seen[name] = seen.get(name, -1) + 1
        ranked.append((seen[name], index))
    return [mentions[index] for index in sorted(index for _, index in sorted(ranked)[:limit])]


def _data(head: Head, alerts: Sequence[AlertRecord], count: int, cut: Cut) -> dict[str, Any]:
    shorten = _Shortener(cut)
    first = alerts[0]
    told = [
        {
            "alert_id": alert.alert_id,
            "match_id": alert.match_id,
            "article": {
                "id": alert.article.id,
                "url": shorten.url(alert.article.url),
                "title": shorten.text(alert.article.title),
                "source": shorten.text(alert.article.source),
                "published_at": shorten.text(alert.article.published_at),
            },
            "mentions": shorten.mentions(alert.mentions),
        }
        for alert in alerts[:count]
    ]
    return {
        "subscription": head.subscription,
        "sequence": head.sequence,
        "reason": shorten.short(head.reason),
        "summary": summary(head.kind, alerts, first.lang),
        "rule": {"id": first.rule.id, "name": shorten.short(first.rule.name)},
        "story": {"id": first.story.id, "copies": first.story.copies},
        "alerts": told,
        "truncated": shorten.used or count < len(alerts) or any(alert.truncated for alert in alerts),
    }


def rfc3339(timestamp_ms: int) -> str:
    """`2026-11-23T03:52:00.123Z`."""
    seconds, millis = divmod(timestamp_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def encoded(value: dict[str, Any]) -> bytes:
    """As JSON in UTF-8, the same bytes for the same value."""
    try:
        return orjson.dumps(value)
    except TypeError:  # lone surrogates: no UTF-8 says them, so U+FFFD stands in for each
        return orjson.dumps(_without_surrogates(value))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list) else value
