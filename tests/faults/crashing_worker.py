"""A worker that kills itself (SIGKILL, no clean-up) at a chosen step: `python -m tests.faults.crashing_worker POINT N`.

Everything else is the real worker: the seams are wrapped here, in the test, and production code has no crash points.
N is the how-manieth time that the step is reached.
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
from service.settings import Settings
from service.streams import group

WRITES = {"match": topics.MATCHES, "story": topics.ALERTS, "group": topics.DELIVERIES}
POINTS = (
    *(f"{stage}: {when}" for stage in WRITES for when in ("before its output", "after its output, before the ack")),
    "group: before the changelog",
    "group: after the changelog, before its output",
    "any: after an ack, before the commit",
)


def arm(point: str, nth: int) -> None:
    """Wrap the step so that reaching it for the nth time is the end."""
    left = nth

    def reached() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    stage, _, when = point.partition(": ")
    write, flush, ack = Writer.write, group.Changelog.flush, Event.ack

    async def writing(self, outputs):
        ours = any(output.topic == WRITES.get(stage) for output in outputs)
        if ours and when in ("before its output", "after the changelog, before its output"):
            reached()
        await write(self, outputs)
        if ours and when == "after its output, before the ack":
            reached()

    async def flushing(self, writes):
        if writes and when == "before the changelog":
            reached()
        await flush(self, writes)

    def acking(self):
        done = ack(self)
        if when == "after an ack, before the commit":
            reached()
        return done

    for where, name, wrapped in (
        (Writer, "write", writing),
        (group.Changelog, "flush", flushing),
        (Event, "ack", acking),
    ):
        setattr(where, name, wrapped)


def main() -> None:
    point, nth, ready_file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    arm(point, nth)
    settings = Settings()
    logs.configure(settings.log, "worker")
    asyncio.run(app.run_role("worker", app.make_worker, settings, metrics_port=None, ready_file=ready_file))


if __name__ == "__main__":
    main()
