"""Histories to compare: every row of one, and what it must be by the slowest way there is."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, select

from service.history.arrived import Arrived
from service.history.fold import PENDING, PREFIX, STATUSES, Fold, Row, Rows
from service.history.tables import FOLDED, deliveries, metadata
from service.model.errors import BadInput

_PARTS = {
    "deliveries": [c.name for c in deliveries.c if c.name not in {"id", "subscription", "status", "attempted_ms", "next_due_ms"} and not c.name.startswith("attempt_")],
    STATUSES: ["status", "attempted_ms", "next_due_ms", *(c.name for c in deliveries.c if c.name.startswith("attempt_record"))],
}  # fmt: skip


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that a rebuild makes again."""
    with engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr) for table in FOLDED
        }


def empty(engine: Engine) -> None:
    """Remove all rows."""
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())


def expected(records: Iterable[Arrived], *, keep_ms: int = 0) -> dict[str, list[tuple[Any, ...]]]:
    """What the rows must be: one record after the other in the order of their places, the later over the earlier."""
    ordered = sorted(records, key=lambda record: record.place)
    single = [_folded(record) for record in ordered]
    until: dict[str, int] = {}
    for rows in single:
        for name, at_ms in rows.forgotten.items():
            until[name] = max(until.get(name, 0), at_ms)
    tables: dict[str, dict[Any, Row]] = {table.name: {} for table in FOLDED}
    mentions: dict[str, list[Row]] = {}
    for record, rows in zip(ordered, single, strict=True):
        for part, found in rows.parts.items():
            for key, row in found.items():
                if record.time_ms < (0 if part == "changes" else keep_ms) or record.time_ms <= until.get(
                    row.get("subscription", ""), -1
                ):
                    continue
                if part in _PARTS:
                    whole = {column.name: None for column in deliveries.c}
                    there = tables["deliveries"].get(key, {**whole, "status": PENDING})
                    values = {name: row.get(name) for name in _PARTS[part]}
                    tables["deliveries"][key] = {**there, "id": key, "subscription": row["subscription"], **values}
                else:
                    tables[part][key] = row
                if part == "matches":
                    mentions[key] = rows.mentions[key]
    tables["mentions"] = dict(enumerate(row for found in mentions.values() for row in found))
    tables["forgotten"] = {
        name: {"subscription": name, "until_ms": at_ms} for name, at_ms in until.items() if at_ms >= keep_ms
    }
    ends: dict[tuple[str, int], Arrived] = {}
    for record in ordered:
        last = ends.get((record.topic, record.partition))
        if last is None or last.offset < record.offset:
            ends[record.topic, record.partition] = record
    tables["offsets"] = {
        key: {"topic": key[0], "partition": key[1], "next_offset": last.offset + 1, "record_ms": last.time_ms}
        for key, last in ends.items()
    }
    return {
        table.name: sorted(
            (tuple(row.get(column.name) for column in table.c) for row in tables[table.name].values()), key=repr
        )
        for table in FOLDED
    }


def _folded(record: Arrived) -> Rows:
    rows = Rows()
    try:
        Fold().take(rows, record)
    except BadInput:
        return Rows()
    return rows


assert set(PREFIX) == {STATUSES}, "another part of a row: the oracle must know its columns"
