"""Following control topics: removals, records that cannot be read, and a broker that goes away."""

import asyncio

import pytest

from service.adapters.control import (
    ControlTopic,
    SubscriptionsFollower,
    publish_subscription,
    read_subscriptions,
    read_whole,
    remove_subscription,
)
from service.adapters.control_topic import put
from service.adapters.embedded_kafka import free_port
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.topics_admin import create_topics
from service.model import topics
from service.model.control_records import SubscriptionRecord
from service.model.errors import ChangedMeanwhile, NewerSchema, Unavailable, WrongSetup
from service.settings import KafkaSettings
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def subscription(name, revision=1):
    return SubscriptionRecord(
        id=name, revision=revision, url="https://example.org/", secrets=("whsec_x",), created_ms=1, updated_ms=revision
    )


async def write(settings, name, *records):
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic_name(settings, name), records)


@pytest.fixture
async def follower(kafka_settings):
    made = SubscriptionsFollower(kafka_settings)
    await made.start()
    yield made
    await made.stop()


async def test_subscriptions_come_change_and_go(kafka_settings, follower):
    assert follower.ready
    assert follower.all() == ()
    await publish_subscription(kafka_settings, subscription("b"))
    await publish_subscription(kafka_settings, subscription("a"))
    await wait_until(lambda: [record.id for record in follower.all()] == ["a", "b"])
    await publish_subscription(kafka_settings, subscription("a", revision=2))
    await wait_until(lambda: follower.get("a") == subscription("a", revision=2))
    await remove_subscription(kafka_settings, "b")
    await wait_until(lambda: follower.get("b") is None)
    assert follower.all() == await read_subscriptions(kafka_settings) == (subscription("a", revision=2),)


async def test_of_two_changes_from_one_revision_the_first_stands_everywhere(kafka_settings, follower):
    await publish_subscription(kafka_settings, subscription("a"))
    first = subscription("a", revision=2).model_copy(update={"url": "https://first.example/"})
    late = subscription("a", revision=2).model_copy(update={"url": "https://late.example/"})
    await publish_subscription(kafka_settings, first)
    with pytest.raises(ChangedMeanwhile, match="revision 2 stands"):
        await publish_subscription(kafka_settings, late)
    await publish_subscription(kafka_settings, subscription("z"))  # what follows has seen all before it
    await wait_until(lambda: follower.get("z"))
    assert follower.get("a") == first
    assert (await read_subscriptions(kafka_settings))[0] == first
    # what compaction keeps of it, the last record of the key, is the winner's
    last = (await read_whole(kafka_settings, topics.SUBSCRIPTIONS))["a"]
    assert SubscriptionRecord.decode(last, topics.SUBSCRIPTIONS) == first
    with pytest.raises(ChangedMeanwhile):
        await publish_subscription(kafka_settings, late.model_copy(update={"revision": 1}))


async def test_of_many_changes_at_once_exactly_one_succeeds(kafka_settings, follower):
    await publish_subscription(kafka_settings, subscription("a"))
    wanted = [
        subscription("a", revision=2).model_copy(update={"url": f"https://{number}.example/"}) for number in range(6)
    ]
    ended = await asyncio.gather(
        *(publish_subscription(kafka_settings, record) for record in wanted), return_exceptions=True
    )
    won = [record for record, end in zip(wanted, ended, strict=True) if end is None]
    assert len(won) == 1
    assert {type(end) for end in ended} == {type(None), ChangedMeanwhile}
    assert await read_subscriptions(kafka_settings) == tuple(won)
    await wait_until(lambda: follower.get("a") == won[0])


async def test_what_was_removed_does_not_come_back_by_a_change_that_is_late(kafka_settings, follower):
    await publish_subscription(kafka_settings, subscription("a", revision=7))
    await remove_subscription(kafka_settings, "a")
    await wait_until(lambda: follower.get("a") is None)
    with pytest.raises(ChangedMeanwhile, match="was removed by somebody else"):
        await publish_subscription(kafka_settings, subscription("a", revision=8))
    # as a writer leaves it that was cut off between writing and reading back
    await write(kafka_settings, topics.SUBSCRIPTIONS, ("a", subscription("a", revision=8).encode()))
    await publish_subscription(kafka_settings, subscription("z"))
    await wait_until(lambda: follower.get("z"))
    assert follower.get("a") is None
    assert [record.id for record in await read_subscriptions(kafka_settings)] == ["z"]
    stored = SubscriptionRecord.decode((await read_whole(kafka_settings, topics.SUBSCRIPTIONS))["a"], "")
    assert (stored.revision, stored.url, stored.secrets) == (8, "", ()), "the removal is the last record again"
    await publish_subscription(kafka_settings, subscription("a", revision=9))
    await wait_until(lambda: follower.get("a") == subscription("a", revision=9))


async def test_a_null_value_from_elsewhere_removes(kafka_settings, follower):
    await publish_subscription(kafka_settings, subscription("a", revision=7))
    await write(kafka_settings, topics.SUBSCRIPTIONS, ("a", None))
    await publish_subscription(kafka_settings, subscription("a"))
    await wait_until(lambda: follower.get("a") == subscription("a"))


async def test_changes_are_told_once_a_batch_and_before_start_returns(kafka_settings) -> None:
    for name in "abc":
        await publish_subscription(kafka_settings, subscription(name))
    seen: list[int] = []
    following = SubscriptionsFollower(kafka_settings, on_change=lambda: seen.append(len(following.all())))
    await following.start()
    assert seen == [3]
    await following.stop()
    assert not following.ready
    await following.stop()


async def test_a_record_that_cannot_be_read_leaves_the_last_good_one(kafka_settings, follower):
    await publish_subscription(kafka_settings, subscription("a"))
    await write(kafka_settings, topics.SUBSCRIPTIONS, ("a", b"not json"), ("b", b'{"schema": 1}'))
    await publish_subscription(kafka_settings, subscription("c"))
    await wait_until(lambda: follower.get("c"))
    assert follower.all() == (subscription("a"), subscription("c"))
    assert follower.ready
    assert await read_subscriptions(kafka_settings) == follower.all()  # until compaction takes the good one


async def test_a_newer_schema_stops_the_role(kafka_settings):
    told: list[BaseException] = []
    follower = SubscriptionsFollower(kafka_settings, on_failure=told.append)
    await follower.start()
    await write(kafka_settings, topics.SUBSCRIPTIONS, ("a", b'{"schema": 2}'))
    await wait_until(lambda: told)
    assert isinstance(told[0], NewerSchema)
    assert not follower.ready
    await follower.stop()
    with pytest.raises(NewerSchema):
        await SubscriptionsFollower(kafka_settings).start()


async def test_records_without_a_key_are_left_out(kafka_settings):
    async with started(kafka_settings, make_producer(kafka_settings)) as producer:
        # the broker itself refuses them on a compacted topic; on one that is not, they say nothing
        await producer.send_and_wait(topic_name(kafka_settings, topics.MATCHES), b"no key", partition=0)
    await write(kafka_settings, topics.MATCHES, ("k", b"v"))
    assert await read_whole(kafka_settings, topics.MATCHES) == {"k": b"v"}


async def test_a_topic_that_is_not_there_and_a_kafka_that_is_not_there(shared_kafka):
    settings = KafkaSettings(bootstrap_servers=shared_kafka.bootstrap_servers, topic_prefix="none-of-these.")
    with pytest.raises(WrongSetup, match=r"none-of-these\.subscriptions does not exist; run `bongsu topics create`"):
        await SubscriptionsFollower(settings).start()
    nobody = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="does not answer"):
        await SubscriptionsFollower(nobody).start()


async def test_following_goes_on_when_the_broker_was_away(private_kafka):
    settings = KafkaSettings(bootstrap_servers=private_kafka.bootstrap_servers)
    await create_topics(settings, partitions=1)
    seen: list[tuple[str, bytes | None]] = []
    follower = ControlTopic(settings, topics.TOKENS, lambda key, value: seen.append((key, value)))
    await write(settings, topics.TOKENS, ("a", b"1"))
    await follower.start()
    assert seen == [("a", b"1")]
    for number, end in enumerate((private_kafka.stop, private_kafka.kill)):
        await asyncio.to_thread(end)
        await asyncio.to_thread(private_kafka.start)
        await write(settings, topics.TOKENS, (str(number), b"x"))
        await wait_until(lambda number=number: (str(number), b"x") in seen, timeout_s=60)  # type: ignore[misc]
    assert seen == [("a", b"1"), ("0", b"x"), ("1", b"x")]  # nothing twice, nothing lost
    assert follower.ready
    await asyncio.to_thread(private_kafka.stop)
    await asyncio.wait_for(follower.stop(), 30)  # with nobody there
