"""The broker stops for ten seconds under a dispatcher that sends, retries and holds back."""

import asyncio
from pathlib import Path

import pytest

from service.adapters.control import publish_subscription
from service.adapters.embedded_kafka import EmbeddedKafka
from service.adapters.receiver import Receiver, Script
from service.adapters.topics_admin import create_topics
from service.local import Roles
from service.settings import KafkaSettings
from tests.deliveries import SECRET, delivery, produce, subscription, terminal
from tests.e2e.test_endpoints import balances, held_records
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

AWAY_S = 10
COUNT = 600


@pytest.mark.long
async def test_nothing_is_lost_and_no_id_has_two_bodies(private_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    settings = KafkaSettings(bootstrap_servers=private_kafka.bootstrap_servers)
    await create_topics(settings, partitions=2)
    environ = {
        "BONGSU_KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "BONGSU_DATA_DIR": str(tmp_path / "data"),
        "BONGSU_DELIVERY_ALLOW_ADDRESSES": "127.0.0.0/8",
        "BONGSU_DELIVERY_SCHEDULE_S": "1.5,1.5,1.5",
        "BONGSU_DELIVERY_BREAKER_FAILURES": "0",  # each delivery fails once here, however healthy its endpoint
    }
    paused = [delivery(number, "paused") for number in range(20)]
    twice = Script((500, 200), by_id=True, delay_s=0.05)
    async with (
        Receiver([SECRET], script=Script(delay_s=0.05)) as good,
        Receiver([SECRET], script=twice) as moody,
        Roles(tmp_path, environ) as roles,
    ):
        await publish_subscription(settings, subscription(good.url, "good"))
        await publish_subscription(settings, subscription(moody.url, "moody"))
        await publish_subscription(settings, subscription(good.url, "paused", paused=True))
        (child,) = await roles.start("dispatcher")
        records = [delivery(number, "good" if number % 2 else "moody") for number in range(COUNT)]
        await produce(settings, [*records, *paused])
        await wait_until(lambda: len(good.received) > 50, 60, "some arrived")
        await asyncio.to_thread(private_kafka.stop)
        await asyncio.sleep(AWAY_S)  # the fault itself, not a wait for something
        await asyncio.to_thread(private_kafka.start)
        await terminal(settings, [record.id for record in records], 120)
        await wait_until(lambda: held_records(settings, 20), 60, "the paused ones are held")

        async def balanced() -> bool:
            balance = await balances(settings)
            return bool(balance.balanced and (balance.ended, balance.pending) == (COUNT, 20))

        await wait_until(balanced, 60, "the books balance")
        assert child.returncode is None
    arrived = [got for got in (*good.received, *moody.received) if got.status < 300]
    assert {(got.id, got.body) for got in arrived} == {(record.id, record.body.encode()) for record in records}
