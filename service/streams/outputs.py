"""What an agent writes: acknowledged by Kafka before the input that caused it is.

One idempotent producer for all agents. A record that Kafka does not acknowledge is sent again until it is (the ids in
it are deterministic, so a second copy does no harm) or until the worker stops, in which case the input stays
uncommitted and comes again.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
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

RETRY_PAUSE_S = 0.5


def raise_if_final(error: BaseException, topic: str) -> None:
    """Raise where sending again cannot help: a worker that only seems to work is worse than one that ends.

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


@dataclass(frozen=True, slots=True)
class Output:
    """One record to write; `topic` without the prefix."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = field(default=())


class Outputs:
    """Writes batches of outputs and returns when all of them are acknowledged."""

    def __init__(self, settings: KafkaSettings, *, on_retry: Callable[[int], None] = lambda _: None) -> None:
        self._settings = settings
        self._on_retry = on_retry
        self._producer: AIOKafkaProducer | None = None
        self._log = logs.get(__name__)

    async def start(self) -> None:
        """Connect."""
        self._producer = make_producer(self._settings)
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; what is unacknowledged belongs to uncommitted inputs."""
        if self._producer is not None:
            await self._producer.stop()

    async def write(self, outputs: Sequence[Output]) -> None:
        """Write all and wait for the acknowledgements, however long the broker is away.

        Raises:
            WrongSetup: Kafka refuses one for good.
        """
        assert self._producer is not None, "start() first"
        left = list(outputs)
        while left:
            results = await asyncio.gather(*[self._send(output) for output in left], return_exceptions=True)
            failed = [(output, error) for output, error in zip(left, results, strict=True) if error is not None]
            if not failed:
                return
            for output, error in failed:
                raise_if_final(error, output.topic)
            self._on_retry(len(failed))
            self._log.warning("outputs not acknowledged, sending again", count=len(failed), error=repr(failed[0][1]))
            left = [output for output, _ in failed]
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _send(self, output: Output) -> None:
        assert self._producer is not None
        future = await self._producer.send(
            topic_name(self._settings, output.topic), output.value, output.key, headers=list(output.headers)
        )
        await future
