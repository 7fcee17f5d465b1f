"""What our consumer does otherwise than Faust's about offsets: nothing counts as acknowledged that nobody looked at."""

import asyncio
import logging
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from intervaltree import IntervalTree  # type: ignore[import-untyped]

from service.streams.transport import Consumer

PART = TP("articles", 0)


class Bare(Consumer):
    """With the books of offsets and nothing else."""

    flow_active = True

    def __init__(self, committed: int) -> None:
        self._acked = defaultdict(list)
        self._acked_index = defaultdict(set)
        self._gap = defaultdict(IntervalTree)
        self._committed_offset = defaultdict(lambda: None, {PART: committed})
        self._seeks = 0
        self._seeking = 0
        self._read_offset = defaultdict(lambda: None)
        self.given_back: list[Any] = []
        self.log = logging.getLogger(__name__)  # type: ignore[assignment]

    def acked(self, *offsets: int) -> None:
        self._acked[PART].extend(offsets)
        self._acked_index[PART].update(offsets)

    async def _give_back(self, records):
        self.given_back.append(records)

    def _without_changelogs(self, records):
        return records


def test_what_was_read_twice_is_committed_at_once():
    """Faust's ends a run at a number that comes twice, and would commit one record a second from there on."""
    consumer = Bare(100)
    consumer.acked(*[offset for offset in range(100, 3000) for _ in (0, 1)])
    assert consumer._new_offset(PART) == 3000
    assert not consumer._acked[PART]
    assert consumer._new_offset(PART) is None


def test_what_is_not_acknowledged_is_not_passed():
    consumer = Bare(100)
    consumer.acked(100, 101, 103)
    assert consumer._new_offset(PART) == 102
    consumer.acked(104)
    consumer._committed_offset[PART] = 101
    assert consumer._new_offset(PART) is None
    consumer.acked(102)
    assert consumer._new_offset(PART) == 105


async def test_the_record_behind_a_hole_is_not_part_of_it():
    consumer = Bare(10)
    consumer.acked(10)
    assert consumer._new_offset(PART) == 11
    consumer._committed_offset[PART] = 11
    await consumer._add_gap(PART, 12, 20)
    consumer.acked(11, 21)  # 20 is under way
    assert consumer._new_offset(PART) == 20
    consumer._committed_offset[PART] = 20
    consumer.acked(20)
    assert consumer._new_offset(PART) == 22


@pytest.mark.parametrize("sought", [False, True])
async def test_what_was_fetched_before_a_seek_is_given_back(monkeypatch, sought):
    """Also of one of the watchdog, in the middle of the flow."""
    answer = asyncio.get_running_loop().create_future()

    async def fetch(*_):
        return await answer

    async def seek(_, partitions):
        assert partitions == {PART: 10}

    monkeypatch.setattr(driver.Consumer, "_getmany", fetch)
    monkeypatch.setattr(driver.Consumer, "seek_wait", seek)
    consumer = Bare(10)
    taking = asyncio.ensure_future(consumer._getmany(None, 1.0))
    await asyncio.sleep(0)
    if sought:
        await consumer.seek_wait({PART: 10})
    answer.set_result({PART: ["a record"]})
    assert await taking == ({} if sought else {PART: ["a record"]})
    assert consumer.given_back == ([{PART: ["a record"]}] if sought else [])


async def test_what_ends_between_a_seek_and_its_note_is_given_back(monkeypatch):
    """Faust seeks on its thread; what is fetched then was handed over, and taken for a hole once the seek was noted."""
    sought, noted, fetched = asyncio.Event(), asyncio.Event(), asyncio.Event()
    fetched.set()

    async def fetch(*_):
        await fetched.wait()
        return {PART: ["a record"]}

    async def seek_to_committed(_):
        sought.set()
        await noted.wait()
        return {PART: 10}

    monkeypatch.setattr(driver.Consumer, "_getmany", fetch)
    monkeypatch.setattr(driver.Consumer, "seek_to_committed", seek_to_committed)
    monkeypatch.setattr(Bare, "assignment", lambda _: {PART})
    monkeypatch.setattr(
        Bare, "app", SimpleNamespace(topics=SimpleNamespace(acks_enabled_for=lambda _: True)), raising=False
    )
    consumer = Bare(10)
    seeking = asyncio.ensure_future(consumer.perform_seek())
    await sought.wait()
    assert await consumer._getmany(None, 1.0) == {}, "while it is sought"
    fetched.clear()
    begun = asyncio.ensure_future(consumer._getmany(None, 1.0))
    await asyncio.sleep(0)
    noted.set()
    await seeking
    fetched.set()
    assert await begun == {}, "begun while it was sought"
    assert await consumer._getmany(None, 1.0) == {PART: ["a record"]}
    assert consumer.given_back == [{PART: ["a record"]}] * 2
    assert consumer._read_offset[PART] == 10


async def test_of_two_seeks_the_last_to_be_noted_counts(monkeypatch):
    """The fetcher seeks where it finds the flow stopped; meanwhile a recovery ends, and seeks as well."""
    gates = [asyncio.Event(), asyncio.Event()]
    waiting = iter(gates)

    async def fetch(*_):
        return {PART: ["a record"]}

    async def seek_to_committed(_):
        await next(waiting).wait()
        return {PART: 10}

    monkeypatch.setattr(driver.Consumer, "_getmany", fetch)
    monkeypatch.setattr(driver.Consumer, "seek_to_committed", seek_to_committed)
    monkeypatch.setattr(Bare, "assignment", lambda _: set())
    monkeypatch.setattr(Bare, "app", SimpleNamespace(topics=SimpleNamespace(acks_enabled_for=None)), raising=False)
    consumer = Bare(10)
    seeks = [asyncio.ensure_future(consumer.perform_seek()) for _ in gates]
    await asyncio.sleep(0)
    for gate, seek in zip(gates, seeks, strict=True):
        assert await consumer._getmany(None, 1.0) == {}
        gate.set()
        await seek
    assert await consumer._getmany(None, 1.0) == {PART: ["a record"]}


async def test_a_seek_that_fails_is_over(monkeypatch):
    async def seek_to_committed(_):
        raise TimeoutError

    monkeypatch.setattr(driver.Consumer, "seek_to_committed", seek_to_committed)
    consumer = Bare(10)
    with pytest.raises(TimeoutError):
        await consumer.perform_seek()
    assert not consumer._seeking
