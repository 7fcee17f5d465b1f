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
from service.model.notice import Notice
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


def payload_of(notice: Notice) -> str:
    """The body of one notification in Bongsu's own format as JSON text, at most 20,000 bytes in UTF-8.

    Of several alerts the first gives rule and story.

    Raises:
        ValueError: no alerts, and it is no digest that says so.
    """
    return fitted(notice, _plain)


Envelope = Callable[[Notice, dict[str, Any]], dict[str, Any]]
"""Puts `data` of the contract into what is sent."""


def _plain(notice: Notice, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": notice.kind, "timestamp": rfc3339(notice.timestamp_ms), "data": data}


def fitted(notice: Notice, envelope: Envelope) -> str:
    """The body with as much as fits into 20,000 bytes.

    Raises:
        ValueError: no alerts, and it is no digest.
    """
    require_something(notice)
    alerts = notice.alerts

    def made(count: int, cut: Cut) -> bytes:
        return encoded(envelope(notice, _data(notice, count, cut)))

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


def require_something(notice: Notice) -> None:
    """An empty digest says that there is nothing; nothing else may.

    Raises:
        ValueError: no alerts, and it is no digest.
    """
    if not notice.alerts and not (notice.kind == "alert.digest" and notice.held_count == 0):
        raise ValueError("a notification without alerts says nothing")


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


def _data(notice: Notice, count: int, cut: Cut) -> dict[str, Any]:
    shorten, alerts = _Shortener(cut), notice.alerts
    first = alerts[0] if alerts else None
    data: dict[str, Any] = {
        "subscription": notice.subscription,
        "sequence": notice.sequence,
        "reason": shorten.short(notice.reason),
        "summary": summary(notice),
        "rule": None if first is None else _rule(first, shorten),
        "story": None if first is None else _story(first),
        "alerts": [_alert(alert, shorten, in_list=notice.held_count is not None) for alert in alerts[:count]],
    }
    if notice.held_count is not None:
        data["held_count"] = notice.held_count
    if notice.period is not None:
        data["period"] = {"from": rfc3339(notice.period[0]), "to": rfc3339(notice.period[1])}
    if notice.changes:
        data["changes"] = [
            {"what": one.what, "before": shorten.text(one.before), "after": shorten.text(one.after)}
            for one in notice.changes
        ]
    data["truncated"] = shorten.used or count < len(alerts) or any(alert.truncated for alert in alerts)
    return data


def _alert(alert: AlertRecord, shorten: _Shortener, *, in_list: bool) -> dict[str, Any]:
    """One alert; in a list of stories with the story and the rule that it is of."""
    told: dict[str, Any] = {
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
    if in_list:
        told |= {"rule": _rule(alert, shorten), "story": _story(alert)}
    return told


def _rule(alert: AlertRecord, shorten: _Shortener) -> dict[str, Any]:
    return {"id": alert.rule.id, "name": shorten.short(alert.rule.name)}


def _story(alert: AlertRecord) -> dict[str, Any]:
    return {"id": alert.story.id, "copies": alert.story.copies}


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
