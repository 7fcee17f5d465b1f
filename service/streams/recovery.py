"""Faust's recovery of tables, a batch of records at a time.

For each record Faust makes a task to wait for the next one and counts what is left of all partitions: a million entries
took minutes. This takes what waits in the queue, as `handed_over` does for streams. And where Faust logs whatever goes
wrong as a warning and goes on, having counted the record as read, this ends the worker: a table with a hole would take
told stories for new ones.
"""

import asyncio
from typing import Any

from faust.tables import recovery
from mode import Service

BATCH = 2_000
WAIT_S = 5.0
"""Without a record for so long the end is looked for again, as Faust does."""


class Recovery(recovery.Recovery):
    """Only how records are taken is ours; when a recovery begins and what it reads is Faust's."""

    @Service.task
    async def _slurp_changelogs(self) -> None:
        queue = self.tables.changelog_queue
        while not self.should_stop:
            self.signal_recovery_end.clear()
            try:
                events = [await asyncio.wait_for(queue.get(), WAIT_S)]
            except TimeoutError:
                self._look_for_the_end()
                continue
            while len(events) < BATCH and not queue.empty():
                events.append(queue.get_nowait())
            self._take(events)
            self._look_for_the_end()
            if not self.tables.standbys_ready and not self.standby_remaining_total():
                self.tables.on_standbys_ready()
            await asyncio.sleep(0)

    def _take(self, events: list[Any]) -> None:
        now = self.loop.time()
        for event in events:
            message = event.message
            partition = message.tp
            if partition in self.active_tps:
                offsets = self.active_offsets
                self._active_events_received_at[partition] = now
            elif partition in self.standby_tps:
                offsets = self.standby_offsets
            else:  # it went to another worker; whoever reads it there begins where our table ends
                continue
            seen = offsets.get(partition)
            if seen is None or message.offset > seen:
                offsets[partition] = message.offset
                self.buffers[self.tp_to_table[partition]].append(event)
        self.flush_buffers()

    def _look_for_the_end(self) -> None:
        if self.in_recovery and not self.need_recovery():
            self.flush_buffers()
            self._set_recovery_ended()
            self.signal_recovery_end.set()


def install(app: Any) -> None:
    """Make the app recover its tables by ours; before it is started."""
    tables = app.tables
    assert tables._recovery is None, "the app has a recovery already"  # noqa: SLF001
    tables._recovery = Recovery(app, tables, beacon=tables.beacon, loop=tables.loop)  # noqa: SLF001
