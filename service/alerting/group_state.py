"""What the table of the group stage holds: one value a group, one a flushed hold (`hold_state`), each written at once.

A group is the alerts of one story for one subscription (or, where every article is told, of one article). Its value
also is its outbox: the bytes that were decided to be sent, kept with the offset that caused them until Kafka is known
to have them. The subscription's summary (throttles, the hour's count) rides along in whatever value is written: the
one with the highest offset is current, so a step needs no second write that a crash could part from the first.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.alerting.place import Place
from service.model import topics
from service.model.records import AlertRecord

_HEAD = struct.Struct(">BHQQB")  # format, partition, offset, written_ms, flags: read without parsing the rest
_FORMAT = 3
_PENDING = 1
TAKEN_IDS = 256
"""Alert ids that a group remembers; upstream repeats come far sooner than after so many others of one story."""
MAX_HEIRS = 4
"""Copies that are kept whole beside what waits in a hold."""
_ID = 16
NOWHERE = Place(0, -1, 0)
TOPICS = (topics.DECISIONS, topics.DELIVERIES)


@dataclass(slots=True)
class Summary:
    """What was told to a subscription lately, over all its groups. Bounded by its rules: what is over is dropped."""

    hour: int = 0
    """The clock hour that `told` counts: hours since the epoch."""
    told: int = 0
    throttles: dict[str, int] = field(default_factory=dict)
    """Rule id, or `*`, to when its throttle ends (ms)."""
    digest_ms: int = 0
    """When the last digest was made."""

    def count(self, now_ms: int) -> int:
        """Notifications of the clock hour so far."""
        return self.told if now_ms // 3_600_000 <= self.hour else 0

    def notified(self, now_ms: int, throttles: dict[str, int]) -> None:
        """One more was told; `throttles` begin with it."""
        hour = now_ms // 3_600_000
        self.told = 1 + (self.told if hour <= self.hour else 0)
        self.hour = max(hour, self.hour)
        self.throttles = {name: ends for name, ends in (self.throttles | throttles).items() if ends > now_ms}


@dataclass(slots=True)
class Told:
    """What a rule last said of a story: what a later article is compared with."""

    delivery: str
    alert_id: str
    article: str
    title: str
    sentences: str
    """Hash of the sentences that were shown."""
    sources: int
    tier: int
    told_ms: int


@dataclass(slots=True)
class Pending:
    """An alert that waits to be told, in its own group (`hold` is empty) or in a hold of its subscription."""

    alert: str
    """The record, as JSON."""
    alert_id: str
    article: str
    offset: int
    """Of the record that put it where it waits: its place among the members of the hold."""
    hold: str
    since_ms: int
    until_ms: int
    deadline_ms: int
    """Of no use from then on: its time to live after the planned end of its wait."""
    reason: str
    """Why it is to be told."""
    tier: int
    copies: int
    sources: int
    """Of the story, as last heard."""
    attached: list[str] = field(default_factory=list)
    """Copies that travel along, as JSON without their mentions; while it waits in its own group only."""
    flushed: int = -1
    """Offset of the flush that settled it; kept until that flush is known to be sent, for a replay asks again."""
    came: int = -1
    """Offset of the record that brought it: tells apart those that a silence took out of a hold in one flush."""
    heirs: dict[str, str] = field(default_factory=dict)
    """Copies by article, as JSON: one of them is told if the article is taken down. Of the first few only."""

    def inherits(self, copies: Iterable[tuple[str, str]]) -> None:
        """Remember copies (article, JSON) that may take its place."""
        for article, raw in copies:
            if article != self.article and (article in self.heirs or len(self.heirs) < MAX_HEIRS):
                self.heirs[article] = raw

    @property
    def at(self) -> tuple[int, int]:
        """Its place among the members of its hold."""
        return self.offset, self.came

    @property
    def is_silenced(self) -> bool:
        """Whether it waits for the end of a silence."""
        return silence_of(self.hold) is not None

    @property
    def time_to_live_ms(self) -> int:
        """How long it is of use when its wait is over."""
        return self.deadline_ms - self.until_ms

    def is_too_late(self, late_ms: int) -> bool:
        """Whether it is of no use any more in a flush so long after the end of its hold."""
        return late_ms >= self.time_to_live_ms

    def replace_alert(self, alert: AlertRecord, tier: int) -> None:
        """Let another article of the story, of a source of `tier`, wait in its place."""
        self.alert, self.alert_id, self.article = alert.encode().decode(), alert.alert_id, alert.article.id
        self.tier = tier

    def record(self) -> AlertRecord:
        """The alert, with its story as last heard."""
        alert = AlertRecord.model_validate_json(self.alert)
        story = alert.story.model_copy(update={"copies": self.copies, "sources": self.sources})
        return alert.model_copy(update={"story": story})


@dataclass(slots=True)
class RuleState:
    """One rule of a group."""

    sequence: int = 0
    """Notifications made."""
    flushes: int = 0
    """Flushes of the group's own waits done."""
    mutes: tuple[str, ...] = ()
    """Broader rules, as its alerts said."""
    news_ms: int = 0
    """`published_ms` of the last article of it that was told or waits to be."""
    told: Told | None = None
    pending: list[Pending] = field(default_factory=list)

    def waiting(self) -> list[Pending]:
        """Those that no flush has settled."""
        return [one for one in self.pending if one.flushed < 0]


Outgoing = tuple[int, str]
"""Index into TOPICS, and the record's value."""


@dataclass(slots=True)
class GroupState:
    """A group: what its rules told, what waits, and what was sent at which offset."""

    rules: dict[str, RuleState] = field(default_factory=dict)
    taken: str = ""
    outbox: list[tuple[int, list[Outgoing]]] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    place: Place = NOWHERE
    """Of the record that wrote it last."""

    def knows(self, alert_id: str, place: Place) -> bool:
        """Whether the alert was decided before.

        Where ids fell out of memory they are known by their place: what stands before the last record of this group
        in the same partition, in offset and in time, has had its turn.
        """
        last = self.place
        before = place.partition == last.partition and place.offset <= last.offset and place.now_ms <= last.now_ms
        return self._has(alert_id) or (before and len(self.taken) >= self._room())

    def _has(self, alert_id: str) -> bool:
        short = _short(alert_id)
        at = self.taken.find(short)
        while at >= 0 and at % _ID:
            at = self.taken.find(short, at + 1)
        return at >= 0

    def take(self, alert_id: str) -> None:
        """Remember that it was decided."""
        self.taken = (self.taken + _short(alert_id))[-self._room() :]

    def _room(self) -> int:
        """Characters of `taken`; each rule has some, or a hundred rules on one article would push each other out."""
        return _ID * max(TAKEN_IDS, 4 * len(self.rules))

    def sent_at(self, offset: int) -> list[Outgoing] | None:
        """What the record at an offset caused; None when it is not kept any more, or was another group's."""
        return next((outgoing for at, outgoing in self.outbox if at == offset), None)

    def encode(self) -> bytes:
        """Header, then JSON."""
        flags = _PENDING if any(rule.pending for rule in self.rules.values()) else 0
        rest = {"rules": self.rules, "taken": self.taken, "outbox": self.outbox, "summary": self.summary}
        return head_of(self.place, flags) + orjson.dumps(rest)

    @classmethod
    def decode(cls, raw: bytes) -> "GroupState":
        """The state of `encode`."""
        rest = rest_of(raw)
        return cls(
            {name: _rule(given) for name, given in rest["rules"].items()},
            rest["taken"],
            [(offset, [(topic, value) for topic, value in outgoing]) for offset, outgoing in rest["outbox"]],
            Summary(**rest["summary"]),
            place_of(raw),
        )


def key_of(subscription: str, kind: str, name: str) -> bytes:
    """Key in the table: `s` a story, `a` an article, `h` a hold. Holds the subscription, so implies the partition."""
    return f"{subscription}\0{kind}\0{name}".encode()


def parts_of(key: bytes) -> tuple[str, str, str] | None:
    """Subscription, kind and name; None for a key that is none of ours."""
    parts = key.decode("utf-8", "replace").split("\0", 2)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 and parts[1] in {"s", "a", "h"} else None


def silence_of(hold: str) -> str | None:
    """The silence whose end a hold waits for; None: it is another hold."""
    kind, _, rest = hold.partition("/")
    return rest.partition("/")[0] if kind == "silence" else None


def frequency_of(hold: str) -> str:
    """The part of a hold's name with the numbers of mode `frequency`, also while a silence hides it; else empty."""
    name = hold.split("/", 2)[-1] if silence_of(hold) is not None else hold
    return name if name.startswith("frequency/") else ""


def is_ours(raw: bytes) -> bool:
    """Whether a value is of this format: a table may hold those of an older version until they expire."""
    return raw[:1] == bytes((_FORMAT,))


def place_of(raw: bytes) -> Place:
    """Only the header of an encoded value: cheap enough to ask of every key after a recovery."""
    _, partition, offset, written_ms, _ = _HEAD.unpack_from(raw)
    return Place(partition, offset, written_ms)


def rest_of(raw: bytes) -> Any:
    """What stands behind the header."""
    return orjson.loads(raw[_HEAD.size :])


def has_pending(raw: bytes) -> bool:
    """Whether anything of a group waits; of its header only."""
    return bool(_HEAD.unpack_from(raw)[4] & _PENDING)


def head_of(place: Place, flags: int = 0) -> bytes:
    """The header: what is asked of a value without reading the rest."""
    return _HEAD.pack(_FORMAT, place.partition, place.offset, place.now_ms, flags)


def _short(alert_id: str) -> str:
    return hashlib.blake2b(alert_id.encode(), digest_size=_ID // 2).hexdigest()


def _rule(given: dict[str, Any]) -> RuleState:
    return RuleState(
        given["sequence"],
        given["flushes"],
        tuple(given["mutes"]),
        given["news_ms"],
        None if given["told"] is None else Told(**given["told"]),
        [Pending(**one) for one in given["pending"]],
    )
