"""From a match to alerts: which subscriptions want it, and the thin record each of them gets."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

from service.model import ids
from service.model.records import (
    AlertRecord,
    Evidence,
    Format,
    Lang,
    MatchRecord,
    RuleMatch,
    StoryHead,
    SubscriptionRecord,
)

MAX_ALERT_BYTES = 4_000
MAX_SENTENCE = 300
ELLIPSIS = "…"


class Addresses(Protocol):
    """Names the subscriptions that want a rule."""

    def of(self, rule_id: str) -> Sequence[str]:
        """Subscription ids, in a stable order."""
        ...

    def style(self, subscription: str) -> tuple[Format, Lang]:
        """How one of them wants to be told."""
        ...


class SubscriptionIndex:
    """Subscriptions by rule: globs are tried once for each rule id that occurs, not once for each match."""

    def __init__(self, subscriptions: Iterable[SubscriptionRecord]) -> None:
        self._subscriptions = sorted(subscriptions, key=lambda record: record.id)
        self._styles = {record.id: (record.format, record.lang) for record in self._subscriptions}
        self._of: dict[str, tuple[str, ...]] = {}

    def of(self, rule_id: str) -> Sequence[str]:
        """Ids of the subscriptions of which any glob fits the rule id; paused ones are not addressed."""
        known = self._of.get(rule_id)
        if known is None:
            known = self._of[rule_id] = tuple(
                record.id
                for record in self._subscriptions
                if not record.paused and any(fnmatchcase(rule_id, glob) for glob in record.rules)
            )
        return known

    def style(self, subscription: str) -> tuple[Format, Lang]:
        """Format and language of its webhooks. Raises KeyError when there is no such subscription."""
        return self._styles[subscription]


def alerts_for(record: MatchRecord, addresses: Addresses, now_ms: int) -> list[AlertRecord]:
    """One alert for each match and each subscription that wants its rule.

    For now every article is a story of its own.
    """
    story = StoryHead(id=ids.story_id(record.article.id))
    alerts: list[AlertRecord] = []
    for match in record.matches:
        evidence = tuple(map(_shortened, match.mentions))
        alerts += [
            _thin(_alert(record, match, subscription, story, evidence, addresses.style(subscription), now_ms))
            for subscription in addresses.of(match.rule.id)
        ]
    return alerts


def _alert(  # noqa: PLR0913 - what an alert is made of
    record: MatchRecord,
    match: RuleMatch,
    subscription: str,
    story: StoryHead,
    evidence: tuple[Evidence, ...],
    style: tuple[Format, Lang],
    now_ms: int,
) -> AlertRecord:
    return AlertRecord(
        alert_id=ids.alert_id(match.match_id, subscription),
        match_id=match.match_id,
        subscription=subscription,
        story=story,
        rule=match.rule,
        article=record.article,
        mentions=evidence,
        entities=match.entities,
        truncated=match.mentions_total > len(match.mentions),
        format=style[0],
        lang=style[1],
        published_ms=record.published_ms,
        matched_ms=record.matched_ms,
        alerted_ms=now_ms,
    )


def _shortened(evidence: Evidence) -> Evidence:
    """The sentence cut around the surface, so that what is shown still holds it."""
    sentence = evidence.sentence
    if len(sentence) <= MAX_SENTENCE:
        return evidence
    at = max(sentence.find(evidence.text), 0)
    first = max(0, min(at - MAX_SENTENCE // 2, len(sentence) - MAX_SENTENCE))
    cut = sentence[first : first + MAX_SENTENCE]
    cut = (ELLIPSIS if first else "") + cut + (ELLIPSIS if first + MAX_SENTENCE < len(sentence) else "")
    return evidence.model_copy(update={"sentence": cut})


def _thin(alert: AlertRecord) -> AlertRecord:
    """At most MAX_ALERT_BYTES: evidence goes first, then what is long in the article's head.

    An address is left out rather than cut: half of one leads somewhere else.
    """
    if len(alert.encode()) <= MAX_ALERT_BYTES:
        return alert
    while len(alert.encode()) > MAX_ALERT_BYTES and alert.mentions:
        keep = len(alert.mentions) // 2
        alert = alert.model_copy(update={"mentions": alert.mentions[:keep], "truncated": True})
    if len(alert.encode()) > MAX_ALERT_BYTES:
        head = alert.article
        fields = ("title", "source", "author", "section")
        short = {name: value[:MAX_SENTENCE] for name in fields if (value := getattr(head, name)) is not None}
        if head.url is not None and len(head.url) > MAX_SENTENCE:
            short["url"] = None
        alert = alert.model_copy(update={"article": head.model_copy(update=short), "truncated": True})
    return alert
