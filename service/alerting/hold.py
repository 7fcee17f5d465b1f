"""Holds: what waits together and is told together. A flush settles their members and writes one value, its own.

The members' groups are not touched: each looks here when it is next (`Turn.catch_up`). So a flush of thousands is one
changelog value, and a crash has either all of it or nothing. The decisions are not stored but made again out of the
members, which stay as they are until the flush is known to be sent; who was listed says the stored delivery.

Only what a silence hides meanwhile is taken out first, group by group (`hold_flush`). A crash among these leaves groups
that wait for the end of the silence and a hold without them, which is flushed when the record comes again.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from service.alerting.calendar import next_digest_ms, quiet_until_ms
from service.alerting.context import Context
from service.alerting.group_index import Member, MemberId, reached_at
from service.alerting.group_records import decision_of, delivery_of
from service.alerting.group_state import Pending, Summary, frequency_of, silence_of
from service.alerting.hold_state import Flushed, HoldState, Settled
from service.alerting.place import Place
from service.alerting.policy import Policy
from service.alerting.silence import Silence, hiding
from service.alerting.waits import throttles_from
from service.model.notice import Notice
from service.model.record import Format, Lang
from service.model.records import AlertRecord, DeliveryRecord, FlushRecord

MAX_LISTED = 50
"""Stories that a notification lists at most where the policy does not say; the number of all is told."""
REASONS = {
    "throttle": "throttle",
    "cap": "cap",
    "quiet": "quiet_hours",
    "digest": "digest",
    "silence": "silence_ended",
    "frequency": "frequency",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A member and what waits."""

    member: Member
    pending: Pending


@dataclass(frozen=True, slots=True)
class NotYet:
    """The flush came too early: the hold is due then."""

    due_ms: int


@dataclass(slots=True)
class Flush:
    """One flush of one hold."""

    subscription: str
    name: str
    state: HoldState
    summary: Summary
    place: Place
    context: Context
    silence_ends_ms: int | None = None
    """Of a silence's hold: when the silence ends, or ended; None: as its members say."""
    moved: list[str] = field(default_factory=list)
    """Keys of the groups out of which it took what is silenced meanwhile."""
    before: int = -1
    """The last member that earlier flushes settled."""

    @property
    def kind(self) -> str:
        """throttle, cap, quiet, digest, silence, frequency."""
        return self.name.partition("/")[0]

    def hidden(self, record: FlushRecord, waiting: Sequence[Waiting]) -> Generator[None, None, dict[MemberId, Silence]]:
        """Of what this flush would tell, what a silence hides that began while it waited. Yields after each."""
        now_ms = self.place.now_ms
        silences = self.context.silences(now_ms)
        if not silences or record.sequence != self.state.flushes + 1 or not waiting:
            return {}
        policies = self._policies(waiting)
        first = self._first(waiting)
        if policies is None or first is None or self._not_now(policies) is not None:
            return {}
        found = {}
        for one in waiting[first:]:
            if (silence := hiding(silences, one.pending.record(), now_ms)) is not None:
                found[one.pending.at] = silence
            yield
        return found

    def run(self, record: FlushRecord, waiting: Sequence[Waiting]) -> NotYet | bool:
        """Settle what waits, in order of the offsets. True: `state` is changed and is to be written and sent."""
        self.before = self.state.through
        done = self._run(record, waiting)
        if done is not True and self.moved:
            self._sends("")
        return done

    def _run(self, record: FlushRecord, waiting: Sequence[Waiting]) -> NotYet | bool:
        if record.sequence != self.state.flushes + 1:
            return False
        if not waiting:
            return self._empty()
        policies = self._policies(waiting)
        if policies is None:
            self._settle(waiting[-1], "", "subscription_gone")
            return self._done("")
        first = self._first(waiting)
        if (first is not None or self.kind == "silence") and (later := self._not_now(policies)) is not None:
            return later
        if first is None:
            return self._alone(waiting)
        if first:
            self._settle(waiting[first - 1], "", "frequency_not_reached")
        told = waiting[first:]
        late_ms = self._late_ms(told, policies)
        delivery = self._delivery([one for one in told if not one.pending.is_too_late(late_ms)], policies)
        self._settle(told[-1], "" if delivery is None else delivery.id, REASONS[self.kind], late_ms)
        return self._done("" if delivery is None else delivery.encode().decode())

    def _first(self, waiting: Sequence[Waiting]) -> int | None:
        """From which on it is told; None: there are too few."""
        if not frequency_of(self.name):
            return 0
        reached = reached_at(self.name, [one.member for one in waiting])
        return None if reached is None else reached[0]

    def _policies(self, waiting: Sequence[Waiting]) -> dict[str, Policy] | None:
        """Those of the rules that wait, by rule, the first to come first; None: the subscription is gone."""
        rules: dict[str, Pending] = {}
        for one in waiting:
            rules.setdefault(one.member.rule, one.pending)
        policies = {name: self.context.policy(self.subscription, one.record().rule) for name, one in rules.items()}
        found = {name: policy for name, policy in policies.items() if policy is not None}
        return None if len(found) < len(policies) or self.context.policy(self.subscription, None) is None else found

    def _alone(self, waiting: Sequence[Waiting]) -> NotYet | bool:
        """Too few stories came within the window: those whose window is over, or whose silence, are not told."""
        is_over = self.kind == "silence"
        over = sum(is_over or one.member.until_ms <= self.place.now_ms for one in waiting)
        if not over:
            return NotYet(waiting[0].member.until_ms)
        self._settle(waiting[over - 1], "", "frequency_not_reached")
        return self._done("")

    def outputs(self, pending: Mapping[MemberId, Pending]) -> Iterator[tuple[bool, bytes]]:
        """What the flush at this place sends: (whether it is the delivery, value), one after the other."""
        sent = self.state.sent_at(self.place.offset)
        assert sent is not None
        listed = (
            frozenset(DeliveryRecord.model_validate_json(sent.delivery).alert_ids) if sent.delivery else frozenset()
        )
        for settled in self.state.settled:
            if settled.flush != self.place.offset:
                continue
            low = max(sent.before, settled.low)
            for (offset, _), one in pending.items():
                if low < offset <= settled.through:
                    yield False, self._decision(one, settled, listed)
        if sent.delivery:
            yield True, sent.delivery.encode()

    def _decision(self, one: Pending, settled: Settled, listed: frozenset[str]) -> bytes:
        alert, group, now_ms = one.record(), f"h/{self.name}", settled.flushed_ms
        if not settled.delivery and settled.reason in {"subscription_gone", "frequency_not_reached"}:
            return decision_of(alert, "suppressed", group, now_ms, reason=settled.reason).encode()
        if one.is_too_late(settled.late_ms):
            return decision_of(alert, "expired", group, now_ms, reason="time_to_live").encode()
        if one.alert_id in listed:
            return decision_of(
                alert, "notified", group, now_ms, delivery=settled.delivery, reason=settled.reason
            ).encode()
        return decision_of(alert, "attached", group, now_ms, delivery=settled.delivery, reason="not_listed").encode()

    def _not_now(self, policies: Mapping[str, Policy]) -> NotYet | None:
        """A silence that was made longer, and hours that are quiet, keep a hold as they kept its members."""
        now_ms = self.place.now_ms
        if self.kind == "silence":
            silence = silence_of(self.name)
            ends = [one.ends_ms for one in self.context.silences(now_ms) if one.id == silence and one.active(now_ms)]
            if ends:
                return NotYet(max(ends))
        until_ms = self._quiet_until_ms(policies, now_ms)
        return None if until_ms is None else NotYet(until_ms)

    def _quiet_until_ms(self, policies: Mapping[str, Policy], at_ms: int) -> int | None:
        """A digest comes when it was asked for; what is urgent does not wait for the rest."""
        if self.kind == "digest" or any(policy.urgent for policy in policies.values()):
            return None
        return quiet_until_ms(next(iter(policies.values())), at_ms)

    def _late_ms(self, told: Sequence[Waiting], policies: Mapping[str, Policy]) -> int:
        """How long ago the hold ended: its time to live counts from there, or what is held long would be lost."""
        ends_ms = self.silence_ends_ms
        if ends_ms is None:
            ends_ms = max(one.member.until_ms for one in told)
        ends_ms = self._quiet_until_ms(policies, ends_ms) or ends_ms
        return max(0, self.place.now_ms - ends_ms)

    def _empty(self) -> bool:
        """Nothing waits: only a digest that is wanted even if it is empty says so."""
        policy = self.context.policy(self.subscription, None)
        if self.kind != "digest" or policy is None or policy.mode != "digest" or not policy.digest.empty:
            return False
        due = self.name.partition("/")[2]
        if self.state.flushes or not due.isdecimal() or next_digest_ms(policy, int(due) - 1) != int(due):
            return False
        delivery = self._delivery((), {"": policy})
        assert delivery is not None
        return self._done(delivery.encode().decode())

    def _delivery(self, alive: Sequence[Waiting], policies: Mapping[str, Policy]) -> DeliveryRecord | None:
        """The notification; None when there is nothing to tell, and nobody wants to hear that."""
        now_ms, policy = self.place.now_ms, next(iter(policies.values()))
        if not alive and "" not in policies:
            return None
        listed = self._listed(alive, policy)
        style = self._style(listed)
        since_ms = min((one.member.since_ms for one in alive), default=now_ms)
        if self.kind == "digest":
            since_ms = min(self.summary.digest_ms or since_ms, since_ms)
            self.summary.digest_ms = now_ms
        notice = Notice(
            kind="alert.matched" if self.kind == "frequency" else "alert.digest",
            subscription=self.subscription,
            sequence=self.state.flushes + 1,
            reason=REASONS[self.kind],
            alerts=listed,
            timestamp_ms=now_ms,
            format=style[0],
            lang=style[1],
            held_count=len(alive),
            period=(since_ms, now_ms),
        )
        own = self.context.time_to_live_of(policy)
        deadline_ms = now_ms + max((one.pending.time_to_live_ms for one in alive), default=own)
        throttles: dict[str, int] = {}
        for rule in {alert.rule.id: alert.rule for alert in listed}.values():
            of_rule = self.context.policy(self.subscription, rule)
            throttles |= {} if of_rule is None else throttles_from(of_rule, rule.id, now_ms)
        self.summary.notified(now_ms, throttles)
        return delivery_of(notice, f"h/{self.name}", deadline_ms, self.context)

    def _listed(self, alive: Sequence[Waiting], policy: Policy) -> tuple[AlertRecord, ...]:
        """One alert a story (in mode `each` all of them); in a digest the best first, else in the order they came."""
        stories: dict[object, Pending] = {}
        for one in alive:
            is_story = b"\0s\0" in one.member.key
            stories.setdefault(one.member.key if is_story else one.pending.at, one.pending)
        chosen = list(stories.values())
        if self.kind == "digest":
            chosen.sort(key=lambda one: (one.tier, -one.copies, one.at))
        top = policy.digest.top if self.kind == "digest" else MAX_LISTED
        return tuple(one.record() for one in chosen[:top])

    def _style(self, listed: Sequence[AlertRecord]) -> tuple[Format, Lang]:
        try:
            return self.context.style(self.subscription)
        except KeyError:
            return (listed[0].format, listed[0].lang) if listed else ("bongsu", "ko")

    def _settle(self, last: Waiting, delivery: str, reason: str, late_ms: int = 0) -> None:
        place, low, through = self.place, self.state.through, last.pending.offset
        settled = Settled(low, through, place.offset, place.now_ms, delivery, reason, late_ms)
        self.state.settle(settled, self.context.sent_through)

    def _done(self, delivery: str) -> bool:
        self.state.flushes += 1
        self._sends(delivery)
        return True

    def _sends(self, delivery: str) -> None:
        self.state.outbox = [one for one in self.state.outbox if one.offset > self.context.sent_through]
        self.state.outbox.append(Flushed(self.place.offset, self.before, delivery, tuple(self.moved)))
        self.state.summary, self.state.place = self.summary, self.place
