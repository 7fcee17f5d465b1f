"""Faust's recovery of tables, a batch of records at a time.

Faust makes an event of each record, and a task to wait for the next one, and counts each time what is left of all
partitions: a million entries took minutes. Here the records of changelogs go from the fetch into the table
(service/streams/transport.py hands them over) and are never events. And where Faust logs whatever goes wrong as a
warning and goes on, having counted the record as read, this ends the worker: a table with a hole would take told
stories for new ones.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from faust.tables import recovery
from mode import Service

LOOK_S = 5.0
"""Without a record for so long the end is looked for again, as Faust does."""


class Recovery(recovery.Recovery):
    """Only how records are taken is ours; when a recovery begins and what it reads is Faust's."""

    def take(self, fetched: Mapping[Any, Sequence[Any]]) -> None:
        """Write fetched records of changelogs to their tables, and note how far each is."""
        now = self.loop.time()
        for partition, records in fetched.items():
            if partition in self.active_tps:
                offsets = self.active_offsets
                self._active_events_received_at[partition] = now
            elif partition in self.standby_tps:
                offsets = self.standby_offsets
            else:  # it went to another worker; whoever reads it there begins where our table ends
                continue
            seen = offsets.get(partition)
            new = [record for record in records if seen is None or record.offset > seen]
            if new:
                changes = [(record.key, record.value) for record in new]
                table: Any = self.tp_to_table[partition]
                table.data.write(partition.partition, changes, new[-1].offset)
                offsets[partition] = new[-1].offset
        self._look_for_the_end()
        if not self.tables.standbys_ready and not self.standby_remaining_total():
            self.tables.on_standbys_ready()

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Faust's reads its queue, into which nothing comes."""
        while not self.should_stop:
            await asyncio.sleep(LOOK_S)
            self._look_for_the_end()

    def _set_recovery_started(self) -> None:
        self.signal_recovery_end.clear()
        super()._set_recovery_started()

    def _look_for_the_end(self) -> None:
        if self.in_recovery and not self.need_recovery():
            self._set_recovery_ended()
            self.signal_recovery_end.set()


def install(app: Any) -> None:
    """Make the app recover its tables by ours; before it is started."""
    tables = app.tables
    assert tables._recovery is None, "the app has a recovery already"  # noqa: SLF001
    tables._recovery = Recovery(app, tables, beacon=tables.beacon, loop=tables.loop)  # noqa: SLF001
