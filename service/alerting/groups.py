"""The group stage without its IO: alerts and flushes in, decisions and deliveries out, state in a store.

`Groups` holds nothing that the store does not: its index (what is held where, what is due when, what was told how
often) is rebuilt from the store's items after a crash, and then answers as if it had never been gone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from service.alerting.place import Place
from service.alerting.policy import Policy
from service.alerting.silence import Silence
from service.model.notice import Notice
from service.model.records import AlertRecord, FlushRecord, Format, Lang, RuleHead

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

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All entries, in any order."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a step needs to know beside the state. Made once a batch and partition."""

    policy: Callable[[str, RuleHead | None], Policy | None]
    """What applies to a rule of a subscription (None: to the subscription itself); None: there is no such."""
    style: Callable[[str], tuple[Format, Lang]]
    """Format and language of a subscription; KeyError when there is none."""
    silences: Callable[[int], Sequence[Silence]]
    """Those that are active at a time (milliseconds)."""
    payload: Callable[[Notice], str]
    sent_through: int
    """Every output of this partition's offsets up to this one is acknowledged by Kafka; -1: of none."""
    time_to_live_ms: int
    """Where the policy does not say."""


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
    outputs: tuple[Out, ...] = field(default=())


class Groups:
    """The index over the table of the group stage, and its one step."""

    def __init__(self, store: Store) -> None:
        raise NotImplementedError

    def rebuild(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Index these items of a recovered table, in any order; may be called once for each partition."""
        raise NotImplementedError

    def forget(self, partition: int) -> None:
        """The partition went to another worker: nothing of it is due here any more."""
        raise NotImplementedError

    def step(self, record: AlertRecord | FlushRecord, place: Place, context: Context) -> Step:
        """Decide one record of `alerts`."""
        raise NotImplementedError

    def due(self, now_ms: int) -> list[FlushRecord]:
        """What is to be flushed by now; each at most once per REEMIT_MS."""
        raise NotImplementedError

    def next_due_ms(self) -> int | None:
        """When `due` will next have something to say; None: never, as things stand."""
        raise NotImplementedError

    def silence_ends(self, silence: str, ends_ms: int) -> None:
        """A silence was lifted or moved (or read after a rebuild): its holds become due then, not as first planned."""
        raise NotImplementedError

    def expire(self, place: Place, memory_ms: int, limit: int) -> list[bytes]:
        """Forget at most `limit` groups of the place's partition, last touched over `memory_ms` before the place.

        What still holds something is kept. Returns the keys to remove from the changelog.
        """
        raise NotImplementedError


def digest_flush(subscription: str, due_ms: int) -> FlushRecord:
    """The flush of a digest that is due even if it is empty; the timer asks policies (`next_digest_ms`) when."""
    return FlushRecord(flush=f"h/digest/{due_ms}", subscription=subscription, sequence=1, due_ms=due_ms)
