"""Holds: what waits together and is told together. A flush settles their members and writes one value, its own.

The members' groups are not touched: each looks here when it is next (`Turn.catch_up`). So a flush of thousands is one
changelog value, and a crash has either all of it or nothing. The decisions are not stored but made again out of the
members, which stay as they are until the flush is known to be sent; who was listed says the stored delivery.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.alerting.calendar import next_digest_ms, quiet_until_ms
from service.alerting.context import Context
from service.alerting.group_index import Member, reached_at
from service.alerting.group_state import HoldState, Pending, Settled, Summary
from service.alerting.group_step import decision_of, delivery_of, throttles_from
from service.alerting.place import Place
from service.alerting.policy import Policy
from service.model.notice import Notice
from service.model.records import AlertRecord, DeliveryRecord, FlushRecord, Format, Lang

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
    before: int = -1
    """The last member that earlier flushes settled."""

    @property
    def kind(self) -> str:
        """throttle, cap, quiet, digest, silence, frequency."""
        return self.name.partition("/")[0]

    def run(self, record: FlushRecord, waiting: Sequence[Waiting]) -> NotYet | bool:
        """Settle what waits, in order of the offsets. True: `state` is changed and is to be written and sent."""
        self.before = self.state.through
        if record.sequence != self.state.flushes + 1:
            return False
        if not waiting:
            return self._empty()
        policy = self.context.policy(self.subscription, waiting[0].pending.record().rule)
        if policy is None or self.context.policy(self.subscription, None) is None:
            self._settle(waiting[-1], "", "subscription_gone")
            return self._done("")
        first = reached_at(self.name, [one.member for one in waiting]) if self.kind == "frequency" else (0, 0)
        if first is None:
            return self._alone(waiting)
        if (later := self._not_now(policy)) is not None:
            return later
        if first[0]:
            self._settle(waiting[first[0] - 1], "", "frequency_not_reached")
        told = waiting[first[0] :]
        delivery = self._delivery(told, policy)
        self._settle(told[-1], "" if delivery is None else delivery.id, REASONS[self.kind])
        return self._done("" if delivery is None else delivery.encode().decode())

    def _alone(self, waiting: Sequence[Waiting]) -> NotYet | bool:
        """Too few stories came within the window: those whose window is over are not told."""
        over = sum(one.member.until_ms <= self.place.now_ms for one in waiting)
        if not over:
            return NotYet(waiting[0].member.until_ms)
        self._settle(waiting[over - 1], "", "frequency_not_reached")
        return self._done("")

    def outputs(self, pending: Mapping[int, Pending]) -> list[tuple[bool, bytes]]:
        """What the flush at this place sends: (whether it is the delivery, value). `pending`: members by offset."""
        sent = self.state.sent_at(self.place.offset)
        assert sent is not None
        before, raw = sent
        listed = frozenset(DeliveryRecord.model_validate_json(raw).alert_ids) if raw else frozenset()
        out = []
        for settled in self.state.settled:
            if settled.flush != self.place.offset:
                continue
            for offset, one in pending.items():
                if max(before, settled.low) < offset <= settled.through:
                    out.append((False, self._decision(one, settled, listed)))
        return [*out, (True, raw.encode())] if raw else out

    def _decision(self, one: Pending, settled: Settled, listed: frozenset[str]) -> bytes:
        alert, group, now_ms = one.record(), f"h/{self.name}", settled.flushed_ms
        if not settled.delivery and settled.reason in {"subscription_gone", "frequency_not_reached"}:
            return decision_of(alert, "suppressed", group, now_ms, reason=settled.reason).encode()
        if one.deadline_ms <= now_ms:
            return decision_of(alert, "expired", group, now_ms, reason="time_to_live").encode()
        if one.alert_id in listed:
            return decision_of(
                alert, "notified", group, now_ms, delivery=settled.delivery, reason=settled.reason
            ).encode()
        return decision_of(alert, "attached", group, now_ms, delivery=settled.delivery, reason="not_listed").encode()

    def _not_now(self, policy: Policy) -> NotYet | None:
        """A silence that was made longer, and hours that are quiet, keep a hold as they kept its members."""
        now_ms = self.place.now_ms
        if self.kind == "silence":
            silence = self.name.partition("/")[2]
            ends = [one.ends_ms for one in self.context.silences(now_ms) if one.id == silence and one.active(now_ms)]
            if ends:
                return NotYet(max(ends))
        if self.kind != "digest" and not policy.urgent:
            until_ms = quiet_until_ms(policy, now_ms)
            return None if until_ms is None else NotYet(until_ms)
        return None

    def _empty(self) -> bool:
        """Nothing waits: only a digest that is wanted even if it is empty says so."""
        policy = self.context.policy(self.subscription, None)
        if self.kind != "digest" or policy is None or policy.mode != "digest" or not policy.digest.empty:
            return False
        due = self.name.partition("/")[2]
        if self.state.flushes or not due.isdecimal() or next_digest_ms(policy, int(due) - 1) != int(due):
            return False
        delivery = self._delivery((), policy)
        assert delivery is not None
        return self._done(delivery.encode().decode())

    def _delivery(self, told: Sequence[Waiting], policy: Policy) -> DeliveryRecord | None:
        """The notification; None when all of it is too old."""
        now_ms = self.place.now_ms
        alive = [one for one in told if one.pending.deadline_ms > now_ms]
        if told and not alive:
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
        own = policy.time_to_live_ms
        deadline_ms = now_ms + (self.context.time_to_live_ms if own is None else own)
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
            stories.setdefault(one.member.key if is_story else one.pending.offset, one.pending)
        chosen = list(stories.values())
        if self.kind == "digest":
            chosen.sort(key=lambda one: (one.tier, -one.copies, one.offset))
        top = policy.digest.top if self.kind == "digest" else MAX_LISTED
        return tuple(one.record() for one in chosen[:top])

    def _style(self, listed: Sequence[AlertRecord]) -> tuple[Format, Lang]:
        try:
            return self.context.style(self.subscription)
        except KeyError:
            return (listed[0].format, listed[0].lang) if listed else ("bongsu", "ko")

    def _settle(self, last: Waiting, delivery: str, reason: str) -> None:
        self.state.settle(
            Settled(
                self.state.through, last.pending.offset, self.place.offset, self.place.now_ms, delivery, reason
            ),
            self.context.sent_through,
        )  # fmt: skip

    def _done(self, delivery: str) -> bool:
        self.state.flushes += 1
        self.state.outbox = [entry for entry in self.state.outbox if entry[0] > self.context.sent_through]
        self.state.outbox.append((self.place.offset, self.before, delivery))
        self.state.summary, self.state.place = self.summary, self.place
        return True
