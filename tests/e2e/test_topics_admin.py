"""Topics on a real Kafka: made once, compared ever after."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from service.adapters.embedded_kafka import free_port
from service.adapters.kafka_client import client_options, started, topic_name
from service.adapters.topics_admin import create_topics, delete_topics, describe_topics, wanted_configs
from service.model.errors import Unavailable, WrongSetup
from service.model.topics import BY_NAME, TOPICS
from service.settings import KafkaSettings
from tests.conftest import PARTITIONS
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def empty_settings(shared_kafka, request):
    """A prefix of which no topic exists."""
    return KafkaSettings(
        bootstrap_servers=shared_kafka.bootstrap_servers, topic_prefix=f"empty-{abs(hash(request.node.name))}."
    )


async def alter(settings, name, **configs):
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        merged = {**wanted_configs(BY_NAME[name]), **configs}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic_name(settings, name), merged)])


async def test_creating_again_changes_nothing(kafka_settings):
    again = await create_topics(kafka_settings, partitions=PARTITIONS)
    assert [state.state for state in again] == ["there"] * len(TOPICS)
    assert again == await describe_topics(kafka_settings)
    assert [state.name for state in again] == [topic_name(kafka_settings, topic.name) for topic in TOPICS]


async def test_only_what_is_missing_is_created(empty_settings):
    assert {state.state for state in await describe_topics(empty_settings)} == {"missing"}
    async with started(empty_settings, AIOKafkaAdminClient(**client_options(empty_settings))) as admin:
        await admin.create_topics(
            [NewTopic(topic_name(empty_settings, "articles"), 8, 1, topic_configs=wanted_configs(BY_NAME["articles"]))]
        )
    try:
        states = {
            state.name.removeprefix(empty_settings.topic_prefix): state for state in await create_topics(empty_settings)
        }
        assert (states["articles"].state, states["articles"].partitions) == ("there", 8)  # it may have more
        assert {state.state for name, state in states.items() if name != "articles"} == {"created"}
        assert {name: state.partitions for name, state in states.items() if name != "articles"} == {
            topic.name: topic.partitions for topic in TOPICS if topic.name != "articles"
        }
    finally:
        await delete_topics(empty_settings, [topic_name(empty_settings, topic.name) for topic in TOPICS])


async def test_two_who_create_at_once_both_succeed(empty_settings):
    try:
        both = await asyncio.gather(*(create_topics(empty_settings, partitions=1) for _ in range(2)))
        for states in both:
            assert {state.state for state in states} <= {"created", "there"}
    finally:
        await delete_topics(empty_settings, [topic_name(empty_settings, topic.name) for topic in TOPICS])


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("rules", {"cleanup.policy": "delete"}, "cleanup.policy=delete, must be compact"),
        ("articles", {"max.message.bytes": "1000"}, "max.message.bytes=1000, must be 6000000 or more"),
        ("alerts", {"retention.ms": "1000"}, "retention.ms=1000, should be 2592000000 or more"),
        ("tokens", {"min.compaction.lag.ms": "0"}, "min.compaction.lag.ms=0, should be 3600000 or more"),
    ],
)
async def test_a_configuration_that_loses_records_is_told(kafka_settings, name, config, says):
    await alter(kafka_settings, name, **config)

    async def of_name():
        states = await describe_topics(kafka_settings)
        return next(state for state in states if state.name == topic_name(kafka_settings, name))

    found = await wait_until(lambda: differs(of_name), what=says)
    assert found.differences[0].startswith(says)


async def differs(ask):
    state = await ask()
    return state if state.state == "differs" else None


@pytest.mark.parametrize(
    ("name", "config"), [("alerts", {"retention.ms": "-1"}), ("rules", {"max.message.bytes": "9000000"})]
)
async def test_more_than_is_needed_is_no_difference(kafka_settings, name, config):
    await alter(kafka_settings, name, **config)
    assert {state.state for state in await describe_topics(kafka_settings)} == {"there"}


async def test_partitions_that_do_not_fit_are_told(kafka_settings):
    again = await create_topics(kafka_settings, partitions=PARTITIONS + 1)
    told = {state.name.removeprefix(kafka_settings.topic_prefix) for state in again if state.state == "differs"}
    assert told == {topic.name for topic in TOPICS if topic.partitions != 1}
    names = [topic_name(kafka_settings, name) for name in ("attempts", "subscriptions")]
    await delete_topics(kafka_settings, names)
    async with started(kafka_settings, AIOKafkaAdminClient(**client_options(kafka_settings))) as admin:

        async def made():  # a deletion takes a moment; until then creating says that it exists
            await admin.create_topics([NewTopic(name, 3, 1) for name in names])
            return [len(topic["partitions"]) for topic in await admin.describe_topics(names)] == [3, 3]

        await wait_until(made)
    found = await wait_until(lambda: both_differ(kafka_settings, names))
    assert found[names[0]].differences[0] == f"3 partitions, must be {PARTITIONS}, as many as `deliveries` has"
    assert found[names[1]].differences[0].startswith("3 partitions, must be 1")


async def both_differ(settings, names):
    states = {state.name: state for state in await describe_topics(settings) if state.name in names}
    return states if {state.state for state in states.values()} == {"differs"} else None


async def test_more_replicas_than_brokers_is_refused(empty_settings):
    three = empty_settings.model_copy(update={"replication_factor": 3})
    with pytest.raises(WrongSetup, match=r"does not create the topic .*eplication factor"):
        await create_topics(three)


async def test_nobody_there():
    nobody = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="does not answer"):
        await describe_topics(nobody)
