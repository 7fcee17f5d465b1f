"""Rules change while articles flow, on a real Kafka: in force soon, nothing lost; a bad set leaves the last good one."""

import asyncio
import hashlib
import json
import time
from typing import Any

import aiohttp
import pytest

from service.adapters.control_topic import put, read_whole
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.rule_files import load_rules
from service.local import Roles
from service.model import topics
from service.model.control_records import RulesManifest
from tests.deliveries import read_all
from tests.line import RULES, apply_rules, article, local_env, publish
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

MORE = RULES + "  - {id: agreement, name: 협약, when: '\"협약\"'}\n"


async def found(settings):
    """Article id to the ids of the rules found in it."""
    out: dict[str, Any] = {}
    for record in await read_all(settings, topics.MATCHES):
        value = json.loads(record.value)
        out.setdefault(value["article"]["id"], set()).update(one["rule"]["id"] for one in value["matches"])
    return out


async def ready_page(child) -> str:
    port = child.wait_ready(1)["ports"]["metrics"]
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/readyz") as answer:
        assert answer.status == 200
        return await answer.text()


async def publish_bad_set(settings):
    """What no `apply` writes, and a newer version of us might: a whole set whose one rule is not understood."""
    raw = json.dumps({"id": "bad", "when": "@nobody AND"}).encode()
    key = "rule/" + hashlib.sha256(raw).hexdigest()[:32]
    manifest = RulesManifest(version="f" * 32, items=(key,), published_ms=time.time_ns() // 1_000_000)
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic_name(settings, topics.RULES), [(key, raw), ("current", manifest.encode())])


async def test_a_new_set_is_in_force_while_articles_flow_and_none_is_lost(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    async with Roles(tmp_path, local_env(kafka_env)) as roles:
        await roles.start("worker")
        sent = 0

        async def flow(until: asyncio.Event) -> None:
            nonlocal sent
            while not until.is_set():
                await publish(kafka_settings, [article(sent + n) for n in range(20)])
                sent += 20

        changed = asyncio.Event()
        flowing = asyncio.create_task(flow(changed))
        await wait_until(lambda: sent >= 40)
        await apply_rules(kafka_settings, tmp_path, MORE)

        async def new_rule_fires() -> bool:
            return any("agreement" in rules for rules in (await found(kafka_settings)).values())

        await wait_until(new_rule_fires)
        changed.set()
        await flowing

        async def all_found() -> bool:
            return len(await found(kafka_settings)) == sent

        await wait_until(all_found)
        every = await found(kafka_settings)
    assert all({"chongqing-watch", "seoul-meets-chongqing"} <= rules for rules in every.values())
    late = [rules for name, rules in every.items() if int(name[1:]) >= sent - 20]
    assert all("agreement" in rules for rules in late)


async def test_a_bad_set_leaves_the_last_good_one_and_says_so(kafka_settings, kafka_env, tmp_path):
    await apply_rules(kafka_settings, tmp_path)
    async with Roles(tmp_path, local_env(kafka_env)) as roles:
        (worker,) = await roles.start("worker")
        assert await ready_page(worker) == "ready\n"
        await publish_bad_set(kafka_settings)

        async def told() -> bool:
            return "the newest rule set is refused" in await ready_page(worker)

        await wait_until(told)
        await publish(kafka_settings, [article(1)])

        async def matched() -> bool:
            return "a1" in await found(kafka_settings)

        await wait_until(matched)
        assert "newest rule set refused, the last good one stays" in worker.tail()
        await apply_rules(kafka_settings, tmp_path, MORE)

        async def mended() -> bool:
            return await ready_page(worker) == "ready\n"

        await wait_until(mended)


async def test_a_set_too_large_for_one_manifest_is_listed_in_parts(kafka_settings, tmp_path, monkeypatch):
    from service.adapters import control_rules

    monkeypatch.setattr(control_rules, "MAX_ITEMS", 3)
    many = [f"  - {{id: r{n}, when: '\"소식 {n}\"'}}" for n in range(30)]
    await apply_rules(kafka_settings, tmp_path, "\n".join(["rules:", *many]))
    stored = await read_whole(kafka_settings, topics.RULES)
    listed = RulesManifest.decode(stored["current"], topics.RULES).items
    assert listed
    assert all(key.startswith("part/") for key in listed)
    before = {key for key in stored if key.startswith("part/")}
    await apply_rules(kafka_settings, tmp_path, "\n".join(["rules:", *many[1:]]))
    in_force = await control_rules.read_in_force(kafka_settings)
    assert in_force is not None
    assert in_force.version == load_rules(tmp_path / "rules-in-test.yaml").version
    stored = await read_whole(kafka_settings, topics.RULES)
    parts = {key for key in stored if key.startswith("part/")}
    assert len(parts - before) <= 1, "what did not change is not written again"
    await apply_rules(kafka_settings, tmp_path, "\n".join(["rules:", *many[2:]]))
    stored = await read_whole(kafka_settings, topics.RULES)
    needed = {
        part
        for name in ("current", "previous")
        for part in RulesManifest.decode(stored[name], topics.RULES).items
    }  # fmt: skip
    assert {key for key in stored if key.startswith("part/")} == needed, "of older sets nothing is kept"
