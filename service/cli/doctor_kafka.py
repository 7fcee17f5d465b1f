"""Does Kafka answer, are the topics as they must be, whole and led, and does its clock agree with ours?"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from service.adapters.kafka_client import client_options, make_producer, started, topic_name
from service.adapters.topics_admin import describe_topics
from service.cli.doctor_finding import Finding, level_of, some
from service.model import topics
from service.model.errors import BongsuError
from service.settings import KafkaSettings, Settings

SKEW_WARNING_S, SKEW_ERROR_S = 2.0, 60.0
"""Receivers refuse signatures that are five minutes off; latency metrics lie long before that."""


async def brokers(settings: Settings) -> AsyncIterator[Finding]:
    """Kafka answers, with as many brokers as copies are wanted."""
    kafka = settings.kafka
    began = time.monotonic()
    async with started(kafka, AIOKafkaAdminClient(**client_options(kafka))) as admin:
        count = len((await admin.describe_cluster())["brokers"])
    took_ms = (time.monotonic() - began) * 1000
    where = f"{kafka.bootstrap_servers} ({kafka.security_protocol})"
    if count < kafka.replication_factor:
        yield Finding(
            "error", "kafka", f"{where} has {count} brokers, BONGSU_KAFKA_REPLICATION_FACTOR wants "
            f"{kafka.replication_factor}", "start the brokers that are away, or set it to what there is",
        )  # fmt: skip
        return
    yield Finding("ok", "kafka", f"{where} answers in {took_ms:.0f} ms, {count} broker{'s' if count != 1 else ''}")


async def settings_of_topics(settings: Settings) -> AsyncIterator[Finding]:
    """Each topic is there, with the partitions and the settings that it must have."""
    states = await describe_topics(settings.kafka)
    missing = [state.name for state in states if state.state == "missing"]
    if missing:
        text = f"{len(missing)} of {len(states)} are missing: {some(missing)}"
        yield Finding("error", "topics", text, "run `bongsu topics create`")
    wrong = [state for state in states if state.state == "differs"]
    for state in wrong:
        todo = "docs/operations.md says what may be changed, and how"
        yield Finding("error", "topics", f"{state.name}: {'; '.join(state.differences)}", todo)
    if not wrong and not missing:
        yield Finding("ok", "topics", f"all {len(states)} are there as they must be")


async def copies(settings: Settings) -> AsyncIterator[Finding]:
    """Each partition is led and has its copies; each changelog has the partitions of what it goes with."""
    kafka = settings.kafka
    async with started(kafka, AIOKafkaAdminClient(**client_options(kafka))) as admin:
        all_topics = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    logs = {topic_name(kafka, topics.changelog_topic(table)): of for table, of in topics.CHANGELOGS.items()}
    ours = {topic_name(kafka, topic.name) for topic in topics.TOPICS} | set(logs)
    parts = {f"{name}/{part['partition']}": part for name in ours for part in all_topics.get(name, ())}
    found = [*_of_partitions(parts, kafka), *_of_changelogs(logs, all_topics, kafka)]
    for finding in found:
        yield finding
    if parts and not found:
        yield Finding("ok", "copies", f"all {len(parts)} partitions have a leader and all of their copies")


def _of_partitions(parts: Mapping[str, Any], kafka: KafkaSettings) -> list[Finding]:
    found = []
    if headless := [name for name, part in parts.items() if part["leader"] < 0]:
        found.append(
            Finding("error", "copies", f"without a leader: {some(headless)}; nothing is read or written there",
                    "start the brokers that hold them")
        )  # fmt: skip
    if behind := [name for name, part in parts.items() if len(part["isr"]) < len(part["replicas"])]:
        found.append(
            Finding("warning", "copies", f"of {len(behind)} partitions copies are behind or away: {some(behind)}",
                    "look at the brokers; one more that fails may stop writing")
        )  # fmt: skip
    wanted = kafka.replication_factor
    if few := {name.rpartition("/")[0] for name, part in parts.items() if len(part["replicas"]) < wanted}:
        found.append(
            Finding("warning", "copies", f"fewer copies than BONGSU_KAFKA_REPLICATION_FACTOR={wanted}: {some(few)}",
                    "kafka-reassign-partitions.sh adds copies, while all runs")
        )  # fmt: skip
    return found


def _of_changelogs(logs: Mapping[str, str], there: Mapping[str, Any], kafka: KafkaSettings) -> list[Finding]:
    found = []
    for log, of in logs.items():
        goes_with = topic_name(kafka, of)
        have, wanted = len(there.get(log, ())), len(there.get(goes_with, ()))
        if have and wanted and have != wanted:  # none yet: the first worker makes it
            found.append(
                Finding("error", "copies", f"{log} has {have} partitions, {goes_with} has {wanted}; no worker starts",
                        "docs/operations.md, Repartitioning")
            )  # fmt: skip
    return found


async def clock(settings: Settings) -> AsyncIterator[Finding]:
    """This machine's clock and the broker's."""
    try:
        skew_s = await clock_skew(settings.kafka)
    except BongsuError as error:
        yield Finding("warning", "clock", f"not compared with the broker's: {error}", "docs/topics.md has the rights")
        return
    text = f"this machine is {abs(skew_s):.2f} s {'ahead of' if skew_s > 0 else 'behind'} the broker"
    level = level_of(abs(skew_s), SKEW_WARNING_S, SKEW_ERROR_S)
    todo = "let NTP set both: signatures and latencies carry this machine's time" if level != "ok" else ""
    yield Finding(level, "clock", text, todo)


async def clock_skew(settings: KafkaSettings) -> float:
    """Seconds that our clock is ahead of the broker's, to about half a round trip.

    Raises:
        Unavailable, WrongSetup: Kafka does not let us make a topic that stamps records with its own time.
    """
    name = topic_name(settings, f"doctor.{uuid.uuid4().hex[:12]}")
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        stamped = {"message.timestamp.type": "LogAppendTime"}
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs=stamped)])
        try:
            async with (
                started(settings, make_producer(settings)) as producer,
                asyncio.timeout(settings.request_timeout_s),  # an idempotent producer itself tries for ever
            ):
                await producer.send_and_wait(name, b"warm up")  # metadata, producer id
                before = time.time()
                record = await producer.send_and_wait(name, b"what time is it?")
                after = time.time()
        finally:
            await admin.delete_topics([name])
    ours: float = (before + after) / 2 - record.timestamp / 1000
    return ours
