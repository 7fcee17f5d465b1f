"""One alert, or one flush of a group's own wait: the questions in their order, and what is written down of the answer.

Filters, age and mode say whether an alert is news at all; inhibition and silences whether somebody does not want it;
quiet hours, waits, throttle and cap only when. The first that says so names the decision (docs/policies.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.alerting.calendar import quiet_until_ms
from service.alerting.context import Context
from service.alerting.group_state import (
    TOPICS,
    GroupState,
    HoldState,
    Outgoing,
    Pending,
    RuleState,
    Summary,
    Told,
    frequency_of,
    silence_of,
)
from service.alerting.modes import MODES
from service.alerting.modes.answers import (
    Asked,
    Attach,
    Keep,
    Suppress,
    Tell,
    changes_since,
    sentences_of,
    title_of,
)
from service.alerting.modes.update import UPDATES
from service.alerting.place import Place
from service.alerting.policy import Policy
from service.alerting.silence import Silence, hiding
from service.model import ids, topics
from service.model.notice import Notice
from service.model.records import CONTENT_TYPES, AlertRecord, DecisionRecord, DeliveryRecord, Outcome

MAX_COPIES = 16
"""Copies that travel with an alert; of more only the number is told."""
MAX_WAITING = 16
"""Versions of one article that one rule has waiting; a live ticker must not fill a group."""
WAITS = {"": "group_interval", "quiet": "quiet_hours", "throttle": "throttle", "cap": "cap"}
"""What a decision says of who waits in a hold, by the first word of its name."""
DECISIONS, DELIVERIES = TOPICS.index(topics.DECISIONS), TOPICS.index(topics.DELIVERIES)


@dataclass(slots=True)
class Turn:
    """One record's work on one group. Changes `state` and collects what is to be sent."""

    subscription: str
    kind: str
    """`s`: the group of a story, `a`: of an article."""
    name: str
    state: GroupState
    summary: Summary
    place: Place
    context: Context
    hold_state: Callable[[str], HoldState | None]
    outgoing: list[Outgoing]
    beside: GroupState | None = None
    """The article's other group, where rules of one subscription are told in modes of different scope; to read only."""

    # -- what flushed holds did meanwhile ------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Take notice of holds that were flushed since the group was last written; forget what is known to be sent."""
        for rule in self.state.rules.values():
            for one in rule.waiting():
                if not one.hold or (held := self.hold_state(one.hold)) is None:
                    continue
                fate = held.fate(one.offset)
                if fate is None:
                    continue
                one.flushed = fate.flush
                if fate.delivery and not one.is_too_late(fate.late_ms):
                    rule.told = told_of(one.record(), fate.delivery, one.tier, fate.flushed_ms)
            rule.pending = [one for one in rule.pending if not 0 <= one.flushed <= self.context.sent_through]
        self.state.outbox = [entry for entry in self.state.outbox if entry[0] > self.context.sent_through]

    # -- an alert ------------------------------------------------------------------------------------------------

    def alert(self, alert: AlertRecord, policy: Policy | None) -> None:
        """Decide an alert that was not decided before."""
        self.state.take(alert.alert_id)
        if policy is None:
            self._decide(alert, "suppressed", reason="subscription_gone")
            return
        if (name := policy.refused_by(alert)) is not None:
            self._decide(alert, "suppressed", reason="filter", by=name)
            return
        if alert.story.redated:
            self._decide(alert, "suppressed", reason="redated")
            return
        if self.place.now_ms >= alert.published_ms + self.context.time_to_live_of(policy):
            self._decide(alert, "expired", reason="time_to_live")
            return
        rule = self.state.rules.setdefault(alert.rule.id, RuleState())
        if alert.mutes:
            rule.mutes = tuple(sorted({*rule.mutes, *alert.mutes}))
        answer = MODES[policy.mode].answer(Asked(alert, rule.told, policy, self.place.now_ms))
        if isinstance(answer, Suppress):
            self._withdraw(rule, alert, policy)
            self._decide(alert, "suppressed", reason=answer.reason)
        elif isinstance(answer, Attach):
            assert rule.told is not None
            self._decide(alert, "attached", reason=answer.reason, delivery=rule.told.delivery, by=rule.told.alert_id)
        elif policy.inhibit and (by := self._narrower(alert)) is not None:
            self._decide(alert, "suppressed", reason="inhibited", by=by)
        else:
            self._news(alert, rule, policy, answer)

    def _news(self, alert: AlertRecord, rule: RuleState, policy: Policy, answer: Tell | Keep) -> None:
        """It is to be told: now, or when what keeps it back is over."""
        silence = self._silenced(alert)
        by = None if silence is None else silence.id
        keep: Keep | None
        if silence is not None:
            keep = until_end_of(silence, answer.hold if isinstance(answer, Keep) else "")
        elif isinstance(answer, Keep):
            keep = answer
        else:
            keep = self._quiet(policy) or self._wait(rule, policy) or self._enough(alert, policy)
        waiting = rule.waiting()
        if self.kind == "a":
            self._of_article(alert, rule, policy, answer, keep, by, waiting)
            return
        lead = waiting[-1] if waiting else None
        if keep is None:
            self._overtake(rule, alert, policy, answer.reason, lead)
        elif lead is None:
            self._hold(rule, alert, policy, answer.reason, keep, by)
        elif rule.told is None and not lead.hold and not keep.hold:
            self._join(lead, alert, policy)
        elif rule.told is None and (by is not None or _stays(lead, keep)):
            lead.copies, lead.sources = alert.story.copies, alert.story.sources
            lead.inherits([(alert.article.id, alert.encode().decode())])
            self._decide(alert, "attached", reason="copy", by=lead.alert_id, until_ms=lead.until_ms)
        else:
            self._replace(rule, lead, alert, policy, answer.reason, keep, by)

    def _of_article(  # noqa: PLR0913 - what was worked out so far
        self,
        alert: AlertRecord,
        rule: RuleState,
        policy: Policy,
        answer: Tell | Keep,
        keep: Keep | None,
        by: str | None,
        waiting: Sequence[Pending],
    ) -> None:
        """In mode `each` nothing stands for anything else, but for the newest of far too many versions."""
        if keep is None:
            self._tell(rule, alert, (), policy, answer.reason)
        elif len(waiting) >= MAX_WAITING:
            last = waiting[-1]
            self._decide(alert, "attached", reason="too_many_versions", by=last.alert_id, until_ms=last.until_ms)
        else:
            self._hold(rule, alert, policy, answer.reason, keep, by)

    # -- a flush of the group's own wait -------------------------------------------------------------------------

    def flush(self, rule_id: str, sequence: int, due_ms: int) -> bool:
        """The wait of a rule is over. False: there is nothing that waits so."""
        rule = self.state.rules.get(rule_id)
        if rule is None or sequence != rule.flushes + 1:
            return False
        lead = next((one for one in rule.waiting() if not one.hold), None)
        if lead is None or max(due_ms, self.place.now_ms) < lead.until_ms:
            return False
        rule.flushes += 1
        rule.pending.remove(lead)
        alert = lead.record()
        copies = [AlertRecord.model_validate_json(raw) for raw in lead.attached]
        policy = self.context.policy(self.subscription, alert.rule)
        if policy is None or self.place.now_ms >= lead.deadline_ms:
            for one in (alert, *copies):
                if policy is None:
                    self._decide(one, "suppressed", reason="subscription_gone")
                else:
                    self._decide(one, "expired", reason="time_to_live")
            return True
        silence = self._silenced(alert)
        by = None if silence is None else silence.id
        keep = until_end_of(silence) if silence is not None else self._quiet(policy) or self._enough(alert, policy)
        if keep is None:
            self._tell(rule, alert, copies, policy, lead.reason if rule.told else "group_wait", lead.deadline_ms)
            return True
        self._hold(rule, alert, policy, lead.reason, keep, by)
        rule.pending[-1].since_ms = lead.since_ms
        rule.pending[-1].inherits([(one.article.id, one.encode().decode()) for one in copies])
        rule.pending[-1].inherits(lead.heirs.items())
        for one in copies:
            self._decide(one, "attached", reason="copy", by=alert.alert_id, until_ms=keep.until_ms)
        return True

    # -- a silence that began while it waited in a hold ----------------------------------------------------------

    def hide(self, hold: str, hidden: Mapping[int, Silence]) -> None:
        """Of what waits in `hold`, those that came at these offsets wait for the end of a silence instead."""
        for rule in self.state.rules.values():
            for one in rule.waiting():
                silence = hidden.get(one.came)
                if silence is None or one.hold != hold:
                    continue
                rule.pending.remove(one)
                alert, keep = one.record(), until_end_of(silence, hold)
                policy = self.context.policy(self.subscription, alert.rule) or Policy()
                self._hold(rule, alert, policy, one.reason, keep, silence.id)
                rule.pending[-1].came, rule.pending[-1].since_ms = one.came, one.since_ms
                rule.pending[-1].heirs = one.heirs

    # -- what may keep it back -----------------------------------------------------------------------------------

    def _silenced(self, alert: AlertRecord) -> Silence | None:
        now_ms = self.place.now_ms
        return hiding(self.context.silences(now_ms), alert, now_ms)

    def _quiet(self, policy: Policy) -> Keep | None:
        until_ms = None if policy.urgent else quiet_until_ms(policy, self.place.now_ms)
        return None if until_ms is None else Keep(f"quiet/{until_ms}", until_ms, "quiet_hours")

    def _wait(self, rule: RuleState, policy: Policy) -> Keep | None:
        if self.kind == "a":
            return None
        if rule.told is None:
            reason, until_ms = "group_wait", self.place.now_ms + (0 if policy.urgent else policy.group_wait_ms)
        else:
            reason, until_ms = "group_interval", rule.told.told_ms + policy.group_interval_ms
        return Keep("", until_ms, reason) if until_ms > self.place.now_ms else None

    def _enough(self, alert: AlertRecord, policy: Policy) -> Keep | None:
        """Throttle and cap. What is urgent counts for both, and waits for neither."""
        if policy.urgent:
            return None
        now_ms = self.place.now_ms
        name = throttle_of(policy, alert.rule.id)
        ends_ms = self.summary.throttles.get(name, 0) if policy.throttle_ms else 0
        if ends_ms > now_ms:
            return Keep(f"throttle/{name}/{ends_ms}", ends_ms, "throttle")
        if policy.max_per_hour is not None and self.summary.count(now_ms) >= policy.max_per_hour:
            until_ms = (max(now_ms // 3_600_000, self.summary.hour) + 1) * 3_600_000
            return Keep(f"cap/{until_ms}", until_ms, "cap")
        return None

    def _narrower(self, alert: AlertRecord) -> str | None:
        """A rule that mutes this one and has told the story (of an article: this version), or is about to.

        What is silenced mutes nothing.
        """
        groups = ((self.kind, self.state), ("s" if self.kind == "a" else "a", self.beside))
        for kind, state in groups:
            for name, rule in state.rules.items() if state is not None else ():
                if alert.rule.id not in rule.mutes or (kind == "a" and rule.news_ms != alert.published_ms):
                    continue
                if rule.told is not None or any(not one.hold.startswith("silence/") for one in rule.waiting()):
                    return name
        return None

    # -- what is written down ------------------------------------------------------------------------------------

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

    def _join(self, lead: Pending, alert: AlertRecord, policy: Policy) -> None:
        """A copy while its story waits: it travels along, or leads if it says more."""
        now = lead.record()
        tier = policy.tier_of(alert.article.source)
        richer = _richness(alert, tier) > _richness(now, lead.tier)
        other = now if richer else alert
        if richer:
            lead.alert, lead.alert_id, lead.article = alert.encode().decode(), alert.alert_id, alert.article.id
            lead.tier = tier
        lead.copies, lead.sources = alert.story.copies, alert.story.sources
        if len(lead.attached) < MAX_COPIES:
            lead.attached.append(other.model_copy(update={"mentions": ()}).encode().decode())
            self._decide(alert, "held", reason="group_wait", until_ms=lead.until_ms)
            return
        if richer:
            self._decide(alert, "held", reason="group_wait", until_ms=lead.until_ms)
        self._decide(other, "attached", reason="copy", by=lead.alert_id, until_ms=lead.until_ms)

    def _replace(  # noqa: PLR0913 - what was worked out so far
        self,
        rule: RuleState,
        lead: Pending,
        alert: AlertRecord,
        policy: Policy,
        reason: str,
        keep: Keep,
        by: str | None,
    ) -> None:
        """Of two that wait the newer is told, and as soon as either would have been."""
        rule.pending.remove(lead)
        if by is None and lead.until_ms < keep.until_ms and not lead.hold.startswith("silence/"):
            keep = Keep(lead.hold, lead.until_ms, WAITS[lead.hold.partition("/")[0]])
        self._hold(rule, alert, policy, reason, keep, by)
        if rule.told is None:
            rule.pending[-1].inherits([*lead.heirs.items(), (lead.article, lead.alert)])
        self._pass_on(rule, lead, alert, "superseded" if rule.told else "copy", keep.until_ms)

    def _overtake(self, rule: RuleState, alert: AlertRecord, policy: Policy, reason: str, lead: Pending | None) -> None:
        """It is told at once; what waits for the same is attached to it."""
        before = rule.told
        if lead is not None:
            rule.pending.remove(lead)
        self._tell(rule, alert, (), policy, reason)
        if lead is not None:
            self._pass_on(rule, lead, alert, "superseded" if before else "copy", None)

    def _pass_on(self, rule: RuleState, lead: Pending, to: AlertRecord, reason: str, until_ms: int | None) -> None:
        delivery = rule.told.delivery if rule.told is not None else None
        for raw in (lead.alert, *lead.attached):
            one = AlertRecord.model_validate_json(raw)
            self._decide(one, "attached", reason=reason, by=to.alert_id, delivery=delivery, until_ms=until_ms)

    def _withdraw(self, rule: RuleState, alert: AlertRecord, policy: Policy) -> None:
        """An article that is gone is not told later; where copies of it wait or are remembered, one takes its place."""
        if alert.story.role != "taken_down":
            return
        gone = alert.article.id
        for one in rule.waiting():
            one.heirs.pop(gone, None)
            copies = [(AlertRecord.model_validate_json(raw), raw) for raw in one.attached]
            lost = [copy for copy, _ in copies if copy.article.id == gone]
            one.attached = [raw for copy, raw in copies if copy.article.id != gone]
            if one.article == gone:
                lost.append(one.record())
                if self.kind == "a" or not self._succeed(one, policy):
                    rule.pending.remove(one)
            for copy in lost:
                self._decide(copy, "suppressed", reason="taken_down")

    def _succeed(self, lead: Pending, policy: Policy) -> bool:
        """Put a copy in the place of an article that is gone; whether there was one."""
        if lead.attached:
            heir = AlertRecord.model_validate_json(lead.attached.pop(0))
        elif lead.heirs:
            heir = AlertRecord.model_validate_json(lead.heirs.pop(next(iter(lead.heirs))))
            silence, word = silence_of(lead.hold), lead.hold.partition("/")[0]
            reason = "silenced" if silence else WAITS.get(word, word)
            self._decide(heir, "silenced" if silence else "held", reason=reason, by=silence, until_ms=lead.until_ms)
        else:
            return False
        lead.alert, lead.alert_id, lead.article = heir.encode().decode(), heir.alert_id, heir.article.id
        lead.tier = policy.tier_of(heir.article.source)
        return True

    def _mute(self, alert: AlertRecord) -> None:
        """What waits of broader rules is not told beside it; of one article narrower rules come first anyway."""
        for name in alert.mutes or () if self.kind == "s" else ():
            rule = self.state.rules.get(name)
            for one in rule.waiting() if rule is not None else ():
                policy = self.context.policy(self.subscription, one.record().rule)
                if rule is None or one.hold.startswith("silence/") or (policy is not None and not policy.inhibit):
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


def decision_of(  # noqa: PLR0913 - what a decision is made of
    alert: AlertRecord,
    outcome: Outcome,
    group: str,
    now_ms: int,
    *,
    delivery: str | None = None,
    reason: str | None = None,
    by: str | None = None,
    until_ms: int | None = None,
) -> DecisionRecord:
    """The record of what became of one alert."""
    return DecisionRecord(
        alert_id=alert.alert_id,
        subscription=alert.subscription,
        decision=outcome,
        group=group,
        delivery_id=delivery,
        reason=reason,
        by=by,
        until_ms=until_ms,
        story=alert.story.id,
        rule=alert.rule.id,
        article=alert.article.id,
        decided_ms=now_ms,
    )


def delivery_of(notice: Notice, group: str, deadline_ms: int, context: Context) -> DeliveryRecord:
    """The record of one notification, body and all."""
    body = context.payload(notice)
    return DeliveryRecord(
        id=ids.delivery_id(notice.subscription, group, notice.sequence),
        subscription=notice.subscription,
        group=group,
        sequence=notice.sequence,
        type=notice.kind,
        body=body,
        body_sha256=ids.sha256_hex(body.encode()),
        content_type=CONTENT_TYPES.get(notice.format, "application/json"),
        alert_ids=tuple(alert.alert_id for alert in notice.alerts),
        created_ms=notice.timestamp_ms,
        deadline_ms=deadline_ms,
        published_ms=max((alert.published_ms for alert in notice.alerts), default=notice.timestamp_ms),
    )


def told_of(alert: AlertRecord, delivery: str, tier: int, now_ms: int) -> Told:
    """What is remembered of a notification."""
    title, sentences, sources = title_of(alert), sentences_of(alert), alert.story.sources
    return Told(delivery, alert.alert_id, alert.article.id, title, sentences, sources, tier, now_ms)


def throttle_of(policy: Policy, rule_id: str) -> str:
    """The name of the throttle that a rule is under."""
    return "*" if policy.throttle_by == "subscription" else rule_id


def throttles_from(policy: Policy, rule_id: str, now_ms: int) -> dict[str, int]:
    """The throttle that begins when a rule is told."""
    return {throttle_of(policy, rule_id): now_ms + policy.throttle_ms} if policy.throttle_ms else {}


def until_end_of(silence: Silence, hold: str = "") -> Keep:
    """The wait for the end of a silence of what would wait in `hold`, or waited there.

    What needs company to be told (mode `frequency`) needs it then as well: it waits apart, with its numbers.
    """
    frequency = frequency_of(hold)
    return Keep(f"silence/{silence.id}" + (f"/{frequency}" if frequency else ""), silence.ends_ms, "silenced")


def _stays(lead: Pending, keep: Keep) -> bool:
    """Whether what waits goes on as it does when a copy comes that `keep` would keep.

    Who waited for copies and was held then does not wait for copies again: another minute could miss the digest. And
    whom a silence hides counts for no frequency: a copy that it does not hide does.
    """
    kind = lead.hold.partition("/")[0]
    if kind == "silence" and keep.hold.startswith("frequency/"):
        return False
    return keep.until_ms >= lead.until_ms or (not keep.hold and kind in {"quiet", "throttle", "cap"})


def _richness(alert: AlertRecord, tier: int) -> tuple[int, int, int, int]:
    """Which of two copies leads: the better source, then who names more of what is watched, then who says more."""
    names = {mention.entity or mention.surface for mention in alert.mentions}
    return -tier, len(names), len(alert.mentions), sum(len(mention.sentence) for mention in alert.mentions)
