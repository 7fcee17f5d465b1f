"""Deliveries, their attempts, and what was sent again, as the API shows them."""

from typing import Literal

from pydantic import ConfigDict, Field

from service.api.models.common import EXAMPLE_TIME, Given, GivenTime, Shown, Time, at, at_or_none
from service.history.rows import AttemptRow, DeliveryRow
from service.model.records import AttemptOutcome

Status = Literal["pending", "delivered", "retry", "held", "given_up", "expired", "undeliverable"]
Reason = Literal["live", "test", "replay"]


class Phases(Shown):
    """Where the time of an attempt went; what was not reached, or not needed, is null."""

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None


class Attempt(Shown):
    """One POST, or the decision not to POST."""

    id: str
    delivery_id: str
    subscription: str
    number: int = Field(description="1 for the first POST; a replay counts anew.")
    outcome: AttemptOutcome
    terminal: bool = Field(description="Nothing more is tried after it, but for a replay.")
    status: int | None = Field(description="Of the answer.")
    error: str | None = Field(description="status, dns, connect, tls, timeout, reset, blocked, too_large, gone ...")
    detail: str | None
    address: str | None = Field(description="The IP address that was called.")
    request_bytes: int | None
    response_bytes: int | None
    excerpt: str | None = Field(description="First characters of the answer, secrets masked.")
    reason: Reason
    duration_ms: float
    phases: Phases
    started_at: Time
    next_at: Time | None = Field(description="When it is tried again.")


class Delivery(Shown):
    """One notification."""

    id: str = Field(description="The `webhook-id`.")
    subscription: str
    type: str
    sequence: int
    status: Status = Field(description="Outcome of the last attempt; pending: there was none.")
    reason: Reason
    alert_ids: list[str]
    content_type: str
    body_sha256: str
    created_at: Time
    expires_at: Time
    attempted_at: Time | None
    next_at: Time | None


class DeliveryInFull(Delivery):
    """One notification with what is sent, and its attempts."""

    body: str = Field(description="The payload: its UTF-8 bytes are what is signed and sent.")
    attempts: list[Attempt] = Field(description="Oldest first, at most 1,000.")


class ReplayAsked(Given):
    """Which deliveries are sent again: those created in a range, or those that failed since."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"failed_since": EXAMPLE_TIME}],
            "oneOf": [
                {"required": ["after"], "properties": {"after": {"type": "string"}, "failed_since": {"type": "null"}}},
                {
                    "required": ["failed_since"],
                    "properties": {
                        "failed_since": {"type": "string"}, "after": {"type": "null"}, "before": {"type": "null"},
                    },
                },
            ],
        }
    )  # fmt: skip

    after: GivenTime | None = Field(None, description="Created then or later.")
    before: GivenTime | None = Field(None, description="Created before then.")
    failed_since: GivenTime | None = Field(None, description="Ended since then without having been delivered.")


class Replayed(Shown):
    """What is sent again, under the same ids and with the same bytes."""

    replayed: int
    delivery_ids: list[str] = Field(description="The first 100 of them.")
    left_out: dict[str, int] = Field(
        description="How many are not sent again, by reason: pending (it is on its way), no_subscription, not_kept "
        "(its bytes are older than what is kept), two_contents."
    )


def shown_attempt(row: AttemptRow) -> Attempt:
    """As the API shows it."""
    return Attempt.model_validate(
        {
            "id": row.id, "delivery_id": row.delivery_id, "subscription": row.subscription, "number": row.number,
            "outcome": row.outcome, "terminal": row.terminal, "status": row.status, "error": row.error,
            "detail": row.detail, "address": row.address, "request_bytes": row.request_bytes,
            "response_bytes": row.response_bytes, "excerpt": row.excerpt, "reason": row.reason,
            "duration_ms": row.duration_ms, "phases": Phases(**row.phases), "started_at": at(row.started_ms),
            "next_at": at_or_none(row.next_due_ms),
        }
    )  # fmt: skip


def shown_delivery(row: DeliveryRow) -> Delivery:
    """As a list shows it."""
    return Delivery.model_validate(_fields_of(row))


def shown_in_full(row: DeliveryRow, attempts: list[AttemptRow]) -> DeliveryInFull:
    """With its body and its attempts."""
    more = {"body": row.body or "", "attempts": [shown_attempt(one) for one in attempts]}
    return DeliveryInFull.model_validate(_fields_of(row) | more)


def _fields_of(row: DeliveryRow) -> dict[str, object]:
    return {
        "id": row.id, "subscription": row.subscription, "type": row.type, "sequence": row.sequence,
        "status": row.status, "reason": row.reason, "alert_ids": list(row.alert_ids),
        "content_type": row.content_type, "body_sha256": row.body_sha256, "created_at": at(row.created_ms),
        "expires_at": at(row.deadline_ms), "attempted_at": at_or_none(row.attempted_ms),
        "next_at": at_or_none(row.next_due_ms),
    }  # fmt: skip
