"""The broker stops for ten seconds in the middle of the work and comes back."""

import asyncio

import pytest

from service.adapters.receiver import Receiver
from service.adapters.topics_admin import create_topics
from service.local import Roles
from service.settings import KafkaSettings
from tests.line import apply_rules, article, lean_env, publish, settled_account, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

AWAY_S = 10


@pytest.mark.long
async def test_the_broker_is_away_for_ten_seconds(private_kafka, tmp_path):
    settings = KafkaSettings(bootstrap_servers=private_kafka.bootstrap_servers)
    await create_topics(settings, partitions=2)
    env = lean_env(
        {"BONGSU_KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers, "BONGSU_DATA_DIR": str(tmp_path / "data")}
    )
    await apply_rules(settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, env) as roles:
        await subscribe(settings, receiver, "chongqing-watch")
        children = await roles.start("worker", "dispatcher", "audit")
        await publish(settings, [article(number) for number in range(300)])
        await wait_until(lambda: len(receiver.received) > 50, 60)
        await asyncio.to_thread(private_kafka.stop)
        await asyncio.sleep(AWAY_S)  # the fault itself, not a wait for something
        await asyncio.to_thread(private_kafka.start)
        await publish(settings, [article(number) for number in range(300, 400)])
        await wait_until(lambda: len({one.id for one in receiver.received}) == 400, 120)
        assert all(child.returncode is None for child in children)
        await settled_account(settings, 60)
        for child in children:
            lines = child.log_path.read_text(encoding="utf-8").count("\n")
            assert lines < 2000, f"{child.name} wrote {lines} lines while the broker was away"
    assert len({(one.id, one.body) for one in receiver.received}) == 400
