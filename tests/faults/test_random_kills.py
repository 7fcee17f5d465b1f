"""SIGKILL at random moments under load: the books balance, nothing is lost, no id has two contents."""

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from functools import partial

import pytest

from service.adapters.control import publish_subscription
from service.adapters.receiver import Receiver
from service.local import Roles
from service.model.errors import Unavailable
from tests.builders import SECRET
from tests.faults.told import POLICIES, Told, subscriptions, wire_copy
from tests.line import apply_rules, article, lean_env, publish, settled_account, subscribe
from tests.soak import KILLS_A_PART, parts
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

ARTICLES = 600
STEP = 8
KILLS = 5
ARTICLES_A_KILL = 40
START_S = {"worker": 8.0, "dispatcher": 4.0}
"""About how long an heir takes until it is ready: a kill while it starts comes within that."""
WIRE_ARTICLES_A_KILL = 14
COPIES = 3
WIRE_ARTICLES = 180
"""Each is told to four subscriptions."""
WIRE_STORIES = 30


async def _killed(role, kills, articles, settings, env, tmp_path, luck, soak=None):
    await apply_rules(settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, lean_env(env)) as roles:
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
            if life < kills and not (soak and soak.time_is_up):
                enough = different() + luck.randrange(30)
                await wait_until(partial(lambda count: different() > count, enough), 90)
                if soak:
                    soak.memory([victim, other])
                    soak.progress(kills)
                victim = await _replaced(victim, roles, role, soak)
            await publishing
        total = per_life * (kills + 1)
        await wait_until(lambda: different() >= total, 120)
        account = await settled_account(settings, 90)
        assert other.returncode is None
    if soak:
        soak.note(articles=total)
        soak.logs(tmp_path)
    assert len(arrived) == total, "every article was told, under one id"
    assert all(len(bodies) == 1 for bodies in arrived.values()), "one id, one content"
    assert account["ledgers"]["alerts"]["ends"] == {"notified": total}
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": total}


async def _replaced(victim, roles, role, soak):
    """Kill it and start its heir; in a soak that is killed now and then before it is ready, and is measured."""
    if not soak:
        victim.kill()
        (heir,) = await roles.start(role)
        return heir
    soak.kill(victim)
    while soak.dies_at_start():
        starting = asyncio.create_task(roles.start(role))
        await asyncio.sleep(soak.moment_s(START_S[role]))
        soak.kill(roles._all[-1])
        with contextlib.suppress(Unavailable):  # it ended before it was ready: that was the point
            await starting
    began_s = time.monotonic()
    (heir,) = await roles.start(role)
    soak.measure("ready_s", time.monotonic() - began_s)
    return heir


async def _steadily(settings, numbers):
    """Articles keep coming while the role dies: some wait for it, some meet it in full swing."""
    for first in numbers[::STEP]:
        await publish(settings, [article(number) for number in range(first, min(numbers.stop, first + STEP))])


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ["worker", "dispatcher"])
async def test_killed_at_random_moments(role, kafka_settings, kafka_env, tmp_path):
    await _killed(role, KILLS, ARTICLES, kafka_settings, kafka_env, tmp_path, random.Random(20261123))


@pytest.mark.soak
@parts
@pytest.mark.parametrize("role", ["worker", "dispatcher"])
async def test_killed_two_hundred_times(role, kafka_settings, kafka_env, tmp_path, soak, part):
    kills = KILLS_A_PART
    await _killed(role, kills, ARTICLES_A_KILL * (kills + 1), kafka_settings, kafka_env, tmp_path, soak.luck, soak)


async def _stories_and_holds(kills, articles, settings, env, tmp_path, luck, soak=None):
    """Two workers; now one is killed, now the other, while stories, waits and holds are under way."""
    await apply_rules(settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, lean_env(env)) as roles:
        receiver.secrets = [SECRET]
        for record in subscriptions(receiver.url):
            await publish_subscription(settings, record)
        await roles.start("dispatcher")
        workers = await roles.start("worker", "worker")
        per_kill = articles // (kills + 1)
        total = per_kill * (kills + 1)
        stories, order = WIRE_STORIES, list(range(total))
        if soak:  # new stories until the end
            stories, order = total // COPIES, luck.sample(order, total)
        for kill in range(kills + 1):
            made = [wire_copy(number, stories) for number in order[kill * per_kill : (kill + 1) * per_kill]]
            publishing = asyncio.create_task(_slowly(settings, made))
            if kill < kills and not (soak and soak.time_is_up):
                seen = len(receiver.received)
                await wait_until(partial(lambda count: len(receiver.received) > count, seen + luck.randrange(12)), 90)
                victim = luck.randrange(len(workers))
                if soak:
                    soak.memory(workers)
                    soak.progress(kills)
                workers[victim] = await _replaced(workers[victim], roles, "worker", soak)
            await publishing

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
    if soak:
        soak.note(
            articles=total,
            webhooks=len(receiver.received),
            told_again=len(receiver.received) - len(arrived),
        )
        soak.logs(tmp_path)
    (await Told.read(settings)).check(total, stories)
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
    luck = random.Random(20261123)
    await _stories_and_holds(KILLS, WIRE_ARTICLES, kafka_settings, kafka_env, tmp_path, luck)


@pytest.mark.soak
@parts
async def test_two_workers_with_stories_and_holds_killed_two_hundred_times(
    kafka_settings, kafka_env, tmp_path, soak, part
):
    articles = WIRE_ARTICLES_A_KILL * (KILLS_A_PART + 1)
    await _stories_and_holds(KILLS_A_PART, articles, kafka_settings, kafka_env, tmp_path, soak.luck, soak)
