"""Records with a revision on a compacted control topic: subscriptions, silences.

Two that change one record at the same time must not undo each other's change. Kafka has no compare-and-set, but
one order that all see: a change carries the revision after the one that it was made from, and **every reader ignores a
record whose revision is not higher than the one that stands**. So the first of two wins everywhere. Who writes reads
its own record back, and says so when it lost; it then writes the winner's again, which changes nothing and is what
compaction keeps. A null value removes.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, Self, TypeVar

from service import logs
from service.adapters.control_topic import ControlTopic, OnFailure, put, read_each
from service.adapters.kafka_client import make_producer, started, topic_name
from service.model.errors import BadInput, ChangedMeanwhile
from service.settings import KafkaSettings


class Revised(Protocol):
    """A record that is changed in revisions."""

    @property
    def id(self) -> str:
        """Its key."""
        ...

    @property
    def revision(self) -> int:
        """One higher with each change."""
        ...

    def encode(self) -> bytes:
        """Its value."""
        ...

    @classmethod
    def decode(cls, raw: bytes, topic: str) -> Self:
        """From its value."""
        ...


R = TypeVar("R", bound=Revised)


class Standing(Generic[R]):
    """The records that stand, from those of the topic in their order."""

    def __init__(self, model: type[R], topic: str, noun: str) -> None:
        """`noun` is what people call one: `subscription`."""
        self.known: dict[str, R] = {}
        self.topic = topic
        self.noun = noun
        self.live = False
        """What comes now is new: who follows wants to know of changes that came too late, who reads once does not."""
        self._model = model
        self._log = logs.get(__name__)

    def take(self, key: str, value: bytes | None) -> None:
        """The next record; one that cannot be read, or came too late, leaves what stands.

        Raises:
            NewerSchema: written by a newer Bongsu.
        """
        if value is None:
            self.known.pop(key, None)
            return
        try:
            record = self._model.decode(value, self.topic)
        except BadInput as error:
            self._log.error(f"{self.noun} cannot be read, the last good one stays", id=key, reason=str(error))
            return
        stands = self.known.get(key)
        if stands is None or record.revision > stands.revision:  # compaction may have taken those in between
            self.known[key] = record
        elif self.live and record != stands:
            self._log.warning(
                "a change that came too late is ignored", of=self.noun, id=key, revision=record.revision,
                stands=stands.revision,
            )  # fmt: skip

    def all(self) -> tuple[R, ...]:
        """In the order of their ids."""
        return tuple(self.known[key] for key in sorted(self.known))


class RevisionsFollower(Generic[R]):
    """Follows such a topic. A record that cannot be read leaves the last good one of its id in force."""

    def __init__(self, settings: KafkaSettings, standing: Standing[R], *, on_failure: OnFailure | None) -> None:
        """`standing` is an empty one; `on_failure` as in `ControlTopic`."""
        self._topic = ControlTopic(
            settings, standing.topic, standing.take, on_batch=self._on_batch, on_failure=on_failure
        )
        self._standing = standing
        self._all: tuple[R, ...] = ()

    @property
    def ready(self) -> bool:
        """Read to the end and following."""
        return self._topic.ready

    def get(self, key: str) -> R | None:
        """The record of this id; None when there is none (any more)."""
        return self._standing.known.get(key)

    def all(self) -> tuple[R, ...]:
        """Every record, in the order of their ids."""
        return self._all

    async def start(self) -> None:
        """Read the topic to its end. Raises as `ControlTopic.start`."""
        self._standing.live = False
        await self._topic.start()
        self._standing.live = True

    async def stop(self) -> None:
        """Stop following; what is known stays."""
        await self._topic.stop()

    async def _on_batch(self) -> None:
        before, self._all = self._all, self._standing.all()
        self._changed(before)

    def _changed(self, before: tuple[R, ...]) -> None:
        """A batch of records was taken; `before` are those that stood until then."""
        raise NotImplementedError


async def read_standing(settings: KafkaSettings, standing: Standing[R]) -> Standing[R]:
    """`standing` with all that the topic holds now. Raises as `read_each`, and NewerSchema."""
    await read_each(settings, standing.topic, standing.take)
    return standing


async def publish_revision(settings: KafkaSettings, written: R, standing: Standing[R]) -> None:
    """Create or replace a record; it stands when this returns. `standing` is an empty one.

    Raises:
        ChangedMeanwhile: somebody else changed it since the revision that `written` was made from; that stands.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    topic = topic_name(settings, standing.topic)
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic, [(written.id, written.encode())])
        stood = False

        def take(key: str, value: bytes | None) -> None:
            nonlocal stood
            standing.take(key, value)
            stood = stood or (key == written.id and standing.known.get(key) == written)

        await read_each(settings, standing.topic, take)
        if stood:  # the next change may have been made from it already
            return
        stands = standing.known.get(written.id)
        if stands is not None:
            await put(producer, topic, [(written.id, stands.encode())])
    raise ChangedMeanwhile(
        f"the {standing.noun} {written.id} was {'removed' if stands is None else 'changed'} by somebody else at the "
        f"same time{'' if stands is None else f' (revision {stands.revision} stands)'}; nothing of this change was "
        "kept. Look at it, and try again."
    )


async def remove_keys(settings: KafkaSettings, topic: str, keys: Sequence[str]) -> None:
    """Remove records; nothing happens where there is none of a key. Raises as `publish_revision`."""
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic_name(settings, topic), [(key, None) for key in keys])
