"""The answer of `bongsu why`, out of what was found: pure, so that each answer has a test of its own."""

import difflib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.actions.why_found import Found
from service.alerting.policy import resolve
from service.alerting.selectors import Selector
from service.ingest.decode import decode_article
from service.model.control_records import SubscriptionRecord
from service.model.errors import BadInput
from service.model.records import AlertRecord, AttemptRecord, DecisionRecord

HELD = {
    "group_wait": "for its copies: the richest of them will lead",
    "group_interval": "because its story was told a short while ago",
    "quiet_hours": "because of quiet hours",
    "throttle": "by the throttle",
    "cap": "because the cap of the hour was reached",
    "digest": "for the digest",
    "frequency": "until enough stories come within the window",
}
SUPPRESSED = {
    "redated": "the article was published long before it came: that is no news",
    "inhibited": "the narrower rule {by} tells the same story",
    "frequency_not_reached": "too few stories came within the window",
    "taken_down": "the article was taken down",
    "subscription_gone": "the subscription was removed",
}
ATTACHED = {
    "copy": "another article of the story was told",
    "version": "an earlier version or article of the story was told, and nothing changed that is to be told again",
    "superseded": "a newer version takes its place",
    "not_listed": "the digest counts it and does not list it",
    "too_many_versions": "its newest version stands for it",
}


@dataclass(slots=True)
class Line:
    """What became of one rule's alert."""

    rule: str
    answer: str
    """notified, attached, held, silenced, suppressed, expired, undecided."""
    sentence: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """Why, in one word and one sentence; then a line for each rule."""

    answer: str
    sentence: str
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def at(ms: int) -> str:
    """A time as people read it, local."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def answer_of(found: Found, rule: str | None = None) -> Answer | None:
    """The answer; None when no rule fired and the rules in force have to be asked (`why_nearest`).

    Raises BadInput when there is no such subscription.
    """
    record = found.subscriptions.get(found.subscription)
    if record is None:
        near = difflib.get_close_matches(found.subscription, found.subscriptions, 1)
        hint = f"; did you mean {near[0]}?" if near else "; `bongsu subscriptions list` shows them"
        raise BadInput(f"there is no subscription {found.subscription}{hint}")
    if (unknown := _unknown(found)) is not None:
        return unknown
    fired = {match.rule.id for one in found.matches for match in one.matches}
    fired |= {alert.rule.id for alert in found.alerts.values()}
    if not fired or (rule is not None and rule not in fired):
        return None
    alerts = [alert for alert in found.alerts.values() if rule in (None, alert.rule.id)]
    if not alerts:
        return _not_addressed(found, record, rule)
    lines = [_line(found, record, alert) for alert in alerts]
    told = next((line for line in lines if line.answer == "notified"), lines[-1])
    return Answer(told.answer, told.sentence, lines, _notes(found, record))


def _unknown(found: Found) -> Answer | None:
    """There is no such article, or it cannot be read."""
    if found.matches or found.alerts:
        return None
    wrong = found.dead_letters[-1] if found.dead_letters and not found.versions else _unreadable(found)
    if wrong is not None:
        return Answer("unreadable", f"The article came and could not be read: {wrong}")
    if not found.versions:
        return Answer(
            "no_article",
            f"No article {found.article} came since {at(found.since_ms)}. Is the id right? Articles are kept for 7 "
            "days; what was found of them for 30, further back than this was asked to look.",
        )
    return None


def _unreadable(found: Found) -> str | None:
    """What is wrong with the newest version; None: it can be read, or is none."""
    raw = found.versions[-1][1] if found.versions else None
    try:
        if raw is not None:
            decode_article(raw)
    except BadInput as error:
        return str(error)
    return None


def _notes(found: Found, record: SubscriptionRecord) -> list[str]:
    notes = []
    if record.held is not None:
        notes.append(f"The subscription is {record.held}: what it is to be told waits.")
    if found.versions and found.versions[-1][1] is None:
        notes.append(f"The article was taken down at {at(found.versions[-1][0])}.")
    return notes


def _not_addressed(found: Found, record: SubscriptionRecord, rule: str | None) -> Answer:
    """Rules fired, and no alert went to the subscription."""
    heads = {match.rule.id: match for one in found.matches for match in one.matches if rule in (None, match.rule.id)}
    selector = Selector.of(record.rules)
    wanted = sorted(name for name, match in heads.items() if selector.fits(name, match.rule.tags, match.entities))
    fired = ", ".join(sorted(heads))
    more = {"fired": sorted(heads), "watched": list(record.rules)}
    if not wanted:
        return Answer(
            "not_watched",
            f"{_rules(heads)} {fired} fired, which it does not watch; it watches {', '.join(record.rules)}.",
            [Line(name, "not_watched", "not watched by the subscription", more) for name in sorted(heads)],
        )
    matched_ms = found.matches[-1].matched_ms
    if record.created_ms > matched_ms:
        why = f"the subscription is newer ({at(record.created_ms)}) than the match ({at(matched_ms)})"
    elif record.updated_ms > matched_ms:
        why = f"the subscription was changed ({at(record.updated_ms)}) after the match ({at(matched_ms)})"
    elif record.held is not None:
        why = f"the subscription is {record.held}"
    else:
        why = "the worker has not come to it yet; is one running? `bongsu audit` says how far it is"
    return Answer("not_addressed", f"{_rules(wanted)} {', '.join(wanted)} fired, but no alert was made: {why}.")


def _rules(names: Any) -> str:
    return "The rule" if len(names) == 1 else "The rules"


def _line(found: Found, record: SubscriptionRecord, alert: AlertRecord) -> Line:
    """What became of one alert: its last decision is the one that holds."""
    history = found.decisions.get(alert.alert_id, [])
    more: dict[str, Any] = {
        "alert": alert.alert_id,
        "story": alert.story.id,
        "joined_by": alert.story.joined_by,
        "role": alert.story.role,
        "history": [
            {"at_ms": one.decided_ms, "decision": one.decision, "reason": one.reason, "by": one.by} for one in history
        ],
    }
    if not history:
        sentence = "An alert was made and is not decided yet; is a worker running? `bongsu audit` says how far it is."
        return Line(alert.rule.id, "undecided", sentence, _some(more))
    decision = history[-1]
    more |= {"reason": decision.reason, "by": decision.by, "until_ms": decision.until_ms}
    match decision.decision:
        case "notified":
            sentence = f"Told at {at(decision.decided_ms)} ({decision.reason}) with {decision.delivery_id}. "
            sentence += _delivery(found, decision.delivery_id, more)
        case "attached":
            sentence = _attached(found, alert, decision, more)
        case "held":
            sentence = f"Held {HELD.get(decision.reason or '', decision.reason or '')}, {_until(decision)}."
        case "silenced":
            sentence = _silenced(found, decision, more)
        case "expired":
            sentence = (
                f"Expired at {at(decision.decided_ms)}: it was published at {at(alert.published_ms)}, and what is "
                "older than the time to live is not told."
            )
        case "suppressed":
            sentence = _suppressed(record, alert, decision)
    return Line(alert.rule.id, decision.decision, sentence, _some(more))


def _some(more: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in more.items() if value is not None}


def _until(decision: DecisionRecord) -> str:
    return "without a known end" if decision.until_ms is None else f"until {at(decision.until_ms)} at the latest"


def _attached(found: Found, alert: AlertRecord, decision: DecisionRecord, more: dict[str, Any]) -> str:
    """The delivery that told the story; while that waits, what it waits for."""
    reason = ATTACHED.get(decision.reason or "", decision.reason or "")
    by = f" ({alert.story.joined_by})" if alert.story.joined_by else ""
    head = f"Attached to the story {alert.story.id}{by}: {reason}. "
    current, seen = decision, {decision.alert_id}
    while current.delivery_id is None and current.by is not None and current.by not in seen:
        seen.add(current.by)
        after = found.decisions.get(current.by)
        if not after:
            break
        current = after[-1]
    if current.delivery_id is not None:
        about = "" if current is decision or current.article is None else f", about {current.article},"
        told = f"It was told{about} with {current.delivery_id}. "
        return head + told + _delivery(found, current.delivery_id, more)
    if current is not decision:
        return f"{head}That one is {current.decision} {HELD.get(current.reason or '', '')}, {_until(current)}."
    return head + f"It will be told {_until(decision)}."


def _silenced(found: Found, decision: DecisionRecord, more: dict[str, Any]) -> str:
    silence = found.silences.get(decision.by or "")
    if silence is None:
        return f"Silenced by {decision.by}, {_until(decision)}."
    more["silence"] = {"id": silence.id, "author": silence.author, "comment": silence.comment}
    return (
        f"Silenced by {silence.id} of {silence.author} (“{silence.comment}”), until {at(silence.ends_ms)}; "
        "what it hid is told in one digest then."
    )


def _suppressed(record: SubscriptionRecord, alert: AlertRecord, decision: DecisionRecord) -> str:
    if decision.reason != "filter":
        why = SUPPRESSED.get(decision.reason or "", decision.reason or "")
        return f"Suppressed at {at(decision.decided_ms)}: {why.format(by=decision.by)}."
    policy = resolve(record.policy, alert.rule)
    article = alert.article
    tier = policy.tier_of(article.source)
    surest = max((mention.confidence for mention in alert.mentions), default=1.0)
    said = {
        "source": (article.source, policy.sources),
        "lang": (article.lang, policy.langs),
        "section": (article.section, policy.sections),
        "tier": (f"tier {tier} ({article.source})", f"{policy.tier_at_most} or better"),
        "confidence": (surest, f"at least {policy.confidence_at_least}"),
    }
    given, wanted = said.get(decision.by or "", ("?", "?"))
    wanted = ", ".join(wanted) if isinstance(wanted, tuple) else wanted
    return (
        f"Suppressed at {at(decision.decided_ms)} by the filter {decision.by}: the article has {given}, the "
        f"subscription wants {wanted}."
    )


def _delivery(found: Found, delivery_id: str | None, more: dict[str, Any]) -> str:
    """What became of the webhook."""
    attempts = sorted(found.attempts.get(delivery_id or "", ()), key=lambda one: (one.started_ms, one.number))
    more["delivery"] = delivery_id
    record = found.deliveries.get(delivery_id or "")
    if record is not None:
        more["notification"] = {"type": record.type, "created_ms": record.created_ms, "deadline_ms": record.deadline_ms}
    more["attempts"] = [
        _some({"at_ms": one.started_ms, "number": one.number, "outcome": one.outcome, "status": one.status,
               "error": one.error, "detail": one.detail, "next_due_ms": one.next_due_ms})
        for one in attempts
    ]  # fmt: skip
    delivered = next((one for one in attempts if one.outcome == "delivered"), None)
    if delivered is not None:
        return f"Delivered at {at(delivered.started_ms)}, attempt {delivered.number}, status {delivered.status}."
    if not attempts:
        deadline = "" if record is None else f" It expires at {at(record.deadline_ms)}."
        return f"It was not sent yet; is a dispatcher running?{deadline}"
    last = attempts[-1]
    failed = f"{len(attempts)} attempt{'s' * (len(attempts) > 1)}, the last at {at(last.started_ms)}: {_failure(last)}"
    if last.terminal:
        return f"It was not delivered ({last.outcome}): {failed}."
    again = f"; again at {at(last.next_due_ms)}" if last.next_due_ms is not None else ""
    return f"Not delivered yet: {failed}{again}."


def _failure(attempt: AttemptRecord) -> str:
    parts = (attempt.status, attempt.error, attempt.detail)
    return " ".join(str(part) for part in parts if part is not None) or attempt.outcome
