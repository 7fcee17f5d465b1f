"""The records that an answer becomes, and what is remembered of it: of an alert and of a flush alike."""

from service.alerting.context import Context
from service.alerting.group_state import Told
from service.alerting.modes.answers import sentences_of, title_of
from service.model import ids
from service.model.notice import Notice
from service.model.record import CONTENT_TYPES
from service.model.records import AlertRecord, DecisionRecord, DeliveryRecord, Outcome


def decision_of(  # noqa: PLR0913 - what a decision is made of
    alert: AlertRecord,
    outcome: Outcome,
    group: str,
    now_ms: int,
    *,
    delivery: str | None = None,
    reason: str | None = None,
    by: str | None = None,
    until_ms: int | None = None,
) -> DecisionRecord:
    """The record of what became of one alert."""
    return DecisionRecord(
        alert_id=alert.alert_id,
        subscription=alert.subscription,
        decision=outcome,
        group=group,
        delivery_id=delivery,
        reason=reason,
        by=by,
        until_ms=until_ms,
        story=alert.story.id,
        rule=alert.rule.id,
        article=alert.article.id,
        decided_ms=now_ms,
    )


def delivery_of(notice: Notice, group: str, deadline_ms: int, context: Context) -> DeliveryRecord:
    """The record of one notification, body and all."""
    body = context.payload(notice)
    return DeliveryRecord(
        id=ids.delivery_id(notice.subscription, group, notice.sequence),
        subscription=notice.subscription,
        group=group,
        sequence=notice.sequence,
        type=notice.kind,
        body=body,
        body_sha256=ids.sha256_hex(body.encode()),
        content_type=CONTENT_TYPES.get(notice.format, "application/json"),
        alert_ids=tuple(alert.alert_id for alert in notice.alerts),
        created_ms=notice.timestamp_ms,
        deadline_ms=deadline_ms,
        published_ms=max((alert.published_ms for alert in notice.alerts), default=notice.timestamp_ms),
        trace=ids.trace_id(notice.alerts[0].article.id) if notice.alerts else None,
    )


def told_of(alert: AlertRecord, delivery: str, tier: int, now_ms: int) -> Told:
    """What is remembered of a notification."""
    title, sentences, sources = title_of(alert), sentences_of(alert), alert.story.sources
    return Told(delivery, alert.alert_id, alert.article.id, title, sentences, sources, tier, now_ms)
