"""What the last owner of a partition had done and not committed: read back from the end of `attempts`.

Without it a SIGKILL would repeat every POST of the last second or so. `attempts` has the key and the partitions of
`deliveries`, so its last records of a partition are about the deliveries of that partition.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from aiokafka import TopicPartition

from service.adapters.kafka_client import make_consumer, topic_name
from service.dispatcher.progress import Progress
from service.model import topics
from service.model.errors import BadInput
from service.model.records import AttemptRecord
from service.settings import KafkaSettings

LOOK_BACK = 10_000
"""Attempts of one partition: more than a dispatcher makes between two commits."""


async def recover(
    settings: KafkaSettings,
    partitions: AbstractSet[int],
    progress: Progress,
    look_back: int = LOOK_BACK,
    remember: Callable[[AttemptRecord], None] = lambda _: None,
) -> int:
    """Tell `progress` and `remember` the last attempts of `partitions`; returns how many.

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
        topic = topic_name(settings, topics.ATTEMPTS)
        tps = [TopicPartition(topic, number) for number in sorted(partitions)]
        consumer.assign(tps)
        starts = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        left = {tp for tp in tps if ends[tp] > starts[tp]}
        for tp in tps:
            consumer.seek(tp, max(starts[tp], ends[tp] - look_back))
        while left:
            for records in (await consumer.getmany(*left, timeout_ms=500)).values():
                for record in records:
                    try:
                        attempt = AttemptRecord.decode(record.value or b"", topic)
                    except BadInput:
                        continue  # whoever reads `attempts` reports it; here it only means one repetition
                    progress.made(attempt)
                    remember(attempt)
                    read += 1
            left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()
    return read
