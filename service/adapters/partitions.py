"""Where a key goes: every Kafka client puts equal keys into one partition, by the same hash."""

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a record of this key, on a topic of so many."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
