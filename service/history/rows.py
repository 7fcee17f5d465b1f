"""What the history answers: one frozen class a kind of row, as the queries give them."""

from dataclasses import dataclass, field
from typing import Any

Place = tuple[int, str]
"""Where a page ended: the time (ms) and the id of its last row; the next page begins after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One notification, and how its last attempt ended."""

    id: str
    subscription: str
    group: str
    sequence: int
    type: str
    content_type: str
    body_sha256: str
    alert_ids: tuple[str, ...]
    created_ms: int
    deadline_ms: int
    published_ms: int
    reason: str
    """live, test or replay."""
    status: str
    """pending, or the outcome of the last attempt: delivered, retry, held, given_up, expired, undeliverable."""
    attempted_ms: int | None
    next_due_ms: int | None
    body: str | None = None
    """The payload as it is sent; only where one delivery was asked for."""

    @property
    def place(self) -> Place:
        """For the page after it."""
        return self.created_ms, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One POST, or the decision not to POST."""

    id: str
    subscription: str
    delivery_id: str
    number: int
    outcome: str
    terminal: bool
    status: int | None
    error: str | None
    detail: str | None
    body_sha256: str
    started_ms: int
    duration_ms: float
    phases: dict[str, float] = field(default_factory=dict)
    address: str | None
    request_bytes: int | None
    response_bytes: int | None
    excerpt: str | None
    next_due_ms: int | None
    deadline_ms: int | None
    published_ms: int
    reason: str

    @property
    def place(self) -> Place:
        """For the page after it."""
        return self.started_ms, self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """The current decision of one alert, with the head of its article where the history has it."""

    alert_id: str
    subscription: str
    decision: str
    group: str
    delivery_id: str | None
    reason: str | None
    by: str | None
    until_ms: int | None
    story: str | None
    rule: str | None
    article: str | None
    decided_ms: int
    article_title: str | None
    article_url: str | None
    article_source: str | None

    @property
    def place(self) -> Place:
        """For the page after it."""
        return self.decided_ms, self.alert_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One change that was asked for, and what became of it."""

    change_id: str
    tenant: str
    actor: str
    action: str
    target: str
    revision: int | None
    fields: tuple[str, ...]
    outcome: str
    """asked (no end is known), done or refused."""
    reason: str | None
    request_id: str | None
    at_ms: int

    @property
    def place(self) -> Place:
        """For the page after it."""
        return self.at_ms, self.change_id


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the history is."""

    caught_up_ms: int | None
    """When nothing was missing, by the role's clock; None: it was never read to its end."""
    behind_records: int
    told_ms: int

    def lag_s(self, now_ms: int) -> float | None:
        """How old the answers may be; None: they are not whole yet."""
        return None if self.caught_up_ms is None else max(0, now_ms - self.caught_up_ms) / 1000


def as_dict(row: Any) -> dict[str, Any]:
    """A database row by its column names."""
    return dict(row._mapping)  # noqa: SLF001  the public name of sqlalchemy's Row for this
