"""Which entities an article mentions, and how often: what `coverage` sums up by entity, source and hour."""

from collections import Counter
from typing import Any

from service.model.records import MatchRecord
from service.model.tenants import local, tenant_of
from service.model.topics import HOUR_MS


def mentions_of(found: MatchRecord, article: str) -> list[dict[str, Any]]:
    """One row for each entity, in the order of their ids.

    A mention that several rules show counts once. Evidence is capped (BONGSU_MATCHING_EVIDENCE_MENTIONS of a rule), and
    so is what is counted here; an entity that is named without any evidence counts as one.
    """
    seen: set[tuple[str, str, int, int]] = set()
    counts: Counter[str] = Counter()
    for match in found.matches:
        for mention in match.mentions:
            place = (mention.entity or "", mention.field, mention.start, mention.end)
            if mention.entity and place not in seen:
                seen.add(place)
                counts[mention.entity] += 1
    for match in found.matches:
        for entity in match.entities:
            counts[entity] = counts[entity] or 1
    hour_ms = found.published_ms - found.published_ms % HOUR_MS
    return [
        {
            "article": article,
            "tenant": tenant_of(entity),
            "entity": local(entity),
            "source": found.article.source,
            "hour_ms": hour_ms,
            "mentions": count,
        }
        for entity, count in sorted(counts.items())
        if entity
    ]
