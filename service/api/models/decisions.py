"""Decisions, and why, as the API shows them."""

from typing import Any

from pydantic import Field

from service.actions.why_answer import Answer
from service.api.models.common import Shown, Time, at, at_or_none
from service.history.rows import DecisionRow
from service.model.records import Outcome


class DecisionArticle(Shown):
    """What an alert was about; only its id is sure."""

    id: str
    title: str | None
    url: str | None
    source: str | None


class Decision(Shown):
    """What became of one alert: the decision that stands now."""

    alert_id: str
    subscription: str
    decision: Outcome
    reason: str | None = Field(description="Why it was suppressed, held or attached, or told of.")
    by: str | None = Field(description="Which silence, rule or filter.")
    rule: str | None
    story: str | None
    article: DecisionArticle | None
    delivery_id: str | None = Field(description="Where it was told.")
    until: Time | None = Field(description="When what is held or silenced is told of at the latest.")
    decided_at: Time


class WhyLine(Shown):
    """What became of one rule's alert."""

    rule: str
    answer: str
    sentence: str
    details: dict[str, Any]


class Why(Shown):
    """Why, in one word and one sentence; then a line for each rule."""

    subscription: str
    article: str
    answer: str = Field(
        description="no_article, unreadable, no_rule, shadow, rules_changed, not_watched, not_addressed, undecided, or "
        "the decision: notified, attached, held, silenced, suppressed, expired."
    )
    sentence: str
    lines: list[WhyLine]
    notes: list[str]


def shown_decision(row: DecisionRow) -> Decision:
    """As the API shows it."""
    article = None
    if row.article is not None:
        article = DecisionArticle(
            id=row.article, title=row.article_title, url=row.article_url, source=row.article_source
        )
    return Decision.model_validate(
        {
            "alert_id": row.alert_id, "subscription": row.subscription, "decision": row.decision,
            "reason": row.reason, "by": row.by, "story": row.story,
            "rule": row.rule, "article": article,
            "delivery_id": row.delivery_id, "until": at_or_none(row.until_ms), "decided_at": at(row.decided_ms),
        }
    )  # fmt: skip


def shown_why(subscription: str, article: str, answer: Answer) -> Why:
    """As the API shows it."""
    return Why(
        subscription=subscription,
        article=article,
        answer=answer.answer,
        sentence=answer.sentence,
        lines=[
            WhyLine(rule=one.rule, answer=one.answer, sentence=one.sentence, details=one.more) for one in answer.lines
        ],
        notes=answer.notes,
    )
