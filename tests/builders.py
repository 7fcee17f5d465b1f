"""Records for tests, with sensible values for what a test does not care about."""

from typing import Any

from service.model import ids
from service.model.control_records import SilenceMatchers, SilenceRecord, SubscriptionRecord
from service.model.records import (
    AlertRecord,
    ArticleHead,
    AttemptRecord,
    DecisionRecord,
    DeliveryRecord,
    Evidence,
    FlushRecord,
    MatchRecord,
    RuleHead,
    RuleMatch,
    StoryHead,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the published example of Standard Webhooks, no secret of anyone


def evidence(**more: Any) -> Evidence:
    given: dict[str, Any] = {
        "entity": "seoul-city", "surface": "서울시", "text": "서울시와", "sentence": "서울시와 충칭시가 협약을 맺었다.",
        "zone": "lead", "field": "text", "start": 0, "end": 3,
    }  # fmt: skip
    return Evidence(**(given | more))


def match_record(
    article: str = "a1", rules: tuple[str, ...] = ("seoul",), head: ArticleHead | None = None, **more: Any
) -> MatchRecord:
    matches = tuple(
        RuleMatch(
            match_id=ids.match_id(article, "c1", rule),
            rule=RuleHead(id=rule, name=rule),
            mentions=(evidence(),),
            mentions_total=1,
        )
        for rule in rules
    )
    given: dict[str, Any] = {
        "article": head or ArticleHead(id=article, title="제목", source="한빛일보", url="https://example.com/1"),
        "content_hash": "c1", "fingerprint": "f1", "rules_version": "v1", "matches": matches,
        "published_ms": 1_000_000, "matched_ms": 1_000_010,
    }  # fmt: skip
    return MatchRecord(**(given | more))


def alert_record(subscription: str = "sub1", article: str = "a1", rule: str = "seoul", **more: Any) -> AlertRecord:
    match = ids.match_id(article, "c1", rule)
    given: dict[str, Any] = {
        "alert_id": ids.alert_id(match, subscription), "match_id": match, "subscription": subscription,
        "story": StoryHead(id=ids.story_id(article)), "rule": RuleHead(id=rule, name=rule),
        "article": ArticleHead(id=article, title="제목", source="한빛일보"), "mentions": (evidence(),),
        "published_ms": 1_000_000, "matched_ms": 1_000_010, "alerted_ms": 1_000_020,
    }  # fmt: skip
    return AlertRecord(**(given | more))


def decision_record(alert: str = "alr_1", delivery: str | None = "msg_1", **more: Any) -> DecisionRecord:
    given: dict[str, Any] = {
        "alert_id": alert, "subscription": "sub1", "decision": "notified", "group": alert, "delivery_id": delivery, "decided_ms": 1_000_030,
    }  # fmt: skip
    return DecisionRecord(**(given | more))


def delivery_record(delivery: str = "msg_1", body: str = '{"type":"alert.matched"}', **more: Any) -> DeliveryRecord:
    given: dict[str, Any] = {
        "id": delivery, "subscription": "sub1", "group": "g1", "sequence": 1, "type": "alert.matched", "body": body,
        "body_sha256": ids.sha256_hex(body.encode()), "alert_ids": ("alr_1",), "created_ms": 1_000_030,
        "deadline_ms": 9_000_000_000_000, "published_ms": 1_000_000,
    }  # fmt: skip
    return DeliveryRecord(**(given | more))


def attempt_record(delivery: str = "msg_1", outcome: str = "delivered", **more: Any) -> AttemptRecord:
    given: dict[str, Any] = {
        "delivery_id": delivery, "subscription": "sub1", "number": 1, "outcome": outcome,
        "terminal": outcome != "retry", "status": 200, "body_sha256": ids.sha256_hex(b'{"type":"alert.matched"}'),
        "started_ms": 1_000_040, "duration_ms": 3.0, "published_ms": 1_000_000,
    }  # fmt: skip
    return AttemptRecord(**(given | more))


def subscription_record(subscription: str = "sub1", rules: tuple[str, ...] = ("*",), **more: Any) -> SubscriptionRecord:
    given: dict[str, Any] = {
        "id": subscription, "url": "http://127.0.0.1:9/hook", "rules": rules, "secrets": (SECRET,), "created_ms": 1, "updated_ms": 1,
    }  # fmt: skip
    return SubscriptionRecord(**(given | more))


def flush_record(subscription: str = "sub1", flush: str = "sty_1", **more: Any) -> FlushRecord:
    given: dict[str, Any] = {"flush": flush, "subscription": subscription, "sequence": 1, "due_ms": 1_000}
    return FlushRecord(**(given | more))


def silence_record(silence: str = "sil_1", **more: Any) -> SilenceRecord:
    given: dict[str, Any] = {
        "id": silence, "matchers": SilenceMatchers(rule=("seoul-*",)), "starts_ms": 1_000, "ends_ms": 9_000,
        "author": "duty", "comment": "exercise", "created_ms": 1_000, "updated_ms": 1_000,
    }  # fmt: skip
    return SilenceRecord(**(given | more))
