"""A retry is signed anew under its old id, and a test delivery never counts: the dispatcher on real Kafka and HTTP."""

import pytest

from service.adapters.receiver import Receiver, Script
from service.settings import KafkaSettings
from tests.deliveries import SECRET, Known, delivery, dispatching, produce, settings_for, subscription, terminal

pytestmark = pytest.mark.kafka


async def test_a_retry_has_its_own_timestamp_and_signature_and_the_old_id(kafka_settings: KafkaSettings) -> None:
    sent = delivery(1)
    async with Receiver([SECRET], script=Script((500, 200))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="1.5")
        await produce(kafka_settings, [sent])
        async with dispatching(settings, known):
            await terminal(kafka_settings, [sent.id])
    first, second = receiver.received
    assert {first.id, second.id} == {sent.id}
    assert first.body == second.body == sent.body.encode()
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) in (1, 2, 3)
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert first.verified
    assert second.verified  # whoever allows five minutes refuses a signature that was made for the first attempt of ten


@pytest.mark.parametrize("status", [410, 500, 429])
async def test_answers_to_a_test_disable_nobody_and_open_nothing(kafka_settings: KafkaSettings, status: int) -> None:
    tests = [delivery(number, reason="test") for number in range(12)]
    async with Receiver([SECRET], script=Script((status,))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        settings = settings_for(
            kafka_settings,
            BONGSU_DELIVERY_BREAKER_FAILURES="2",
            BONGSU_DELIVERY_DISABLE_FAILURES="2",
            BONGSU_DELIVERY_DISABLE_AFTER_S="0.001",
            BONGSU_DELIVERY_GONE_PROBE_S="0.1",
        )
        await produce(kafka_settings, tests)
        async with dispatching(settings, known) as role:
            made = await terminal(kafka_settings, [record.id for record in tests])
            assert role._endpoints.open_breakers() == 0
            assert role._endpoints.of("press-office").health.failures == 0
    assert [(attempt.number, attempt.outcome) for attempt in made] == [(1, "given_up")] * len(tests)
    assert len(receiver.received) == len(tests)
    assert known["press-office"].disabled_ms is None
