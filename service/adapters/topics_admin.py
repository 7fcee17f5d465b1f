"""Create the topics of `service.model.topics`, and say where those of a cluster differ from it."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NodeNotReadyError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from service.adapters.kafka_client import client_options, started, topic_name
from service.model.errors import Unavailable, WrongSetup
from service.model.topics import DATA_PARTITIONS, TOPICS, Topic
from service.settings import KafkaSettings

_CONFIGS = ("cleanup.policy", "retention.ms", "max.message.bytes", "min.compaction.lag.ms")

EQUAL = frozenset(topic.name for topic in TOPICS if topic.partitions == DATA_PARTITIONS and topic.name != "articles")
"""These must have equally many partitions: a key's records meet in the same one from `alerts` to `attempts`."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic as it was found."""

    name: str
    """On the cluster, with the prefix."""
    state: Literal["created", "there", "differs", "missing"]
    partitions: int
    differences: tuple[str, ...] = ()
    """Each a sentence: how it differs, and what follows from it."""


@dataclass(frozen=True, slots=True)
class _Found:
    partitions: int
    configs: Mapping[str, str]


def wanted_configs(topic: Topic) -> dict[str, str]:
    """The configuration a topic is created with."""
    configs = {"cleanup.policy": topic.cleanup, "max.message.bytes": str(topic.max_message_bytes)}
    if topic.retention_ms is not None:
        configs["retention.ms"] = str(topic.retention_ms)
    if topic.uncompacted_ms is not None:
        configs["min.compaction.lag.ms"] = str(topic.uncompacted_ms)
    return configs


async def create_topics(settings: KafkaSettings, *, partitions: int | None = None) -> list[TopicState]:
    """Create what is missing; what is there is left alone and compared.

    `partitions`: of the topics that spread (the table says 4); those with one partition keep it.

    Raises:
        Unavailable: Kafka does not answer, or does not create a topic.
        WrongSetup: Kafka refuses, e.g. more replicas than brokers.
    """
    deadline = time.monotonic() + settings.request_timeout_s
    while True:
        try:
            return await _create_missing(settings, partitions)
        except Unavailable as error:
            # a broker that has just started answers, and names no broker yet
            if not isinstance(error.__cause__, NodeNotReadyError) or time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)


async def _create_missing(settings: KafkaSettings, partitions: int | None) -> list[TopicState]:
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        before = await _describe(admin, settings)
        missing = [topic for topic in TOPICS if topic.name not in before]
        created: set[str] = set()
        if missing:
            created = await _create(admin, settings, missing, partitions)
            await _until_there(admin, settings)
        now = await _describe(admin, settings)
    return [
        TopicState(state.name, "created", state.partitions)
        if state.name in created and state.state == "there"
        else state
        for state in _compare(settings, now, partitions)
    ]


async def describe_topics(settings: KafkaSettings) -> list[TopicState]:
    """Every topic of the table, in its order, compared with the cluster.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer, or refuses us.
    """
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        return _compare(settings, await _describe(admin, settings), None)


async def delete_topics(settings: KafkaSettings, names: Iterable[str]) -> None:
    """Delete topics by their names on the cluster, with all they hold. For tests and the demo."""
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        await admin.delete_topics(list(names))


async def _create(admin: Any, settings: KafkaSettings, missing: list[Topic], partitions: int | None) -> set[str]:
    """Returns the names of those that we made."""
    replicas = settings.replication_factor
    # with three copies one may be away and writing goes on; `acks=all` then still means two
    durable = {"min.insync.replicas": "2"} if replicas >= 3 else {}
    answer = await admin.create_topics(
        [
            NewTopic(
                topic_name(settings, topic.name),
                partitions if partitions and topic.partitions != 1 else topic.partitions,
                replicas,
                topic_configs={**wanted_configs(topic), **durable},
            )
            for topic in missing
        ]
    )
    created = set()
    for name, code, message in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            created.add(name)
        elif error is not TopicAlreadyExistsError:  # that is well: somebody else was quicker
            text = f"Kafka does not create the topic {name}: {message or error.__name__}"
            raise Unavailable(text) if error.retriable else WrongSetup(text)
    return created


async def _until_there(admin: Any, settings: KafkaSettings) -> None:
    """A broker answers before all of its metadata shows the new topics with their leaders."""
    deadline = time.monotonic() + settings.request_timeout_s
    wanted = {topic_name(settings, topic.name) for topic in TOPICS}
    while True:
        led = {
            topic["topic"]
            for topic in await admin.describe_topics()
            if topic["partitions"] and all(part["leader"] >= 0 for part in topic["partitions"])
        }
        if wanted <= led:
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"these topics have no leader yet: {', '.join(sorted(wanted - led))}; try again")
        await asyncio.sleep(0.02)


async def _describe(admin: Any, settings: KafkaSettings) -> dict[str, _Found]:
    # All topics are asked for: asking for one by name may create it on a cluster that creates topics by itself.
    partitions = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    ours = {topic_name(settings, topic.name): topic.name for topic in TOPICS}
    there = [name for name in ours if name in partitions]
    configs: dict[str, dict[str, str]] = {}
    if there:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(_CONFIGS)) for name in there]
        for answer in await admin.describe_configs(resources):
            for code, message, _, name, entries in answer.resources:
                error = for_code(code)
                if code and error is not UnknownTopicOrPartitionError:  # deleted this very moment: then it is missing
                    raise error(message)
                if not code:
                    configs[name] = {entry[0]: entry[1] for entry in entries}
    return {ours[name]: _Found(partitions[name], configs[name]) for name in there if name in configs}


def _compare(settings: KafkaSettings, found: Mapping[str, _Found], partitions: int | None) -> list[TopicState]:
    spread = found.get("deliveries")
    expected = partitions or (spread.partitions if spread else DATA_PARTITIONS)
    states = []
    for topic in TOPICS:
        name = topic_name(settings, topic.name)
        actual = found.get(topic.name)
        if actual is None:
            states.append(TopicState(name, "missing", 0, ("missing: `bongsu topics create` makes it",)))
            continue
        differences = tuple(_differences(topic, actual, expected, explicit=partitions is not None))
        states.append(TopicState(name, "differs" if differences else "there", actual.partitions, differences))
    return states


def _differences(topic: Topic, actual: _Found, expected: int, *, explicit: bool) -> Iterable[str]:
    if topic.cleanup == "compact" and topic.partitions == 1 and actual.partitions != 1:
        yield f"{actual.partitions} partitions, must be 1: its records are read in their order"
    elif (topic.name in EQUAL or (explicit and topic.partitions != 1)) and actual.partitions != expected:
        yield f"{actual.partitions} partitions, must be {expected}, as many as `deliveries` has"
    cleanup = actual.configs.get("cleanup.policy", topic.cleanup)
    if cleanup != topic.cleanup:
        yield f"cleanup.policy={cleanup}, must be {topic.cleanup}: otherwise records are lost, or stay"
    size = int(actual.configs.get("max.message.bytes", topic.max_message_bytes))
    if size < topic.max_message_bytes:
        yield f"max.message.bytes={size}, must be {topic.max_message_bytes} or more: larger records are refused"
    kept = int(actual.configs.get("retention.ms", -1))
    if topic.retention_ms is not None and 0 <= kept < topic.retention_ms:
        yield f"retention.ms={kept}, should be {topic.retention_ms} or more: records go before they are accounted for"
    lag = int(actual.configs.get("min.compaction.lag.ms", 0))
    if topic.uncompacted_ms is not None and lag < topic.uncompacted_ms:
        yield (
            f"min.compaction.lag.ms={lag}, should be {topic.uncompacted_ms} or more: compaction could keep a change "
            "that lost against another"
        )
