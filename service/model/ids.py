"""Deterministic ids: a crash repeats them and never invents new ones.

Each is BLAKE2b-128 over its parts, every part preceded by its length, so that ("ab", "c") and ("a", "bc") differ.
Versions of rules and schemas are fields of records and not parts of ids.
"""

import hashlib

TAKEN_DOWN = "taken_down"
"""In place of the hash of a content, where there is none any more."""


def _digest(kind: str, *parts: str) -> str:
    hasher = hashlib.blake2b(digest_size=16, person=kind.encode().ljust(16, b"\0")[:16])
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return hasher.hexdigest()


def default_article_id(source: str | None, url: str | None, title: str | None, content: str | None) -> str:
    r"""sha256 hex[:32] of `source\nurl`, else of `source\ntitle\ntext-or-html` (contract 3.1)."""
    what = f"{source or ''}\n{url}" if url else f"{source or ''}\n{title or ''}\n{content or ''}"
    return hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def content_hash(title: str, cleaned: str) -> str:
    """Hash of what an article says: its title and its cleaned text, without chrome."""
    return _digest("content", title, cleaned)


def match_id(article_id: str, content: str, rule_id: str) -> str:
    """One rule found in one version of one article."""
    return "mat_" + _digest("match", article_id, content, rule_id)


def alert_id(match: str, subscription: str) -> str:
    """One match addressed to one subscription."""
    return "alr_" + _digest("alert", match, subscription)


def story_id(article_id: str) -> str:
    """A story, named after the first article that told it."""
    return "sty_" + _digest("story", article_id)


def delivery_id(subscription: str, group: str, sequence: int) -> str:
    """The `webhook-id`: the same for every attempt and every replay. Holds no dot (Standard Webhooks)."""
    return "msg_" + _digest("delivery", subscription, group, str(sequence))


def attempt_id(delivery: str, number: int, started_ms: int, outcome: str) -> str:
    """One attempt in the history: its record has no id of its own."""
    return "att_" + _digest("attempt", delivery, str(number), str(started_ms), outcome)


def trace_id(article_id: str) -> str:
    """W3C trace id of an article, from its record to the webhook that tells of it: 32 hex digits.

    Every version of the article has it: whoever looks for what became of an article finds all of it.
    """
    return _digest("trace", article_id)


def span_id(delivery: str, number: int) -> str:
    """W3C span id of one attempt, 16 hex digits; the same when a crash repeats it."""
    return _digest("span", delivery, str(number))[:16]


def sha256_hex(data: bytes) -> str:
    """Content hash of a body that is sent."""
    return hashlib.sha256(data).hexdigest()
