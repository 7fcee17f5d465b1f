"""What a step of the group stage gives: what it did, what is stored of it, and the records that go out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.alerting.group_state import TOPICS, Outgoing


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


def outs(subscription: str, outgoing: Sequence[Outgoing]) -> tuple[Out, ...]:
    """What a group keeps of what is to be sent, as records."""
    key = subscription.encode()
    return tuple(Out(TOPICS[topic], key, value.encode()) for topic, value in outgoing)
