"""Rule sets on a real Kafka: whoever publishes dies anywhere, whoever reads sees one whole set that loads."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from service.adapters import control_rules
from service.adapters.control import RulesFollower, publish_rules, read_whole
from service.adapters.control_topic import put
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.rules_topic import read_rules
from service.model import ids, topics
from service.model.control_records import RulesManifest
from service.model.errors import BadInput, ChangedMeanwhile, NewerSchema, Unavailable
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@dataclass(frozen=True)
class FakeSet:
    """A rule set as this module sees it: named contents, some of which do not load."""

    contents: tuple[str, ...]

    @property
    def version(self) -> str:
        return ids.sha256_hex("\n".join(self.contents).encode())

    def to_records(self) -> dict[str, bytes]:
        return {f"rule/{ids.sha256_hex(text.encode())}": text.encode() for text in self.contents}

    @classmethod
    def from_records(cls, records: Mapping[str, bytes]) -> "FakeSet":
        contents = tuple(value.decode() for value in records.values())
        if any(text.startswith("bad") for text in contents):
            raise BadInput(f"{contents} does not load")
        if any(text.startswith("newer") for text in contents):
            raise NewerSchema("rules", 2, 1)
        return cls(contents)


def rule_set(*contents: str) -> Any:
    return FakeSet(contents)


def load(records: Mapping[str, bytes]) -> Any:
    return FakeSet.from_records(records)


async def publish(settings, *contents):
    return await publish_rules(settings, rule_set(*contents), load=load)


async def write(settings, *records):
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic_name(settings, topics.RULES), records)


@pytest.fixture
async def follower(kafka_settings):
    changes: list[Any] = []
    made: Any = RulesFollower(kafka_settings, on_change=changes.append, load=load)
    made.changes = changes
    await made.start()
    yield made
    await made.stop()


async def fresh(settings) -> Any:
    """What a process that starts now sees."""
    made: Any = RulesFollower(settings, load=load)
    await made.start()
    await made.stop()
    return made


async def test_nothing_published_is_ready_and_empty(follower):
    assert follower.ready
    assert (follower.current, follower.version, follower.refused) == (None, None, None)


async def test_a_published_set_reaches_those_who_follow_and_those_who_come_later(kafka_settings, follower):
    done = await publish(kafka_settings, "서울", "충칭")
    assert (done.items_written, done.items_kept, done.items_removed) == (2, 0, 0)
    await wait_until(lambda: follower.version == done.version)
    assert follower.current == rule_set("서울", "충칭")
    assert follower.loaded_at > 0
    assert follower.changes == [follower.current]
    assert (await fresh(kafka_settings)).current == rule_set("서울", "충칭")


async def test_only_what_changed_is_written_and_the_order_of_the_set_is_kept(kafka_settings, follower):
    await publish(kafka_settings, "a", "b", "c")
    second = await publish(kafka_settings, "d", "c", "a")
    assert (second.items_written, second.items_kept, second.items_removed) == (1, 2, 0)
    await wait_until(lambda: follower.version == second.version)
    assert follower.current.contents == ("d", "c", "a")
    third = await publish(kafka_settings, "d")
    # b belonged to the set before the last: neither `current` nor `previous` needs it
    assert (third.items_written, third.items_kept, third.items_removed) == (0, 1, 1)
    stored = await read_whole(kafka_settings, topics.RULES)
    assert {value.decode() for key, value in stored.items() if "/" in key} == {"a", "c", "d"}
    assert RulesManifest.decode(stored["previous"], "rules").version == second.version


async def test_publishing_again_changes_nothing(kafka_settings, follower):
    await publish(kafka_settings, "a")
    before = await read_whole(kafka_settings, topics.RULES)
    again = await publish(kafka_settings, "a")
    assert (again.items_written, again.items_removed) == (0, 0)
    assert await read_whole(kafka_settings, topics.RULES) == before


class PublisherDiedError(Exception):
    """The publisher is gone."""


class DyingProducer:
    """Takes `writes` records and dies: what a SIGKILL between two writes leaves on the topic."""

    def __init__(self, settings: Any, writes: int) -> None:
        self._real = make_producer(settings)
        self._left = writes
        self.start, self.stop = self._real.start, self._real.stop

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        if self._left == 0:
            await self._real.flush()
            raise PublisherDiedError
        self._left -= 1
        return await self._real.send(*args, **kwargs)


@pytest.mark.parametrize("demands", [False, True], ids=["apply", "put"])
@pytest.mark.parametrize("writes", range(7))
async def test_a_publisher_that_dies_after_n_writes_leaves_a_whole_set(
    kafka_settings, follower, monkeypatch, writes, demands
):
    """Crash table of `publish_rules`: three items, `previous`, `current`, one tombstone (of z, two sets ago).

    As `bongsu rules apply` publishes, and as PUT /v1/rules, which demands the version that it replaces.
    """
    await publish(kafka_settings, "z")
    old = await publish(kafka_settings, "a", "b")
    new = rule_set("c", "d", "e")
    demanded = old.version if demands else None
    with monkeypatch.context() as patch:
        patch.setattr(control_rules, "make_producer", lambda settings: DyingProducer(settings, writes))
        if writes < 6:
            with pytest.raises(PublisherDiedError):
                await publish_rules(kafka_settings, new, load=load, expected=demanded)
        else:
            await publish_rules(kafka_settings, new, load=load, expected=demanded)  # all six were written
    expected = old.version if writes < 5 else new.version
    seen = await fresh(kafka_settings)
    assert (seen.version, seen.refused) == (expected, None)
    await wait_until(lambda: follower.version == expected)
    assert {change.version for change in follower.changes} <= {rule_set("z").version, old.version, new.version}

    repeated = await publish_rules(kafka_settings, new, load=load)
    assert repeated.items_written == max(0, 3 - writes)
    await wait_until(lambda: follower.version == new.version)
    stored = await read_whole(kafka_settings, topics.RULES)
    assert {value.decode() for key, value in stored.items() if "/" in key} == {"a", "b", "c", "d", "e"}
    assert RulesManifest.decode(stored["previous"], "rules").version == old.version


async def test_who_is_late_is_not_in_force_even_for_a_moment(kafka_settings, follower):
    first = await publish(kafka_settings, "one")

    def slow(records):
        asyncio.run(publish(kafka_settings, "theirs"))  # in a thread of its own
        return load(records)

    with pytest.raises(ChangedMeanwhile):
        await publish_rules(kafka_settings, rule_set("ours"), load=slow, expected=first.version)
    await wait_until(lambda: follower.current == rule_set("theirs"))
    assert follower.changes == [rule_set("one"), rule_set("theirs")]
    assert (await fresh(kafka_settings)).current == rule_set("theirs")


async def test_a_set_that_does_not_load_leaves_the_last_good_one_in_force(kafka_settings, follower):
    good = await publish(kafka_settings, "a")
    await wait_until(lambda: follower.version == good.version)
    await publish(kafka_settings, "bad one")
    await wait_until(lambda: follower.refused)
    assert "does not load" in follower.refused
    assert follower.current == rule_set("a")
    # somebody who starts now has never seen the good one in force, and falls back to it
    late = await fresh(kafka_settings)
    assert late.current == rule_set("a")
    assert "does not load" in late.refused
    # a second bad one does not push the good one out of `previous`
    await publish(kafka_settings, "bad two")
    assert (await fresh(kafka_settings)).current == rule_set("a")
    mended = await publish(kafka_settings, "b")
    await wait_until(lambda: follower.version == mended.version)
    assert follower.refused is None
    assert follower.ready


async def test_going_back_to_the_set_in_force_clears_the_refusal(kafka_settings, follower):
    await publish(kafka_settings, "a")
    await publish(kafka_settings, "bad")
    await wait_until(lambda: follower.refused)
    await publish(kafka_settings, "a")
    await wait_until(lambda: follower.refused is None)
    assert follower.changes == [rule_set("a")]


async def test_a_manifest_waits_for_its_items(kafka_settings, follower):
    await publish(kafka_settings, "a")
    new = rule_set("b", "c")
    manifest = RulesManifest(version=new.version, items=tuple(new.to_records()), published_ms=1)
    first, second = new.to_records().items()
    await write(kafka_settings, first, ("current", manifest.encode()))
    await wait_until(lambda: follower.refused)
    assert "1 of 2 items are not on the topic" in follower.refused
    assert follower.current == rule_set("a")
    await write(kafka_settings, second)
    await wait_until(lambda: follower.current == new)
    assert follower.refused is None


async def test_a_manifest_that_is_none_is_refused(kafka_settings, follower):
    await publish(kafka_settings, "a")
    await write(kafka_settings, ("current", b"{"), ("unknown", b"?"), ("rule/x", None))
    await wait_until(lambda: follower.refused)
    assert follower.current == rule_set("a")
    await publish(kafka_settings, "a")
    await wait_until(lambda: follower.refused is None)


@pytest.mark.parametrize("where", ["manifest", "item"])
async def test_a_newer_schema_stops_the_role(kafka_settings, where):
    told: list[BaseException] = []
    made = RulesFollower(kafka_settings, on_failure=told.append, load=load)
    await made.start()
    try:
        if where == "manifest":
            await write(kafka_settings, ("current", json.dumps({"schema": 2}).encode()))
        else:
            await publish(kafka_settings, "newer")
        await wait_until(lambda: told)
        assert isinstance(told[0], NewerSchema)
        assert not made.ready
    finally:
        await made.stop()
    with pytest.raises(NewerSchema):
        await fresh(kafka_settings)


async def test_two_publishers_at_once_leave_one_whole_set(kafka_settings, follower):
    await publish(kafka_settings, "x", "shared")
    await publish(kafka_settings, "y")
    await publish(kafka_settings, "z")  # `shared` is an orphan now: one may remove what the other relies on
    outcomes = await asyncio.gather(
        *(publish(kafka_settings, "shared", str(number)) for number in range(4)), return_exceptions=True
    )
    assert all(isinstance(outcome, control_rules.Published | Unavailable) for outcome in outcomes)
    winners = {outcome.version for outcome in outcomes if isinstance(outcome, control_rules.Published)}
    assert winners
    seen = await fresh(kafka_settings)
    assert seen.refused is None
    assert seen.version in winners
    await wait_until(lambda: follower.version == seen.version and follower.refused is None)


async def test_compaction_changes_nothing(kafka_settings, follower):
    """The broker really compacts: small segments, a dirty ratio of nearly nothing, and then the records are fewer."""
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    from service.adapters.kafka_client import client_options, make_consumer

    name = topic_name(kafka_settings, topics.RULES)
    eager = {
        "segment.ms": "50",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "0",
        "cleanup.policy": "compact",
    }
    async with started(kafka_settings, AIOKafkaAdminClient(**client_options(kafka_settings))) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, eager)])
    for number in range(5):
        await publish(kafka_settings, f"a{number}", "b")
    stood = (await read_rules(kafka_settings)).order_of("default")
    late = RulesManifest(version="late", revision=stood.revision, items=("rule/x",), published_ms=1)
    await write(kafka_settings, ("current", late.encode()))
    assert (await fresh(kafka_settings)).current == rule_set("a4", "b")
    await publish(kafka_settings, "a4", "b")
    mended = (await read_rules(kafka_settings)).order_of("default")
    assert (mended.untidy, mended.revision) == (False, stood.revision + 1)

    async def records_left() -> int:
        from aiokafka import TopicPartition

        partition = TopicPartition(name, 0)
        count = 0
        async with started(kafka_settings, make_consumer(kafka_settings, group=None)) as consumer:
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            end = (await consumer.end_offsets([partition]))[partition]
            while await consumer.position(partition) < end:
                count += sum(map(len, (await consumer.getmany(partition, timeout_ms=200)).values()))
        return count

    written = await records_left()

    async def compacted() -> bool:
        # a segment rolls, and becomes cleanable, only when something is appended
        await write(kafka_settings, ("tick", b"1"))
        return await records_left() < written

    await wait_until(compacted, timeout_s=60)
    seen = await fresh(kafka_settings)
    assert seen.current == rule_set("a4", "b")
    assert seen.refused is None
    await publish(kafka_settings, "bad")
    assert (await fresh(kafka_settings)).current == rule_set("a4", "b")
