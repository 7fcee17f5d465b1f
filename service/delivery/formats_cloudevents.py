"""CloudEvents 1.0, structured mode: what stands around `data`, of notifications and of operational events alike."""

from typing import Any
from urllib.parse import quote


def cloud_event(  # noqa: PLR0913 - the attributes of the specification
    name: str, kind: str, time: str, data: dict[str, Any], *, subscription: str, subject: str | None
) -> dict[str, Any]:
    """The event of this `name` (its `id`, one of its own for each event of a subscription); `time` in RFC 3339.

    Without a `subject` the event has no such attribute.
    """
    event = {
        "specversion": "1.0",
        "id": name,
        "source": f"/bongsu/subscriptions/{quote(subscription.encode('utf-8', 'replace'), safe='')}",
        "type": f"bongsu.{kind}",
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
    }
    return {name: value for name, value in event.items() if value is not None}
