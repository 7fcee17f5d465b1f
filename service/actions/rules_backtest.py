"""Trying rules on articles that are there, before anybody is told: what each article gives, and what it all came to."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any, NamedTuple

from service.adapters.topic_scan import scan
from service.matching.backtest import Backtest, Outcome, look
from service.matching.engine import Engine
from service.matching.entities import Rule
from service.model import topics
from service.model.article import Article
from service.model.local_time import KOREA, local_of
from service.settings import KafkaSettings


class Stored(NamedTuple):
    """One article as the topic holds it."""

    partition: int
    offset: int
    raw: bytes
    time_s: float
    """Of its record, seconds since the epoch."""


async def stored_articles(settings: KafkaSettings, since_ms: int | None) -> AsyncIterator[Stored]:
    """All that the topic holds now, of each partition in its order; takedowns are none.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or the topic does not exist.
    """
    async for record in scan(settings, topics.ARTICLES, since_ms):
        if record.value is not None:
            yield Stored(record.partition, record.offset, record.value, record.timestamp / 1000)


def outcome_of(article: Article, engine: Engine, against: Engine | None, time_s: float | None) -> Outcome:
    """What one article gives; `time_s` is that of its record, where it has one: its day, and what has expired."""
    day = None if time_s is None else local_of(KOREA, round(time_s * 1000)).date().isoformat()
    return look(article, engine, against, day, time_s)


def summary(tally: Backtest, rules: dict[str, Rule], unread: int, *, compared: bool) -> dict[str, Any]:
    """For JSON: all rules, also those that fire nowhere; `unread` articles were left out."""
    out = []
    for rule_id, volume in tally.rules.items():
        one: dict[str, Any] = {"rule": rule_id, "articles": volume.articles, **about(rules.get(rule_id))}
        one["by_day"] = dict(sorted(volume.by_day.items()))
        one["by_source"] = dict(volume.by_source.most_common())
        one["samples"] = [asdict(sample) for sample in volume.samples]
        if compared:
            one |= {"gained": volume.gained, "lost": volume.lost}
            one["gained_samples"] = [asdict(sample) for sample in volume.gained_samples]
            one["lost_samples"] = [asdict(sample) for sample in volume.lost_samples]
        out.append(one)
    return {
        "articles": tally.articles,
        "unread": unread,
        "fired_in": tally.fired_in,
        "by_day": dict(sorted(tally.by_day.items())),
        "rules": out,
    }


def about(rule: Rule | None) -> dict[str, Any]:
    """What is said of a rule; None: only the set compared with has it."""
    if rule is None:
        return {"only_in_against": True}
    return {"owner": rule.owner, "expires": rule.expires, "shadow": rule.shadow}
