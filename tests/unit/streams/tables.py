"""A changelog and a table on no Kafka: what is appended, what is stored, in which order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from service.streams.changelog import Changelog
from service.streams.stores import Change


@dataclass
class Appended:
    """As `ChangelogProducer`: keeps what is written. `log` says when."""

    log: list[str] = field(default_factory=list)
    written: list[tuple[int, bytes, bytes | None]] = field(default_factory=list)

    async def write(self, topic: str, partition: int, changes: list[Change]) -> int | None:
        self.log.append("changelog")
        self.written += [(partition, key, value) for key, value in changes]
        return len(self.written) - 1


@dataclass
class Stored:
    """As a `PartitionStore`: dicts."""

    log: list[str] = field(default_factory=list)
    parts: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    offsets: dict[int, int] = field(default_factory=dict)

    def read(self, partition: int, key: bytes) -> bytes | None:
        return self.parts.get(partition, {}).get(key)

    def scan(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        yield from self.parts.get(partition, {}).items()

    def applied(self, partition: int) -> int | None:
        return self.offsets.get(partition)

    def write(self, partition: int, changes: Iterable[Change], offset: int | None) -> None:
        self.log.append("table")
        part = self.parts.setdefault(partition, {})
        for key, value in changes:
            if value is None:
                part.pop(key, None)
            else:
                part[key] = value
        if offset is not None:
            self.offsets[partition] = offset


class Tables:
    """Both, and the changelog over them."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.log: list[str] = log if log is not None else []
        self.appended = Appended(self.log)
        self.stored = Stored(self.log)

    def changelog(self) -> Changelog:
        return Changelog(self.appended, "groups-changelog", lambda: self.stored)  # type: ignore[arg-type]
