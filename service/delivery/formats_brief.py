"""What every chat format shows of a notification, before it is dressed for Slack, Teams or Discord."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from service.delivery.payload import MAX_BYTES, encoded, require_something
from service.delivery.summary import TEST, short, summary
from service.model.notice import Notice
from service.model.record import Lang
from service.model.records import AlertRecord, Evidence

MAX_TITLE, MAX_SOURCE, MAX_RULE, MAX_URL = 200, 60, 100, 1800
_SEOUL = timezone(timedelta(hours=9))
"""Without a change of the clock since 1988: older articles are no news."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is shown: alerts, quotes of each, characters of a quote."""

    alerts: int
    quotes: int
    quote: int


SIZES = (
    Size(10, 3, 300), Size(10, 2, 160), Size(10, 1, 120), Size(6, 1, 120), Size(3, 1, 100), Size(1, 1, 80),
    Size(1, 0, 0),
)  # fmt: skip
"""From the most to the least; the first that fits is sent."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence, split where the name stands in it."""

    before: str
    found: str
    after: str


@dataclass(frozen=True, slots=True)
class Item:
    """One alert."""

    title: str
    url: str | None
    byline: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Brief:
    """A notification for people."""

    summary: str
    items: tuple[Item, ...]
    footer: str


def brief(notice: Notice, size: Size) -> Brief:
    """What is shown of a notice."""
    items = tuple(_item(alert, size, notice) for alert in notice.alerts[: size.alerts])
    return Brief(summary(notice), items, _footer(notice, len(items)))


def first_that_fits(notice: Notice, dress: Callable[[Brief], dict[str, Any]], fits: Callable[[Any], bool]) -> str:
    """The largest body that `fits` accepts and that is within 20,000 bytes.

    Raises:
        ValueError: no alerts, and it is no digest that says so.
    """
    require_something(notice)
    body = b""
    for size in SIZES:
        value = dress(brief(notice, size))
        body = encoded(value)
        if len(body) <= MAX_BYTES and fits(value):
            break
    return body.decode()


def _item(alert: AlertRecord, size: Size, notice: Notice) -> Item:
    article = alert.article
    parts = [short(article.source, MAX_SOURCE) if article.source else "", _when(article.published_at, notice.lang)]
    if notice.held_count is not None:  # stories of their own, each told by many or by one, and perhaps by other rules
        parts.append(_copies(alert, notice.lang))
        if _rules(notice) > 1:
            parts.append(_rule(alert))
    return Item(
        title=short(article.title or article.id, MAX_TITLE) or "-",
        url=_link(article.url),
        byline=" · ".join(part for part in parts if part),
        quotes=tuple(_quotes(alert.mentions, size)),
    )


def _when(published_at: str | None, lang: Lang) -> str:
    """A time as people write it, of Seoul like the press that it is from; as it was given where it is none."""
    given = published_at or ""
    try:
        at = datetime.fromisoformat(given) if ":" in given else None
        local = at if at is None or at.tzinfo is None else at.astimezone(_SEOUL)
    except (ValueError, OverflowError):
        local = None
    if local is None:
        return short(given, 40)
    return f"{local:%Y-%m-%d %H:%M}" + ("" if lang == "ko" else " KST")


def _link(url: str | None) -> str | None:
    """Only what a click should open, whole or not at all."""
    if url is None or len(url) > MAX_URL or not url.lower().startswith(("https://", "http://")):
        return None
    return None if any(character <= " " or character in "<>|\"'`\\" for character in url) else url


def _quotes(mentions: Sequence[Evidence], size: Size) -> Iterator[Quote]:
    """One a sentence, so that two names of one sentence do not show it twice."""
    seen: set[str] = set()
    for mention in mentions:
        if len(seen) == size.quotes:
            return
        if mention.sentence not in seen:
            seen.add(mention.sentence)
            yield _quote(mention, size.quote)


def _quote(mention: Evidence, limit: int) -> Quote:
    sentence = " ".join(mention.sentence.split())
    found = " ".join(mention.text.split())[:limit]
    at = sentence.find(found) if found else -1
    if at < 0:
        return Quote("", "", short(sentence, limit))
    room = (limit - len(found)) // 2
    before, after = sentence[:at], sentence[at + len(found) :]
    if len(before) > room:
        before = "…" + before[len(before) - room :]
    if len(after) > room:
        after = after[:room] + "…"
    return Quote(before, found, after)


def _rules(notice: Notice) -> int:
    return len({alert.rule.id for alert in notice.alerts})


def _rule(alert: AlertRecord) -> str:
    return short(alert.rule.name or alert.rule.id, MAX_RULE)


def _copies(alert: AlertRecord, lang: Lang) -> str:
    count = alert.story.copies
    if count <= 1:
        return ""
    return f"같은 기사 {count}건" if lang == "ko" else f"{count} copies"


def _footer(notice: Notice, shown: int) -> str:
    if not notice.alerts:
        return ""
    first, korean = notice.alerts[0], notice.lang == "ko"
    rules = _rules(notice)
    parts = [_rule(first) if rules == 1 else f"규칙 {rules}개" if korean else f"{rules} rules"]
    if notice.kind == TEST:
        parts.append("시험" if korean else "test")
    if notice.held_count is None:
        parts.append(_copies(first, notice.lang))
    count = len(notice.alerts) if notice.held_count is None else notice.held_count
    if count > shown:
        parts.append(f"외 {count - shown}건" if korean else f"{count - shown} more")
    return " · ".join(part for part in parts if part)
