"""The dispatcher alone, on a real Kafka and against real HTTP servers."""

import asyncio
import time
from typing import Any

import pytest

from service.adapters.receiver import Receiver, Script
from service.dispatcher.role import Dispatcher
from service.model import topics
from service.model.errors import NewerSchema
from service.model.ids import sha256_hex
from service.model.records import AttemptRecord, DeliveryRecord
from service.settings import KafkaSettings
from tests.deliveries import (
    SECRET,
    Known,
    attempts,
    committed,
    delivery,
    dispatching,
    produce,
    read_all,
    settings_for,
    subscription,
    terminal,
)
from tests.misbehaving import serving
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


async def test_a_delivery_arrives_signed_and_is_written_down(kafka_settings: KafkaSettings) -> None:
    sent = delivery(1)
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [sent])
        async with dispatching(settings_for(kafka_settings), known):
            (attempt,) = await terminal(kafka_settings, [sent.id])
        (got,) = receiver.received
    assert got.verified
    assert got.body == sent.body.encode()
    assert got.headers["webhook-id"] == sent.id == attempt.delivery_id
    assert (attempt.outcome, attempt.status, attempt.number, attempt.error) == ("delivered", 204, 1, None)
    assert attempt.body_sha256 == sent.body_sha256
    assert (await committed(kafka_settings))[topics.DELIVERIES] == 1


async def test_two_500s_then_200_keep_the_id_and_the_bytes(kafka_settings: KafkaSettings) -> None:
    sent = delivery(1)
    async with Receiver([SECRET], script=Script((500, 500, 200))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [sent])
        async with dispatching(settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="0.2,1.3"), known):
            made = await terminal(kafka_settings, [sent.id])
    assert [got.headers["webhook-id"] for got in receiver.received] == [sent.id] * 3
    assert {got.body for got in receiver.received} == {sent.body.encode()}
    assert all(got.verified for got in receiver.received)
    assert [(one.number, one.outcome, one.status) for one in made] == [
        (1, "retry", 500), (2, "retry", 500), (3, "delivered", 200),
    ]  # fmt: skip
    first, second, third = (got.at_s for got in receiver.received)
    assert second - first >= 0.2
    assert third - second >= 1.3
    # the first wait was too short for a tier and stayed in memory; the second rested in one
    assert len(await read_all(kafka_settings, topics.retry_topic(1))) == 1


async def test_what_cannot_be_used_is_a_dead_letter_and_its_neighbours_arrive(kafka_settings: KafkaSettings) -> None:
    good = [delivery(1), delivery(2)]
    forged = delivery(3).model_copy(update={"body": "{}"})
    unusable = delivery(4, id="msg.with.dots")
    again = delivery(1).model_copy(update={"body": "[]", "body_sha256": sha256_hex(b"[]")})
    poison = [b"not json", b'{"schema": 1}', b"\xff\xfe", None, forged, unusable]
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [good[0], *poison, good[1]])
        async with dispatching(settings_for(kafka_settings), known):
            await terminal(kafka_settings, [record.id for record in good])
            await produce(kafka_settings, [again])
            letters = await wait_until(lambda: letters_of(kafka_settings, len(poison) + 1), what="dead letters")
    assert {got.id for got in receiver.received} == {record.id for record in good}
    values = [record.encode() if isinstance(record, DeliveryRecord) else record for record in [*poison, again]]
    assert {letter.value for letter in letters} == set(values)
    for letter in letters:
        headers = dict(letter.headers)
        assert headers["topic"].decode() == f"{kafka_settings.topic_prefix}{topics.DELIVERIES}"
        assert int(headers["offset"]) >= 0
        assert int(headers["partition"]) >= 0
        assert headers["reason"]
    assert (await committed(kafka_settings))[topics.DELIVERIES] == len(good) + len(poison) + 1


async def letters_of(kafka: KafkaSettings, count: int) -> list[Any]:
    found = await read_all(kafka, topics.DEAD_LETTERS)
    return found if len(found) == count else []


async def test_a_newer_schema_stops_the_role_and_loses_nothing(kafka_settings: KafkaSettings) -> None:
    first, last = delivery(1), delivery(2)
    newer = last.model_copy(update={"schema_": 2})
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [first, newer])
        async with dispatching(settings_for(kafka_settings), known) as role:
            error = await asyncio.wait_for(asyncio.shield(role.failed), 20)
    assert isinstance(error, NewerSchema)
    assert "Upgrade" in str(error)
    assert (await committed(kafka_settings))[topics.DELIVERIES] <= 1
    assert not await read_all(kafka_settings, topics.DEAD_LETTERS)


async def test_ends_without_a_post(kafka_settings: KafkaSettings) -> None:
    now_ms = int(time.time() * 1000)
    nobody, late = delivery(1, "nobody"), delivery(3, deadline_ms=now_ms - 1)
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [nobody, late])
        async with dispatching(settings_for(kafka_settings), known):
            made = await terminal(kafka_settings, [nobody.id, late.id])
    ends = {attempt.delivery_id: (attempt.outcome, attempt.error, attempt.status, attempt.number) for attempt in made}
    assert ends == {
        nobody.id: ("undeliverable", "subscription_gone", None, 1),
        late.id: ("expired", "expired", None, 1),
    }
    assert not receiver.received


async def test_given_up_after_the_schedule(kafka_settings: KafkaSettings) -> None:
    tried = delivery(1, "broken")
    async with Receiver(script=Script((500,))) as broken:
        known = Known()
        known.add(subscription(broken.url, "broken"))
        await produce(kafka_settings, [tried])
        async with dispatching(settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="0.01,0.01"), known):
            made = await terminal(kafka_settings, [tried.id])
    assert [one.outcome for one in made] == ["retry", "retry", "given_up"]
    assert len(broken.received) == 3


async def test_retry_after_is_obeyed(kafka_settings: KafkaSettings) -> None:
    sent = delivery(1)
    async with Receiver(script=Script((429, 200), headers={"Retry-After": "2"})) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [sent])
        async with dispatching(settings_for(kafka_settings), known):
            first, _ = await terminal(kafka_settings, [sent.id])
    assert first.next_due_ms is not None
    assert first.next_due_ms >= first.started_ms + 2000
    early, late = (got.at_s for got in receiver.received)
    assert late - early >= 2


async def test_endpoints_that_hang_cost_the_others_nothing(kafka_settings: KafkaSettings) -> None:
    """The dead ones have 200 each and 16 slots each; the living one gets its own at once."""
    async with Receiver([SECRET]) as alive, serving(hang) as dead:
        known = Known()
        known.add(subscription(alive.url, "alive"))
        for number in range(4):
            known.add(subscription(dead.url(), f"dead{number}"))
        blocked = [delivery(number, f"dead{number % 4}") for number in range(800)]
        mine = [delivery(number, "alive") for number in range(50)]
        await produce(kafka_settings, [*blocked, *mine])
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_TIMEOUT_S="60", BONGSU_DELIVERY_MAX_IN_FLIGHT="100")
        async with dispatching(settings, known) as role:
            await wait_until(lambda: len(alive.received) == 50, 10, "the living endpoint has all of its own")
            await wait_until(
                lambda: role._flow.lanes.busy == 16, 10, "the dead ones keep their first 4 slots each, and no more"
            )
    assert {got.id for got in alive.received} == {record.id for record in mine}


async def test_what_is_not_due_rests_in_tiers_and_is_not_sent_early(kafka_settings: KafkaSettings) -> None:
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        async with dispatching(settings_for(kafka_settings), known):  # it reads at once: to start may take a while
            due_ms = int(time.time() * 1000) + 3300
            later, now = delivery(1, due_ms=due_ms), delivery(2)
            await produce(kafka_settings, [later, now])
            made = await terminal(kafka_settings, [later.id, now.id])
    assert [got.id for got in receiver.received] == [now.id, later.id]
    assert receiver.received[1].at_s * 1000 >= due_ms
    assert all((attempt.number, attempt.outcome) == (1, "delivered") for attempt in made)


async def test_two_dispatchers_share_the_partitions_and_one_takes_over(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number, f"s{number % 10}") for number in range(200)]
    async with Receiver([SECRET], script=Script((200,), delay_s=0.05)) as receiver:
        known = Known()
        for number in range(10):
            known.add(subscription(receiver.url, f"s{number}"))
        settings = settings_for(kafka_settings)
        async with dispatching(settings, known) as first:
            await produce(kafka_settings, records[:100])
            async with dispatching(settings, known) as second:
                await wait_until(lambda: first.ready and second.ready, 30, "both have partitions")
                mine, theirs = (assigned(role) for role in (first, second))
                assert mine
                assert mine.isdisjoint(theirs)  # a subscription has one dispatcher, for all of its tiers
                await produce(kafka_settings, records[100:])
                made = await terminal(kafka_settings, [record.id for record in records])
            await produce(kafka_settings, [delivery(1000, "s1")])
            made = await terminal(kafka_settings, [delivery(1000, "s1").id])
    assert len([attempt for attempt in made if attempt.terminal]) == 201
    assert {got.id for got in receiver.received} == {record.id for record in records} | {delivery(1000, "s1").id}
    assert (await committed(kafka_settings))[topics.DELIVERIES] == 201


async def test_stopping_ends_what_is_under_way_and_commits_it(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number) for number in range(10)]
    async with Receiver([SECRET], script=Script((200,), delay_s=0.5)) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, records)
        async with dispatching(settings_for(kafka_settings), known):
            await wait_until(lambda: len(receiver.received) == 10, what="all are under way")
    assert (await committed(kafka_settings))[topics.DELIVERIES] == 10
    assert [attempt.outcome for attempt in await attempts(kafka_settings)] == ["delivered"] * 10


async def test_a_replay_is_sent_again_under_its_id_and_a_repeat_is_not(kafka_settings: KafkaSettings) -> None:
    sent = delivery(1)
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        async with dispatching(settings_for(kafka_settings), known):
            await produce(kafka_settings, [sent, sent])
            await terminal(kafka_settings, [sent.id])
            await produce(kafka_settings, [sent, sent.model_copy(update={"reason": "replay"})])
            made = await wait_until(lambda: two_attempts(kafka_settings), what="the replay is sent")
    assert [attempt.reason for attempt in made] == ["live", "replay"]
    assert [got.id for got in receiver.received] == [sent.id, sent.id]


def assigned(role: Dispatcher) -> set[int]:
    """Numbers of the partitions that it holds, of any topic."""
    assert role._consumer is not None
    return {tp.partition for tp in role._consumer.assignment()}


async def two_attempts(kafka: KafkaSettings) -> list[AttemptRecord]:
    made = await attempts(kafka)
    return made if len(made) >= 2 else []


async def hang(*_: Any) -> None:
    await asyncio.Event().wait()
