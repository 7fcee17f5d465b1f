"""Each row of docs/crash-tables-worker.md: SIGKILL at that step on a real Kafka, then a worker that goes on."""

import asyncio
import sys

import pytest

from service.adapters.processes import spawn
from service.local import Roles
from service.model import ids
from service.model.records import AlertRecord, DecisionRecord, DeliveryRecord
from tests.deliveries import read_all
from tests.faults.crashing_worker import POINTS
from tests.line import apply_rules, article, local_env, publish
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

ARTICLES = 30
"""Enough for several batches of each stage."""


@pytest.mark.parametrize("point", POINTS)
async def test_a_worker_killed_at(point, kafka_settings, kafka_env, tmp_path):
    from service.adapters.control import publish_subscription
    from tests.builders import subscription_record

    await apply_rules(kafka_settings, tmp_path)
    await publish_subscription(kafka_settings, subscription_record("sub", ("chongqing-watch",)))
    env = local_env(kafka_env)
    crashing = spawn(
        [sys.executable, "-m", "tests.faults.crashing_worker", point, "2", str(tmp_path / "ready")],
        log_path=tmp_path / "crashing.log",
        env={**dict(__import__("os").environ), **env},
    )
    try:
        await wait_until((tmp_path / "ready").exists, 60)
        for number in range(ARTICLES):
            await publish(kafka_settings, [article(number)])
            if crashing.poll() is not None:
                break
        await publish(kafka_settings, [article(number) for number in range(ARTICLES)])
        await wait_until(lambda: crashing.poll() is not None, 30)
    finally:
        if crashing.poll() is None:
            crashing.kill()
        await asyncio.to_thread(crashing.wait)
    assert crashing.returncode == -9
    async with Roles(tmp_path, env) as roles:
        await roles.start("worker")

        async def decided():
            return (
                len({DecisionRecord.decode(r.value, "").alert_id for r in await read_all(kafka_settings, "decisions")})
                == ARTICLES
            )

        await wait_until(decided, 60)
    await _nothing_lost_nothing_invented(kafka_settings)


async def _nothing_lost_nothing_invented(settings):
    alerts = [AlertRecord.decode(record.value, "") for record in await read_all(settings, "alerts")]
    decisions = [DecisionRecord.decode(record.value, "") for record in await read_all(settings, "decisions")]
    deliveries = [DeliveryRecord.decode(record.value, "") for record in await read_all(settings, "deliveries")]
    assert {alert.article.id for alert in alerts} == {f"a{n}" for n in range(ARTICLES)}
    assert len({alert.alert_id for alert in alerts}) == ARTICLES
    assert {decision.alert_id for decision in decisions} == {alert.alert_id for alert in alerts}
    assert {delivery.id for delivery in deliveries} == {
        ids.delivery_id("sub", alert.alert_id, 1) for alert in alerts
    }  # fmt: skip
    contents = {(delivery.id, delivery.body) for delivery in deliveries}
    assert len(contents) == ARTICLES, "one id, one content"
