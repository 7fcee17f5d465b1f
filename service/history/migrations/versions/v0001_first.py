"""The tables of the first history."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them, and the view that dashboards read."""
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("story", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("joined_by", sa.Text(), nullable=True),
        sa.Column("alerted_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    op.create_index("alerts_by_age", "alerts", ["record_ms"], unique=False)
    op.create_index("alerts_by_article", "alerts", ["article"], unique=False)
    op.create_table(
        "articles",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("section", sa.Text(), nullable=True),
        sa.Column("lang", sa.Text(), nullable=True),
        sa.Column("published_at", sa.Text(), nullable=True),
        sa.Column("taken_down", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("articles_by_age", "articles", ["record_ms"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("terminal", sa.Boolean(), nullable=False),
        sa.Column("status", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("body_sha256", sa.Text(), nullable=True),
        sa.Column("started_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("phases", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_bytes", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("response_bytes", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.Column("next_due_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("deadline_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("published_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("attempts_by_age", "attempts", ["record_ms"], unique=False)
    op.create_index("attempts_by_delivery", "attempts", ["delivery_id", "started_ms", "id"], unique=False)
    op.create_index("attempts_by_outcome", "attempts", ["subscription", "outcome", "started_ms", "id"], unique=False)
    op.create_index("attempts_by_time", "attempts", ["subscription", "started_ms", "id"], unique=False)
    op.create_table(
        "changes",
        sa.Column("change_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("fields", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("change_id"),
    )
    op.create_index("changes_by_age", "changes", ["record_ms"], unique=False)
    op.create_index("changes_by_target", "changes", ["tenant", "target", "at_ms", "change_id"], unique=False)
    op.create_index("changes_by_time", "changes", ["tenant", "at_ms", "change_id"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("delivery_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("by_id", sa.Text(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("story", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("article", sa.Text(), nullable=True),
        sa.Column("decided_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("alert_id"),
    )
    op.create_index("decisions_by_age", "decisions", ["record_ms"], unique=False)
    op.create_index("decisions_by_article", "decisions", ["article"], unique=False)
    op.create_index(
        "decisions_by_decision", "decisions", ["subscription", "decision", "decided_ms", "alert_id"], unique=False
    )
    op.create_index("decisions_by_delivery", "decisions", ["delivery_id", "rule"], unique=False)
    op.create_index(
        "decisions_by_rule",
        "decisions",
        ["subscription", "rule", "decided_ms", "alert_id", "delivery_id"],
        unique=False,
    )
    op.create_index("decisions_by_time", "decisions", ["subscription", "decided_ms", "alert_id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("body_sha256", sa.Text(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("alert_ids", sa.Text(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("deadline_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("published_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("record_partition", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempted_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("next_due_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("attempt_record_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("attempt_record_partition", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("attempt_record_offset", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("deliveries_by_age", "deliveries", ["record_ms"], unique=False)
    op.create_index("deliveries_by_attempt_age", "deliveries", ["attempt_record_ms"], unique=False)
    op.create_index("deliveries_by_status", "deliveries", ["subscription", "status", "created_ms", "id"], unique=False)
    op.create_index("deliveries_by_time", "deliveries", ["subscription", "created_ms", "id"], unique=False)
    op.create_table(
        "forgotten",
        sa.Column("subscription", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subscription"),
    )
    op.create_table(
        "matches",
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("rules_version", sa.Text(), nullable=True),
        sa.Column("published_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("matched_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("article"),
    )
    op.create_index("matches_by_age", "matches", ["record_ms"], unique=False)
    op.create_table(
        "mentions",
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("hour_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mentions", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("article", "tenant", "entity"),
    )
    op.create_index("mentions_by_hour", "mentions", ["hour_ms"], unique=False)
    op.create_table(
        "offsets",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition"),
    )
    op.create_table(
        "progress",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("caught_up_ms", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("behind_records", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("told_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("""
        CREATE VIEW coverage AS
        SELECT mentions.tenant, mentions.entity, mentions.source, mentions.hour_ms,
               CAST(SUM(mentions.mentions) AS BIGINT) AS mentions, COUNT(*) AS articles,
               COUNT(DISTINCT told.story) AS stories
        FROM mentions LEFT JOIN (SELECT article, MIN(story) AS story FROM alerts GROUP BY article) AS told
             ON told.article = mentions.article
        GROUP BY mentions.tenant, mentions.entity, mentions.source, mentions.hour_ms
    """)
