"""The group stage without its IO: alerts and flushes in, decisions and deliveries out, state in a store.

`Groups` holds nothing that the store does not: its index (what is held where, what is due when, what was told how
often) is rebuilt from the store's items after a crash, and then answers as if it had never been gone.

Values are read and written by `group_table`; one alert is decided by `group_step`, a hold flushed by `hold_flush`.
"""

from collections.abc import Generator, Iterable

from service.alerting.context import Context
from service.alerting.group_index import PartitionIndex
from service.alerting.group_output import Out, Step, Verdict, outs
from service.alerting.group_state import GroupState, has_pending, is_ours, key_of, parts_of, place_of
from service.alerting.group_table import GroupTable, Store
from service.alerting.hold_flush import flush_hold
from service.alerting.hold_state import HoldState
from service.alerting.modes import MODES
from service.alerting.place import Place
from service.model.records import AlertRecord, FlushRecord

__all__ = ["REEMIT_MS", "Context", "Groups", "Out", "Step", "Store", "Verdict", "digest_flush"]

REEMIT_MS = 30_000
"""A flush that was asked for and has not come back is asked for again after this long."""


class Groups:
    """The index over the table of the group stage, and its one step."""

    def __init__(self, store: Store) -> None:
        self._table = GroupTable(store)
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
            raw_or_none = self._table.store.get(key)
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
            return (yield from flush_hold(self._table, record, name, place, context, index, self._silence_ends))
        story, _, rule = name.partition("/")  # the rule's id may hold one, a story's does not
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
            self._table.store.put(key, None)
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
            state = self._table.group(key_of(alert.subscription, kind, name))
            if state is None:
                continue
            states[kind] = state
            if state.knows(alert.alert_id, place):
                sent = state.sent_at(place.offset)
                if sent is not None:
                    return Step(Verdict.REPLAYED, (), outs(alert.subscription, sent))
                return Step(Verdict.REPEATED)
        policy = context.policy(alert.subscription, alert.rule)
        kind = "s" if policy is None or MODES[policy.mode].scope == "story" else "a"
        turn = self._table.turn(alert.subscription, kind, names[kind], states.get(kind), place, context, index)
        turn.beside = states.get("s" if kind == "a" else "a")
        turn.alert(alert, policy)
        return self._table.written(turn, index)

    def _own_flush(  # noqa: PLR0913 - what the record says
        self, record: FlushRecord, story: str, rule: str, place: Place, context: Context, index: PartitionIndex
    ) -> Step:
        state = self._table.group(key_of(record.subscription, "s", story))
        if state is None:
            index.dues.drop(record.subscription, record.flush)
            return Step(Verdict.IDLE)
        if place.partition == state.place.partition and (sent := state.sent_at(place.offset)) is not None:
            return Step(Verdict.REPLAYED, (), outs(record.subscription, sent))
        turn = self._table.turn(record.subscription, "s", story, state, place, context, index)
        if not turn.flush(rule, record.sequence, record.due_ms):
            return Step(Verdict.IDLE)
        return self._table.written(turn, index)

    def _index(self, partition: int) -> PartitionIndex:
        index = self._partitions.get(partition)
        if index is None:
            index = self._partitions[partition] = PartitionIndex(self._table.hold, self._silence_ends)
        return index

    def _is_needed(self, key: bytes, index: PartitionIndex, now_ms: int) -> bool:
        """Whether something waits in a group, or a throttle still counts by what stands in it."""
        if index.carries(key, now_ms):
            return True
        parts = parts_of(key)
        state = self._table.group(key) if parts is not None and parts[1] != "h" else None
        if parts is None or state is None:
            return False
        for rule in state.rules.values():
            for one in rule.waiting():
                held = self._table.hold(parts[0], one.hold) if one.hold else None
                if held is None or held.fate(one.offset) is None:
                    return True
        return False


def digest_flush(subscription: str, due_ms: int) -> FlushRecord:
    """The flush of a digest that is due even if it is empty; the timer asks policies (`next_digest_ms`) when."""
    return FlushRecord(flush=f"h/digest/{due_ms}", subscription=subscription, sequence=1, due_ms=due_ms)
