"""The decision on one alert, and the state that makes a crash repeat it instead of taking it anew.

The state of a group is one value: the alerts it has taken, its sequence, the decision, and the outbox (the bytes to
deliver). It is stored before the delivery is produced, with the offset of the alert that caused it. So:

- the same alert at the **same offset** is a replay after a crash: the stored bytes go out again, byte for byte;
- the same alert id at **another offset** is a repeat from upstream: its first record was either committed (so its
  outputs were acknowledged) or stands before this one in the partition and was replayed already. Nothing is sent.

`now_ms` is the Kafka timestamp of the alert's record and never a clock, so a replay computes what was computed before.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import orjson

from service.model import ids
from service.model.records import CONTENT_TYPES, AlertRecord, DecisionRecord, DeliveryRecord, Outcome

_HEAD = struct.Struct(">BHQQ")  # format, partition, offset, taken_ms: read without parsing the rest
_FORMAT = 1

Payload = Callable[[str, str, int, str, tuple[AlertRecord, ...], int], str]
"""(kind, subscription, sequence, reason, alerts, timestamp_ms) -> the body's text."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands, and when it was appended."""

    partition: int
    offset: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Group:
    """State of one group; encodes to one changelog value."""

    place: Place
    alert_ids: tuple[str, ...]
    sequence: int
    decision: bytes
    delivery: bytes | None

    def encode(self) -> bytes:
        """Header, then JSON."""
        head = _HEAD.pack(_FORMAT, self.place.partition, self.place.offset, self.place.now_ms)
        rest = {
            "alerts": self.alert_ids,
            "sequence": self.sequence,
            "decision": self.decision.decode(),
            "delivery": None if self.delivery is None else self.delivery.decode(),
        }
        return head + orjson.dumps(rest)

    @classmethod
    def decode(cls, raw: bytes) -> "Group":
        """The state of `encode`."""
        rest = orjson.loads(raw[_HEAD.size :])
        delivery = rest["delivery"]
        return cls(
            place_of(raw),
            tuple(rest["alerts"]),
            rest["sequence"],
            rest["decision"].encode(),
            None if delivery is None else delivery.encode(),
        )


def place_of(raw: bytes) -> Place:
    """Only the header of an encoded group: cheap enough to ask of every key after a recovery."""
    _, partition, offset, now_ms = _HEAD.unpack_from(raw)
    return Place(partition, offset, now_ms)


class Verdict(StrEnum):
    """What is to be done with an alert."""

    TAKEN = "taken"
    """Store the state, then send."""
    REPLAYED = "replayed"
    """The state is stored; send it again, byte for byte."""
    REPEATED = "repeated"
    """Decided before; nothing is sent."""


def group_key(alert: AlertRecord) -> str:
    """Which group an alert belongs to. For now every alert is a group of its own: one notification per alert."""
    return alert.alert_id


def state_key(subscription: str, group: str) -> bytes:
    """Key in the table. Holds the subscription, and so implies the partition."""
    return f"{subscription}\0{group}".encode()


def decide(
    state: Group | None, alert: AlertRecord, place: Place, *, time_to_live_ms: int, payload: Payload
) -> tuple[Verdict, Group]:
    """The verdict on an alert and the group's state after it."""
    if state is not None and alert.alert_id in state.alert_ids:
        same = (state.place.partition, state.place.offset) == (place.partition, place.offset)
        return (Verdict.REPLAYED if same else Verdict.REPEATED), state
    group = group_key(alert)
    sequence = 1 if state is None else state.sequence + 1
    deadline_ms = alert.published_ms + time_to_live_ms
    if place.now_ms >= deadline_ms:
        decision = _decision(alert, group, "expired", None, "time_to_live", place)
        return Verdict.TAKEN, Group(place, (alert.alert_id,), sequence, decision.encode(), None)
    delivery = _delivery(alert, group, sequence, place.now_ms, deadline_ms, payload)
    decision = _decision(alert, group, "notified", delivery.id, None, place)
    return Verdict.TAKEN, Group(place, (alert.alert_id,), sequence, decision.encode(), delivery.encode())


def _decision(  # noqa: PLR0913 - what a decision is made of
    alert: AlertRecord, group: str, outcome: Outcome, delivery: str | None, reason: str | None, place: Place
) -> DecisionRecord:
    return DecisionRecord(
        alert_id=alert.alert_id,
        subscription=alert.subscription,
        decision=outcome,
        group=group,
        delivery_id=delivery,
        reason=reason,
        decided_ms=place.now_ms,
    )


def _delivery(  # noqa: PLR0913 - what a delivery is made of
    alert: AlertRecord, group: str, sequence: int, now_ms: int, deadline_ms: int, payload: Payload
) -> DeliveryRecord:
    body = payload("alert.matched", alert.subscription, sequence, "first", (alert,), now_ms)
    return DeliveryRecord(
        id=ids.delivery_id(alert.subscription, group, sequence),
        subscription=alert.subscription,
        group=group,
        sequence=sequence,
        type="alert.matched",
        body=body,
        body_sha256=ids.sha256_hex(body.encode()),
        content_type=CONTENT_TYPES.get(alert.format, "application/json"),
        alert_ids=(alert.alert_id,),
        created_ms=now_ms,
        deadline_ms=deadline_ms,
        published_ms=alert.published_ms,
    )
