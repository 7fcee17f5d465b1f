"""How far an endpoint is on the way to being disabled, and whose fault a failure is.

Both must be used up: a number of failures in a row and a time of nothing but failures. So neither a burst in a bad
minute nor one lonely retry a day disables it; any success clears all. Warnings come at 50, 70 and 90 % of the way.
"""

from dataclasses import dataclass

from service.delivery.attempts import Failure
from service.delivery.formats_operational import EventType, operational_body
from service.model.ids import delivery_id, sha256_hex
from service.model.record import CONTENT_TYPES, Format, Lang
from service.model.records import DeliveryRecord

WARN_PERCENT = (50, 70, 90)
DAY_MS = 86_400_000

NOT_ITS_FAULT = frozenset({Failure.SUBSCRIPTION_GONE, Failure.EXPIRED, Failure.BAD_SECRET, Failure.BLOCKED})
"""Nothing was asked of the endpoint."""


@dataclass(slots=True)
class Health:
    """Failures in a row of one endpoint. Times are milliseconds since the epoch."""

    disable_failures: int
    disable_after_ms: float
    failures: int = 0
    since_ms: int | None = None
    """When the first of them was."""
    told_percent: int = 0

    def percent(self, now_ms: int) -> int:
        """Of the way to being disabled, 0 to 100."""
        if self.since_ms is None:
            return 0
        by_time = (now_ms - self.since_ms) / self.disable_after_ms
        return int(100 * max(0.0, min(1.0, by_time, self.failures / self.disable_failures)))

    def failed(self, now_ms: int) -> int | None:
        """One more failure; the highest warning that is due now and was not given, 100 when it is to be disabled."""
        self.failures += 1
        if self.since_ms is None:
            self.since_ms = now_ms
        percent = self.percent(now_ms)
        due = max((level for level in (*WARN_PERCENT, 100) if self.told_percent < level <= percent), default=None)
        if due is not None:
            self.told_percent = due
        return due

    def succeeded(self) -> bool:
        """It accepted one; True when somebody had been warned."""
        warned = self.told_percent > 0
        self.failures, self.since_ms, self.told_percent = 0, None, 0
        return warned


def operational(  # noqa: PLR0913 - the fields of the message
    kind: EventType, *, to: str, about: str, now_ms: int, timestamp: str, failures: int, since_ms: int | None,
    percent: int, reason: str, format_: Format = "bongsu", lang: Lang = "ko",
) -> DeliveryRecord:  # fmt: skip
    """The webhook that tells `to`, in its format, about the endpoint of `about`. Its id is named after its content."""
    data = {"subscription": about, "percent": percent, "failures": failures, "since_ms": since_ms, "reason": reason}
    body = operational_body(kind, timestamp, data, format_, lang)
    content = sha256_hex(body.encode())
    group = f"operational/{about}"
    return DeliveryRecord(
        id=delivery_id(to, f"{group}/{content}", 1), subscription=to, group=group, sequence=1, type=kind, body=body,
        body_sha256=content, content_type=CONTENT_TYPES.get(format_, "application/json"), alert_ids=(),
        created_ms=now_ms, deadline_ms=now_ms + 3 * DAY_MS, published_ms=now_ms,
    )  # fmt: skip
