"""The table of the group stage as its values are read, worked at and written: one value a group, one a flushed hold."""

from typing import Protocol

from service.alerting.context import Context
from service.alerting.group_index import PartitionIndex
from service.alerting.group_output import Step, Verdict, outs
from service.alerting.group_state import GroupState, is_ours, key_of
from service.alerting.group_step import Turn
from service.alerting.hold_state import HoldState
from service.alerting.place import Place


class Store(Protocol):
    """The table. `get` sees what was put before, at once."""

    def get(self, key: bytes) -> bytes | None:
        """The value, None when there is none."""
        ...

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set, or remove with None. `step` calls it for each of its `writes`, `expire` for each key it returns."""
        ...


class GroupTable:
    """Groups and holds over a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def group(self, key: bytes) -> GroupState | None:
        """The group of a key; None: there is none, or one of an older format."""
        raw = self.store.get(key)
        return None if raw is None or not is_ours(raw) else GroupState.decode(raw)

    def hold(self, subscription: str, name: str) -> HoldState | None:
        """A hold that was flushed, by its name; None as that of `group`."""
        raw = self.store.get(key_of(subscription, "h", name))
        return None if raw is None or not is_ours(raw) else HoldState.decode(raw)

    def turn(  # noqa: PLR0913 - what a turn is made of
        self,
        subscription: str,
        kind: str,
        name: str,
        state: GroupState | None,
        place: Place,
        context: Context,
        index: PartitionIndex,
    ) -> Turn:
        """Begin the work of the record at `place` on a group; `state`: as it is read, None where it is new."""
        turn = Turn(
            subscription, kind, name, state or GroupState(), index.summary(subscription), place, context,
            [], lambda hold: self.hold(subscription, hold),
        )  # fmt: skip
        turn.catch_up()
        return turn

    def written(self, turn: Turn, index: PartitionIndex) -> Step:
        """Store what a turn did, and index it."""
        state, key = turn.state, key_of(turn.subscription, turn.kind, turn.name)
        state.place, state.summary = turn.place, turn.summary
        sent = state.sent_at(turn.place.offset)
        if sent is None:
            state.outbox.append((turn.place.offset, turn.outgoing))
        else:  # of a flush that a crash interrupted
            sent.extend(turn.outgoing)
        raw = state.encode()
        self.store.put(key, raw)
        index.wrote(key, turn.place)
        index.note_summary(turn.subscription, key, turn.place.offset, turn.summary)
        index.note_group(key, state)
        return Step(Verdict.TAKEN, ((key, raw),), outs(turn.subscription, turn.outgoing))
