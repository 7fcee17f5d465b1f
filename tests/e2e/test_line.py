"""From an article on a topic to a webhook that a stranger's library verifies: real Kafka, real processes, real HTTP."""

import asyncio
import json
import signal
import time
from collections import defaultdict

import pytest

from service.adapters.receiver import Receiver, Script
from service.local import Roles
from service.model import ids
from tests.deliveries import read_all
from tests.line import apply_rules, article, lean_env, local_env, publish, settled_account, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def by_id(receiver):
    found = defaultdict(list)
    for one in receiver.received:
        found[one.id].append(one)
    return found


async def test_an_article_becomes_a_verified_webhook(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, local_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver)
        await roles.start("worker", "dispatcher")
        await publish(kafka_settings, [article(1), article(2, "아무 이름도 없는 글이다.")])
        await wait_until(lambda: len(receiver.received) == 2)
        account = await settled_account(kafka_settings)
    assert all(one.verified for one in receiver.received)
    payloads = [one.payload for one in receiver.received]
    assert {payload["type"] for payload in payloads} == {"alert.matched"}
    assert {payload["data"]["rule"]["id"] for payload in payloads} == {"seoul-meets-chongqing", "chongqing-watch"}
    (alert,) = next(p for p in payloads if p["data"]["rule"]["id"] == "chongqing-watch")["data"]["alerts"]
    assert alert["article"]["id"] == "a1"
    assert [(m["entity"], m["surface"], m["zone"]) for m in alert["mentions"]] == [("chongqing", "충칭시", "lead")]
    assert "서울시와 충칭시가 협약을 맺었다." in alert["mentions"][0]["sentence"]
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": 2}


async def test_a_receiver_that_fails_twice_gets_the_same_id_three_times(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    script = Script(statuses=(500, 500, 200))
    async with Receiver(script=script) as receiver, Roles(tmp_path, lean_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver, "chongqing-watch")
        await roles.start("worker", "dispatcher")
        await publish(kafka_settings, [article(1)])
        await wait_until(lambda: len(receiver.received) == 3)
        await settled_account(kafka_settings)
        attempts = [json.loads(record.value) for record in await read_all(kafka_settings, "attempts")]
    assert len({one.id for one in receiver.received}) == 1
    told = [one.headers["traceparent"].split("-") for one in receiver.received]
    assert {trace for _, trace, *_ in told} == {one["trace"] for one in attempts} == {ids.trace_id("a1")}
    assert len({span for *_, span, _ in told}) == 3, "each attempt is a span of its own"
    assert len({one.body for one in receiver.received}) == 1
    assert [one.status for one in receiver.received] == [500, 500, 200]
    assert len({one.headers["webhook-signature"] for one in receiver.received}) >= 1
    assert all(one.verified for one in receiver.received)


async def test_poison_between_two_good_articles_costs_neither(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    poison = [b"\xff\xfe no json", b'{"id": 5}', b'{"id": "x", "title": ""', b"[]"]
    async with Receiver() as receiver, Roles(tmp_path, lean_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver, "chongqing-watch")
        await roles.start("worker", "dispatcher")
        await publish(kafka_settings, [article(1), *poison, article(2)])
        await wait_until(lambda: len(receiver.received) == 2)
        await settled_account(kafka_settings)
        letters = await read_all(kafka_settings, "dead-letters")
    assert {one.payload["data"]["alerts"][0]["article"]["id"] for one in receiver.received} == {"a1", "a2"}
    assert sorted(letter.value for letter in letters) == sorted(poison)
    for letter in letters:
        headers = dict(letter.headers)
        assert headers["topic"] == b"articles"
        assert headers["reason"]
        assert int(headers["offset"]) >= 0


async def test_a_newer_schema_stops_the_worker_and_loses_nothing(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, lean_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver)
        (worker,) = await roles.start("worker")
        await publish(kafka_settings, [{**article(1), "schema": 99}])
        await wait_until(lambda: worker.returncode is not None)
        assert worker.returncode == 3
        assert "Upgrade this role" in worker.tail(40)
        assert await read_all(kafka_settings, "dead-letters") == []


async def test_two_workers_share_and_one_takes_over(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, lean_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver, "chongqing-watch")
        first, second = await roles.start("worker", "worker")
        await roles.start("dispatcher")
        await publish(kafka_settings, [article(n) for n in range(100)])
        await wait_until(lambda: len(by_id(receiver)) == 100, 60)
        first.kill()
        await publish(kafka_settings, [article(n) for n in range(100, 200)])
        await wait_until(lambda: len(by_id(receiver)) == 200, 60)
        assert second.returncode is None
        await settled_account(kafka_settings)
    for same in by_id(receiver).values():
        assert len({one.body for one in same}) == 1


async def test_sigterm_ends_each_role_in_time_with_its_offsets_committed(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, local_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver)
        started = await roles.start("worker", "dispatcher", "audit")
        await publish(kafka_settings, [article(n) for n in range(50)])
        await wait_until(lambda: len(by_id(receiver)) == 100, 60)
        for child in started:
            before = time.monotonic()
            child.send(signal.SIGTERM)
            await asyncio.to_thread(child.wait, 10)
            assert time.monotonic() - before < 10
            assert child.returncode == 0, child.tail()
        account = await settled_account(kafka_settings, wait_s=0)
    assert account["topics"]["articles"]["behind"] == 0
    assert account["topics"]["deliveries"]["behind"] == 0


async def test_the_ids_are_those_of_the_contract(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, lean_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver, "chongqing-watch")
        await roles.start("worker", "dispatcher")
        await publish(kafka_settings, [article(1), article(1)])
        await wait_until(lambda: receiver.received)
        account = await settled_account(kafka_settings)
    (only,) = by_id(receiver).values()
    alert = only[0].payload["data"]["alerts"][0]
    assert alert["alert_id"] == ids.alert_id(alert["match_id"], "sub")
    assert only[0].id == ids.delivery_id("sub", alert["alert_id"], 1)
    assert account["ledgers"]["alerts"]["entries"] == 1, "the same article and content again is the same alert"
    assert len(only) == 1, "and is not sent again"
