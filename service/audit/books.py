"""The two ledgers, folded from records. Pure: records and committed offsets in, a balance out.

Ledger `alerts`: every alert id has exactly one current decision. One that is held or silenced is told when its time
comes; from then on, until it is, it is pending. What was decided for good goes before it, in whatever order they come:
a replay says again that it was held.
Ledger `deliveries`: every delivery id has exactly one end (terminal attempt), and one content; and every replay of one,
named by its deadline, has an end of its own: one that nobody will ever end makes its id unaccounted for again.

What has no end is *pending* while a record of it stands at or behind its consumer's committed offset, for then it will
be read (again); otherwise it is *unaccounted*: nobody will ever end it. That holds at any moment and not only at rest,
when the committed offsets were read before the ends of the topics, since no offset is committed before its outputs are
acknowledged.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from service.model.records import AlertRecord, AttemptRecord, DecisionRecord, DeliveryRecord

Partition = tuple[str, int]
Committed = Mapping[Partition, int]
"""(topic, partition) -> the offset from which its group will read on."""

LEDGERS = ("alerts", "deliveries")
WAITING = frozenset({"held", "silenced"})
"""Decisions that another one follows."""
EXAMPLES = 5


@dataclass(slots=True)
class _Replay:
    """One replay of a delivery. Each has a deadline of its own, in its records and in its attempts."""

    at: dict[Partition, int] = field(default_factory=dict)
    ended: bool = False


@dataclass(slots=True)
class _Entry:
    """One id in a ledger."""

    since_ms: int
    at: dict[Partition, int] = field(default_factory=dict)
    """Highest offset of a record of this id, by partition."""
    ends: set[str] = field(default_factory=set)
    replayed: set[str] = field(default_factory=set)
    """Ends of replays: they add to what happened and contradict nothing."""
    replays: dict[int, _Replay] = field(default_factory=dict)
    nameless_ends: bool = False
    contents: set[str] = field(default_factory=set)
    named_by: set[str] = field(default_factory=set)
    """Alerts whose decision names this delivery."""
    until_ms: int = 0
    """Of an alert that waits: when it is to be told at the latest."""

    @property
    def happened(self) -> set[str]:
        """All ends there were, first deliveries and replays."""
        return self.ends | self.replayed

    @property
    def closed(self) -> bool:
        """It has an end, and so has each of its replays."""
        return bool(self.happened) and not self._open_replays()

    @property
    def rests(self) -> bool:
        """It was decided, but not for good."""
        return bool(self.ends) and self.ends <= WAITING

    def _open_replays(self) -> list[_Replay]:
        return [] if self.nameless_ends else [replay for replay in self.replays.values() if not replay.ended]

    def waits(self, committed: Committed) -> bool:
        """Will a record of this id be read (again)? Of each part that has no end, or that one is lost."""
        open_ = [replay.at for replay in self._open_replays()]
        if not open_ or (self.at and not self.happened):
            open_.append(self.at)
        return all(any(offset >= committed.get(part, 0) for part, offset in at.items()) for at in open_)


@dataclass(frozen=True, slots=True)
class Balance:
    """What one ledger says."""

    ledger: str
    entries: int
    ended: int
    pending: int
    unaccounted: int
    conflicting: int
    oldest_pending_ms: int | None
    ends: Mapping[str, int]
    examples: tuple[str, ...]
    """A few ids that are unaccounted for or in conflict."""

    @property
    def balanced(self) -> bool:
        """Nothing lost, nothing told twice differently."""
        return not self.unaccounted and not self.conflicting


class Books:
    """Both ledgers; feed it records in any order, as often as they come."""

    def __init__(self) -> None:
        self._alerts: dict[str, _Entry] = {}
        self._deliveries: dict[str, _Entry] = {}
        self.counts: dict[str, int] = {}

    def alert(self, record: AlertRecord, partition: Partition, offset: int) -> None:
        """An alert was addressed."""
        self._count("alert records")
        entry = self._alerts.setdefault(record.alert_id, _Entry(record.alerted_ms))
        entry.at[partition] = max(offset, entry.at.get(partition, -1))

    def decision(self, record: DecisionRecord) -> None:
        """An alert was decided; one that was held may still be notified, so only two deliveries contradict."""
        self._count("decision records")
        entry = self._alerts.setdefault(record.alert_id, _Entry(record.decided_ms))
        entry.ends.add(record.decision)
        if record.decision in WAITING:
            entry.until_ms = max(entry.until_ms, record.until_ms or 0)
        if record.delivery_id is not None:
            entry.contents.add(record.delivery_id)
            # a decision that names a delivery opens its account: a delivery that was never produced is a loss
            named = self._deliveries.setdefault(record.delivery_id, _Entry(record.decided_ms))
            named.named_by.add(record.alert_id)

    def delivery(self, record: DeliveryRecord, partition: Partition, offset: int) -> None:
        """A delivery waits on its topic or on a retry tier."""
        self._count("delivery records")
        if record.reason == "test":
            return  # whoever asked for it waits for its attempt
        entry = self._deliveries.setdefault(record.id, _Entry(record.created_ms))
        at = entry.at
        if record.reason == "replay":
            at = entry.replays.setdefault(record.deadline_ms, _Replay()).at
        at[partition] = max(offset, at.get(partition, -1))
        entry.contents.add(record.body_sha256)

    def attempt(self, record: AttemptRecord) -> None:
        """A POST was made, or given up."""
        self._count("attempt records")
        if record.reason == "test":
            return
        entry = self._deliveries.setdefault(record.delivery_id, _Entry(record.started_ms))
        entry.contents.add(record.body_sha256)
        if not record.terminal:
            return
        if record.reason == "replay":
            entry.replayed.add(record.outcome)
            if record.deadline_ms is None:  # from before attempts said it: which one it ended nobody knows
                entry.nameless_ends = True
            else:
                entry.replays.setdefault(record.deadline_ms, _Replay()).ended = True
        else:
            entry.ends.add(record.outcome)

    def flush(self) -> None:
        """A flush was asked for: it decides alerts and is none."""
        self._count("flush records")

    def balances(self, committed: Committed, now_ms: int = 0) -> tuple[Balance, Balance]:
        """Both ledgers against the committed offsets of their consumers; what is held until `now_ms` is late."""
        late = {key: entry.until_ms for key, entry in self._alerts.items() if entry.rests and entry.until_ms <= now_ms}
        waiting = {key for key, entry in self._alerts.items() if entry.waits(committed)}
        moving = {
            key
            for key, entry in self._deliveries.items()
            # decided, and the alert will be read again: then its delivery is produced again
            if entry.waits(committed) or (not entry.happened and not waiting.isdisjoint(entry.named_by))
        }
        return _balance("alerts", self._alerts, waiting, late), _balance("deliveries", self._deliveries, moving, {})

    def forget(self, before_ms: int) -> None:
        """Drop what ended and began before; what has no end is kept whatever its age."""
        for ledger in (self._alerts, self._deliveries):
            for key, entry in list(ledger.items()):
                if entry.closed and not entry.rests and max(entry.since_ms, entry.until_ms) < before_ms:
                    del ledger[key]

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


def _balance(ledger: str, entries: Mapping[str, _Entry], waiting: AbstractSet[str], late: Mapping[str, int]) -> Balance:
    pending: list[int] = []
    wrong: list[str] = []
    unaccounted = conflicting = 0
    ends: dict[str, int] = {}
    for key, entry in entries.items():
        if len(entry.contents) > 1 or (ledger == "deliveries" and len(entry.ends) > 1):
            conflicting += 1
            wrong.append(key)
        if key in late:
            pending.append(late[key])
        elif entry.closed:
            end = _current(entry.happened)
            ends[end] = ends.get(end, 0) + 1
        elif key in waiting:
            pending.append(entry.since_ms)
        else:
            unaccounted += 1
            wrong.append(key)
    return Balance(
        ledger=ledger,
        entries=len(entries),
        ended=sum(ends.values()),
        pending=len(pending),
        unaccounted=unaccounted,
        conflicting=conflicting,
        oldest_pending_ms=min(pending, default=None),
        ends=dict(sorted(ends.items())),
        examples=tuple(wrong[:EXAMPLES]),
    )


def _current(ends: AbstractSet[str]) -> str:
    """Of several ends the one that counts: who was told was told."""
    for end in ("delivered", "notified", "attached"):
        if end in ends:
            return end
    return min(ends - WAITING or ends)
