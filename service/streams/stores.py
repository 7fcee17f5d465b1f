"""Where the worker's tables are kept: Faust's stores, with what a batch needs that Faust's do not offer.

Faust writes a table inside the handling of one event, which it finds in a context variable: our agents handle batches
and have no such event. So the partition is named here, and a batch is written at once: its values and the offset of
the changelog up to which they stand there, together. A local table is therefore never ahead of its changelog, and what
its offset says is there is there (docs/adr/0007-tables-on-disk.md).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import rocksdict
from faust.stores import STORES, memory, rocksdb
from faust.types import TP

from service import logs
from service.model.errors import Unavailable

Change = tuple[bytes, bytes | None]
"""Key and value; None removes."""
DISK = "bongsu-disk"
MEMORY = "bongsu-memory"
MB = 1_048_576
DISK_OPTIONS: Mapping[str, Any] = {
    "driver": "rocksdict",
    "write_buffer_size": 16 * MB,
    "max_write_buffer_number": 2,
    "target_file_size_base": 32 * MB,
    "block_cache_size": 16 * MB,
    "bloom_filter_size": 10,
    "max_open_files": 256,
}
"""Of each partition of each table. Faust's own would let each take 2 GB of cache and three buffers of 64 MB."""


class PartitionStore(Protocol):
    """What the stages ask of a table's store."""

    def read(self, partition: int, key: bytes) -> bytes | None:
        """The value that is stored; None when there is none."""
        ...

    def scan(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """All entries of a partition."""
        ...

    def applied(self, partition: int) -> int | None:
        """The offset of the last `write` that knew one, or of what a recovery has read."""
        ...

    def write(self, partition: int, changes: Iterable[Change], offset: int | None) -> None:
        """Store a batch, all or nothing. `offset`: up to where the changelog has it (None: not known)."""
        ...


class DiskStore(rocksdb.Store):
    """RocksDB through rocksdict, one database for each partition."""

    def read(self, partition: int, key: bytes) -> bytes | None:
        """As `PartitionStore`."""
        return cast("bytes | None", self._db_for_partition(partition).get(key))

    def scan(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """As `PartitionStore`."""
        for key, value in self._db_for_partition(partition).items():
            if key != self.offset_key:
                yield key, value

    def applied(self, partition: int) -> int | None:
        """As `PartitionStore`."""
        offset = self._db_for_partition(partition).get(self.offset_key)
        return None if offset is None else int(offset)

    def write(self, partition: int, changes: Iterable[Change], offset: int | None) -> None:
        """As `PartitionStore`."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if offset is not None:
            batch.put(self.offset_key, b"%d" % offset)
        db = self._db_for_partition(partition)
        with _told_as_ours(self.path):
            db.write(batch)

    def _open_for_partition(self, partition: int) -> Any:
        with _told_as_ours(self.path):
            return super()._open_for_partition(partition)

    def revoke_partitions(self, table: Any, tps: Iterable[TP]) -> None:
        """Close what is no longer ours; Faust's waits for the collector instead, which looks at all that lives."""
        names = table.changelog_topic.topics
        for tp in tps:
            if tp.topic in names and (db := self._dbs.pop(tp.partition, None)) is not None:
                _close(db, self.path)

    async def stop(self) -> None:
        """Close all; what was written is on disk."""
        for db in self._dbs.values():
            _close(db, self.path)
        self._dbs.clear()


@contextmanager
def _told_as_ours(tables: Path) -> Iterator[None]:
    """RocksDB's errors of input and output (it raises plain ones) as a sentence; the worker ends with it.

    To go on is not possible: after a write that failed a database takes no more, also when there is room again.

    Raises:
        Unavailable: the disk is full or broken.
    """
    try:
        yield
    except Exception as error:
        reason = str(error)
        if not reason.startswith("IO error") or "lock" in reason:  # of a lock Faust tries again
            raise
        raise Unavailable(
            f"the worker's tables in {tables} cannot be written ({reason}): make room there, or give BONGSU_DATA_DIR "
            "another disk, and start it again. Nothing is lost: what was under way is not acknowledged and comes again"
        ) from error


def _close(db: Any, tables: Path) -> None:
    """Close one database; one that cannot write any more keeps back no other."""
    try:
        db.close()
    except Exception as error:  # noqa: BLE001  what it held is in the changelog
        logs.get(__name__).warning("a table was not closed in order", path=str(tables), reason=str(error))


class MemoryStore(memory.Store[bytes, bytes]):
    """Dicts, one for each partition: Faust's one dict for all cannot say what belongs to which."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._parts: dict[int, dict[bytes, bytes]] = {}
        self._offsets: dict[int, int] = {}

    def read(self, partition: int, key: bytes) -> bytes | None:
        """As `PartitionStore`."""
        return self._parts.get(partition, {}).get(key)

    def scan(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """As `PartitionStore`."""
        yield from self._parts.get(partition, {}).items()

    def applied(self, partition: int) -> int | None:
        """As `PartitionStore`."""
        return self._offsets.get(partition)

    def write(self, partition: int, changes: Iterable[Change], offset: int | None) -> None:
        """As `PartitionStore`; Faust is not told the offset: it reads all of the changelog at each recovery."""
        if offset is not None:
            self._offsets[partition] = offset
        part = self._parts.setdefault(partition, {})
        for key, value in changes:
            if value is None:
                part.pop(key, None)
            else:
                part[key] = value

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Drop what went to another worker; it is read whole when it comes back."""
        kept = {tp.partition for tp in (*active_tps, *standby_tps)}
        for partition in [known for known in self._parts if known not in kept]:
            del self._parts[partition]
            self._offsets.pop(partition, None)


def register() -> None:
    """Make the two schemes known to Faust."""
    STORES.aliases[DISK] = f"{__name__}:{DiskStore.__name__}"
    STORES.aliases[MEMORY] = f"{__name__}:{MemoryStore.__name__}"


def store_url(setting: str) -> str:
    """What Faust is told for BONGSU_ALERTING_STORE."""
    return f"{MEMORY if setting.startswith('memory') else DISK}://"


def store_options(setting: str) -> dict[str, Any]:
    """Of a table; Faust takes entries out of what it is given, so each gets its own."""
    return {} if setting.startswith("memory") else dict(DISK_OPTIONS)
