"""The answer of `bongsu why`, out of what was found: pure, so that each answer has a test of its own."""

import difflib
from dataclasses import dataclass, field
from typing import Any

from service.actions.why_found import Found
from service.actions.why_words import Words
from service.alerting.policy import resolve
from service.alerting.selectors import Selector
from service.ingest.decode import decode_article
from service.model.control_records import SubscriptionRecord
from service.model.errors import BadInput
from service.model.policy import zone_of
from service.model.record import Lang
from service.model.records import AlertRecord, AttemptRecord, DecisionRecord

ENGLISH = Words()


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


def words_of(found: Found, lang: Lang) -> Words:
    """The words of a language, with the clock that the subscription's policy goes by."""
    record = found.subscriptions.get(found.subscription)
    name = record.policy.timezone if record is not None and record.policy is not None else None
    return Words(lang) if name is None else Words(lang, zone_of(name))


def answer_of(found: Found, rule: str | None = None, words: Words = ENGLISH) -> Answer | None:
    """The answer; None when no rule fired and the rules in force have to be asked (`why_nearest`).

    Raises BadInput when there is no such subscription.
    """
    record = found.subscriptions.get(found.subscription)
    if record is None:
        near = difflib.get_close_matches(found.subscription, found.subscriptions, 1)
        hint = f"; did you mean {near[0]}?" if near else "; `bongsu subscriptions list` shows them"
        raise BadInput(f"there is no subscription {found.subscription}{hint}")
    if (unknown := _unknown(found, words)) is not None:
        return unknown
    fired = {match.rule.id for one in found.matches for match in one.matches}
    fired |= {alert.rule.id for alert in found.alerts.values()}
    if not fired or (rule is not None and rule not in fired):
        return None
    alerts = [alert for alert in found.alerts.values() if rule in (None, alert.rule.id)]
    if not alerts:
        return _not_addressed(found, record, rule, words)
    lines = [_line(found, record, alert, words) for alert in alerts]
    told = next((line for line in lines if line.answer == "notified"), lines[-1])
    return Answer(told.answer, told.sentence, lines, _notes(found, record, words))


def _unknown(found: Found, words: Words) -> Answer | None:
    """There is no such article, or it cannot be read."""
    if found.matches or found.alerts:
        return None
    wrong = found.dead_letters[-1] if found.dead_letters and not found.versions else _unreadable(found)
    if wrong is not None:
        return Answer("unreadable", words.say("unreadable", why=wrong))
    if not found.versions:
        said = words.say("no_article", article=found.article, since=words.at(found.since_ms))
        return Answer("no_article", said)
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


def _notes(found: Found, record: SubscriptionRecord, words: Words) -> list[str]:
    notes = []
    if record.held is not None:
        notes.append(words.say("on_hold", state=words.term("state", record.held)))
    if found.versions and found.versions[-1][1] is None:
        notes.append(words.say("taken_down", at=words.at(found.versions[-1][0])))
    return notes


def _not_addressed(found: Found, record: SubscriptionRecord, rule: str | None, words: Words) -> Answer:
    """Rules fired, and no alert went to the subscription."""
    heads = {match.rule.id: match for one in found.matches for match in one.matches if rule in (None, match.rule.id)}
    selector = Selector.of(record.rules)
    wanted = sorted(name for name, match in heads.items() if selector.fits(name, match.rule.tags, match.entities))
    more = {"fired": sorted(heads), "watched": list(record.rules)}
    if not wanted:
        said = words.say(
            "not_watched", rules=_rules(heads, words), fired=", ".join(sorted(heads)), watched=", ".join(record.rules)
        )
        here = words.say("not_watched_here")
        return Answer("not_watched", said, [Line(name, "not_watched", here, more) for name in sorted(heads)])
    matched_ms = found.matches[-1].matched_ms
    if record.created_ms > matched_ms:
        why = words.say("newer_than_match", at=words.at(record.created_ms), matched=words.at(matched_ms))
    elif record.updated_ms > matched_ms:
        why = words.say("changed_after_match", at=words.at(record.updated_ms), matched=words.at(matched_ms))
    else:
        why = words.say("not_reached")
    said = words.say("not_addressed", rules=_rules(wanted, words), fired=", ".join(wanted), why=why)
    return Answer("not_addressed", said)


def _rules(names: Any, words: Words) -> str:
    return words.term("rules", "one" if len(names) == 1 else "many")


def _line(found: Found, record: SubscriptionRecord, alert: AlertRecord, words: Words) -> Line:
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
        return Line(alert.rule.id, "undecided", words.say("undecided"), _some(more))
    decision = history[-1]
    more |= {"reason": decision.reason, "by": decision.by, "until_ms": decision.until_ms}
    decided = words.at(decision.decided_ms)
    match decision.decision:
        case "notified":
            reason = words.term("told", decision.reason)
            sentence = words.say("notified", at=decided, reason=reason, delivery=decision.delivery_id)
            sentence += _delivery(found, decision.delivery_id, more, words)
        case "attached":
            sentence = _attached(found, record, alert, decision, more, words)
        case "held":
            sentence = words.say("held", reason=words.term("held", decision.reason), until=_until(decision, words))
        case "silenced":
            sentence = _silenced(found, decision, more, words)
        case "expired":
            sentence = words.say("expired", at=decided, published=words.at(alert.published_ms))
        case "suppressed":
            sentence = _suppressed(record, alert, decision, words)
    return Line(alert.rule.id, decision.decision, sentence, _some(more))


def _some(more: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in more.items() if value is not None}


def _until(decision: DecisionRecord, words: Words) -> str:
    return (
        words.say("until_unknown") if decision.until_ms is None else words.say("until", at=words.at(decision.until_ms))
    )


def _attached(  # noqa: PLR0913 - what a sentence is made of
    found: Found,
    record: SubscriptionRecord,
    alert: AlertRecord,
    decision: DecisionRecord,
    more: dict[str, Any],
    words: Words,
) -> str:
    """The delivery that told the story; while that waits, what it waits for; or why it is not told."""
    by = f" ({words.term('joined', alert.story.joined_by)})" if alert.story.joined_by else ""
    head = words.say("attached", story=alert.story.id, by=by, reason=words.term("attached", decision.reason))
    current, seen = decision, {decision.alert_id}
    while current.delivery_id is None and current.by is not None and current.by not in seen:
        seen.add(current.by)
        after = found.decisions.get(current.by)
        if not after:
            break
        current = after[-1]
    if current.delivery_id is not None:
        is_own = current is decision or current.article is None
        about = "" if is_own else words.say("attached_about", article=current.article)
        told = words.say("attached_told", about=about, delivery=current.delivery_id)
        return head + told + _delivery(found, current.delivery_id, more, words)
    if current.decision == "silenced":
        return head + _silenced(found, current, more, words)
    if current.decision == "suppressed":
        return head + _suppressed(record, alert, current, words)
    until = _until(current, words)
    if current is not decision:
        named, reason = words.term("decision", current.decision), words.term("held", current.reason)
        return head + words.say("attached_to_held", decision=named, reason=reason, until=until)
    return head + words.say("attached_waits", until=until)


def _silenced(found: Found, decision: DecisionRecord, more: dict[str, Any], words: Words) -> str:
    silence = found.silences.get(decision.by or "")
    if silence is None:
        return words.say("silenced_by_unknown", id=decision.by, until=_until(decision, words))
    more["silence"] = {"id": silence.id, "author": silence.author, "comment": silence.comment}
    until = words.at(silence.ends_ms)
    return words.say("silenced", id=silence.id, author=silence.author, comment=silence.comment, at=until)


def _suppressed(record: SubscriptionRecord, alert: AlertRecord, decision: DecisionRecord, words: Words) -> str:
    decided = words.at(decision.decided_ms)
    if decision.reason != "filter":
        return words.say("suppressed", at=decided, why=words.term("suppressed", decision.reason, by=decision.by))
    policy = resolve(record.policy, alert.rule)
    article = alert.article
    surest = max((mention.confidence for mention in alert.mentions), default=1.0)
    said = {
        "source": (article.source, policy.sources),
        "lang": (article.lang, policy.langs),
        "section": (article.section, policy.sections),
        "tier": (
            words.say("tier", tier=policy.tier_of(article.source), source=article.source),
            words.say("tier_wanted", tier=policy.tier_at_most),
        ),
        "confidence": (surest, words.say("confidence_wanted", confidence=policy.confidence_at_least)),
    }
    given, wanted = said.get(decision.by or "", ("?", "?"))
    wanted = ", ".join(wanted) if isinstance(wanted, tuple) else wanted
    name = words.term("filter", decision.by)
    return words.say("filtered", at=decided, filter=name, given=given, wanted=wanted)


def _delivery(found: Found, delivery_id: str | None, more: dict[str, Any], words: Words) -> str:
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
        at = words.at(delivered.started_ms)
        return words.say("delivered", at=at, number=delivered.number, status=delivered.status)
    if not attempts:
        deadline = "" if record is None else words.say("deadline", at=words.at(record.deadline_ms))
        return words.say("not_sent") + deadline
    last = attempts[-1]
    name = "attempt" if len(attempts) == 1 else "attempts"
    failed = words.say(name, count=len(attempts), at=words.at(last.started_ms), failure=_failure(last, words))
    if last.terminal:
        return words.say("not_delivered", outcome=words.term("outcome", last.outcome), failed=failed)
    again = words.say("again", at=words.at(last.next_due_ms)) if last.next_due_ms is not None else ""
    return words.say("retried", failed=failed, again=again)


def _failure(attempt: AttemptRecord, words: Words) -> str:
    error = words.term("failure", attempt.error) if attempt.error is not None else None
    parts = (attempt.status, error, attempt.detail)
    return " ".join(str(part) for part in parts if part is not None) or words.term("outcome", attempt.outcome)
