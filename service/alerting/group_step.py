"""One alert, or one flush of a group's own wait: the questions in their order.

Filters, age and mode say whether an alert is news at all; inhibition and silences whether somebody does not want it;
quiet hours, waits, throttle and cap (`waits`) only when. The first that says so names the decision (docs/policies.md).
What is written down of the answer: `group_ledger`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from service.alerting.group_ledger import Ledger
from service.alerting.group_records import told_of
from service.alerting.group_state import GroupState, Pending, RuleState, Told, silence_of
from service.alerting.hold_state import HoldState
from service.alerting.modes import MODES
from service.alerting.modes.answers import Asked, Attach, Keep, Suppress, Tell
from service.alerting.policy import Policy
from service.alerting.silence import Silence, hiding
from service.alerting.waits import WAITS, enough, own_wait, quiet_wait, stays, until_end_of
from service.model.records import AlertRecord

MAX_COPIES = 16
"""Copies that travel with an alert; of more only the number is told."""
MAX_WAITING = 16
"""Versions of one article that one rule has waiting; a live ticker must not fill a group."""


@dataclass(slots=True)
class Turn(Ledger):
    """One record's work on one group. Changes `state` and collects what is to be sent."""

    hold_state: Callable[[str], HoldState | None]
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
            keep = self._wait(alert, rule, policy)
        waiting = rule.waiting()
        if self.kind == "a":
            self._of_article(alert, rule, policy, answer, keep, by, waiting)
            return
        lead = waiting[-1] if waiting else None
        if keep is None:
            self._overtake(rule, alert, policy, answer.reason, lead)
        elif lead is None:
            self._hold(rule, alert, policy, answer.reason, keep, by)
        elif rule.told is None and (by is not None or stays(lead, keep)):
            if lead.article == alert.article.id:
                self._renew(rule, lead, alert, policy)
            elif not lead.hold and not keep.hold:
                self._join(lead, alert, policy)
            else:
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
        now_ms = self.place.now_ms
        keep: Keep | None
        if silence is not None:
            keep = until_end_of(silence)
        else:
            keep = quiet_wait(policy, now_ms) or enough(self.summary, alert.rule.id, policy, now_ms)
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

    def _wait(self, alert: AlertRecord, rule: RuleState, policy: Policy) -> Keep | None:
        """The first wait that keeps back what nobody silences."""
        now_ms = self.place.now_ms
        return (
            quiet_wait(policy, now_ms)
            or (own_wait(rule, policy, now_ms) if self.kind == "s" else None)
            or enough(self.summary, alert.rule.id, policy, now_ms)
        )

    def _narrower(self, alert: AlertRecord) -> str | None:
        """A rule that mutes this one and has told the story (of an article: this version), or is about to.

        What is silenced mutes nothing.
        """
        groups = ((self.kind, self.state), ("s" if self.kind == "a" else "a", self.beside))
        for kind, state in groups:
            for name, rule in state.rules.items() if state is not None else ():
                if alert.rule.id not in rule.mutes or (kind == "a" and rule.news_ms != alert.published_ms):
                    continue
                if rule.told is not None or any(not one.is_silenced for one in rule.waiting()):
                    return name
        return None

    # -- what waits already --------------------------------------------------------------------------------------

    def _renew(self, rule: RuleState, lead: Pending, alert: AlertRecord, policy: Policy) -> None:
        """A newer version of the very article that waits: nobody is told a headline that stands nowhere any more."""
        before = lead.record()
        lead.replace_alert(alert, policy.tier_of(alert.article.source))
        lead.copies, lead.sources = alert.story.copies, alert.story.sources
        self._waits_for(lead, alert)
        self._decide(before, "attached", reason="superseded", by=alert.alert_id, until_ms=lead.until_ms)
        if not lead.is_silenced:
            rule.news_ms = alert.published_ms
            self._mute(alert)

    def _waits_for(self, lead: Pending, alert: AlertRecord) -> None:
        """An alert that comes to stand where `lead` waits is held for the same, or silenced by the same."""
        silence, word = silence_of(lead.hold), lead.hold.partition("/")[0]
        reason = "silenced" if silence else WAITS.get(word, word) if word else "group_wait"
        self._decide(alert, "silenced" if silence else "held", reason=reason, by=silence, until_ms=lead.until_ms)

    def _join(self, lead: Pending, alert: AlertRecord, policy: Policy) -> None:
        """A copy while its story waits: it travels along, or leads if it says more."""
        now = lead.record()
        copies = [(AlertRecord.model_validate_json(raw), raw) for raw in lead.attached]
        lead.attached = [raw for copy, raw in copies if copy.article.id != alert.article.id]
        for older in (copy for copy, _ in copies if copy.article.id == alert.article.id):
            self._decide(older, "attached", reason="superseded", by=alert.alert_id, until_ms=lead.until_ms)
        tier = policy.tier_of(alert.article.source)
        richer = _richness(alert, tier) > _richness(now, lead.tier)
        other = now if richer else alert
        if richer:
            lead.replace_alert(alert, tier)
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
        if by is None and lead.until_ms < keep.until_ms and not lead.is_silenced:
            keep = Keep(lead.hold, lead.until_ms, WAITS[lead.hold.partition("/")[0]])
        self._hold(rule, alert, policy, reason, keep, by)
        if rule.told is None:
            rule.pending[-1].inherits([*lead.heirs.items(), (lead.article, lead.alert)])
        self._pass_on(rule, lead, alert, _place_taken(lead, alert, rule.told), keep.until_ms)

    def _overtake(self, rule: RuleState, alert: AlertRecord, policy: Policy, reason: str, lead: Pending | None) -> None:
        """It is told at once; what waits for the same is attached to it."""
        before = rule.told
        if lead is not None:
            rule.pending.remove(lead)
        self._tell(rule, alert, (), policy, reason)
        if lead is not None:
            self._pass_on(rule, lead, alert, _place_taken(lead, alert, before), None)

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
            self._waits_for(lead, heir)
        else:
            return False
        lead.replace_alert(heir, policy.tier_of(heir.article.source))
        return True


def _place_taken(lead: Pending, alert: AlertRecord, told: Told | None) -> str:
    """Why what waited is attached to `alert`: a copy of it, or what was newer when it came."""
    return "superseded" if told is not None or lead.article == alert.article.id else "copy"


def _richness(alert: AlertRecord, tier: int) -> tuple[int, int, int, int]:
    """Which of two copies leads: the better source, then who names more of what is watched, then who says more."""
    names = {mention.entity or mention.surface for mention in alert.mentions}
    return -tier, len(names), len(alert.mentions), sum(len(mention.sentence) for mention in alert.mentions)
