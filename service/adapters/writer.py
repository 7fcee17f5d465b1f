"""What a role writes: acknowledged by Kafka before the input that caused it is.

One idempotent producer a role. A record that Kafka does not acknowledge is sent again until it is (the ids in it are
deterministic, so a second copy does no harm) or until the role stops, in which case the input stays uncommitted and
comes again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from service import logs
from service.adapters.kafka_client import make_producer, topic_name
from service.model.errors import WrongSetup
from service.settings import KafkaSettings

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

RETRY_PAUSES_S = (0.1, 0.5, 1.0, 2.0)
"""Before the second try, the third, ...; the last for all that follow."""


def raise_if_final(error: BaseException, topic: str) -> None:
    """Raise where sending again cannot help: a role that only seems to work is worse than one that ends.

    Raises:
        WrongSetup: Kafka refuses the record, whoever sends it and when.
        BaseException: `error` itself, when it is not Kafka's.
    """
    if isinstance(error, TopicAuthorizationFailedError | ClusterAuthorizationFailedError):
        raise WrongSetup(f"Kafka does not let us write to {topic}; docs/topics.md has the ACLs of each role") from error
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
        raise WrongSetup(
            f"a record is too large for {topic} ({error}); `bongsu topics list` says where its limits are not ours"
        ) from error
    if not isinstance(error, KafkaError):
        raise error


def retry_pause(tries: int) -> float:
    """Seconds to wait after `tries` writes in a row that were not acknowledged (at least one)."""
    return RETRY_PAUSES_S[min(tries, len(RETRY_PAUSES_S)) - 1]


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Output:
    """One record to write; `topic` without the prefix. Without `timestamp_ms` it gets the time of the write."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = field(default=())
    timestamp_ms: int | None = None


class Writer:
    """A producer that does not give up: Kafka may be away for as long as it likes, the offsets wait with us."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        on_retry: Callable[[int], None] = lambda _: None,
        max_batch_bytes: int | None = None,
    ) -> None:
        """Nothing connects before `start`.

        Args:
            settings: where Kafka is.
            on_retry: told how many records are sent again.
            max_batch_bytes: of one partition; None: as the other producers.
        """
        self._settings = settings
        self._on_retry = on_retry
        self._options = {} if max_batch_bytes is None else {"max_batch_size": max_batch_bytes}
        self._producer: AIOKafkaProducer | None = None
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._log = logs.get(__name__)

    async def start(self) -> None:
        """Connect."""
        self._producer = make_producer(self._settings, **self._options)
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; what is unacknowledged belongs to uncommitted inputs."""
        if self._producer is not None:
            await self._producer.stop()

    async def write(self, outputs: Sequence[Output]) -> list[Place | None]:
        """Where the records stand, once all are acknowledged; tries until then, or until cancelled.

        None: it stands there, but Kafka did not say where (an acknowledgement that was lost and asked for again).

        Raises:
            WrongSetup: Kafka refuses one for good.
        """
        places: list[Place | None] = [None] * len(outputs)
        left = list(range(len(outputs)))
        tries = 0
        while left:
            results = await self._sent([outputs[at] for at in left])
            failed: list[tuple[int, BaseException]] = []
            for at, result in zip(left, results, strict=True):
                if isinstance(result, BaseException):
                    raise_if_final(result, outputs[at].topic)
                    failed.append((at, result))
                else:
                    places[at] = result
            if failed:
                tries += 1
                self._on_retry(len(failed))
                self._log.warning("writes not acknowledged, trying again", count=len(failed), error=repr(failed[0][1]))
                await asyncio.sleep(retry_pause(tries))
            left = [at for at, _ in failed]
        return places

    async def write_one(self, output: Output) -> Place | None:
        """As `write`, of one record."""
        (place,) = await self.write([output])
        return place

    async def _sent(self, outputs: Sequence[Output]) -> list[Place | BaseException | None]:
        """What became of each, in order. Topics side by side; a task for each record would cost a third more."""
        by_topic: dict[str, list[int]] = {}
        for at, output in enumerate(outputs):
            by_topic.setdefault(output.topic, []).append(at)
        futures: list[Any] = [None] * len(outputs)
        handing = [self._hand_over(topic, outputs, which, futures) for topic, which in by_topic.items()]
        if len(handing) == 1:
            await handing[0]
        else:
            await asyncio.gather(*handing)
        # shielded: the producer owns them, and cancelling us must not reach into its batches
        results = await asyncio.gather(*map(asyncio.shield, futures), return_exceptions=True)
        return [one if isinstance(one, BaseException) else _place_of(one) for one in results]

    async def _hand_over(self, topic: str, outputs: Sequence[Output], which: list[int], futures: list[Any]) -> None:
        """Give these of the records to the producer, and note what it promises for each."""
        assert self._producer is not None, "start() first"
        name = topic_name(self._settings, topic)
        # One at a time: of thousands that wait for room in a batch aiokafka wakes all each time one is sent.
        async with self._turn[name]:
            for at in which:
                output = outputs[at]
                try:
                    futures[at] = await self._producer.send(
                        name, output.value, output.key, timestamp_ms=output.timestamp_ms, headers=list(output.headers)
                    )
                except Exception as error:  # noqa: BLE001  judged by `write`, with the answers to the others
                    futures[at] = failed_future(error)


def failed_future(error: BaseException) -> "asyncio.Future[Any]":
    """One that has ended with an error."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


def _place_of(there: Any) -> Place | None:
    return Place(there.topic, there.partition, there.offset) if there.offset >= 0 else None
