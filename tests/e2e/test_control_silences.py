"""Silences on a real topic: seen by all at once, lifted, and of two changes the first stands."""

import asyncio
from typing import Any

import pytest

from service.adapters.control import SilencesFollower, publish_silence, read_silences
from service.adapters.control_writes import KEPT_MS
from service.model.errors import ChangedMeanwhile
from tests.builders import silence_record
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


async def test_a_follower_knows_what_is_active_and_is_told_what_changes(kafka_settings):
    first = silence_record("sil_1", starts_ms=1_000, ends_ms=9_000)
    await publish_silence(kafka_settings, first)
    told: list[Any] = []
    follower = SilencesFollower(kafka_settings, on_change=told.append)
    await follower.start()
    try:
        assert follower.ready
        assert told == [[first]]
        assert [one.id for one in follower.at(1_000)] == ["sil_1"]
        assert not follower.at(9_000)
        lifted = first.model_copy(update={"revision": 2, "ends_ms": 5_000, "updated_ms": 5_000})
        await publish_silence(kafka_settings, lifted)
        await wait_until(lambda: len(told) == 2, what="the follower is told")
        assert told[1] == [lifted]
        assert not follower.at(5_000)
        assert [one.ends_ms for one in follower.at(4_999)] == [5_000]
        assert follower.all() == (lifted,)
    finally:
        await follower.stop()


async def test_of_two_changes_the_first_stands(kafka_settings):
    made = silence_record("sil_1")
    await publish_silence(kafka_settings, made)
    changes = [made.model_copy(update={"revision": 2, "ends_ms": ends}) for ends in (2_000, 3_000)]
    done = await asyncio.gather(
        *(publish_silence(kafka_settings, change) for change in changes), return_exceptions=True
    )  # fmt: skip
    (lost,) = [one for one in done if one is not None]
    assert isinstance(lost, ChangedMeanwhile)
    assert "the silence sil_1 was changed by somebody else" in str(lost)
    assert await read_silences(kafka_settings) == (changes[done.index(None)],)


async def test_what_ended_long_ago_goes_with_the_next(kafka_settings):
    await publish_silence(kafka_settings, silence_record("sil_old", ends_ms=9_000))
    new = silence_record("sil_new", ends_ms=2 * KEPT_MS, updated_ms=9_000 + KEPT_MS + 1)
    await publish_silence(kafka_settings, new)
    assert await read_silences(kafka_settings) == (new,)
