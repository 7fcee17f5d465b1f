"""The tables, for SQLite and PostgreSQL alike; `migrations/` makes them, and a test says that both agree.

Every row that was folded out of a record carries that record's place: its time, partition and offset. Of two records
of one id the later place stands, whatever order they came in. Times are milliseconds since the epoch, UTC.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, MetaData, Table, Text

from service.history.arrived import PLACE

metadata = MetaData()


def _text(name: str, *, key: bool = False, null: bool = True) -> Column[Any]:
    return Column(name, Text, primary_key=key, nullable=not key and null)


def _int(name: str, *, key: bool = False, null: bool = True) -> Column[Any]:
    return Column(name, BigInteger, primary_key=key, nullable=not key and null, autoincrement=False)


def _place(prefix: str = "", *, null: bool = False) -> list[Column[Any]]:
    """Of the record that the row (or the part of it that `prefix` names) was folded out of."""
    return [_int(f"{prefix}{name}", null=null) for name in PLACE]


offsets = Table(
    "offsets",
    metadata,
    _text("topic", key=True),
    _int("partition", key=True),
    _int("next_offset", null=False),
    _int("record_ms", null=False),
)
"""How far each partition is folded; changed in the transaction that changes the rows. `record_ms` never runs back."""

progress = Table(
    "progress",
    metadata,
    _int("id", key=True),
    _int("caught_up_ms"),
    _int("behind_records", null=False),
    _int("told_ms", null=False),
)
"""One row, by the clock of the role: until when nothing is missing. The only table that a rebuild does not equal."""

deliveries = Table(
    "deliveries",
    metadata,
    _text("id", key=True),
    _text("subscription", null=False),
    _text("group_id"),
    _int("sequence"),
    _text("type"),
    _text("body"),
    _text("body_sha256"),
    _text("content_type"),
    _text("alert_ids"),
    _int("created_ms"),
    _int("deadline_ms"),
    _int("published_ms"),
    _text("reason"),
    *_place(null=True),
    _text("status", null=False),
    _int("attempted_ms"),
    _int("next_due_ms"),
    *_place("attempt_", null=True),
    Index("deliveries_by_time", "subscription", "created_ms", "id"),
    Index("deliveries_by_status", "subscription", "status", "created_ms", "id"),
    Index("deliveries_by_age", "record_ms"),
    Index("deliveries_by_attempt_age", "attempt_record_ms"),
)
"""Two parts, each of its own topic, and either may come first: what is to be sent, and how its last attempt ended."""

attempts = Table(
    "attempts",
    metadata,
    _text("id", key=True),
    _text("subscription", null=False),
    _text("delivery_id", null=False),
    _int("number", null=False),
    _text("outcome", null=False),
    Column("terminal", Boolean, nullable=False),
    _int("status"),
    _text("error"),
    _text("detail"),
    _text("body_sha256"),
    _int("started_ms", null=False),
    Column("duration_ms", Float, nullable=False),
    _text("phases"),
    _text("address"),
    _int("request_bytes"),
    _int("response_bytes"),
    _text("excerpt"),
    _int("next_due_ms"),
    _int("deadline_ms"),
    _int("published_ms"),
    _text("reason"),
    *_place(),
    Index("attempts_by_time", "subscription", "started_ms", "id"),
    Index("attempts_by_outcome", "subscription", "outcome", "started_ms", "id"),
    Index("attempts_by_delivery", "delivery_id", "started_ms", "id"),
    Index("attempts_by_age", "record_ms"),
)

decisions = Table(
    "decisions",
    metadata,
    _text("alert_id", key=True),
    _text("subscription", null=False),
    _text("decision", null=False),
    _text("group_id"),
    _text("delivery_id"),
    _text("reason"),
    _text("by_id"),
    _int("until_ms"),
    _text("story"),
    _text("rule"),
    _text("article"),
    _int("decided_ms", null=False),
    *_place(),
    Index("decisions_by_time", "subscription", "decided_ms", "alert_id"),
    Index("decisions_by_decision", "subscription", "decision", "decided_ms", "alert_id"),
    Index("decisions_by_article", "article"),
    Index("decisions_by_rule", "subscription", "rule", "decided_ms", "alert_id", "delivery_id"),
    Index("decisions_by_delivery", "delivery_id", "rule"),
    Index("decisions_by_age", "record_ms"),
)
"""The current decision of each alert."""

alerts = Table(
    "alerts",
    metadata,
    _text("alert_id", key=True),
    _text("subscription", null=False),
    _text("article", null=False),
    _text("rule", null=False),
    _text("story", null=False),
    _text("role"),
    _text("joined_by"),
    _int("alerted_ms", null=False),
    *_place(),
    Index("alerts_by_article", "article"),
    Index("alerts_by_age", "record_ms"),
)
"""Which story an article belongs to is known from the alerts about it."""

articles = Table(
    "articles",
    metadata,
    _text("id", key=True),
    _text("url"),
    _text("title"),
    _text("source"),
    _text("author"),
    _text("section"),
    _text("lang"),
    _text("published_at"),
    Column("taken_down", Boolean, nullable=False),
    _text("text"),
    *_place(),
    Index("articles_by_age", "record_ms"),
)
"""The newest version's head; `text` only with BONGSU_HISTORY_KEEP_TEXT."""

matches = Table(
    "matches",
    metadata,
    _text("article", key=True),
    _text("source"),
    _text("rules_version"),
    _int("published_ms", null=False),
    _int("matched_ms", null=False),
    *_place(),
    Index("matches_by_age", "record_ms"),
)
"""The newest version of each article in which a rule was found."""

mentions = Table(
    "mentions",
    metadata,
    _text("article", key=True),
    _text("tenant", key=True),
    _text("entity", key=True),
    _text("source"),
    _int("hour_ms", null=False),
    _int("mentions", null=False),
    Index("mentions_by_hour", "hour_ms"),
)
"""Which entities that version mentions, and how often; `coverage` sums them up."""

changes = Table(
    "changes",
    metadata,
    _text("change_id", key=True),
    _text("tenant", null=False),
    _text("actor", null=False),
    _text("action", null=False),
    _text("target", null=False),
    _int("revision"),
    _text("fields"),
    _text("outcome", null=False),
    _text("reason"),
    _text("request_id"),
    _int("at_ms", null=False),
    *_place(),
    Index("changes_by_time", "tenant", "at_ms", "change_id"),
    Index("changes_by_target", "tenant", "target", "at_ms", "change_id"),
    Index("changes_by_age", "record_ms"),
)
"""Who changed what: of each change its last record, so one that is `asked` has no end."""

forgotten = Table(
    "forgotten",
    metadata,
    _text("subscription", key=True),
    _int("until_ms", null=False),
)
"""Records of these subscriptions up to this time are as if they had never been."""

FOLDED = (deliveries, attempts, decisions, alerts, articles, matches, mentions, changes, forgotten, offsets)
"""What a rebuild makes again, row by row."""

COVERAGE = ("tenant", "entity", "source", "hour_ms", "mentions", "articles", "stories")
"""The view `coverage`, which dashboards read: entity x source x hour of publishing. `stories` are those that anybody
was alerted of: of others none is known."""
