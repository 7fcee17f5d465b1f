"""The value of a hold that was flushed: what became of its members, whose groups are not rewritten for it."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from service.alerting.group_state import NOWHERE, Summary, head_of, place_of, rest_of
from service.alerting.place import Place

MAX_RANGES = 256
"""Ranges of settled members that a hold remembers."""


@dataclass(slots=True)
class Settled:
    """What one flush did with some of a hold's members: those with low < offset <= through."""

    low: int
    through: int
    flush: int
    """Offset of the flush."""
    flushed_ms: int
    delivery: str
    """Empty: nothing was told."""
    reason: str
    late_ms: int = 0
    """How long after the end of the hold: a worker was away."""


@dataclass(frozen=True, slots=True)
class Flushed:
    """What is to be sent of one flush, until it is known to be sent.

    The decisions are made again out of the members, which are kept as long.
    """

    offset: int
    """Of the flush."""
    before: int
    """The last member that earlier flushes settled."""
    delivery: str
    """The record as JSON; empty: none."""
    moved: tuple[str, ...] = ()
    """Keys of the groups out of which it took what is silenced meanwhile; theirs are the decisions on it."""


@dataclass(slots=True)
class HoldState:
    """A hold that was flushed. Its members' groups are not rewritten then: they look here when next touched."""

    flushes: int = 0
    settled: list[Settled] = field(default_factory=list)
    outbox: list[Flushed] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    place: Place = NOWHERE

    @property
    def through(self) -> int:
        """Every member at or before this offset is settled."""
        return self.settled[-1].through if self.settled else -1

    def fate(self, offset: int) -> Settled | None:
        """What became of the member of an offset; None: it still waits."""
        if offset > self.through:
            return None
        forgotten = Settled(-1, offset, 0, 0, "", "forgotten")
        return next((one for one in self.settled if one.low < offset <= one.through), forgotten)

    def settle(self, one: Settled, sent_through: int) -> None:
        """Add what a flush did; neighbours that told nothing, for the same reason, are one when they are sent."""
        last = self.settled[-1] if self.settled else None
        if last is not None and not one.delivery and not last.delivery and last.reason == one.reason and (
            last.flush <= sent_through
        ):  # fmt: skip
            self.settled[-1] = Settled(last.low, one.through, one.flush, one.flushed_ms, "", one.reason)
        else:
            self.settled.append(one)
        del self.settled[:-MAX_RANGES]

    def sent_at(self, offset: int) -> Flushed | None:
        """What the flush at an offset sends. None: no flush, or long sent."""
        return next((one for one in self.outbox if one.offset == offset), None)

    def encode(self) -> bytes:
        """Header, then JSON."""
        rest = {
            "flushes": self.flushes, "settled": self.settled, "outbox": self.outbox, "summary": self.summary
        }  # fmt: skip
        return head_of(self.place) + orjson.dumps(rest)

    @classmethod
    def decode(cls, raw: bytes) -> "HoldState":
        """The state of `encode`."""
        rest = rest_of(raw)
        return cls(
            rest["flushes"],
            [Settled(**given) for given in rest["settled"]],
            [_flushed(one) for one in rest["outbox"]],
            Summary(**rest["summary"]),
            place_of(raw),
        )


def _flushed(given: dict[str, Any]) -> Flushed:
    return Flushed(given["offset"], given["before"], given["delivery"], tuple(given["moved"]))
