import asyncio
from typing import Any

import pytest

from service.streams.batcher import Batcher
from tests.waiting import wait_until


class Event:
    def __init__(self, number, log):
        self.number = number
        self.log = log

    def ack(self):
        self.log.append(("ack", self.number))


async def test_events_are_acknowledged_after_their_batch_and_in_order():
    log: list[Any] = []

    async def process(batch):
        log.append(("batch", tuple(event.number for event in batch)))
        await asyncio.sleep(0)

    async with Batcher(process, size=3, on_failure=log.append) as batcher:
        for number in range(8):
            await batcher.put([Event(number, log)])
        await wait_until(lambda: ("ack", 7) in log)
    assert [number for what, number in log if what == "ack"] == list(range(8))
    for number in range(8):
        batch = next(at for at, (what, of) in enumerate(log) if what == "batch" and number in of)
        assert batch < log.index(("ack", number))
    assert all(len(of) <= 3 for what, of in log if what == "batch")


async def test_what_arrives_while_a_batch_is_written_makes_the_next_one():
    log: list[Any] = []
    going = asyncio.Event()

    async def process(batch):
        log.append(len(batch))
        await going.wait()

    async with Batcher(process, size=100, on_failure=log.append) as batcher:
        await batcher.put([Event(0, [])])
        await wait_until(lambda: log == [1])
        for number in range(1, 31):
            await batcher.put([Event(number, [])])
        going.set()
        await wait_until(lambda: log == [1, 30])


async def test_a_failed_batch_is_not_acknowledged_and_ends_the_role():
    log: list[Any] = []
    failures: list[BaseException] = []

    async def process(batch):
        raise ValueError("broken")

    async with Batcher(process, size=3, on_failure=failures.append) as batcher:
        await batcher.put([Event(0, log)])
        await wait_until(lambda: failures)
    assert log == []
    assert str(failures[0]) == "broken"


async def test_put_waits_while_too_much_waits():
    going = asyncio.Event()
    log: list[Any] = []

    async def process(batch):
        await going.wait()

    async with Batcher(process, size=2, on_failure=log.append) as batcher:

        async def fill():
            for number in range(100):
                await batcher.put([Event(number, log)])

        filling = asyncio.create_task(fill())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(filling), 0.05)
        going.set()
        await filling
        await wait_until(lambda: len(log) == 100)


async def test_when_partitions_go_the_batch_under_way_ends_and_what_waits_is_forgotten():
    log: list[Any] = []
    going = asyncio.Event()

    async def process(batch):
        log.append(tuple(event.number for event in batch))
        await going.wait()

    async with Batcher(process, size=2, on_failure=log.append) as batcher:
        await batcher.put([Event(number, log) for number in range(5)])
        await wait_until(lambda: log)
        draining = asyncio.ensure_future(batcher.drain())
        await asyncio.sleep(0)
        assert not draining.done(), "its changelog must not come behind the new owner's"
        going.set()
        await draining
        assert batcher.idle
        assert log == [(0, 1), ("ack", 0), ("ack", 1)]
        await batcher.put([Event(9, log)])
        await wait_until(lambda: ("ack", 9) in log)
    assert not any(2 in entry for entry in log if entry[0] != "ack"), "2 to 4 come again, to whoever has them then"


async def test_who_waits_for_room_goes_on_when_what_filled_it_is_forgotten():
    going = asyncio.Event()

    async def process(batch):
        await going.wait()

    async with Batcher(process, size=1, on_failure=print) as batcher:
        putting = asyncio.ensure_future(batcher.put([Event(number, []) for number in range(9)]))
        await asyncio.sleep(0)
        assert not putting.done()
        going.set()
        await batcher.drain()
        await asyncio.wait_for(putting, 5)
