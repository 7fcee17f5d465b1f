"""Outages that `bongsu bench delivery` measures at full size, small: everything arrives, once it can, as itself."""

from collections import Counter, defaultdict

import pytest

from service.adapters.receiver import Receiver, Script
from service.cli.audit import take_audit
from service.model.records import AttemptRecord, DeliveryRecord
from service.settings import KafkaSettings
from tests.deliveries import SECRET, Known, delivery, dispatching, produce, settings_for, subscription, terminal
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

PILE, BURST, ENDPOINTS = 2000, 500, 50
JITTER_LESS = {"BONGSU_DELIVERY_JITTER": "0"}


def all_arrived_as_themselves(receiver: Receiver, records: list[DeliveryRecord]) -> None:
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for got in receiver.received:
        assert got.verified
        bodies[got.id].add(got.body)
    assert bodies == {record.id: {record.body.encode()} for record in records}
    accepted = Counter(got.id for got in receiver.received if got.status < 300)
    assert set(accepted) == {record.id for record in records}
    assert set(accepted.values()) == {1}


def all_delivered(made: list[AttemptRecord]) -> None:
    assert {attempt.outcome for attempt in made if attempt.terminal} == {"delivered"}


@pytest.mark.long
async def test_what_piles_up_for_a_dead_endpoint_arrives_when_it_is_up(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number) for number in range(PILE)]
    async with Receiver([SECRET], script=Script((503,))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S=",".join(["2"] * 60), **JITTER_LESS)
        async with dispatching(settings, known) as role:
            await produce(kafka_settings, records)
            endpoint = role._endpoints.of("press-office")
            await wait_until(lambda: role._flow._metrics.deliveries._value.get() == PILE, what="all were read")
            await wait_until(lambda: endpoint.breaker.is_open, what="the breaker is open")
            refused = len(receiver.received)
            assert refused < PILE / 4  # what only waited cost no POST
            receiver.script = Script((204,))
            receiver._turns.clear()
            made = await terminal(kafka_settings, [record.id for record in records], 120)
            assert not role.failed.done()
    all_delivered(made)
    all_arrived_as_themselves(receiver, records)
    account = await take_audit(kafka_settings)
    assert account["balanced"], account
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": PILE}


@pytest.mark.long
async def test_fifty_endpoints_that_answer_500_at_once_lose_nothing(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number, f"s{number % ENDPOINTS}") for number in range(BURST)]
    async with Receiver([SECRET], script=Script((500, 500, 204), by_id=True)) as receiver:
        known = Known()
        for number in range(ENDPOINTS):
            known.add(subscription(f"{receiver.url}{number}", f"s{number}"))
        # the first retry comes back faster than the bookkeeping of the attempt before it
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="0.001,1,2,4", **JITTER_LESS)
        await produce(kafka_settings, records)
        async with dispatching(settings, known):
            made = await terminal(kafka_settings, [record.id for record in records], 120)
    all_delivered(made)
    all_arrived_as_themselves(receiver, records)
    numbers: dict[str, list[int]] = defaultdict(list)
    for attempt in made:
        numbers[attempt.delivery_id].append(attempt.number)
    assert all(found == [1, 2, 3] for found in numbers.values())
    account = await take_audit(kafka_settings)
    assert account["balanced"], account
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": BURST}
