"""More partitions: of `articles` in place, as docs/operations.md says; of what has tables a worker refuses to start."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from service.adapters.kafka_client import client_options, started, topic_name
from service.adapters.processes import Child
from service.adapters.receiver import Receiver
from service.local import Roles
from service.settings import KafkaSettings
from tests.commands import bongsu_forked
from tests.conftest import PARTITIONS
from tests.deliveries import read_all
from tests.line import apply_rules, article, lean_env, publish, settled_account, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

MORE = 2 * PARTITIONS
EACH = 20


async def grow(kafka: KafkaSettings, *names: str) -> None:
    async with started(kafka, AIOKafkaAdminClient(**client_options(kafka))) as admin:
        await admin.create_partitions({topic_name(kafka, name): NewPartitions(total_count=MORE) for name in names})

        async def grown() -> bool:
            found = {one["topic"]: one["partitions"] for one in await admin.describe_topics()}
            return all(len(found[topic_name(kafka, name)]) == MORE for name in names)

        await wait_until(grown)


async def test_more_partitions_of_articles_in_place(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path
) -> None:
    await apply_rules(kafka_settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, lean_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver, "chongqing-watch")
        first, _ = await roles.start("worker", "dispatcher")
        await publish(kafka_settings, [article(number) for number in range(EACH)])
        await settled_account(kafka_settings)
        await grow(kafka_settings, "articles")
        await publish(kafka_settings, [article(number) for number in range(EACH, 3 * EACH)])
        (second,) = await roles.start("worker")
        assert await asyncio.to_thread(first.terminate) == 0
        await roles.start("worker")
        account = await settled_account(kafka_settings)
        assert second.returncode is None
        await wait_until(lambda: len({one.id for one in receiver.received}) == 3 * EACH)
    used = {record.partition for record in await read_all(kafka_settings, "articles")}
    assert max(used) >= PARTITIONS, "the new partitions have some"
    assert account["ledgers"]["alerts"]["ends"] == {"notified": 3 * EACH}


async def test_more_partitions_of_alerts_are_refused(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path
) -> None:
    await apply_rules(kafka_settings, tmp_path)
    env = lean_env(kafka_env)
    async with Roles(tmp_path, env) as roles:
        await roles.start("worker")
    await grow(kafka_settings, "alerts")
    worker = Child("worker")
    worker.start(["worker"], env, tmp_path / "refused.log")
    assert await asyncio.to_thread(worker.wait, 60) == 2
    said = worker.tail(1)
    assert f"groups-changelog has {PARTITIONS} partitions" in said
    assert f"alerts has {MORE}" in said
    assert "docs/operations.md" in said
    doctor = await asyncio.to_thread(bongsu_forked, "doctor", env=env)
    assert doctor.returncode == 1
    (line,) = [line for line in doctor.stdout.splitlines() if line.startswith("error    copies")]
    assert f"groups-changelog has {PARTITIONS} partitions" in line
