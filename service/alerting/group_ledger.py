"""What is written down of an answer: the record that says so, and the state that later alerts meet.

What the answer is, `group_step` asks; here it is told, held or passed on, and who is muted by it is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.alerting.context import Context
from service.alerting.group_records import decision_of, delivery_of, told_of
from service.alerting.group_state import TOPICS, GroupState, Outgoing, Pending, RuleState, Summary
from service.alerting.modes.answers import Keep, changes_since
from service.alerting.modes.update import UPDATES
from service.alerting.place import Place
from service.alerting.policy import Policy
from service.alerting.waits import throttles_from
from service.model import topics
from service.model.notice import Notice
from service.model.records import AlertRecord, Outcome

DECISIONS, DELIVERIES = TOPICS.index(topics.DECISIONS), TOPICS.index(topics.DELIVERIES)


@dataclass(slots=True)
class Ledger:
    """One group while one record works on it. Changes `state` and collects what is to be sent."""

    subscription: str
    kind: str
    """`s`: the group of a story, `a`: of an article."""
    name: str
    state: GroupState
    summary: Summary
    place: Place
    context: Context
    outgoing: list[Outgoing]

    def _hold(  # noqa: PLR0913 - what a hold is made of
        self,
        rule: RuleState,
        alert: AlertRecord,
        policy: Policy,
        reason: str,
        keep: Keep,
        by: str | None,
    ) -> None:
        rule.pending.append(self._pending(alert, policy, reason, keep))
        self._decide(alert, "silenced" if by is not None else "held", reason=keep.reason, by=by, until_ms=keep.until_ms)
        if by is None:
            rule.news_ms = alert.published_ms
            self._mute(alert)

    def _pending(self, alert: AlertRecord, policy: Policy, reason: str, keep: Keep) -> Pending:
        return Pending(
            alert=alert.encode().decode(),
            alert_id=alert.alert_id,
            article=alert.article.id,
            offset=self.place.offset,
            hold=keep.hold,
            since_ms=self.place.now_ms,
            until_ms=keep.until_ms,
            deadline_ms=keep.until_ms + self.context.time_to_live_of(policy),
            reason=reason,
            tier=policy.tier_of(alert.article.source),
            copies=alert.story.copies,
            sources=alert.story.sources,
            came=self.place.offset,
        )

    def _pass_on(self, rule: RuleState, lead: Pending, to: AlertRecord, reason: str, until_ms: int | None) -> None:
        delivery = rule.told.delivery if rule.told is not None else None
        for raw in (lead.alert, *lead.attached):
            one = AlertRecord.model_validate_json(raw)
            self._decide(one, "attached", reason=reason, by=to.alert_id, delivery=delivery, until_ms=until_ms)

    def _mute(self, alert: AlertRecord) -> None:
        """What waits of broader rules is not told beside it; of one article narrower rules come first anyway."""
        for name in alert.mutes or () if self.kind == "s" else ():
            rule = self.state.rules.get(name)
            for one in rule.waiting() if rule is not None else ():
                policy = self.context.policy(self.subscription, one.record().rule)
                if rule is None or one.is_silenced or (policy is not None and not policy.inhibit):
                    continue
                rule.pending.remove(one)
                for raw in (one.alert, *one.attached):
                    muted = AlertRecord.model_validate_json(raw)
                    self._decide(muted, "suppressed", reason="inhibited", by=alert.rule.id)

    def _tell(  # noqa: PLR0913 - what a notification is made of
        self,
        rule: RuleState,
        alert: AlertRecord,
        copies: Sequence[AlertRecord],
        policy: Policy,
        reason: str,
        deadline_ms: int | None = None,
    ) -> None:
        now_ms, tier = self.place.now_ms, policy.tier_of(alert.article.source)
        group = self._group(alert)
        rule.sequence += 1
        sequence = 1 if self.kind == "a" else rule.sequence
        notice = Notice(
            kind="alert.updated" if reason in UPDATES else "alert.matched",
            subscription=self.subscription,
            sequence=sequence,
            reason=reason,
            alerts=(alert, *copies),
            timestamp_ms=now_ms,
            format=alert.format,
            lang=alert.lang,
            changes=changes_since(rule.told, alert, tier, reason) if self.kind == "s" else (),
        )
        if deadline_ms is None:
            deadline_ms = alert.published_ms + self.context.time_to_live_of(policy)
        delivery = delivery_of(notice, group, deadline_ms, self.context)
        rule.told, rule.news_ms = told_of(alert, delivery.id, tier, now_ms), alert.published_ms
        self.summary.notified(now_ms, throttles_from(policy, alert.rule.id, now_ms))
        self._decide(alert, "notified", reason=reason, delivery=delivery.id)
        for one in copies:
            self._decide(one, "attached", reason="copy", delivery=delivery.id, by=alert.alert_id)
        self.outgoing.append((DELIVERIES, delivery.encode().decode()))
        self._mute(alert)

    def _group(self, alert: AlertRecord) -> str:
        return alert.alert_id if self.kind == "a" else f"s/{self.name}/{alert.rule.id}"

    def _decide(self, alert: AlertRecord, outcome: Outcome, *, delivery: str | None = None, **why: Any) -> None:
        decision = decision_of(alert, outcome, self._group(alert), self.place.now_ms, delivery=delivery, **why)
        self.outgoing.append((DECISIONS, decision.encode().decode()))
