"""The group stage without its IO: alerts and flushes in, decisions and deliveries out, state in a store.

`Groups` holds nothing that the store does not: its index (what is held where, what is due when, what was told how
often) is rebuilt from the store's items after a crash, and then answers as if it had never been gone.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from service.alerting.context import Context
from service.alerting.group_index import Member, MemberId, PartitionIndex
from service.alerting.group_state import (
    TOPICS,
    GroupState,
    HoldState,
    Pending,
    has_pending,
    is_ours,
    key_of,
    parts_of,
    place_of,
    silence_of,
)
from service.alerting.group_step import Turn
from service.alerting.hold import Flush, NotYet, Waiting
from service.alerting.modes import MODES
from service.alerting.place import Place
from service.alerting.silence import Silence
from service.alerting.waits import until_end_of
from service.model import topics
from service.model.records import AlertRecord, FlushRecord

__all__ = ["REEMIT_MS", "Context", "Groups", "Out", "Step", "Store", "Verdict", "digest_flush"]

_T = TypeVar("_T")
SLICE = 100
"""Members of a hold that are worked at between two breaths: some milliseconds."""
REEMIT_MS = 30_000
"""A flush that was asked for and has not come back is asked for again after this long."""


class Store(Protocol):
    """The table. `get` sees what was put before, at once."""

    def get(self, key: bytes) -> bytes | None:
        """The value, None when there is none."""
        ...

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set, or remove with None. `step` calls it for each of its `writes`, `expire` for each key it returns."""
        ...


@dataclass(frozen=True, slots=True)
class Out:
    """A record to produce, under the subscription as its key."""

    topic: str
    key: bytes
    value: bytes


class Verdict(StrEnum):
    """What a step did."""

    TAKEN = "taken"
    """Store the writes, then send the outputs."""
    REPLAYED = "replayed"
    """Was stored before; the outputs go out again, byte for byte."""
    REPEATED = "repeated"
    """Was decided before; nothing is sent."""
    IDLE = "idle"
    """A flush of what was flushed already, or is not due; nothing is sent."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one record did."""

    verdict: Verdict
    writes: tuple[tuple[bytes, bytes | None], ...] = ()
    """Changelog values in the order in which they must be stored, before any output is sent; in `Store` already."""
    outputs: tuple[Out, ...] = ()


class Groups:
    """The index over the table of the group stage, and its one step."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._partitions: dict[int, PartitionIndex] = {}
        self._silence_ends: dict[str, int] = {}

    def rebuild(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Index these items of a recovered table, in any order; may be called once for each partition.

        The store must hold them already. What is not ours (older formats) is passed over.
        """
        newest: dict[str, tuple[int, bool, bytes]] = {}
        indexes: set[int] = set()
        ages: dict[int, list[tuple[int, int, bytes]]] = {}
        for key, raw in items:
            parts = parts_of(key)
            if parts is None or not is_ours(raw):
                continue
            place = place_of(raw)
            index = self._index(place.partition)
            if place.partition not in indexes:
                indexes.add(place.partition)
                index.rebuilding()
            ages.setdefault(place.partition, []).append((place.now_ms, place.offset, key))
            index.stored_through = max(index.stored_through, place.offset)
            # of a flush that wrote groups as well the hold comes last, and has counted it
            newest[parts[0]] = max(newest.get(parts[0], (-1, False, b"")), (place.offset, parts[1] == "h", key))
            if parts[1] == "h":
                index.note_hold((parts[0], parts[2]), HoldState.decode(raw))
            elif has_pending(raw):
                index.note_group(key, GroupState.decode(raw))
        for subscription, (offset, _, key) in newest.items():
            raw_or_none = self._store.get(key)
            assert raw_or_none is not None, "the store does not hold what is to be indexed"
            state = HoldState if b"\0h\0" in key else GroupState
            index = self._index(place_of(raw_or_none).partition)
            index.note_summary(subscription, key, offset, state.decode(raw_or_none).summary)
        for partition in indexes:
            index = self._index(partition)
            for now_ms, _, key in sorted(ages[partition]):
                index.ages[key] = now_ms
            index.ordered()

    def forget(self, partition: int) -> None:
        """The partition went to another worker: nothing of it is due here any more."""
        self._partitions.pop(partition, None)

    def step(self, record: AlertRecord | FlushRecord, place: Place, context: Context) -> Step:
        """Decide one record of `alerts`."""
        work = self.work(record, place, context)
        while True:
            try:
                next(work)
            except StopIteration as done:
                step: Step = done.value
                return step

    def work(self, record: AlertRecord | FlushRecord, place: Place, context: Context) -> Generator[None, None, Step]:
        """As `step`, and yields at times: a digest of thousands of stories takes longer than others can wait.

        No other record of the partition may be decided before it ends.
        """
        index = self._index(place.partition)
        index.sent(context.sent_through)
        if isinstance(record, AlertRecord):
            return self._alert(record, place, context, index)
        kind, _, name = record.flush.partition("/")
        if kind == "h":
            return (yield from self._hold_flush(record, name, place, context, index))
        story, _, rule = name.rpartition("/")
        return self._own_flush(record, story, rule, place, context, index) if kind == "s" else Step(Verdict.IDLE)

    def due(self, now_ms: int) -> list[FlushRecord]:
        """What is to be flushed by now; each at most once per REEMIT_MS."""
        return [
            FlushRecord(subscription=subscription, flush=flush, due_ms=due_ms, sequence=sequence)
            for index in self._partitions.values()
            for subscription, flush, due_ms, sequence in index.dues.pop(now_ms, REEMIT_MS)
        ]

    def next_due_ms(self) -> int | None:
        """When `due` will next have something to say; None: never, as things stand."""
        due = [next_ms for index in self._partitions.values() if (next_ms := index.dues.next_ms()) is not None]
        return min(due, default=None)

    def silence_ends(self, silence: str, ends_ms: int) -> None:
        """A silence was lifted or moved (or read after a rebuild): its holds become due then, not as first planned."""
        if self._silence_ends.get(silence) != ends_ms:
            self._silence_ends[silence] = ends_ms
            for index in self._partitions.values():
                index.silence_moved(silence)

    def expire(self, place: Place, memory_ms: int, limit: int) -> list[bytes]:
        """Forget at most `limit` groups of the place's partition, last touched over `memory_ms` before the place.

        What still holds something is kept. Returns the keys to remove from the changelog.
        """
        index = self._index(place.partition)
        gone = []
        for _ in range(limit):
            key = next(iter(index.ages), None)
            if key is None or index.ages[key] >= place.now_ms - memory_ms:
                break
            if self._is_needed(key, index, place.now_ms):
                index.wrote(key, place)  # asked again when as much time has passed
                continue
            del index.ages[key]
            index.forget_group(key)
            self._store.put(key, None)
            gone.append(key)
        return gone

    def __len__(self) -> int:
        """Values in the table."""
        return sum(len(index.ages) for index in self._partitions.values())

    def waiting(self) -> int:
        """Groups and holds that something is due of."""
        return sum(len(index.dues) for index in self._partitions.values())

    # -- one record ----------------------------------------------------------------------------------------------

    def _alert(self, alert: AlertRecord, place: Place, context: Context, index: PartitionIndex) -> Step:
        names = {"s": alert.story.id, "a": alert.article.id}
        states: dict[str, GroupState] = {}
        for kind, name in names.items():  # both: the policy may have been another when it came first
            state = self._group(key_of(alert.subscription, kind, name))
            if state is None:
                continue
            states[kind] = state
            if state.knows(alert.alert_id, place):
                sent = state.sent_at(place.offset)
                if sent is not None:
                    return Step(Verdict.REPLAYED, (), _outs(alert.subscription, sent))
                return Step(Verdict.REPEATED)
        policy = context.policy(alert.subscription, alert.rule)
        kind = "s" if policy is None or MODES[policy.mode].scope == "story" else "a"
        turn = self._turn(alert.subscription, kind, names[kind], states.get(kind), place, context, index)
        turn.beside = states.get("s" if kind == "a" else "a")
        turn.alert(alert, policy)
        return self._written(turn, index)

    def _own_flush(  # noqa: PLR0913 - what the record says
        self, record: FlushRecord, story: str, rule: str, place: Place, context: Context, index: PartitionIndex
    ) -> Step:
        state = self._group(key_of(record.subscription, "s", story))
        if state is None:
            index.dues.drop(record.subscription, record.flush)
            return Step(Verdict.IDLE)
        if place.partition == state.place.partition and (sent := state.sent_at(place.offset)) is not None:
            return Step(Verdict.REPLAYED, (), _outs(record.subscription, sent))
        turn = self._turn(record.subscription, "s", story, state, place, context, index)
        if not turn.flush(rule, record.sequence, record.due_ms):
            return Step(Verdict.IDLE)
        return self._written(turn, index)

    def _turn(  # noqa: PLR0913 - what a turn is made of
        self,
        subscription: str,
        kind: str,
        name: str,
        state: GroupState | None,
        place: Place,
        context: Context,
        index: PartitionIndex,
    ) -> Turn:
        turn = Turn(
            subscription, kind, name, state or GroupState(), index.summary(subscription), place, context,
            [], lambda hold: self._hold(subscription, hold),
        )  # fmt: skip
        turn.catch_up()
        return turn

    def _written(self, turn: Turn, index: PartitionIndex) -> Step:
        state, key = turn.state, key_of(turn.subscription, turn.kind, turn.name)
        state.place, state.summary = turn.place, turn.summary
        sent = state.sent_at(turn.place.offset)
        if sent is None:
            state.outbox.append((turn.place.offset, turn.outgoing))
        else:  # of a flush that a crash interrupted
            sent.extend(turn.outgoing)
        raw = state.encode()
        self._store.put(key, raw)
        index.wrote(key, turn.place)
        index.note_summary(turn.subscription, key, turn.place.offset, turn.summary)
        index.note_group(key, state)
        return Step(Verdict.TAKEN, ((key, raw),), _outs(turn.subscription, turn.outgoing))

    def _hold_flush(
        self, record: FlushRecord, name: str, place: Place, context: Context, index: PartitionIndex
    ) -> Generator[None, None, Step]:
        subscription, where = record.subscription, (record.subscription, name)
        state = self._hold(subscription, name)
        sent = None if state is None else state.sent_at(place.offset)
        members = {
            at: member
            for at, member in index.members(where).items()
            if at[0] < place.offset and (sent is not None or state is None or at[0] > state.through)
        }
        pending = yield from self._pending(name, members)
        waiting = [Waiting(members[at], one) for at, one in pending.items()]
        ends_ms = self._silence_ends.get(silence_of(name) or "")
        flush = Flush(subscription, name, state or HoldState(), index.summary(subscription), place, context, ends_ms)
        writes: list[tuple[bytes, bytes | None]] = []
        outputs: list[Out] = []
        done: NotYet | bool = True
        moved = index.moved_at(subscription, place.offset) if sent is None else map(str.encode, sent.moved)
        again = tuple(moved)
        for key in again:
            group = self._group(key)
            outputs += _outs(subscription, (group and group.sent_at(place.offset)) or ())
        if sent is None:
            hidden = yield from _sliced(flush.hidden(record, waiting))
            taken = yield from self._silenced(hidden, members, flush, index)
            writes += [write for step in taken for write in step.writes]
            outputs += [out for step in taken for out in step.outputs]
            flush.moved += dict.fromkeys(key.decode() for key in (*again, *(key for key, _ in writes)))
            if hidden:
                pending = {at: one for at, one in pending.items() if at not in hidden}
                waiting = [one for one in waiting if one.pending.at not in hidden]
            yield
            done = flush.run(record, waiting)
        if sent is None and (done is True or flush.moved):
            raw = flush.state.encode()
            key = key_of(subscription, "h", name)
            self._store.put(key, raw)
            writes.append((key, raw))
            index.wrote(key, place)
            index.note_summary(subscription, key, place.offset, flush.summary)
            index.note_hold(where, flush.state)
        if isinstance(done, NotYet):
            index.settle_due(where, done.due_ms)
        if sent is None and not writes:
            return Step(Verdict.IDLE)
        for number, (is_delivery, value) in enumerate(flush.outputs(pending)):
            outputs.append(Out(topics.DELIVERIES if is_delivery else topics.DECISIONS, subscription.encode(), value))
            if number % SLICE == SLICE - 1:
                yield
        return Step(Verdict.TAKEN if sent is None else Verdict.REPLAYED, tuple(writes), tuple(outputs))

    def _silenced(
        self,
        hidden: Mapping[MemberId, Silence],
        members: Mapping[MemberId, Member],
        flush: Flush,
        index: PartitionIndex,
    ) -> Generator[None, None, list[Step]]:
        """Members of a hold wait for the end of a silence instead: one value each of their groups."""
        by_group: dict[bytes, dict[int, Silence]] = {}
        for at, silence in hidden.items():
            by_group.setdefault(members[at].key, {})[at[1]] = silence
        steps = []
        for key, of_it in by_group.items():
            parts = parts_of(key)
            assert parts is not None
            turn = self._turn(*parts, self._group(key), flush.place, flush.context, index)
            turn.hide(flush.name, of_it)
            steps.append(self._written(turn, index))
            if len(steps) % (SLICE // 5) == 0:  # reading and writing a group is the work of five members
                yield
        for hold in {until_end_of(silence, flush.name).hold for silence in hidden.values()}:
            index.in_order((flush.subscription, hold))
        return steps

    # -- reading -------------------------------------------------------------------------------------------------

    def _index(self, partition: int) -> PartitionIndex:
        index = self._partitions.get(partition)
        if index is None:
            index = self._partitions[partition] = PartitionIndex(self._hold, self._silence_ends)
        return index

    def _group(self, key: bytes) -> GroupState | None:
        raw = self._store.get(key)
        return None if raw is None or not is_ours(raw) else GroupState.decode(raw)

    def _hold(self, subscription: str, name: str) -> HoldState | None:
        raw = self._store.get(key_of(subscription, "h", name))
        return None if raw is None or not is_ours(raw) else HoldState.decode(raw)

    def _pending(self, hold: str, members: Mapping[MemberId, Member]) -> Generator[None, None, dict[MemberId, Pending]]:
        """What waits in a hold where the index says, in order of the offsets; a group is read once."""
        found: dict[MemberId, Pending] = {}
        for number, (at, member) in enumerate(members.items()):
            if at not in found and (state := self._group(member.key)) is not None:
                found |= {one.at: one for rule in state.rules.values() for one in rule.pending if one.hold == hold}
            if number % SLICE == SLICE - 1:
                yield
        return {at: found[at] for at in members if at in found}

    def _is_needed(self, key: bytes, index: PartitionIndex, now_ms: int) -> bool:
        """Whether something waits in a group, or a throttle still counts by what stands in it."""
        if index.carries(key, now_ms):
            return True
        parts = parts_of(key)
        state = self._group(key) if parts is not None and parts[1] != "h" else None
        if parts is None or state is None:
            return False
        for rule in state.rules.values():
            for one in rule.waiting():
                held = self._hold(parts[0], one.hold) if one.hold else None
                if held is None or held.fate(one.offset) is None:
                    return True
        return False


def _sliced(work: Generator[None, None, _T]) -> Generator[None, None, _T]:
    """Of work that yields after each thing: after each slice."""
    number = 0
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: _T = done.value
            return result
        number += 1
        if number % SLICE == 0:
            yield


def _outs(subscription: str, outgoing: Sequence[tuple[int, str]]) -> tuple[Out, ...]:
    key = subscription.encode()
    return tuple(Out(TOPICS[topic], key, value.encode()) for topic, value in outgoing)


def digest_flush(subscription: str, due_ms: int) -> FlushRecord:
    """The flush of a digest that is due even if it is empty; the timer asks policies (`next_digest_ms`) when."""
    return FlushRecord(flush=f"h/digest/{due_ms}", subscription=subscription, sequence=1, due_ms=due_ms)
