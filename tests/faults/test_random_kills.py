"""SIGKILL at random moments under load: the books balance, nothing is lost, no id has two contents."""

import asyncio
import os
import random
from collections import defaultdict
from functools import partial

import pytest

from service.adapters.control import publish_subscription
from service.adapters.receiver import Receiver
from service.local import Roles
from tests.builders import SECRET
from tests.faults.told import POLICIES, Told, subscriptions, wire_copy
from tests.line import apply_rules, article, local_env, publish, settled_account, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

ARTICLES = 600
STEP = 8
KILLS = 5
SOAK_ARTICLES = 4000
SOAK_KILLS = 100
WIRE_ARTICLES = 180
"""Each is told to four subscriptions."""
WIRE_STORIES = 30


async def _killed(role, kills, articles, settings, env, tmp_path, seed):
    luck = random.Random(seed)
    await apply_rules(settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, local_env(env)) as roles:
        await subscribe(settings, receiver, "chongqing-watch")
        (other,) = await roles.start({"worker": "dispatcher", "dispatcher": "worker"}[role])
        (victim,) = await roles.start(role)
        arrived: dict[str, set[bytes]] = defaultdict(set)

        def different():
            for one in receiver.received:
                arrived[one.id].add(one.body)
            receiver.received.clear()
            return len(arrived)

        per_life = articles // (kills + 1)
        for life in range(kills + 1):
            publishing = asyncio.create_task(_steadily(settings, range(life * per_life, (life + 1) * per_life)))
            if life < kills:
                enough = different() + luck.randrange(30)
                await wait_until(partial(lambda count: different() > count, enough), 90)
                victim.kill()
                (victim,) = await roles.start(role)
            await publishing
        total = per_life * (kills + 1)
        await wait_until(lambda: different() >= total, 120)
        account = await settled_account(settings, 90)
        assert other.returncode is None
    assert len(arrived) == total, "every article was told, under one id"
    assert all(len(bodies) == 1 for bodies in arrived.values()), "one id, one content"
    assert account["ledgers"]["alerts"]["ends"] == {"notified": total}
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": total}


async def _steadily(settings, numbers):
    """Articles keep coming while the role dies: some wait for it, some meet it in full swing."""
    for first in numbers[::STEP]:
        await publish(settings, [article(number) for number in range(first, min(numbers.stop, first + STEP))])


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ["worker", "dispatcher"])
async def test_killed_at_random_moments(role, kafka_settings, kafka_env, tmp_path):
    await _killed(role, KILLS, ARTICLES, kafka_settings, kafka_env, tmp_path, seed=20261123)


@pytest.mark.soak
@pytest.mark.parametrize("role", ["worker", "dispatcher"])
async def test_killed_a_hundred_times(role, kafka_settings, kafka_env, tmp_path):
    seed = int(os.environ.get("SEED", "1"))
    await _killed(role, SOAK_KILLS, SOAK_ARTICLES, kafka_settings, kafka_env, tmp_path, seed)


async def _stories_and_holds(kills, articles, settings, env, tmp_path, seed):
    """Two workers; now one is killed, now the other, while stories, waits and holds are under way."""
    luck = random.Random(seed)
    await apply_rules(settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, local_env(env)) as roles:
        receiver.secrets = [SECRET]
        for record in subscriptions(receiver.url):
            await publish_subscription(settings, record)
        await roles.start("dispatcher")
        workers = await roles.start("worker", "worker")
        per_kill = articles // (kills + 1)
        for kill in range(kills + 1):
            made = [wire_copy(number, WIRE_STORIES) for number in range(kill * per_kill, (kill + 1) * per_kill)]
            publishing = asyncio.create_task(_slowly(settings, made))
            if kill < kills:
                seen = len(receiver.received)
                await wait_until(partial(lambda count: len(receiver.received) > count, seen + luck.randrange(12)), 90)
                victim = luck.randrange(len(workers))
                workers[victim].kill()
                (workers[victim],) = await roles.start("worker")
            await publishing
        total = per_kill * (kills + 1)

        async def complete():
            _all_run(workers)
            return (await Told.read(settings)).complete(total)

        await wait_until(complete, 120)
        try:
            account = await settled_account(settings, 90)
        finally:
            _all_run(workers)
        arrived: dict[str, set[bytes]] = defaultdict(set)
        for one in receiver.received:
            arrived[one.id].add(one.body)
    (await Told.read(settings)).check(total, WIRE_STORIES)
    assert all(len(bodies) == 1 for bodies in arrived.values()), "one id, one content"
    assert account["ledgers"]["alerts"]["entries"] == total * len(POLICIES)
    assert account["ledgers"]["alerts"]["ends"].keys() <= {"notified", "attached"}
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": len(arrived)}


def _all_run(workers):
    """Nobody ends but those that are killed: without a worker nothing comes to rest."""
    assert all(worker.returncode is None for worker in workers), [worker.tail() for worker in workers]


async def _slowly(settings, made):
    for article_ in made:
        await publish(settings, [article_])


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_two_workers_with_stories_and_holds_killed_at_random_moments(kafka_settings, kafka_env, tmp_path):
    await _stories_and_holds(KILLS, WIRE_ARTICLES, kafka_settings, kafka_env, tmp_path, seed=20261123)


@pytest.mark.soak
async def test_two_workers_with_stories_and_holds_killed_two_hundred_times(kafka_settings, kafka_env, tmp_path):
    seed = int(os.environ.get("SEED", "1"))
    await _stories_and_holds(2 * SOAK_KILLS, 8 * SOAK_KILLS * 2, kafka_settings, kafka_env, tmp_path, seed)
