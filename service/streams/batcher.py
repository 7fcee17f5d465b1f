"""Group commit: everything that arrived while the last batch was being written makes the next one.

Faust's `noack_take` waits `within` for a batch to fill; under little load that wait is the latency of the hop, and
under much load it is not needed. Here a batch is whatever is there, so one article passes at once and ten thousand in
batches. A batch is acknowledged to Faust only after `process` returned, that is, after its outputs were acknowledged;
Faust commits only the contiguous prefix of what was acknowledged.

When partitions are given up (`drain`), the batch under way ends first and what waits is forgotten: it comes again, to
whoever has the partition then. Otherwise two workers would write one changelog.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

Process = Callable[[list[Any]], Awaitable[None]]


class Batcher:
    """Collects events of one agent and hands them to `process` in order, at most `size` at a time."""

    def __init__(self, process: Process, *, size: int, on_failure: Callable[[BaseException], None]) -> None:
        self._process = process
        self._size = size
        self._on_failure = on_failure
        self._waiting: list[Any] = []
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.idle = True
        """Nothing waits and nothing is being processed."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="batcher")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._closing = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def put(self, events: list[Any]) -> None:
        """Take events; waits while four batches are already waiting."""
        self._waiting += events
        self.idle = False
        self._arrived.set()
        if len(self._waiting) >= 4 * self._size:
            self._room.clear()
            await self._room.wait()

    async def drain(self) -> None:
        """Forget what waits, unacknowledged, and return when the batch under way has ended."""
        self._waiting.clear()
        self._arrived.clear()
        self._room.set()
        await self._at_rest.wait()
        self.idle = not self._waiting

    async def _run(self) -> None:
        try:
            while True:
                await self._arrived.wait()
                batch = self._waiting[: self._size]
                del self._waiting[: self._size]
                if not self._waiting:
                    self._arrived.clear()
                self._room.set()
                if batch:
                    await self._one(batch)
                self.idle = not self._waiting
        except BaseException as error:  # a batch that cannot be processed ends the role, unacknowledged
            if self._closing and isinstance(error, asyncio.CancelledError):
                raise
            self._on_failure(error)  # a cancelled write too: else the agent would be deaf and the role alive

    async def _one(self, batch: list[Any]) -> None:
        self._at_rest.clear()
        try:
            await self._process(batch)
            for event in batch:
                event.ack()
        finally:
            self._at_rest.set()
