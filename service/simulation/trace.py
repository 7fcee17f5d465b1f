"""What a simulation says: a dict for each decision and each notification, as `bongsu simulate` prints them."""

from datetime import UTC, datetime
from typing import Any

import orjson

from service.model import topics
from service.model.local_time import KOREA
from service.model.records import DecisionRecord, DeliveryRecord
from service.simulation.run import Sent


def shown(at_ms: int) -> str:
    """`2026-11-23T09:00:00.000+09:00`: as the clocks of Korea show it, wherever the simulation runs."""
    seconds, millis = divmod(at_ms, 1000)
    at = datetime.fromtimestamp(seconds, UTC).astimezone(KOREA).replace(microsecond=millis * 1000)
    return at.isoformat(timespec="milliseconds")


def traced(sent: Sent) -> dict[str, Any] | None:
    """A decision or a notification; None for what stands on other topics."""
    if sent.topic == topics.DECISIONS:
        return decision_line(DecisionRecord.decode(sent.value, topics.DECISIONS))
    if sent.topic == topics.DELIVERIES:
        return notification_line(DeliveryRecord.decode(sent.value, topics.DELIVERIES))
    return None


def decision_line(decision: DecisionRecord) -> dict[str, Any]:
    """What became of an alert; the last line of an alert is what holds."""
    return _said(
        at=shown(decision.decided_ms),
        decision=decision.decision,
        subscription=decision.subscription,
        rule=decision.rule,
        article=decision.article,
        reason=decision.reason,
        by=decision.by,
        until=None if decision.until_ms is None else shown(decision.until_ms),
        story=decision.story,
        delivery=decision.delivery_id,
        alert=decision.alert_id,
    )


def notification_line(delivery: DeliveryRecord) -> dict[str, Any]:
    """What would have been sent."""
    body = orjson.loads(delivery.body)
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or "alerts" not in data:  # of a chat: its own form
        data = {}
    period = data.get("period")
    return _said(
        at=shown(delivery.created_ms),
        notification=delivery.type,
        subscription=delivery.subscription,
        reason=data.get("reason"),
        sequence=delivery.sequence,
        rule=(data.get("rule") or {}).get("id"),
        story=(data.get("story") or {}).get("id"),
        articles=[alert["article"]["id"] for alert in data["alerts"]] if data else None,
        held_count=data.get("held_count"),
        period=period,
        summary=data.get("summary"),
        alerts=len(delivery.alert_ids),
        delivery=delivery.id,
    )


def _said(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
