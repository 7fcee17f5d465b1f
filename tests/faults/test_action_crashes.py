"""Each row of docs/crash-tables-api.md: SIGKILL at that step on a real Kafka, then somebody who asks again."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from service.actions import replay, subscriptions
from service.actions import test_delivery as tests_sent
from service.actions.actor import Actor
from service.actions.control import Control
from service.actions.known_rules import read_known_rules
from service.adapters.control import RulesFollower, publish_rules, publish_subscription, read_subscriptions, read_whole
from service.adapters.control_rules import read_in_force
from service.adapters.rule_files import load_rules
from service.adapters.topic_scan import scan
from service.delivery.replay import Wanted
from service.model import topics
from service.model.control_records import ChangeRecord, RulesManifest, SubscriptionRecord
from service.model.errors import ChangedMeanwhile, NotFound
from service.model.records import AttemptRecord, DeliveryRecord
from tests.deliveries import delivery, produce, settings_for, subscription
from tests.faults import crashing_actor as at
from tests.forked import spawn
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

NAME = "press-office"
ACTOR = Actor("token:again")
ENDED = {at.AFTER_DONE}
WRITTEN = {at.AFTER_RECORD, at.BEFORE_DONE, at.AFTER_DONE}


def test_every_row_of_the_page_is_a_test_here():
    page = (Path(__file__).parents[2] / "docs" / "crash-tables-api.md").read_text(encoding="utf-8")
    rows = [row for row in re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE) if row not in ("Killed", "---")]
    assert set(rows) == {*at.WRITES, *at.SENDS, *at.APPLIES}


@pytest.fixture
def crash(kafka_env, tmp_path):
    """Run an action that dies at a point; `between` is done before it writes."""

    async def run(point, action, argument, between=None):
        ready, go = tmp_path / "ready", tmp_path / "go"
        process = spawn(
            [sys.executable, "-m", "tests.faults.crashing_actor", point, action, argument, str(ready), str(go)],
            log_path=tmp_path / "crashing.log", env={**os.environ, **kafka_env},
        )  # fmt: skip
        if between is not None:
            await wait_until(ready.exists)
            await between()
            go.touch()
        assert await asyncio.to_thread(process.wait, 60) == -9, (tmp_path / "crashing.log").read_text()

    return run


async def outcomes(settings) -> list[str]:
    return [
        ChangeRecord.decode(record.value, topics.CHANGES).outcome async for record in scan(settings, topics.CHANGES)
    ]


def told_until(point) -> list[str]:
    if point == at.BEFORE_ASKED:
        return []
    return ["asked", "done"] if point in ENDED else ["asked"]


@pytest.mark.parametrize("point", [point for point in at.WRITES if point != at.AFTER_LOST])
async def test_a_creation_killed_at(point, kafka_settings, crash):
    await crash(point, "create", "sub_1")
    assert await outcomes(kafka_settings) == told_until(point)
    assert [record.id for record in await read_subscriptions(kafka_settings)] == ["sub_1"] * (point in WRITTEN)
    async with Control(settings_for(kafka_settings), follow=(topics.SUBSCRIPTIONS,), once=True) as control:
        fields = {"url": at.URL, "secrets": (at.SECRET,)}
        made = await subscriptions.create(control, ACTOR, fields, id_="sub_1", request="hash")
        assert made.replayed == (point in WRITTEN)
    (stands,) = await read_subscriptions(kafka_settings)
    assert (stands.revision, stands.url) == (1, at.URL)


@pytest.mark.parametrize("action", ["update", "remove"])
@pytest.mark.parametrize("point", [point for point in at.WRITES if point != at.AFTER_LOST])
async def test_a_change_killed_at(point, action, kafka_settings, crash):
    await publish_subscription(kafka_settings, subscription(at.URL, NAME))
    await crash(point, action, NAME)
    assert await outcomes(kafka_settings) == told_until(point)
    known = {record.id: record for record in await read_subscriptions(kafka_settings)}
    changed = point in WRITTEN
    if action == "remove":
        assert list(known) == ([] if changed else [NAME])
    else:
        assert (known[NAME].revision, known[NAME].name) == ((2, "crashed") if changed else (1, ""))
    async with Control(settings_for(kafka_settings), follow=(topics.SUBSCRIPTIONS,), once=True) as control:
        if action == "update":
            asked = subscriptions.update(control, ACTOR, NAME, lambda _: {"name": "crashed"}, expected={1})
        else:
            asked = subscriptions.remove(control, ACTOR, NAME, expected={1})  # type: ignore[assignment]
        if changed:
            with pytest.raises(ChangedMeanwhile if action == "update" else NotFound):
                await asked
        else:
            await asked
    after = await read_subscriptions(kafka_settings)
    assert [record.name for record in after] == ([] if action == "remove" else ["crashed"])


@pytest.mark.parametrize("who", ["an API process", "a command that writes"])
@pytest.mark.parametrize("action", ["update", "remove"])
async def test_a_loser_that_is_killed_leaves_the_winner_to_others(action, who, kafka_settings, crash):
    await publish_subscription(kafka_settings, subscription(at.URL, NAME))
    winner = subscription(at.URL, NAME, revision=2).model_copy(update={"name": "winner"})

    async def others() -> None:
        await publish_subscription(kafka_settings, winner)

    await crash(at.AFTER_LOST, action, NAME, others)

    async def last() -> SubscriptionRecord:
        stored = await read_whole(kafka_settings, topics.SUBSCRIPTIONS)
        return SubscriptionRecord.decode(stored[NAME], topics.SUBSCRIPTIONS)

    assert await last() != winner, "compaction would keep the loser"
    assert await read_subscriptions(kafka_settings) == (winner,)
    if who == "an API process":
        async with Control(settings_for(kafka_settings), follow=(topics.SUBSCRIPTIONS,)):
            await wait_until(lambda: _is(last, winner))
    else:
        await publish_subscription(kafka_settings, subscription(at.URL, "another"))
    assert await last() == winner
    assert winner in await read_subscriptions(kafka_settings)


async def _is(ask, wanted) -> bool:
    return bool(await ask() == wanted)


async def on_their_way(settings) -> list[str]:
    return [
        DeliveryRecord.decode(record.value, topics.DELIVERIES).id async for record in scan(settings, topics.DELIVERIES)
    ]


@pytest.mark.parametrize("point", [at.BEFORE_DELIVERIES, at.BEFORE_DELIVERIES_DONE])
async def test_a_test_delivery_killed_at(point, kafka_settings, crash):
    await publish_subscription(kafka_settings, subscription(at.URL, NAME))
    await crash(point, "test", NAME)
    assert set(await outcomes(kafka_settings)) == {"asked"}
    assert len(await on_their_way(kafka_settings)) == (point == at.BEFORE_DELIVERIES_DONE)
    async with Control(settings_for(kafka_settings), follow=(topics.SUBSCRIPTIONS,), once=True) as control:
        made = await tests_sent.make(control, Actor("token:crashing"), NAME, nonce="00ff")
        assert not made.replayed, "nobody knows that it was sent"
        await tests_sent.send(control, Actor("token:crashing"), made.record)
        assert (await tests_sent.make(control, Actor("token:crashing"), NAME, nonce="00ff")).replayed
    sent = [record.value async for record in scan(kafka_settings, topics.DELIVERIES)]
    assert set(sent) == {made.record.encode()}, "the same key: the same id and the same bytes"


LONG_AGO_MS = 3_600_000
"""In 1970, an hour after it was made. A replay lives as long: one second would be over on a busy machine."""


@pytest.mark.parametrize("point", at.SENDS)
async def test_a_replay_killed_at(point, kafka_settings, crash):
    await publish_subscription(kafka_settings, subscription(at.URL, NAME))
    old = [delivery(number, NAME, created_ms=1_000 + number, deadline_ms=LONG_AGO_MS) for number in range(4)]
    await produce(kafka_settings, old)
    ends = [
        AttemptRecord(
            delivery_id=one.id, subscription=NAME, number=1, outcome="given_up", terminal=True,
            body_sha256=one.body_sha256, started_ms=1_500, duration_ms=1.0, deadline_ms=LONG_AGO_MS, published_ms=1,
        )
        for one in old
    ]  # fmt: skip
    settings = settings_for(kafka_settings)
    async with Control(settings, follow=(topics.SUBSCRIPTIONS,), once=True) as control:
        await control.send(topics.ATTEMPTS, [(NAME, end.encode()) for end in ends])
    await crash(point, "replay", NAME)
    assert await outcomes(kafka_settings) == ["asked"]
    again = {at.BEFORE_DELIVERIES: 0, at.MID_REPLAY: 2, at.BEFORE_DELIVERIES_DONE: 4}[point]
    assert len(await on_their_way(kafka_settings)) == len(old) + again
    async with Control(settings, follow=(topics.SUBSCRIPTIONS,), once=True) as control:
        choice = await replay.choose(control, ACTOR, Wanted(None, NAME))
        await replay.send(control, ACTOR, choice)
    assert (len(choice.records), sum(choice.left_out.values())) == (4 - again, again)
    assert sorted(await on_their_way(kafka_settings)) == sorted(one.id for one in old * 2)


@pytest.fixture
async def follower(kafka_settings):
    """Somebody who runs all the time, and every set that was ever in force there."""
    changes: list[str] = []
    made = RulesFollower(kafka_settings, on_change=lambda ruleset: changes.append(ruleset.version))
    await made.start()
    yield made, changes
    await made.stop()


@pytest.fixture
def rule_file(tmp_path):
    def write(name: str, *words: str) -> Path:
        file: Path = tmp_path / f"{name}.yaml"
        lines = [f"  - {{id: {name}-{number}, when: '\"{word}\"'}}" for number, word in enumerate(words)]
        file.write_text("\n".join(["rules:", *lines]), encoding="utf-8")
        return file

    return write


async def apply(settings, file: Path, expected: str | None = None) -> str:
    return (await publish_rules(settings, await asyncio.to_thread(load_rules, file), expected=expected)).version


async def versions(settings) -> set[str]:
    """What each kind of reader that starts now takes for the rules in force."""
    worker = RulesFollower(settings)
    await worker.start()
    await worker.stop()
    assert worker.refused is None
    in_force, known = await read_in_force(settings), await read_known_rules(settings)
    assert in_force is not None
    assert known is not None
    assert {rule.head.id for rule in known.rules} == {rule.id for rule in in_force.rules}
    async with Control(settings_for(settings), follow=(topics.RULES,), once=True) as control:
        assert control.rules is not None
        return {worker.version or "", in_force.version, (await control.rules.of("default")).version}


@pytest.mark.parametrize("point", [point for point in at.APPLIES if point != at.AFTER_LATE])
async def test_rules_applied_and_killed_at(point, kafka_settings, crash, follower, rule_file):
    await apply(kafka_settings, rule_file("z", "마루"))
    old = await apply(kafka_settings, rule_file("a", "가람", "나루"))
    file = rule_file("b", "다솜", "라온")
    new = load_rules(file).version
    await crash(point, "apply", f"{old}@{file}")
    changed = point in {at.AFTER_MANIFEST, at.BEFORE_REMOVED, at.BEFORE_RULES_DONE, at.AFTER_DONE}
    assert await versions(kafka_settings) == {new if changed else old}
    assert await outcomes(kafka_settings) == told_until(point)
    if changed:
        with pytest.raises(ChangedMeanwhile):
            await apply(kafka_settings, file, old)
        assert await apply(kafka_settings, file) == new
    else:
        assert await apply(kafka_settings, file, old) == new
    assert await versions(kafka_settings) == {new}
    stored = await read_whole(kafka_settings, topics.RULES)
    assert len([key for key in stored if key.startswith("rule/")]) == 4, "of the new set and the one before"
    running, changes = follower
    await wait_until(lambda: running.version == new)
    assert set(changes) <= {load_rules(rule_file("z", "마루")).version, old, new}


@pytest.mark.parametrize("who", ["an API process", "somebody who applies"])
async def test_rules_that_came_too_late_are_in_force_nowhere(who, kafka_settings, crash, follower, rule_file):
    old = await apply(kafka_settings, rule_file("a", "가람"))
    late, theirs = rule_file("b", "나루"), rule_file("c", "다솜")
    won, lost = load_rules(theirs).version, load_rules(late).version

    async def others() -> None:
        await apply(kafka_settings, theirs, old)

    await crash(at.AFTER_LATE, "apply", f"{old}@{late}", others)
    assert (await outcomes(kafka_settings))[-1] == "asked"

    async def last() -> str:
        stored = await read_whole(kafka_settings, topics.RULES)
        return RulesManifest.decode(stored["current"], topics.RULES).version

    assert await last() == lost, "compaction would keep the loser"
    assert await versions(kafka_settings) == {won}
    if who == "an API process":
        async with Control(settings_for(kafka_settings), follow=(topics.RULES,)):
            await wait_until(lambda: _is(last, won))
    else:
        await apply(kafka_settings, theirs)
    assert await last() == won
    assert await versions(kafka_settings) == {won}
    running, changes = follower
    await wait_until(lambda: running.version == won)
    assert changes[-2:] == [old, won]
    assert lost not in changes
