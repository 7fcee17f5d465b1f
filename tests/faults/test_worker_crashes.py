"""Each row of docs/crash-tables-worker.md: SIGKILL at that step on a real Kafka, then a worker that goes on.

Once it is the same machine, with the tables that the dead one left; once it is another worker that was there all along.
"""

import asyncio
import os
import sys

import pytest

from service.adapters.control import publish_subscription
from service.local import Roles
from tests.faults.crashing_worker import POINTS
from tests.faults.told import Told, subscriptions, wire_copy
from tests.forked import spawn
from tests.line import apply_rules, lean_env, publish
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

ARTICLES = 24
STORIES = 6
NTH = {"flush": 1, "timer": 1}
"""The others die at the second time that they get there: then there is something to recover."""
LAST_OF_A_HOP = {point.partition(":")[0]: point for point in POINTS}
"""A live heir has no table of the dead one, so what differs is the hop, not the step: `make soak` does them all."""
ROWS = [
    pytest.param(
        point, heir, marks=[pytest.mark.soak] if heir == "live" and point not in LAST_OF_A_HOP.values() else []
    )
    for point in POINTS
    for heir in ("restarted", "live")
]


@pytest.mark.parametrize(("point", "heir"), ROWS)
async def test_a_worker_killed_at(point, heir, kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    for record in subscriptions():
        await publish_subscription(kafka_settings, record)
    env = lean_env(kafka_env)
    workers = [_crashing(point, number, env, tmp_path) for number in range(1 if heir == "restarted" else 2)]
    try:
        for number in range(len(workers)):
            await wait_until((tmp_path / f"ready-{number}").exists, 60)
        for number in range(ARTICLES):
            await publish(kafka_settings, [wire_copy(number, STORIES)])
            if _dead(workers):
                break
        await publish(kafka_settings, [wire_copy(number, STORIES) for number in range(ARTICLES)])
        await wait_until(lambda: _dead(workers), 30)
        assert [worker.returncode for worker in _dead(workers)] == [-9]
        async with Roles(tmp_path, env) as roles:
            if heir == "restarted":
                await roles.start("worker")
            await wait_until(lambda: _complete(kafka_settings), 60)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.terminate()
        await asyncio.gather(*[asyncio.to_thread(worker.wait) for worker in workers])
    (await Told.read(kafka_settings)).check(ARTICLES, STORIES)


def _crashing(point, number, env, tmp_path):
    arguments = [
        point,
        str(NTH.get(point.partition(":")[0], 2)),
        str(tmp_path / f"ready-{number}"),
        str(tmp_path / "died"),
    ]
    return spawn(
        [sys.executable, "-m", "tests.faults.crashing_worker", *arguments],
        log_path=tmp_path / f"crashing-{number}.log",
        env={**os.environ, **env},
    )


def _dead(workers):
    return [worker for worker in workers if worker.poll() is not None]


async def _complete(settings):
    return (await Told.read(settings)).complete(ARTICLES)
