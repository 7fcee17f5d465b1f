"""One flush of a hold over the table: its members are read, the silenced taken out, the rest settled and told.

What is told of whom, `hold` says. Thousands may wait in one hold, so that it stops for breath.
"""

from collections.abc import Generator, Mapping
from typing import TypeVar

from service.alerting.context import Context
from service.alerting.group_index import Member, MemberId, PartitionIndex
from service.alerting.group_output import Out, Step, Verdict, outs
from service.alerting.group_state import Pending, key_of, parts_of, silence_of
from service.alerting.group_table import GroupTable
from service.alerting.hold import Flush, NotYet, Waiting
from service.alerting.hold_state import HoldState
from service.alerting.place import Place
from service.alerting.silence import Silence
from service.alerting.waits import until_end_of
from service.model import topics
from service.model.records import FlushRecord

_T = TypeVar("_T")
SLICE = 100
"""Members of a hold that are worked at between two breaths: some milliseconds."""


def flush_hold(  # noqa: PLR0913 - what the record says, and where it is read and written
    table: GroupTable,
    record: FlushRecord,
    name: str,
    place: Place,
    context: Context,
    index: PartitionIndex,
    silence_ends: Mapping[str, int],
) -> Generator[None, None, Step]:
    """Flush the hold of a name. Yields at times, as `Groups.work` says.

    `silence_ends`: when silences end, or ended, that were moved; of others the members say so.
    """
    subscription, where = record.subscription, (record.subscription, name)
    state = table.hold(subscription, name)
    sent = None if state is None else state.sent_at(place.offset)
    members = {
        at: member
        for at, member in index.members(where).items()
        if at[0] < place.offset and (sent is not None or state is None or at[0] > state.through)
    }
    pending = yield from _pending(table, name, members)
    waiting = [Waiting(members[at], one) for at, one in pending.items()]
    ends_ms = silence_ends.get(silence_of(name) or "")
    flush = Flush(subscription, name, state or HoldState(), index.summary(subscription), place, context, ends_ms)
    writes: list[tuple[bytes, bytes | None]] = []
    outputs: list[Out] = []
    done: NotYet | bool = True
    moved = index.moved_at(subscription, place.offset) if sent is None else map(str.encode, sent.moved)
    again = tuple(moved)
    for key in again:
        group = table.group(key)
        outputs += outs(subscription, (group and group.sent_at(place.offset)) or ())
    if sent is None:
        hidden = yield from _sliced(flush.hidden(record, waiting))
        taken = yield from _silenced(table, hidden, members, flush, index)
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
        table.store.put(key, raw)
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
    table: GroupTable,
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
        turn = table.turn(*parts, table.group(key), flush.place, flush.context, index)
        turn.hide(flush.name, of_it)
        steps.append(table.written(turn, index))
        if len(steps) % (SLICE // 5) == 0:  # reading and writing a group is the work of five members
            yield
    for hold in {until_end_of(silence, flush.name).hold for silence in hidden.values()}:
        index.in_order((flush.subscription, hold))
    return steps


def _pending(
    table: GroupTable, hold: str, members: Mapping[MemberId, Member]
) -> Generator[None, None, dict[MemberId, Pending]]:
    """What waits in a hold where the index says, in order of the offsets; a group is read once."""
    found: dict[MemberId, Pending] = {}
    for number, (at, member) in enumerate(members.items()):
        if at not in found and (state := table.group(member.key)) is not None:
            found |= {one.at: one for rule in state.rules.values() for one in rule.pending if one.hold == hold}
        if number % SLICE == SLICE - 1:
            yield
    return {at: found[at] for at in members if at in found}


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
