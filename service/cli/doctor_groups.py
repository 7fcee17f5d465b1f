"""Which roles are alive, as Kafka and their own /readyz say, and how far they are behind."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from service.adapters.kafka_client import client_options, make_consumer, started, topic_name
from service.audit.oldest import OldestWaiting
from service.audit.reader import RETRY_TOPICS
from service.cli.doctor_finding import Finding, Level, level_of, now_ms, span
from service.model import topics
from service.settings import KafkaSettings, Settings

WAITS_WARNING_S, WAITS_ERROR_S = 60.0, 900.0
"""News that wait for a minute are late; for a quarter of an hour something stands still."""
ANSWER_S = 5.0
RESTS_S = dict(zip(RETRY_TOPICS, topics.RETRY_TIERS_S, strict=True))
"""How long a record of a retry topic rests there on purpose."""

READ_BY: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "worker": (topics.WORKER_GROUP, (topics.ARTICLES, topics.MATCHES, topics.ALERTS)),
    "dispatcher": (topics.DISPATCHER_GROUP, (topics.DELIVERIES, *RETRY_TOPICS)),
}
"""Role -> its group and what that reads. What is held for a paused subscription waits on purpose."""


@dataclass(frozen=True, slots=True)
class _Topic:
    name: str
    behind: int
    oldest_s: float
    """Since when the first of them waits, without what it rests on purpose."""


async def groups(settings: Settings) -> AsyncIterator[Finding]:
    """Workers and dispatchers are there, and what they read does not wait."""
    kafka = settings.kafka
    for role, (group, names) in READ_BY.items():
        members, partitions, waiting = await _look(kafka, group, names)
        records = sum(one.behind for one in waiting)
        yield _alive(role, members, partitions, records)
        for one in waiting:
            level = level_of(one.oldest_s, WAITS_WARNING_S, WAITS_ERROR_S)
            todo = "" if level == "ok" else f"docs/operations.md, Lag; is a {role} missing, slow, or not ready?"
            yield Finding(
                level, "lag", f"{one.name}: {one.behind} records wait, the first for {span(one.oldest_s)}", todo
            )
        if not waiting:
            yield Finding("ok", "lag", f"nothing waits for the {role}s")


def _alive(role: str, members: Sequence[str], partitions: int, waiting: int) -> Finding:
    hosts = Counter(host.lstrip("/") for host in members)
    where = ", ".join(f"{host} {count} times" if count > 1 else host for host, count in sorted(hosts.items()))
    if not members and waiting:
        return Finding("error", "roles", f"no {role} is in its group, and {waiting} records wait for one",
                       f"start `bongsu {role}`")  # fmt: skip
    if not members:
        return Finding("warning", "roles", f"no {role} is in its group", f"start `bongsu {role}`")
    if len(members) > partitions:
        return Finding("warning", "roles", f"{len(members)} {role}s ({where}) share {partitions} partitions; some idle",
                       "run fewer, or see docs/operations.md, Repartitioning")  # fmt: skip
    return Finding("ok", "roles", f"{len(members)} {role}{'s' if len(members) != 1 else ''} ({where})")


async def _look(kafka: KafkaSettings, group: str, names: Sequence[str]) -> tuple[list[str], int, list[_Topic]]:
    """Hosts of the group's members; partitions of the topic that spreads most; which topics wait."""
    async with (
        started(kafka, AIOKafkaAdminClient(**client_options(kafka))) as admin,
        started(kafka, make_consumer(kafka, group=None)) as consumer,
    ):
        members = await _members(admin, topic_name(kafka, group))
        committed = await admin.list_consumer_group_offsets(topic_name(kafka, group))
        full = {topic_name(kafka, name): name for name in names}
        described = await admin.describe_topics(list(full))
        parts = [
            TopicPartition(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]
        ]
        ends = await consumer.end_offsets(parts)
        begins = await consumer.beginning_offsets(parts)
    heads = {
        part: head
        for part in parts
        if (head := max(begins[part], committed[part].offset if part in committed else 0)) < ends[part]
    }
    since = await _since(kafka, heads)
    waiting = []
    for topic, name in full.items():
        behind = sum(ends[part] - head for part, head in heads.items() if part.topic == topic)
        oldest = min((at_ms for part, at_ms in since.items() if part.topic == topic), default=now_ms())
        if behind:
            waiting.append(_Topic(name, behind, max(0.0, (now_ms() - oldest) / 1000 - RESTS_S.get(name, 0))))
    return members, max(Counter(part.topic for part in parts).values(), default=0), waiting


async def _members(admin: Any, group: str) -> list[str]:
    for _ in range(50):  # a new broker makes its topic of offsets when it is first asked for a group
        try:
            answers = await admin.describe_consumer_groups([group])
            break
        except KafkaError as error:
            if not error.retriable:
                raise
        await asyncio.sleep(0.1)
    else:
        return []
    return [member[2] for answer in answers for found in answer.groups for member in found[5]]


async def _since(kafka: KafkaSettings, heads: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    if not heads:
        return {}
    oldest = OldestWaiting(kafka)
    try:
        await oldest.start()
        return await oldest.since(heads)
    finally:
        await oldest.stop()


async def ready(url: str) -> Finding:
    """What a role says at `/readyz` of its --metrics-port (or the API's own)."""
    asked = url.rstrip("/") + "/readyz"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S)) as session,
            session.get(asked) as answer,
        ):
            said = "; ".join((await answer.text()).split("\n")).strip("; ")
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return Finding("error", "roles", f"{asked} does not answer: {error or type(error).__name__}",
                       "is the role running, and is this its --metrics-port?")  # fmt: skip
    if answer.status != 200:
        return Finding("error", "roles", f"{asked} is not ready: {said[:300]}", "its log says more")
    # what a ready role adds to "ready" is what an operator should know all the same
    level: Level = "ok" if said == "ready" or said.startswith("{") else "warning"
    return Finding(level, "roles", f"{asked}: {said[:300]}", "" if level == "ok" else "see what it says")
