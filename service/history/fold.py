"""Records to rows: of a batch, what is newest of each id. Pure; `store` puts it beside what is there.

What a row becomes depends on the records alone, not on the order in which topics or partitions were read, nor on how
often: a part of a row is folded out of one record, that of the latest place. So a history that is read again equals.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.history.arrived import PLACE, Arrived
from service.history.coverage import mentions_of
from service.ingest.decode import decode_article
from service.model import topics
from service.model.control_records import ChangeRecord
from service.model.errors import BadInput
from service.model.ids import attempt_id
from service.model.records import AlertRecord, AttemptRecord, DecisionRecord, DeliveryRecord, MatchRecord, decode_alerts
from service.model.tenants import local_alert, local_decision

Row = dict[str, Any]

TOPICS = (
    topics.ARTICLES, topics.MATCHES, topics.ALERTS, topics.DECISIONS, topics.DELIVERIES, topics.ATTEMPTS,
    topics.CHANGES,
)  # fmt: skip
"""All that is read. Retry tiers and `deliveries.held` repeat what `deliveries` says."""

PENDING = "pending"
FORGOTTEN = "subscription.forgotten"
"""Action of the change that has a subscriber's rows removed."""
MAX_INT = 2**63 - 1
MAX_KEY_BYTES = 512
MAX_ARTICLE_BYTES = 2048
"""Of ids, in UTF-8: an index of PostgreSQL takes no more than 2,700 bytes of all its columns."""


@dataclass(slots=True)
class Rows:
    """The newest of each id in a batch, by table; and what is to be forgotten."""

    parts: dict[str, dict[str, Row]] = field(default_factory=dict)
    """By part (a table, or that part of `deliveries` that attempts tell), by id."""
    mentions: dict[str, list[Row]] = field(default_factory=dict)
    """By article, of its row in the part `matches`."""
    forgotten: dict[str, int] = field(default_factory=dict)
    """Until when, by subscription."""

    def put(self, part: str, key: str, row: Row, place: tuple[int, int, int]) -> bool:
        """Keep a row unless a later one of its id is there; tells whether it was kept."""
        rows = self.parts.setdefault(part, {})
        there = rows.get(key)
        columns = PLACES.get(part, PLACE)
        if there is not None and tuple(there[name] for name in columns) > place:
            return False
        row |= zip(columns, place, strict=True)
        rows[key] = row
        return True


STATUSES = "statuses"
"""The part of `deliveries` that attempts tell."""
PREFIX = {STATUSES: "attempt_"}
PLACES = {part: tuple(f"{prefix}{name}" for name in PLACE) for part, prefix in PREFIX.items()}


class Fold:
    """Turns records into rows. `keep_text`: of articles too."""

    def __init__(self, *, keep_text: bool = False) -> None:
        self._keep_text = keep_text
        self._takers: dict[str, Callable[[Rows, Arrived, bytes], None]] = {
            topics.MATCHES: _match,
            topics.ALERTS: _alert,
            topics.DECISIONS: _decision,
            topics.DELIVERIES: _delivery,
            topics.ATTEMPTS: _attempt,
            topics.CHANGES: _change,
        }

    def take(self, rows: Rows, record: Arrived) -> None:
        """Fold one record.

        Raises:
            BadInput: it cannot be read; the role that owns its topic has told so, and it makes no row.
            NewerSchema: a newer Bongsu wrote it.
        """
        if record.topic == topics.ARTICLES:
            self._article(rows, record)
        elif record.value is not None:  # null says nothing on these topics
            self._takers[record.topic](rows, record, record.value)

    def _article(self, rows: Rows, record: Arrived) -> None:
        if record.value is None:
            if record.key:
                gone = record.key.decode("utf-8", "replace")
                gone_row: Row = {
                    **dict.fromkeys((*ABOUT, "text")),
                    "id": _key(gone, MAX_ARTICLE_BYTES),
                    "taken_down": True,
                }
                rows.put("articles", gone_row["id"], gone_row, record.place)
            return
        article = decode_article(record.value)
        row: Row = {name: _text(getattr(article, name)) for name in ABOUT}
        text = (article.text if article.text is not None else article.html) if self._keep_text else None
        row |= {"id": _key(article.id, MAX_ARTICLE_BYTES), "taken_down": False, "text": _text(text)}
        rows.put("articles", row["id"], row, record.place)


ABOUT = ("url", "title", "source", "author", "section", "lang", "published_at")


def _match(rows: Rows, record: Arrived, raw: bytes) -> None:
    found = MatchRecord.decode(raw, record.topic)
    article = _key(found.article.id, MAX_ARTICLE_BYTES)
    row: Row = {
        "article": article,
        "source": _text(found.article.source),
        "rules_version": _text(found.rules_version),
        "published_ms": _int(found.published_ms),
        "matched_ms": _int(found.matched_ms),
    }
    mentions = [{**mention, "source": row["source"]} for mention in mentions_of(found, article)]
    for mention in mentions:
        mention["entity"] = _key(mention["entity"], MAX_KEY_BYTES // 2)
    if rows.put("matches", article, row, record.place):
        rows.mentions[article] = mentions


def _alert(rows: Rows, record: Arrived, raw: bytes) -> None:
    alert = decode_alerts(raw)
    if not isinstance(alert, AlertRecord):
        return  # a flush says only that time has passed
    alert = local_alert(alert)
    row: Row = {
        "alert_id": _key(alert.alert_id),
        "subscription": _key(alert.subscription),
        "article": _key(alert.article.id, MAX_ARTICLE_BYTES),
        "rule": _text(alert.rule.id),
        "story": _text(alert.story.id),
        "role": alert.story.role,
        "joined_by": _text(alert.story.joined_by),
        "alerted_ms": _int(alert.alerted_ms),
    }
    rows.put("alerts", row["alert_id"], row, record.place)


def _decision(rows: Rows, record: Arrived, raw: bytes) -> None:
    decision = local_decision(DecisionRecord.decode(raw, record.topic))  # a subscription is of one tenant only
    row: Row = {
        "alert_id": _key(decision.alert_id),
        "subscription": _key(decision.subscription),
        "decision": decision.decision,
        "group_id": _text(decision.group),
        "delivery_id": None if decision.delivery_id is None else _key(decision.delivery_id),
        "reason": _text(decision.reason),
        "by_id": _text(decision.by),
        "until_ms": _int(decision.until_ms),
        "story": _text(decision.story),
        "rule": None if decision.rule is None else _key(decision.rule),
        "article": None if decision.article is None else _key(decision.article, MAX_ARTICLE_BYTES),
        "decided_ms": _int(decision.decided_ms),
    }
    rows.put("decisions", row["alert_id"], row, record.place)


def _delivery(rows: Rows, record: Arrived, raw: bytes) -> None:
    delivery = DeliveryRecord.decode(raw, record.topic)
    row: Row = {
        "id": _key(delivery.id),
        "subscription": _key(delivery.subscription),
        "group_id": _text(delivery.group),
        "sequence": _int(delivery.sequence),
        "type": _text(delivery.type),
        "body": _text(delivery.body),
        "body_sha256": _text(delivery.body_sha256),
        "content_type": _text(delivery.content_type),
        "alert_ids": orjson.dumps([_text(one) for one in delivery.alert_ids]).decode(),
        "created_ms": _int(delivery.created_ms),
        "deadline_ms": _int(delivery.deadline_ms),
        "published_ms": _int(delivery.published_ms),
        "reason": delivery.reason,
        "status": PENDING,
    }
    rows.put("deliveries", row["id"], row, record.place)


def _attempt(rows: Rows, record: Arrived, raw: bytes) -> None:
    attempt = AttemptRecord.decode(raw, record.topic)
    delivery, subscription = _key(attempt.delivery_id), _key(attempt.subscription)
    phases = None if attempt.phases is None else attempt.phases.model_dump(exclude_none=True)
    row: Row = {
        "id": attempt_id(attempt.delivery_id, attempt.number, attempt.started_ms, attempt.outcome),
        "subscription": subscription,
        "delivery_id": delivery,
        "number": _int(attempt.number),
        "outcome": attempt.outcome,
        "terminal": attempt.terminal,
        "status": _int(attempt.status),
        "error": _text(attempt.error),
        "detail": _text(attempt.detail),
        "body_sha256": _text(attempt.body_sha256),
        "started_ms": _int(attempt.started_ms),
        "duration_ms": attempt.duration_ms,
        "phases": orjson.dumps(phases).decode() if phases else None,
        "address": _text(attempt.address),
        "request_bytes": _int(attempt.request_bytes),
        "response_bytes": _int(attempt.response_bytes),
        "excerpt": _text(attempt.excerpt),
        "next_due_ms": _int(attempt.next_due_ms),
        "deadline_ms": _int(attempt.deadline_ms),
        "published_ms": _int(attempt.published_ms),
        "reason": attempt.reason,
    }
    rows.put("attempts", row["id"], row, record.place)
    status: Row = {
        "id": delivery,
        "subscription": subscription,
        "status": attempt.outcome,
        "attempted_ms": row["started_ms"],
        "next_due_ms": row["next_due_ms"],
    }
    rows.put(STATUSES, delivery, status, record.place)


def _change(rows: Rows, record: Arrived, raw: bytes) -> None:
    change = ChangeRecord.decode(raw, record.topic)
    row: Row = {
        "change_id": _key(change.change_id),
        "tenant": change.tenant,
        "actor": _text(change.actor),
        "action": _text(change.action),
        "target": _key(change.target),
        "revision": _int(change.revision),
        "fields": orjson.dumps([_text(one) for one in change.fields]).decode(),
        "outcome": change.outcome,
        "reason": _text(change.reason),
        "request_id": _text(change.request_id),
        "at_ms": _int(change.at_ms),
    }
    rows.put("changes", row["change_id"], row, record.place)
    if change.action == FORGOTTEN and change.outcome != "refused":  # to ask for it is to do it
        rows.forgotten[row["target"]] = max(rows.forgotten.get(row["target"], 0), row["at_ms"])


def _text(value: str | None) -> str | None:
    """As both databases can hold it: PostgreSQL takes neither NUL nor half of a surrogate pair."""
    if value is None or (value.isascii() and "\x00" not in value):
        return value
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _key(value: str, most: int = MAX_KEY_BYTES) -> str:
    found = _text(value) or ""
    if len(found) * 4 > most and len(found.encode()) > most:
        raise BadInput(f"an id of more than {most} bytes: {found[:40]}...")
    return found


def _int(value: int | None) -> int | None:
    if value is not None and not -MAX_INT <= value <= MAX_INT:
        raise BadInput(f"a number of more than 64 bits: {value}")
    return value
