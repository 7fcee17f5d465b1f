"""What an article says, as the value of `matches`: built of plain dicts, for these values are our own.

`MatchRecord` (model/records.py) is the schema and the reader's border; to validate here what the engine just made would
cost more than to find it. tests/properties/test_match_record.py shows that both write the same bytes.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from service.matching.findings import Findings, Hit
from service.matching.implication import mutes
from service.model import ids
from service.model.record import SCHEMA
from service.model.records import ArticleHead, MatchRecord


def match_record(  # noqa: PLR0913 - what a record is made of
    findings: Findings,
    hits: Sequence[Hit],
    *,
    edition: str,
    rules_version: str,
    evidence: int,
    published_ms: int,
    matched_ms: int,
) -> bytes:
    """A `MatchRecord`, encoded; at most `evidence` mentions of each rule."""
    article_id, content = findings.article.id, findings.content_hash
    shown: dict[int, dict[str, Any]] = {}
    matches = []
    for hit, broader in narrower_first(hits):
        occurrences = hit.occurrences
        for one in occurrences[:evidence]:
            if id(one) not in shown:  # several rules may be about one name
                shown[id(one)] = findings.evidence(one)
        rule: dict[str, Any] = {"id": hit.rule.id, "name": hit.rule.name, "tags": hit.rule.tags}
        if hit.rule.policy is not None:
            rule["policy"] = hit.rule.policy
        match = {
            "match_id": ids.match_id(article_id, content, hit.rule.id),
            "rule": rule,
            "mentions": [shown[id(one)] for one in occurrences[:evidence]],
            "mentions_total": len(occurrences),
            "entities": sorted({owner for one in occurrences if (owner := one.surface.owner) is not None}),
        }
        if broader:
            match["mutes"] = broader
        matches.append(match)
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "edition": edition,
            "article": _head(findings),
            "content_hash": content,
            "fingerprint": findings.fingerprint,
            "rules_version": rules_version,
            "matches": matches,
            "sketch": findings.sketch,
            "published_ms": published_ms,
            "matched_ms": matched_ms,
        }
    )


def narrower_first(hits: Sequence[Hit]) -> list[tuple[Hit, tuple[str, ...]]]:
    """Hits with the broader rules that each mutes; who mutes stands before whom it mutes, else as they came."""
    muted = zip(hits, mutes([hit.rule for hit in hits]), strict=True)
    return sorted(muted, key=lambda item: -len(item[1]))


def takedown_record(article: str, *, edition: str, rules_version: str, published_ms: int, matched_ms: int) -> bytes:
    """The `MatchRecord` of an article that was removed: whether it had matched only the story stage knows."""
    return MatchRecord(
        edition=edition,
        article=ArticleHead(id=article),
        content_hash=ids.TAKEN_DOWN,
        fingerprint="",
        rules_version=rules_version,
        matches=(),
        taken_down=True,
        published_ms=published_ms,
        matched_ms=matched_ms,
    ).encode()


def _head(findings: Findings) -> dict[str, Any]:
    """An `ArticleHead`: what the article does not say is left out."""
    article = findings.article
    head: dict[str, Any] = {
        "id": article.id,
        "url": article.url,
        "title": findings.title,
        "source": article.source or findings.metadata.source,
        "author": article.author or findings.metadata.author,
        "section": article.section,
        "lang": article.lang,
        "published_at": article.published_at,
        "partial": article.partial,
    }
    return {name: value for name, value in head.items() if value is not None}
