"""Records with a revision on a compacted control topic: subscriptions, silences, tokens.

Two that change one record at the same time must not undo each other's change. Kafka has no compare-and-set, but
one order that all see: a change carries the revision after the one that it was made from, and **every reader ignores a
record whose revision is not higher than the one that stands**. So the first of two wins everywhere.

A record that was removed stands too, as one that says so (`removed_ms`): a change that was made before and comes late
does not bring it back. A null value, which follows a month later, forgets even that. Readers are told of neither.

Compaction keeps the last record of a key, which must therefore be the one that stands: `untidy` are those where it is
not, and `control_writes` mends them (docs/adr/0008-one-truth-many-writers.md).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, Self, TypeVar

from service import logs
from service.adapters.control_topic import ControlTopic, OnFailure, read_each
from service.model.errors import BadInput
from service.settings import KafkaSettings


class Revised(Protocol):
    """A record that is changed in revisions."""

    @property
    def id(self) -> str:
        """Its key."""
        ...

    @property
    def tenant(self) -> str:
        """Whose it is."""
        ...

    @property
    def revision(self) -> int:
        """One higher with each change."""
        ...

    @property
    def updated_ms(self) -> int:
        """When it was changed, milliseconds since the epoch."""
        ...

    def encode(self) -> bytes:
        """Its value."""
        ...

    @classmethod
    def decode(cls, raw: bytes, topic: str) -> Self:
        """From its value."""
        ...


R = TypeVar("R", bound=Revised)


class Kind(Generic[R]):
    """What a topic of such records is about."""

    def __init__(self, model: type[R], topic: str, noun: str, ended_ms: Callable[[R], int | None]) -> None:
        """`noun` is what people call one: `subscription`; `ended_ms` when one was over, None where it is not known."""
        self.model = model
        self.topic = topic
        self.noun = noun
        self.ended_ms = ended_ms

    def removed(self, record: R) -> bool:
        """It stands, as one that is gone."""
        return getattr(record, "removed_ms", None) is not None


class Watch(Generic[R]):
    """Whether a record that is being written came to stand, be it for a moment."""

    def __init__(self, record: R) -> None:
        self.record = record
        self.stood = False


class Standing(Generic[R]):
    """The records that stand, from those of the topic in their order."""

    def __init__(self, kind: Kind[R]) -> None:
        self.kind = kind
        self.known: dict[str, R] = {}
        self.gone: dict[str, R] = {}
        """Those that were removed, and are not forgotten yet."""
        self.untidy: set[str] = set()
        """Keys whose last record is not the one that stands."""
        self.live = False
        """What comes now is new: who follows wants to know of changes that came too late, who reads once does not."""
        self._watches: list[Watch[R]] = []
        self._log = logs.get(__name__)

    def stands(self, key: str) -> R | None:
        """The record of this key, also when it is gone; None: there is none."""
        return self.known.get(key) or self.gone.get(key)

    def take(self, key: str, value: bytes | None) -> None:
        """The next record; one that cannot be read, or came too late, leaves what stands.

        Raises:
            NewerSchema: written by a newer Bongsu.
        """
        if value is None:
            self._forget(key)
            return
        try:
            record = self.kind.model.decode(value, self.kind.topic)
        except BadInput as error:
            # it is not written over: it may be good for a newer Bongsu beside us
            self._log.error(f"{self.kind.noun} cannot be read, the last good one stays", id=key, reason=str(error))
            return
        stands = self.stands(key)
        if stands is None or record.revision > stands.revision:
            self._accept(key, record, stands)
        elif record == stands:
            self.untidy.discard(key)
        else:
            self.untidy.add(key)
            if self.live and not any(watch.record == record for watch in self._watches):
                self._log.warning(
                    "a change that came too late is ignored", of=self.kind.noun, id=key, revision=record.revision,
                    stands=stands.revision,
                )  # fmt: skip
        for watch in self._watches:
            watch.stood |= self.stands(key) == watch.record

    def all(self) -> tuple[R, ...]:
        """In the order of their ids."""
        return tuple(self.known[key] for key in sorted(self.known))

    def ended_before(self, at_ms: int) -> list[str]:
        """Keys of those that were over by then, gone ones too."""
        both = (*self.known.items(), *self.gone.items())
        return [key for key, record in both if (ended := self.kind.ended_ms(record)) is not None and ended < at_ms]

    @contextmanager
    def watching(self, record: R) -> Iterator[Watch[R]]:
        """Know what becomes of `record`, which is about to be written."""
        watch = Watch(record)
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    def _accept(self, key: str, record: R, stands: R | None) -> None:
        if self.live and stands is not None and record.revision > stands.revision + 1:
            # lawful after compaction, which takes those in between; who follows saw none of it: told, not refused
            self._log.info(
                "a revision was left out", of=self.kind.noun, id=key, revision=record.revision, stood=stands.revision
            )
        self._forget(key)
        (self.gone if self.kind.removed(record) else self.known)[key] = record

    def _forget(self, key: str) -> None:
        self.known.pop(key, None)
        self.gone.pop(key, None)
        self.untidy.discard(key)


class RevisionsFollower(Generic[R]):
    """Follows such a topic. A record that cannot be read leaves the last good one of its id in force."""

    def __init__(
        self, settings: KafkaSettings, kind: Kind[R], *, on_failure: OnFailure | None = None, once: bool = False
    ) -> None:
        """`on_failure` as in `ControlTopic`; `once`: whoever asks soon ends, and is told of its own change only."""
        self.standing = Standing(kind)
        self._topic = ControlTopic(
            settings, kind.topic, self.standing.take, on_batch=self._on_batch, on_failure=on_failure
        )
        self._once = once
        self._all: tuple[R, ...] = ()

    @property
    def ready(self) -> bool:
        """Read to the end and following."""
        return self._topic.ready

    def get(self, key: str) -> R | None:
        """The record of this id; None when there is none (any more)."""
        return self.standing.known.get(key)

    def all(self) -> tuple[R, ...]:
        """Every record, in the order of their ids."""
        return self._all

    async def start(self) -> None:
        """Read the topic to its end. Raises as `ControlTopic.start`."""
        self.standing.live = False
        await self._topic.start()
        self.standing.live = not self._once

    async def stop(self) -> None:
        """Stop following; what is known stays."""
        await self._topic.stop()

    async def read_past(self, offset: int, timeout_s: float) -> None:
        """As `ControlTopic.read_past`."""
        await self._topic.read_past(offset, timeout_s)

    async def catch_up(self, timeout_s: float) -> None:
        """As `ControlTopic.catch_up`."""
        await self._topic.catch_up(timeout_s)

    async def _on_batch(self) -> None:
        before, self._all = self._all, self.standing.all()
        self._changed(before)

    def _changed(self, before: tuple[R, ...]) -> None:
        """A batch of records was taken; `before` are those that stood until then."""


async def read_standing(settings: KafkaSettings, kind: Kind[R]) -> Standing[R]:
    """All that stands on the topic now. Raises as `read_each`, and NewerSchema."""
    standing = Standing(kind)
    await read_each(settings, kind.topic, standing.take)
    return standing
