"""What the group stage must find without reading its table: who waits where, what is due, what was told lately.

All of it is derived from the table's values by `note_group` and `note_hold`, after each step as after a recovery, so
that both know the same. One index a partition: it is dropped when the partition goes.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from service.alerting.group_state import GroupState, Summary, parts_of, silence_of
from service.alerting.hold_state import HoldState
from service.alerting.place import Place

HoldKey = tuple[str, str]
"""Subscription and name of a hold."""
MemberId = tuple[int, int]
"""Offset of the record that put a member into its hold, and of the one that brought it: the order in a hold."""


@dataclass(frozen=True, slots=True)
class Member:
    """An alert that waits in a hold: where its group is, which rule, and its times."""

    key: bytes
    rule: str
    since_ms: int
    until_ms: int


@dataclass(slots=True)
class Hold:
    """A hold's members in the order in which they were put there.

    Settled ones stay until their flush is known to be sent: a replay of it asks for them again.
    """

    members: dict[MemberId, Member] = field(default_factory=dict)
    through: int = -1
    flushes: int = 0
    last_flush: int = -1

    def waiting(self) -> Iterator[tuple[MemberId, Member]]:
        """Unsettled members, the oldest first."""
        return ((at, member) for at, member in self.members.items() if at[0] > self.through)


class Dues:
    """What is due when. A flush that was asked for comes up again after a while, until the state says it is done."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, str]] = []
        self._wanted: dict[tuple[str, str], tuple[int, int, int]] = {}
        """(subscription, flush) -> ask at, due at, sequence."""

    def set(self, subscription: str, flush: str, due_ms: int, sequence: int) -> None:
        """Say when it is due; as before: what was asked for already is not asked again sooner."""
        known = self._wanted.get((subscription, flush))
        if known is not None and known[1:] == (due_ms, sequence):
            return
        self._wanted[subscription, flush] = (due_ms, due_ms, sequence)
        heapq.heappush(self._heap, (due_ms, subscription, flush))

    def drop(self, subscription: str, flush: str) -> None:
        """It is not due any more."""
        self._wanted.pop((subscription, flush), None)

    def pop(self, now_ms: int, again_ms: int) -> list[tuple[str, str, int, int]]:
        """(subscription, flush, due at, sequence) of what is to be asked for by now; each again after `again_ms`."""
        out = []
        while self._heap and self._heap[0][0] <= now_ms:
            ask_ms, subscription, flush = heapq.heappop(self._heap)
            wanted = self._wanted.get((subscription, flush))
            if wanted is None or wanted[0] != ask_ms:
                continue
            out.append((subscription, flush, wanted[1], wanted[2]))
            self._wanted[subscription, flush] = (now_ms + again_ms, wanted[1], wanted[2])
            heapq.heappush(self._heap, (now_ms + again_ms, subscription, flush))
        return out

    def next_ms(self) -> int | None:
        """When `pop` will next have something."""
        while self._heap:
            ask_ms, subscription, flush = self._heap[0]
            wanted = self._wanted.get((subscription, flush))
            if wanted is not None and wanted[0] == ask_ms:
                return ask_ms
            heapq.heappop(self._heap)
        return None

    def __len__(self) -> int:
        return len(self._wanted)


class PartitionIndex:
    """The index of one partition."""

    def __init__(self, hold_state: Callable[[str, str], HoldState | None], silence_ends: Mapping[str, int]) -> None:
        """`hold_state` reads the table: a hold (of a subscription, by name) that was flushed, or None."""
        self._hold_state = hold_state
        self._silence_ends = silence_ends
        self._ready = True
        self.dues = Dues()
        self.holds: dict[HoldKey, Hold] = {}
        self.ages: dict[bytes, int] = {}
        """Key to when it was last written; the oldest first."""
        self._summaries: dict[str, tuple[int, bytes, Summary]] = {}
        self._of_key: dict[bytes, tuple[set[tuple[HoldKey, MemberId]], set[str]]] = {}
        """Where the pending of a group are: in holds, and waits of its own."""
        self.stored_through = -1
        """The highest offset that any value had when this was rebuilt."""
        self._unsent: deque[tuple[int, HoldKey, int]] = deque()
        """(offset of a flush, hold, through): its members are kept until that offset is known to be sent."""

    def summary(self, subscription: str) -> Summary:
        """What was told to a subscription lately; a copy, to be changed at will."""
        known = self._summaries.get(subscription)
        if known is None:
            return Summary()
        return Summary(known[2].hour, known[2].told, dict(known[2].throttles), known[2].digest_ms)

    def carries(self, key: bytes, now_ms: int) -> bool:
        """Whether a value is the one that a subscription's summary stands in, and something of it still counts."""
        parts = parts_of(key)
        known = self._summaries.get(parts[0]) if parts else None
        if known is None or known[1] != key:
            return False
        return any(ends > now_ms for ends in known[2].throttles.values()) or known[2].hour >= now_ms // 3_600_000

    def note_summary(self, subscription: str, key: bytes, offset: int, summary: Summary) -> None:
        """A value says so; the one with the highest offset is right."""
        known = self._summaries.get(subscription)
        if known is None or offset >= known[0]:
            self._summaries[subscription] = (offset, key, summary)

    def wrote(self, key: bytes, place: Place) -> None:
        """The key is the youngest now."""
        self.ages.pop(key, None)
        self.ages[key] = place.now_ms

    def note_group(self, key: bytes, state: GroupState) -> None:
        """A group is as `state` says."""
        parts = parts_of(key)
        assert parts is not None
        subscription, _, name = parts
        members: dict[tuple[HoldKey, MemberId], Member] = {}
        waits: dict[str, tuple[int, int]] = {}
        for rule_id, rule in state.rules.items():
            for one in rule.pending:
                if one.hold:
                    member = Member(key, rule_id, one.since_ms, one.until_ms)
                    members[(subscription, one.hold), one.at] = member
                elif one.flushed < 0:
                    waits[f"s/{name}/{rule_id}"] = (one.until_ms, rule.flushes + 1)
        before, waited = self._of_key.pop(key, (set(), set()))
        if members or waits:
            self._of_key[key] = (set(members), set(waits))
        for flush in waited - waits.keys():
            self.dues.drop(subscription, flush)
        for flush, (due_ms, sequence) in waits.items():
            self.dues.set(subscription, flush, due_ms, sequence)
        self._move(before, members)

    def _move(self, before: set[tuple[HoldKey, MemberId]], members: Mapping[tuple[HoldKey, MemberId], Member]) -> None:
        """The members of one group in their holds: gone from `before`, as now in `members`."""
        changed = set()
        for where, at in before - members.keys():
            if (hold := self.holds.get(where)) is not None:
                hold.members.pop(at, None)
                changed.add(where)
        for (where, at), member in members.items():
            if (where, at) not in before:
                self._hold(where).members[at] = member
                changed.add(where)
        for where in changed:
            self.settle_due(where)

    def note_hold(self, where: HoldKey, state: HoldState) -> None:
        """A hold was flushed as `state` says."""
        hold = self._hold(where)
        hold.through, hold.flushes = state.through, state.flushes
        for sent in state.outbox:
            if sent.offset > hold.last_flush:
                through = max((one.through for one in state.settled if one.flush <= sent.offset), default=-1)
                self._unsent.append((sent.offset, where, through))
                hold.last_flush = sent.offset
        self.settle_due(where)

    def members(self, where: HoldKey) -> Mapping[MemberId, Member]:
        """Who waits in a hold, and whose flush is not known to be sent; in order of their offsets."""
        hold = self.holds.get(where)
        return {} if hold is None else hold.members

    def moved_at(self, subscription: str, offset: int) -> list[bytes]:
        """Groups that a flush at this offset had put under a silence when a crash came before it was done."""
        if offset > self.stored_through:
            return []
        found = {
            member.key: None
            for where, hold in self.holds.items()
            if where[0] == subscription and where[1].startswith("silence/")
            for at, member in hold.members.items()
            if at[0] == offset
        }
        return sorted(found)

    def in_order(self, where: HoldKey) -> None:
        """Many were put into a hold at one offset, group by group: they stand in the order in which they came."""
        if (hold := self.holds.get(where)) is not None:
            hold.members = dict(sorted(hold.members.items()))

    def forget_group(self, key: bytes) -> None:
        """The group expired: nothing of it waits any more."""
        for where, at in self._of_key.pop(key, (set(), set()))[0]:
            if (hold := self.holds.get(where)) is not None:
                hold.members.pop(at, None)

    def _hold(self, where: HoldKey) -> Hold:
        hold = self.holds.get(where)
        if hold is None:
            hold = self.holds[where] = Hold()
            if (state := self._hold_state(*where)) is not None:
                hold.through, hold.flushes = state.through, state.flushes
        return hold

    def sent(self, through: int) -> None:
        """Flushes up to this offset are known to be sent: their members need not be found any more."""
        while self._unsent and self._unsent[0][0] <= through:
            _, where, settled = self._unsent.popleft()
            hold = self.holds.get(where)
            if hold is None:
                continue
            for at in list(takewhile(lambda at: at[0] <= settled, hold.members)):  # noqa: B023 - used at once
                del hold.members[at]
            if not hold.members:
                del self.holds[where]

    def rebuilding(self) -> None:
        """Values are noted in any order now, until `ordered`: what is due is worked out then, once for each hold."""
        self._ready = False

    def ordered(self) -> None:
        """After values were noted in any order: the oldest first again."""
        self._ready = True
        self._unsent = deque(sorted(self._unsent))
        for where, hold in list(self.holds.items()):
            state = self._hold_state(*where)
            sent = -1 if state is None else min((one.before for one in state.outbox), default=state.through)
            hold.members = {at: hold.members[at] for at in sorted(hold.members) if at[0] > sent}
            if not hold.members:
                del self.holds[where]
            self.settle_due(where)
        self.ages = dict(sorted(self.ages.items(), key=lambda item: item[1]))

    def silence_moved(self, silence: str) -> None:
        """Its holds are due at another time."""
        for where in [where for where in self.holds if silence_of(where[1]) == silence]:
            self.settle_due(where)

    def settle_due(self, where: HoldKey, not_before_ms: int = 0) -> None:
        """Work out when a hold is to be flushed next."""
        if not self._ready:
            return
        hold = self.holds.get(where)
        flush = f"h/{where[1]}"
        first = None if hold is None else next(hold.waiting(), None)
        if hold is None or first is None:
            self.dues.drop(where[0], flush)
            return
        due_ms = first[1].until_ms
        if (silence := silence_of(where[1])) is not None:
            due_ms = self._silence_ends.get(silence, due_ms)
        elif where[1].startswith("frequency/"):
            reached = reached_at(where[1], [member for _, member in hold.waiting()])
            due_ms = due_ms if reached is None else reached[1]
        self.dues.set(where[0], flush, max(due_ms, not_before_ms), hold.flushes + 1)


def reached_at(hold: str, members: list[Member]) -> tuple[int, int] | None:
    """Of the members of a frequency hold: the first of so many within its window, and when that was reached."""
    _, stories, window = hold.rsplit("/", 2)
    wanted, window_ms = int(stories), int(window)
    for last in range(wanted - 1, len(members)):
        first = last - wanted + 1
        if members[last].since_ms - members[first].since_ms < window_ms:
            while first > 0 and members[last].since_ms - members[first - 1].since_ms < window_ms:
                first -= 1
            return first, members[last].since_ms
    return None
