"""How old the oldest record is that a consumer group has not acknowledged: the record itself is looked at.

Only where something waits, and only when it is another than at the last look: a stalled input costs one fetch.
"""

import asyncio
import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from service.adapters.kafka_client import as_ours, make_consumer
from service.settings import KafkaSettings

POLL_MS = 200
GIVE_UP_S = 2.0
"""What has not come by then is asked for again in the next round."""
FETCH_BYTES = 64 * 1024
"""A larger record comes whole all the same."""


class OldestWaiting:
    """Remembers when the first record that is not acknowledged was written, by partition."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._consumer: AIOKafkaConsumer | None = None
        self._known: dict[TopicPartition, tuple[int, int]] = {}
        """The offset that was looked at, and its timestamp in milliseconds."""

    async def start(self) -> None:
        """Connect.

        Raises:
            Unavailable: Kafka does not answer.
            WrongSetup: it refuses us.
        """
        self._consumer = make_consumer(
            self._settings, group=None, max_partition_fetch_bytes=FETCH_BYTES, max_poll_records=500
        )
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise as_ours(self._settings, error) from error

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def since(self, heads: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """When the record at each of these offsets was written, milliseconds; those that did not come are left out.

        Raises:
            KafkaError: Kafka does not answer.
        """
        self._known = {part: known for part, known in self._known.items() if heads.get(part) == known[0]}
        await self._look({part: offset for part, offset in heads.items() if part not in self._known})
        return {part: written_ms for part, (_, written_ms) in self._known.items()}

    async def _look(self, wanted: dict[TopicPartition, int]) -> None:
        if not wanted:
            return
        consumer = self._consumer
        assert consumer is not None, "start() first"
        consumer.assign(list(wanted))
        for part, offset in wanted.items():
            consumer.seek(part, offset)
        give_up_s = time.monotonic() + GIVE_UP_S
        left = set(wanted)
        while left and time.monotonic() < give_up_s:
            for part, messages in (await consumer.getmany(*left, timeout_ms=POLL_MS)).items():
                self._known[part] = (wanted[part], messages[0].timestamp)
                left.discard(part)
                consumer.pause(part)
            await asyncio.sleep(0)
