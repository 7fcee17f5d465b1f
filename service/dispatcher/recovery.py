"""What the last owner of a partition had done and not committed: read back from the end of `attempts`.

Without it a SIGKILL would repeat every POST of the last second or so. `attempts` has the key and the partitions of
`deliveries`, so its last records of a partition are about the deliveries of that partition. So has `endpoints`,
which is compacted: what stands there of an endpoint that fails is known however busy its neighbours were since.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from collections.abc import Set as AbstractSet

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from service.adapters.kafka_client import make_consumer, topic_name
from service.dispatcher.progress import Progress
from service.model import topics
from service.model.errors import BadInput
from service.model.records import AttemptRecord, EndpointRecord
from service.settings import KafkaSettings

LOOK_BACK = 10_000
"""Attempts of one partition: more than a dispatcher makes between two commits."""


async def recover(  # noqa: PLR0913 - the parts that want to know
    settings: KafkaSettings,
    partitions: AbstractSet[int],
    progress: Progress,
    look_back: int = LOOK_BACK,
    remember: Callable[[AttemptRecord], None] = lambda _: None,
    restore: Callable[[EndpointRecord], None] = lambda _: None,
) -> int:
    """Tell `restore` what was kept of endpoints, then `progress` and `remember` the last attempts of `partitions`.

    Returns how many attempts there were.

    Raises:
        KafkaError: they cannot be read.
        NewerSchema: written by a newer dispatcher.
    """
    if not partitions:
        return 0
    consumer = make_consumer(settings, group=None)
    await consumer.start()
    read = 0
    try:
        topic = topic_name(settings, topics.ENDPOINTS)
        kept: dict[bytes, bytes | None] = {}
        async for record in _last(consumer, topic, partitions, None):
            kept[record.key or b""] = record.value
        for value in kept.values():
            if value is not None:
                with contextlib.suppress(BadInput):  # it only means that its failures are counted from now
                    restore(EndpointRecord.decode(value, topic))
        topic = topic_name(settings, topics.ATTEMPTS)
        async for record in _last(consumer, topic, partitions, look_back):
            try:
                attempt = AttemptRecord.decode(record.value or b"", topic)
            except BadInput:
                continue  # whoever reads `attempts` reports it; here it only means one repetition
            progress.made(attempt)
            remember(attempt)
            read += 1
    finally:
        await consumer.stop()
    return read


async def _last(
    consumer: AIOKafkaConsumer, topic: str, partitions: AbstractSet[int], look_back: int | None
) -> AsyncIterator[ConsumerRecord]:
    """The last `look_back` records of each partition, up to its end as it is now; None: all."""
    tps = [TopicPartition(topic, number) for number in sorted(partitions)]
    consumer.assign(tps)
    starts = await consumer.beginning_offsets(tps)
    ends = await consumer.end_offsets(tps)
    left = {tp for tp in tps if ends[tp] > starts[tp]}
    for tp in tps:
        consumer.seek(tp, starts[tp] if look_back is None else max(starts[tp], ends[tp] - look_back))
    while left:
        for records in (await consumer.getmany(*left, timeout_ms=500)).values():
            for record in records:
                yield record
        left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
