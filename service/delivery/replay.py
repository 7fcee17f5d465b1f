"""Which deliveries are sent again, and as what: the same id and the same bytes, never a second content.

A replay is a new record of an old delivery, with a new deadline and `reason` replay. It adds attempts to its id and
takes nothing back: an id that ended stays ended, and one that was delivered at any time counts as delivered.
Which replay an attempt belongs to is told by its deadline: the records are written by one machine, the attempts by
another, and two clocks say nothing about which was first.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from service.delivery.summary import TEST
from service.model.ids import sha256_hex
from service.model.records import AttemptRecord, DeliveryRecord


class LeftOut(StrEnum):
    """Why a delivery is not sent again."""

    PENDING = "pending"
    """It is still being tried by itself, or a replay of it is under way."""
    NO_SUBSCRIPTION = "no_subscription"
    NOT_KEPT = "not_kept"
    """Its bytes are older than what `deliveries` keeps."""
    TWO_CONTENTS = "two_contents"
    """Its bytes are not those that were sent under its id; sending either would make it worse."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked to be sent again. Milliseconds since the epoch, `until_ms` excluded."""

    delivery: str | None = None
    subscription: str | None = None
    since_ms: int = 0
    until_ms: int | None = None
    failed: bool = False
    """Only what ended otherwise than delivered; then the times are those of its end."""

    def covers(self, at_ms: int) -> bool:
        """Whether a time lies in the range."""
        return self.since_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is sent again, oldest first, and how many are not, by reason."""

    records: tuple[DeliveryRecord, ...]
    left_out: Counter[LeftOut]


@dataclass(slots=True)
class _Past:
    record: DeliveryRecord | None = None
    """The newest."""
    lives_ms: int | None = None
    """How long it had when it was new; a replay lives from the time that it was asked for."""
    bodies: set[str] = field(default_factory=set)
    last: AttemptRecord | None = None
    end: AttemptRecord | None = None
    delivered: bool = False
    ended_replays: set[int | None] = field(default_factory=set)
    """Their deadlines; None is of an attempt from before these were written down."""


class History:
    """What happened to deliveries, folded from `attempts` first and `deliveries` then."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._past: dict[str, _Past] = {}
        self.held = 0
        """Deliveries whose bytes are held: of those that were asked for."""

    def attempt(self, record: AttemptRecord) -> None:
        """One attempt; those of an id in their order."""
        if not self._names(record.delivery_id, record.subscription):
            return
        if record.reason == "test" and self._wanted.delivery is None:
            return
        past = self._past.setdefault(record.delivery_id, _Past())
        past.bodies.add(record.body_sha256)
        past.last = record
        if record.terminal:
            past.end = record
            past.delivered |= record.outcome == "delivered"
            if record.reason == "replay":
                past.ended_replays.add(record.deadline_ms)

    def delivery(self, record: DeliveryRecord) -> None:
        """One record of `deliveries`; those of an id in their order."""
        if not self._names(record.id, record.subscription):
            return
        if record.type == TEST and self._wanted.delivery is None:  # only who names it wants a test again
            self._past.pop(record.id, None)
            return
        if not self._failed(self._past.get(record.id)) if self._wanted.failed else not self._in_range(record):
            return
        past = self._past.setdefault(record.id, _Past())
        past.bodies |= {record.body_sha256, sha256_hex(record.body.encode("utf-8", "surrogatepass"))}
        self.held += past.record is None
        past.record = record
        if record.reason == "live" or (record.type == TEST and past.lives_ms is None):
            past.lives_ms = max(record.deadline_ms - record.created_ms, 1)

    def choose(self, subscriptions: Collection[str], now_ms: int, lives_ms: int) -> Choice:
        """The records to write.

        Args:
            subscriptions: those that exist.
            now_ms: the clock of whoever asks.
            lives_ms: for what is kept as a replay only: nobody knows any more how long it had.
        """
        chosen: list[DeliveryRecord] = []
        left_out: Counter[LeftOut] = Counter()
        for past in self._past.values():
            if not self._asked_for(past):
                continue
            why = _why_not(past, subscriptions, now_ms)
            if why is not None:
                left_out[why] += 1
            elif past.record is not None:
                chosen.append(again(past.record, now_ms, past.lives_ms or lives_ms))
        return Choice(tuple(sorted(chosen, key=lambda record: (record.created_ms, record.id))), left_out)

    def _names(self, delivery: str, subscription: str) -> bool:
        wanted = self._wanted
        return wanted.delivery in (None, delivery) and wanted.subscription in (None, subscription)

    def _failed(self, past: _Past | None) -> bool:
        if past is None or past.end is None or past.delivered:
            return False
        return self._wanted.covers(past.end.started_ms + round(past.end.duration_ms))

    def _asked_for(self, past: _Past) -> bool:
        if self._wanted.failed:
            return self._failed(past)
        return past.record is not None and self._in_range(past.record)

    def _in_range(self, record: DeliveryRecord) -> bool:
        return self._wanted.covers(record.created_ms)


def _why_not(past: _Past, subscriptions: Collection[str], now_ms: int) -> LeftOut | None:
    if past.record is None:
        return LeftOut.NOT_KEPT
    if past.record.subscription not in subscriptions:
        return LeftOut.NO_SUBSCRIPTION
    if len(past.bodies) > 1:
        return LeftOut.TWO_CONTENTS
    if past.last is None or not past.last.terminal or _replay_under_way(past, past.record, now_ms):
        return LeftOut.PENDING
    return None


def _replay_under_way(past: _Past, newest: DeliveryRecord, now_ms: int) -> bool:
    if newest.reason != "replay" or past.ended_replays & {newest.deadline_ms, None}:
        return False
    return now_ms < newest.deadline_ms  # both are times of those who ask for replays; after it nothing is sent


def again(record: DeliveryRecord, now_ms: int, lives_ms: int) -> DeliveryRecord:
    """The record that sends it once more, for `lives_ms` from now, its attempts counted from one.

    A test stays one: it is tried once, and no failure of it is charged to its endpoint.
    """
    return record.model_copy(
        update={
            "attempts_made": 0,
            "due_ms": 0,
            "deadline_ms": now_ms + lives_ms,
            "reason": "test" if record.type == TEST else "replay",
        }
    )
