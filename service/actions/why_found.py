"""What the topics say about one article and one subscription: all that "why" answers from."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.actions.known_rules import read_stored_rules
from service.adapters.control import read_subscriptions
from service.adapters.control_silences import read_silences
from service.adapters.topic_scan import scan
from service.model import topics
from service.model.control_records import SilenceRecord, SubscriptionRecord
from service.model.errors import BadInput
from service.model.record import DEFAULT_TENANT
from service.model.records import (
    AlertRecord,
    AttemptRecord,
    DecisionRecord,
    DeliveryRecord,
    FlushRecord,
    MatchRecord,
    decode_alerts,
)
from service.model.tenants import local_alert, local_decision, local_match
from service.settings import KafkaSettings


@dataclass(slots=True)
class Found:
    """What stands on the topics. Records of each kind in the order of their topic."""

    article: str
    subscription: str
    since_ms: int
    subscriptions: dict[str, SubscriptionRecord] = field(default_factory=dict)
    silences: dict[str, SilenceRecord] = field(default_factory=dict)
    rules: dict[str, bytes] = field(default_factory=dict)
    """Records of the rule set in force."""
    versions: list[tuple[int, bytes | None]] = field(default_factory=list)
    """When each version of the article was published (ms), and its value; None: it was taken down."""
    dead_letters: list[str] = field(default_factory=list)
    """Why versions of it could not be read."""
    matches: list[MatchRecord] = field(default_factory=list)
    alerts: dict[str, AlertRecord] = field(default_factory=dict)
    decisions: dict[str, list[DecisionRecord]] = field(default_factory=dict)
    """Of all alerts of the subscription, by alert: what an alert is attached to is another's."""
    deliveries: dict[str, DeliveryRecord] = field(default_factory=dict)
    attempts: dict[str, list[AttemptRecord]] = field(default_factory=dict)


async def find(
    settings: KafkaSettings, subscription: str, article: str, since_ms: int, tenant: str = DEFAULT_TENANT
) -> Found:
    """Read every topic that has a say, each once. Of another tenant nothing is found, and ids are as its people wrote.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or a topic does not exist.
        NewerSchema: a record was written by a newer Bongsu.
    """
    found = Found(article, subscription, since_ms)
    await asyncio.gather(
        _find_control(settings, found, tenant),
        _find_article(settings, found),
        _find_alerts(settings, found, tenant),
        _find_decisions(settings, found),
        _find_deliveries(settings, found),
    )
    return found


async def _find_control(settings: KafkaSettings, found: Found, tenant: str) -> None:
    subscriptions, silences = await read_subscriptions(settings), await read_silences(settings)
    found.subscriptions = {record.id: record for record in subscriptions if record.tenant == tenant}
    found.silences = {record.id: record for record in silences if record.tenant == tenant}
    found.rules = await read_stored_rules(settings, tenant) or {}


async def _find_article(settings: KafkaSettings, found: Found) -> None:
    key = found.article.encode()
    async for record in scan(settings, topics.ARTICLES, found.since_ms):
        if record.key == key:
            found.versions.append((record.timestamp, record.value))
    async for record in scan(settings, topics.DEAD_LETTERS, found.since_ms):
        if record.key == key:
            found.dead_letters.append(dict(record.headers).get("reason", b"").decode("utf-8", "replace"))


async def _find_alerts(settings: KafkaSettings, found: Found, tenant: str) -> None:
    async for match in _records(settings, topics.MATCHES, found.since_ms, MatchRecord.decode, found.article):
        own = local_match(match, tenant) if match.article.id == found.article else None
        if own is not None:
            found.matches.append(own)
    async for alert in _records(settings, topics.ALERTS, found.since_ms, _alert_or_flush, found.article):
        ours = isinstance(alert, AlertRecord) and alert.subscription == found.subscription
        if ours and alert.article.id == found.article:
            found.alerts[alert.alert_id] = local_alert(alert)


async def _find_decisions(settings: KafkaSettings, found: Found) -> None:
    since_ms, name = found.since_ms, found.subscription
    async for decision in _records(settings, topics.DECISIONS, since_ms, DecisionRecord.decode, name):
        if decision.subscription == name:
            found.decisions.setdefault(decision.alert_id, []).append(local_decision(decision))


async def _find_deliveries(settings: KafkaSettings, found: Found) -> None:
    since_ms, name = found.since_ms, found.subscription
    async for delivery in _records(settings, topics.DELIVERIES, since_ms, DeliveryRecord.decode, name):
        if delivery.subscription == name:
            found.deliveries[delivery.id] = delivery
    async for attempt in _records(settings, topics.ATTEMPTS, since_ms, AttemptRecord.decode, name):
        if attempt.subscription == name:
            found.attempts.setdefault(attempt.delivery_id, []).append(attempt)


def _alert_or_flush(raw: bytes, _: str) -> AlertRecord | FlushRecord:
    return decode_alerts(raw)


async def _records(
    settings: KafkaSettings, topic: str, since_ms: int, decode: Callable[[bytes, str], Any], holding: str
) -> AsyncIterator[Any]:
    """The records of a topic in which a text stands; what cannot be read is the dead letters' affair."""
    wanted = orjson.dumps(holding)[1:-1]
    escaped = _escaped(holding)
    async for record in scan(settings, topic, since_ms):
        raw = record.value or b""
        if wanted in raw or escaped in raw:
            try:
                yield decode(raw, topic)
            except BadInput:
                continue


def _escaped(text: str) -> bytes:
    """As a JSON writer has it that escapes all but ASCII."""
    return text.encode("ascii", "backslashreplace")
