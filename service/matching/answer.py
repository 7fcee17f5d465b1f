"""The answer for one article as JSON (contract 3.3)."""

from collections.abc import Iterable
from typing import Any

import orjson

from service.matching.findings import Findings
from service.model.mention import Mention


def answer(findings: Findings) -> bytes:
    """One line of JSON, with its line end."""
    return orjson.dumps(as_dict(findings), option=orjson.OPT_APPEND_NEWLINE)


def as_dict(findings: Findings) -> dict[str, Any]:
    """Contract 3.3."""
    article: dict[str, Any] = {"id": findings.article.id, "title": findings.title}
    if findings.article.partial:
        article["partial"] = True
    if findings.article.unread:
        article["unread"] = list(findings.article.unread)
    shown: dict[int, dict[str, Any]] = {}
    """By the identity of the mention: what a rule found is mostly among all mentions too."""

    def plain(mentions: Iterable[Mention]) -> list[dict[str, Any]]:
        out = []
        for mention in mentions:
            made = shown.get(id(mention))
            if made is None:
                made = shown[id(mention)] = mention_dict(mention)
            out.append(made)
        return out

    return {
        "article": article,
        "matches": [{"rule": hit.rule.id, "mentions": plain(hit.mentions)} for hit in findings.hits],
        "mentions": plain(findings.mentions),
        "suppressed": [mention_dict(mention) for mention in findings.suppressed],
    }


def mention_dict(mention: Mention) -> dict[str, Any]:
    """One mention; `via` and `reason` only where there is one."""
    entity, surface, text, field, zone, start, end, confidence, via, reason = mention
    out: dict[str, Any] = {
        "entity": entity,
        "surface": surface,
        "text": text,
        "field": field,
        "zone": zone,
        "start": start,
        "end": end,
        "confidence": round(confidence, 3),
    }
    if via is not None:
        out["via"] = via
    if reason is not None:
        out["reason"] = reason
    return out
