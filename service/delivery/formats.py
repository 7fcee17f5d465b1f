"""The body of a notification in the format that its subscription asked for.

The format stands in the alerts themselves, so the same alerts make the same bytes whenever they are read again, also
after somebody has changed the subscription. Of several alerts the first decides.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from service.delivery.formats_discord import discord
from service.delivery.formats_slack import slack
from service.delivery.formats_teams import teams
from service.delivery.payload import Head, alert_payload, fitted, rfc3339
from service.model.records import AlertRecord


def notification(  # noqa: PLR0913 - the fields of the contract
    kind: str, subscription: str, sequence: int, reason: str, alerts: Sequence[AlertRecord], timestamp_ms: int
) -> str:
    """The body as JSON text, at most 20,000 bytes in UTF-8; its content type stands in `CONTENT_TYPES`.

    Arguments and errors as those of `alert_payload`.
    """
    if not alerts:
        raise ValueError("a notification without alerts says nothing")
    match alerts[0].format:
        case "slack":
            return slack(kind, alerts)
        case "teams":
            return teams(kind, alerts)
        case "discord":
            return discord(kind, alerts)
        case "cloudevents":
            first = alerts[0]

            def envelope(head: Head, data: dict[str, Any]) -> dict[str, Any]:
                return _event(head, first, data)

            return fitted(Head(kind, subscription, sequence, reason, timestamp_ms), alerts, envelope)
        case "bongsu":
            return alert_payload(kind, subscription, sequence, reason, alerts, timestamp_ms)


def _event(head: Head, first: AlertRecord, data: dict[str, Any]) -> dict[str, Any]:
    """CloudEvents 1.0, structured mode. `source` and `id` together are unique, and the same at every attempt."""
    return {
        "specversion": "1.0",
        "id": f"{first.alert_id}-{head.sequence}",
        "source": f"/bongsu/subscriptions/{quote(head.subscription.encode('utf-8', 'replace'), safe='')}",
        "type": f"bongsu.{head.kind}",
        "subject": first.story.id,
        "time": rfc3339(head.timestamp_ms),
        "datacontenttype": "application/json",
        "data": data,
    }
