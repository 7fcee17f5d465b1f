"""A worker that kills itself (SIGKILL, no clean-up) at a chosen step.

`python -m tests.faults.crashing_worker POINT N READY_FILE LOCK_FILE`. Everything else is the real worker: the seams are
wrapped here, in the test, and production code has no crash points. N is the how-manieth time that the step is reached.
Of several workers with one LOCK_FILE only the first to get there dies, and the others take over from it.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from faust.events import Event

from service import app, logs
from service.adapters.writer import Writer
from service.model import topics
from service.model.records import FlushRecord, decode_alerts
from service.settings import Settings
from service.streams.changelog import ChangelogProducer
from service.streams.group import GroupStage
from service.streams.stores import DiskStore

WRITES = {"match": topics.MATCHES, "story": topics.ALERTS, "group": topics.DECISIONS, "flush": topics.DECISIONS}
TABLES = {"story": "stories", "group": "groups", "flush": "groups"}
OUTPUT = ("before its output", "after its output, before the ack")
TABLE = ("before the changelog", "after the changelog, before the local table", "after the local table")
POINTS = (
    *(f"match: {when}" for when in OUTPUT),
    *(f"{stage}: {when}" for stage in TABLES for when in (*TABLE, OUTPUT[1])),
    "timer: before the flush is written",
    "timer: after the flush is written",
    "any: after an ack, before the commit",
)


class Crash:
    """Reaching the point for the nth time is the end."""

    def __init__(self, point: str, nth: int, lock: Path) -> None:
        self.stage, _, self.when = point.partition(": ")
        self._left = nth
        self._lock = lock
        self.flushing = False
        """The batch of the group stage that is under way holds a flush."""

    def reached(self, when: str, *, ours: bool) -> None:
        if when != self.when or not ours or (self.stage == "flush") > self.flushing:
            return
        self._left -= 1
        if self._left > 0:
            return
        try:
            os.close(os.open(self._lock, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def arm(crash: Crash) -> None:
    write, append, store = Writer.write, ChangelogProducer.write, DiskStore.write
    process, ack = GroupStage.process, Event.ack
    table = TABLES.get(crash.stage, "-")

    async def writing(self, outputs):
        ours = any(output.topic == WRITES.get(crash.stage) and not _is_flush(output) for output in outputs)
        timers = any(_is_flush(output) for output in outputs)
        crash.reached("before its output", ours=ours)
        crash.reached("after the local table", ours=ours)
        crash.reached("before the flush is written", ours=timers)
        places = await write(self, outputs)
        crash.reached("after its output, before the ack", ours=ours)
        crash.reached("after the flush is written", ours=timers)
        return places

    async def appending(self, topic, partition, changes):
        crash.reached("before the changelog", ours=f"-{table}-" in topic)
        offset = await append(self, topic, partition, changes)
        crash.reached("after the changelog, before the local table", ours=f"-{table}-" in topic)
        return offset

    async def processing(self, events):
        crash.flushing = any(b'"flush":' in (event.message.value or b"")[:40] for event in events)
        await process(self, events)
        crash.flushing = False

    def acking(self):
        done = ack(self)
        crash.reached("after an ack, before the commit", ours=True)
        return done

    for where, name, wrapped in (
        (Writer, "write", writing),
        (ChangelogProducer, "write", appending),
        (GroupStage, "process", processing),
        (Event, "ack", acking),
    ):
        setattr(where, name, wrapped)
    assert store is DiskStore.write  # the crash between changelog and table is before it, not in it


def _is_flush(output) -> bool:
    return (
        output.topic == topics.ALERTS
        and output.value is not None
        and isinstance(decode_alerts(output.value), FlushRecord)
    )


def main() -> None:
    point, nth, ready_file, lock = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    arm(Crash(point, nth, lock))
    settings = Settings()
    logs.configure(settings.log, "worker")
    asyncio.run(app.run_role("worker", app.make_worker, settings, metrics_port=None, ready_file=ready_file))


if __name__ == "__main__":
    main()
