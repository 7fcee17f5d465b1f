"""The body of a notification in the format that its subscription asked for.

Of a single story it stands in the alert itself, so the same alert makes the same bytes whenever it is read again, also
after somebody has changed the subscription; of a digest whoever makes it says so.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from service.delivery.formats_cloudevents import cloud_event
from service.delivery.formats_discord import discord
from service.delivery.formats_slack import slack
from service.delivery.formats_teams import teams
from service.delivery.payload import fitted, payload_of, rfc3339
from service.model.notice import Notice
from service.model.records import AlertRecord
from service.model.tenants import local_alert


def notification(  # noqa: PLR0913 - the fields of the contract
    kind: str, subscription: str, sequence: int, reason: str, alerts: Sequence[AlertRecord], timestamp_ms: int
) -> str:
    """The body of a notification that is about its alerts and nothing else, as its first alert wants it.

    Arguments as the fields of `Notice`, errors as those of `body_of`.
    """
    style = (alerts[0].format, alerts[0].lang) if alerts else ("bongsu", "ko")
    return body_of(Notice(kind, subscription, sequence, reason, tuple(alerts), timestamp_ms, *style))


def body_of(notice: Notice) -> str:
    """The body as JSON text, at most 20,000 bytes in UTF-8; its content type stands in `CONTENT_TYPES`.

    Whatever is sent is made here, and rules and entities have in it the ids that the subscriber's own people gave.

    Raises:
        ValueError: no alerts, and it is no digest that says so.
    """
    notice = replace(notice, alerts=tuple(map(local_alert, notice.alerts)))
    match notice.format:
        case "slack":
            return slack(notice)
        case "teams":
            return teams(notice)
        case "discord":
            return discord(notice)
        case "cloudevents":
            return fitted(notice, _event)
        case "bongsu":
            return payload_of(notice)


def _event(notice: Notice, data: dict[str, Any]) -> dict[str, Any]:
    """`source` and `id` together are unique, and the same at every attempt."""
    first = notice.alerts[0] if notice.alerts else None
    name = f"{notice.reason}-{notice.timestamp_ms}" if first is None else first.alert_id
    return cloud_event(
        f"{name}-{notice.sequence}",
        notice.kind,
        rfc3339(notice.timestamp_ms),
        data,
        subscription=notice.subscription,
        subject=None if first is None else first.story.id,
    )
