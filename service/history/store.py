"""Rows into the database, in one transaction with the offsets that they were read up to.

The offsets are the fence: whoever finds others there than it left is not the only writer, or the history was emptied
under it, and must not go on.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, delete, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from service.history import tables
from service.history.arrived import PLACE
from service.history.database import file_identity, sqlite_path, told_as_ours
from service.history.fold import PENDING, PLACES, PREFIX, STATUSES, Rows
from service.model.errors import WrongSetup

Partition = tuple[str, int]
"""Topic as it is on the cluster, with its prefix; and number."""


class Kept(NamedTuple):
    """Rows of records from these times (ms) on are kept."""

    rows_ms: int = 0
    changes_ms: int = 0
    """Of `changes`, which are kept as long as their topic keeps them: they are the audit log."""

    def since(self, part: str) -> int:
        """Of a table, or the part of one."""
        return self.changes_ms if part == tables.changes.name else self.rows_ms


EVERYTHING = Kept()
SUBSCRIBERS = (tables.deliveries, tables.attempts, tables.decisions, tables.alerts)
"""What is of one subscriber."""
_DELIVERED = tuple(
    column.name
    for column in tables.deliveries.c
    if column.name not in {"id", "subscription", "status", "attempted_ms", "next_due_ms"}
    and not column.name.startswith("attempt_")
)
_ATTEMPTED = ("status", "attempted_ms", "next_due_ms", *PLACES[STATUSES])


class Store:
    """The writer's side. Blocking: call it in a thread, one call at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        path = sqlite_path(engine)
        self._path = path
        self._file = None if path is None else file_identity(path)
        self._forgotten: dict[str, int] = {}

    def positions(self) -> dict[Partition, tuple[int, int]]:
        """Next offset and time of each partition that was folded; reads anew what is forgotten.

        Raises:
            HistoryUnavailable: the database does not answer.
        """
        with told_as_ours(self._engine), self._engine.begin() as connection:
            self._forgotten = {row.subscription: row.until_ms for row in connection.execute(select(tables.forgotten))}
            return {
                (row.topic, row.partition): (row.next_offset, row.record_ms)
                for row in connection.execute(select(tables.offsets))
            }

    def begin(self, starts: Mapping[Partition, tuple[int, int]]) -> None:
        """Note where partitions begin that were never read, or whose records went before they were read.

        Raises as `apply`.
        """
        with self._writing() as connection:
            for (topic, partition), (offset, time_ms) in starts.items():
                row = {"topic": topic, "partition": partition, "next_offset": offset, "record_ms": time_ms}
                self._upsert(connection, tables.offsets, ("topic", "partition"), ("next_offset", "record_ms"), [row])

    def apply(self, rows: Rows, moved: Mapping[Partition, tuple[int, int, int]], kept: Kept = EVERYTHING) -> None:
        """Put a batch, whole or not at all.

        Args:
            rows: of the batch.
            moved: of each partition in it: the offset that it began at, the next one, and the time of its last record.
            kept: what is older is left out, as `expire` would remove it.

        Raises:
            HistoryUnavailable: the database does not answer; nothing was put, the same call may be made again.
            WrongSetup: it was deleted, replaced, emptied, or somebody else writes it too.
        """
        forgotten = {name: max(until, self._forgotten.get(name, 0)) for name, until in rows.forgotten.items()}
        with self._writing() as connection:
            self._fence(connection, moved)
            until = self._forgotten | forgotten
            for part, found in rows.parts.items():
                if remembered := _remembered(part, found.values(), until, kept.since(part)):
                    self._put(connection, part, remembered, rows)
            for name, until_ms in forgotten.items():
                if until_ms < kept.rows_ms:
                    continue  # what it means is gone by its age
                row = {"subscription": name, "until_ms": until_ms}
                self._upsert(connection, tables.forgotten, ("subscription",), ("until_ms",), [row])
                for table in SUBSCRIBERS:
                    _remove(connection, table, until_ms, table.c.subscription == name)
        self._forgotten |= forgotten

    def tell(
        self, expected: Mapping[Partition, int], *, behind_records: int, now_ms: int, whole_ms: int | None = None
    ) -> None:
        """Say how far it is. Raises as `apply`.

        Args:
            expected: next offsets as this writer left them.
            behind_records: that are there and not here.
            now_ms: the clock.
            whole_ms: until when nothing is missing, where something is; what was told before stays without it.
        """
        row = {"id": 1, "behind_records": behind_records, "told_ms": now_ms}
        until_ms = whole_ms if behind_records else now_ms
        whole = {} if until_ms is None else {"caught_up_ms": until_ms}
        with self._writing() as connection:
            there = {(row.topic, row.partition): row.next_offset for row in connection.execute(select(tables.offsets))}
            for part, offset in expected.items():
                if there.get(part) != offset:
                    raise _changed(*part, offset)
            self._upsert(connection, tables.progress, ("id",), tuple((row | whole).keys() - {"id"}), [row | whole])

    def expire(self, kept: Kept) -> int:
        """Remove what is older, by the time of its record; returns how many rows went. Raises as `apply`."""
        with self._writing() as connection:
            old = select(tables.matches.c.article).where(tables.matches.c.record_ms < kept.rows_ms)
            gone = connection.execute(delete(tables.mentions).where(tables.mentions.c.article.in_(old))).rowcount
            connection.execute(delete(tables.forgotten).where(tables.forgotten.c.until_ms < kept.rows_ms))
            for table in (*SUBSCRIBERS, tables.articles, tables.matches, tables.changes):
                gone += _remove(connection, table, kept.since(table.name) - 1)
        return gone

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self._path is not None and file_identity(self._path) != self._file:
            raise WrongSetup(
                f"{self._path} was deleted or replaced while it was being written; start `bongsu history` again: "
                "it makes a new one and reads the topics from their beginning"
            )
        with told_as_ours(self._engine), self._engine.begin() as connection:
            yield connection

    def _fence(self, connection: Connection, moved: Mapping[Partition, tuple[int, int, int]]) -> None:
        table = tables.offsets
        for (topic, partition), (began, after, time_ms) in sorted(moved.items()):
            done = connection.execute(
                update(table)
                .where(table.c.topic == topic, table.c.partition == partition, table.c.next_offset == began)
                .values(next_offset=after, record_ms=time_ms)
            )
            if done.rowcount != 1:
                raise _changed(topic, partition, began)

    def _put(self, connection: Connection, part: str, kept: list[dict[str, Any]], rows: Rows) -> None:
        if part == "deliveries":
            self._upsert(connection, tables.deliveries, ("id",), _DELIVERED, kept, newest="")
        elif part == STATUSES:
            self._upsert(connection, tables.deliveries, ("id",), _ATTEMPTED, kept, newest="attempt_")
        elif part == "matches":
            self._put_matches(connection, kept, rows)
        else:
            table = tables.metadata.tables[part]
            key = tuple(column.name for column in table.primary_key)
            self._upsert(connection, table, key, _others(table, key), kept, newest="")

    def _put_matches(self, connection: Connection, kept: list[dict[str, Any]], rows: Rows) -> None:
        """The mentions go with the version that stands: those of an older one are removed with it."""
        table = tables.matches
        places = {
            row.article: (row.record_ms, row.record_partition, row.record_offset)
            for names in _chunks([row["article"] for row in kept])
            for row in connection.execute(
                select(table.c.article, *(table.c[name] for name in PLACE)).where(table.c.article.in_(names))
            )
        }
        newer = [row for row in kept if tuple(row[name] for name in PLACE) >= places.get(row["article"], (-1,))]
        for names in _chunks([row["article"] for row in newer if row["article"] in places]):
            connection.execute(delete(tables.mentions).where(tables.mentions.c.article.in_(names)))
        if newer:
            self._upsert(connection, table, ("article",), _others(table, ("article",)), newer, newest="")
        if mentions := [mention for row in newer for mention in rows.mentions[row["article"]]]:
            connection.execute(tables.mentions.insert(), mentions)

    def _upsert(  # noqa: PLR0913 - what an upsert is made of
        self,
        connection: Connection,
        table: Table,
        key: tuple[str, ...],
        columns: tuple[str, ...],
        rows: list[dict[str, Any]],
        newest: str | None = None,
    ) -> None:
        """Insert, or set `columns` where the row is there; with `newest` (a prefix), unless its place is later."""
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        statement = insert(table)
        values: dict[str, Any] = {name: statement.excluded[name] for name in columns}
        later = None
        if newest is not None:
            places = [table.c[f"{newest}{name}"] for name in PLACE]
            later = or_(
                places[0].is_(None),
                tuple_(*places) <= tuple_(*(statement.excluded[f"{newest}{name}"] for name in PLACE)),
            )
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values, where=later), rows)


def _changed(topic: str, partition: int, offset: int) -> WrongSetup:
    return WrongSetup(
        f"the history was changed by somebody else (partition {partition} of {topic} is not at {offset} any more): "
        "does a second `bongsu history` write it, or was it emptied? One writes it; start it again and it goes on from "
        "what is there"
    )


def _remembered(
    part: str, rows: Iterable[dict[str, Any]], until: Mapping[str, int], keep_ms: int
) -> list[dict[str, Any]]:
    """Those that nobody had forgotten, and that are not too old."""
    time = f"{PREFIX.get(part, '')}record_ms"
    return [row for row in rows if row[time] >= keep_ms and row[time] > until.get(row.get("subscription", ""), -1)]


def _remove(connection: Connection, table: Table, until_ms: int, *which: Any) -> int:
    """Remove the parts of rows up to a time, and the rows of which no part is left."""
    if table is not tables.deliveries:
        return connection.execute(delete(table).where(table.c.record_ms <= until_ms, *which)).rowcount
    old = table.c.record_ms <= until_ms
    old_attempt = table.c.attempt_record_ms <= until_ms
    gone = connection.execute(
        delete(table).where(
            or_(old, table.c.record_ms.is_(None)), or_(old_attempt, table.c.attempt_record_ms.is_(None)), *which
        )
    ).rowcount
    connection.execute(update(table).where(old, *which).values(dict.fromkeys(_DELIVERED)))
    cleared: dict[str, Any] = {**dict.fromkeys(_ATTEMPTED), "status": PENDING}
    connection.execute(update(table).where(old_attempt, *which).values(cleared))
    return gone


def _others(table: Table, key: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(column.name for column in table.c if column.name not in key)


def _chunks(names: list[str], size: int = 500) -> Iterable[list[str]]:
    return (names[at : at + size] for at in range(0, len(names), size))
