"""A partition of `alerts` without Kafka: a dict for the table, a list for what is sent, one clock."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings

from service.alerting.context import Context
from service.alerting.groups import Groups, Step, Verdict, digest_flush
from service.alerting.place import Place
from service.alerting.policy import Policy
from service.alerting.silence import Silence
from service.model import ids, topics
from service.model.notice import Notice
from service.model.records import (
    AlertRecord,
    ArticleHead,
    DecisionRecord,
    DeliveryRecord,
    FlushRecord,
    RuleHead,
    StoryHead,
)
from tests.builders import evidence

START_MS = 1_795_392_000_000
"""2026-11-23 00:00 UTC, a Monday; 09:00 in Seoul."""
MINUTE, HOUR = 60_000, 3_600_000
TIME_TO_LIVE_MS = 72 * HOUR
A_FOURTH = settings(max_examples=max(25, settings().max_examples // 4))
"""Of what other properties get: an example is a whole day of alerts, flushes and crashes."""


class Table(dict[bytes, bytes]):
    """A store."""

    def put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


def say(notice: Notice) -> str:
    """A body that says all of a notice, for tests that do not care for its wording."""
    return json.dumps(
        {
            "kind": notice.kind, "reason": notice.reason, "sequence": notice.sequence, "held": notice.held_count,
            "period": notice.period, "at": notice.timestamp_ms, "style": [notice.format, notice.lang],
            "changes": [(change.what, change.before, change.after) for change in notice.changes],
            "alerts": [(alert.alert_id, alert.article.title, alert.story.copies) for alert in notice.alerts],
        }, ensure_ascii=False,
    )  # fmt: skip


def alert(
    story: str = "A",
    article: str | None = None,
    rule: str = "seoul",
    *,
    subscription: str = "sub1",
    version: str = "c1",
    source: str = "한빛일보",
    title: str = "서울시, 봉수대 복원",
    at_ms: int = START_MS,
    mutes: tuple[str, ...] = (),
    role: Any = "lead",
    copies: int = 1,
    sources: int = 1,
    redated: bool = False,
    sentence: str = "서울시와 충칭시가 협약을 맺었다.",
    mentions: int = 1,
    tags: tuple[str, ...] = (),
) -> AlertRecord:
    """An alert of a story named `story`, by default of its first article."""
    name = article or f"{story}1"
    match = ids.match_id(name, version, rule)
    return AlertRecord(
        alert_id=ids.alert_id(match, subscription),
        match_id=match,
        subscription=subscription,
        story=StoryHead(id=f"sty_{story}", copies=copies, sources=sources, role=role, redated=redated or None),
        rule=RuleHead(id=rule, name=rule, tags=tags),
        article=ArticleHead(id=name, title=title, source=source, url=f"https://news.example/{name}"),
        mentions=tuple(evidence(sentence=sentence, entity=f"e{number}") for number in range(mentions)),
        mutes=mutes or None,
        published_ms=at_ms,
        matched_ms=at_ms,
        alerted_ms=at_ms,
    )


@dataclass
class World:
    """One worker's life over one partition."""

    policies: dict[str, Policy | None] = field(default_factory=dict)
    """By rule id; `*` for the rest, and for the subscription itself."""
    silences: list[Silence] = field(default_factory=list)
    table: Table = field(default_factory=Table)
    now_ms: int = START_MS
    offset: int = -1
    sent_through: int = -1
    payload: Callable[[Notice], str] = say

    def __post_init__(self) -> None:
        self.groups = Groups(self.table)
        self.decisions: list[DecisionRecord] = []
        self.deliveries: list[DeliveryRecord] = []

    def policy(self, _subscription: str, rule: RuleHead | None) -> Policy | None:
        return self.policies.get(rule.id if rule else "*", self.policies.get("*", Policy()))

    @property
    def context(self) -> Context:
        return Context(
            policy=self.policy,
            style=lambda _: ("bongsu", "ko"),
            silences=lambda now_ms: [one for one in self.silences if one.active(now_ms)],
            payload=self.payload,
            sent_through=self.sent_through,
            time_to_live_ms=TIME_TO_LIVE_MS,
        )

    def step(self, record: AlertRecord | FlushRecord) -> Step:
        """The next record of the partition."""
        self.offset += 1
        step = self.groups.step(record, Place(0, self.offset, self.now_ms), self.context)
        self.take(step)
        return step

    def take(self, step: Step) -> None:
        for out in step.outputs:
            if out.topic == topics.DECISIONS:
                self.decisions.append(DecisionRecord.decode(out.value, out.topic))
            else:
                self.deliveries.append(DeliveryRecord.decode(out.value, out.topic))

    def get(self, *alerts: AlertRecord) -> DecisionRecord:
        """Step through them; the last decision of the last one."""
        for one in alerts:
            assert self.step(one).verdict is Verdict.TAKEN
        return self.fate(alerts[-1])

    def flush(self) -> list[Step]:
        """Everything that is due now."""
        return [self.step(record) for record in self.groups.due(self.now_ms)]

    def until(self, now_ms: int) -> None:
        """Let time pass; what becomes due on the way is flushed at its time."""
        while (due_ms := self.groups.next_due_ms()) is not None and due_ms <= now_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.flush()
        self.now_ms = max(self.now_ms, now_ms)

    def later(self, ms: int) -> None:
        self.until(self.now_ms + ms)

    def digest(self, due_ms: int, subscription: str = "sub1") -> Step:
        return self.step(digest_flush(subscription, due_ms))

    def current(self) -> dict[str, DecisionRecord]:
        """The current decision of each alert id."""
        return {one.alert_id: one for one in self.decisions}

    def fate(self, one: AlertRecord) -> DecisionRecord:
        return self.current()[one.alert_id]

    def reborn(self, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """The worker died; another reads its table."""
        self.table.update(extra)
        self.groups = Groups(self.table)
        self.groups.rebuild(self.table.items())

    def body(self, number: int = -1) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.deliveries[number].body)
        return value


def world(**policy: Any) -> World:
    """One policy for every rule."""
    return World({"*": Policy(**policy)})


def said(decision: DecisionRecord) -> tuple[str, str | None]:
    """What was decided, and why."""
    return decision.decision, decision.reason
