"""Endpoints that fail, ask for peace, are gone, paused, and come back: the dispatcher on a real Kafka, real HTTP."""

import asyncio
import os
import sys
import time
from collections import Counter
from functools import partial
from typing import Any

import orjson
import pytest

from service.adapters.control import publish_subscription, read_subscriptions
from service.adapters.receiver import Received, Receiver, Script
from service.audit.books import Books
from service.audit.reader import LedgerReader
from service.dispatcher.recovery import recover
from service.model import topics
from service.settings import KafkaSettings
from tests.deliveries import (
    SECRET,
    Known,
    attempts,
    delivery,
    dispatching,
    produce,
    read_all,
    settings_for,
    subscription,
    terminal,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


async def balances(kafka: KafkaSettings) -> Any:
    """The deliveries' ledger as `bongsu audit` sees it."""
    books = Books()
    reader = LedgerReader(kafka, books)
    await reader.start()
    try:
        return books.balances(await reader.catch_up())[1]
    finally:
        await reader.stop()


async def held_records(kafka: KafkaSettings, count: int) -> bool:
    return len(await read_all(kafka, topics.HELD)) >= count


async def test_paused_deliveries_are_held_and_go_out_on_resumption(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number) for number in range(5)]
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url, paused=True))
        await produce(kafka_settings, records)
        async with dispatching(settings_for(kafka_settings), known):
            await wait_until(lambda: held_records(kafka_settings, 5), 20, "all are held")
        balance = await balances(kafka_settings)
        assert (balance.pending, balance.unaccounted, balance.ended) == (5, 0, 0)
        assert not receiver.received
        # another dispatcher looks through what its predecessor held, and holds it on
        async with dispatching(settings_for(kafka_settings), known):
            await wait_until(lambda: held_records(kafka_settings, 10), 20, "looked through and held again")
            known.add(subscription(receiver.url, revision=2))
            await wait_until(lambda: len(receiver.received) == 5, 20, "all arrive")
            made = await terminal(kafka_settings, [record.id for record in records])
    assert {got.id: got.body for got in receiver.received} == {record.id: record.body.encode() for record in records}
    assert Counter(attempt.outcome for attempt in made) == {"held": 5, "delivered": 5}
    assert (await balances(kafka_settings)).balanced


async def test_what_is_held_expires_when_nobody_can_have_it_any_more(kafka_settings: KafkaSettings) -> None:
    removed = delivery(2, "removed")
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url, paused=True))
        known.add(subscription(receiver.url, "removed", paused=True))
        async with dispatching(settings_for(kafka_settings), known):  # it reads at once: to start may take a while
            soon = delivery(1, deadline_ms=int(time.time() * 1000) + 5000)
            await produce(kafka_settings, [soon, removed])
            await wait_until(lambda: held_records(kafka_settings, 2), 20, "both are held")
            del known["removed"]
            await terminal(kafka_settings, [removed.id])
            await wait_until(lambda: time.time() * 1000 > soon.deadline_ms, 20, "its time ran out")
            known.add(subscription(receiver.url, revision=2))
            made = await terminal(kafka_settings, [soon.id])
    assert {one.delivery_id: one.outcome for one in made if one.terminal} == {
        soon.id: "expired", removed.id: "undeliverable",
    }  # fmt: skip
    assert not receiver.received


async def test_410_disables_after_one_probe_and_enabling_sends_what_was_held(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number) for number in range(30)]
    told: list[Any] = []

    def note(got: Received) -> None:
        told.append(got.payload)

    async with Receiver(script=Script((410,))) as gone, Receiver([SECRET]) as back, Receiver(on_received=note) as ops:
        known = Known()
        known.add(subscription(gone.url))
        known.add(subscription(ops.url, "ops"))
        await produce(kafka_settings, records[:10])
        settings = settings_for(
            kafka_settings, BONGSU_DELIVERY_GONE_PROBE_S="1.5", BONGSU_DELIVERY_OPERATIONS_SUBSCRIPTION="ops"
        )
        async with dispatching(settings, known):
            await wait_until(lambda: known["press-office"].disabled_ms is not None, 20, "disabled")
            posts = len(gone.received)
            assert posts <= 6  # the first of its four slots, and the probe
            await produce(kafka_settings, records[10:])
            await wait_until(lambda: everything_held(kafka_settings, records), 20, "all are held")
            assert len(gone.received) == posts
            disabled = known["press-office"]
            assert disabled.revision == 2
            assert "410" in (disabled.disabled_reason or "")
            known.add(subscription(back.url, revision=3))
            made = await terminal(kafka_settings, [record.id for record in records])
            await wait_until(lambda: len(told) == 2, 20, "the operator is told twice")
    assert {got.id: got.body for got in back.received} == {record.id: record.body.encode() for record in records}
    assert {attempt.outcome for attempt in made if attempt.terminal} == {"delivered"}
    assert [event["type"] for event in told] == ["operational.endpoint_disabled", "operational.endpoint_recovered"]
    assert {event["data"]["subscription"] for event in told} == {"press-office"}
    assert told[0]["data"]["failures"] > 0
    assert told[0]["data"]["since_ms"] >= records[0].created_ms
    assert (await balances(kafka_settings)).balanced


async def everything_held(kafka: KafkaSettings, records: list[Any]) -> bool:
    there = {orjson.loads(record.value)["id"] for record in await read_all(kafka, topics.HELD)}
    return there == {record.id for record in records}


async def both_seen(kafka: KafkaSettings) -> Any:
    made = await attempts(kafka)
    return made if len({one.delivery_id for one in made}) == 2 else None


async def test_a_url_that_cannot_be_read_costs_only_itself(kafka_settings: KafkaSettings) -> None:
    good, bad = delivery(1), delivery(2, "broken")
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        known.add(subscription("https://[x/", "broken"))
        await produce(kafka_settings, [bad, good])
        async with dispatching(settings_for(kafka_settings), known) as role:
            await terminal(kafka_settings, [good.id])
            made = await wait_until(lambda: both_seen(kafka_settings), 20, "the broken one was looked at as well")
            assert not role.failed.done()
    assert [got.id for got in receiver.received] == [good.id]
    assert {one.delivery_id: (one.outcome, one.error) for one in made} == {
        good.id: ("delivered", None), bad.id: ("held", "blocked"),
    }  # fmt: skip
    assert {one.request_bytes for one in made if one.delivery_id == bad.id} == {None}


@pytest.mark.parametrize("form", ["bongsu", "cloudevents", "slack", "teams", "discord"])
async def test_the_operator_is_told_in_the_format_of_the_operator(kafka_settings: KafkaSettings, form: Any) -> None:
    async with Receiver(script=Script((410,))) as gone, Receiver([SECRET]) as ops:
        known = Known()
        known.add(subscription(gone.url))
        known.add(subscription(ops.url, "ops", format=form, lang="en"))
        settings = settings_for(
            kafka_settings, BONGSU_DELIVERY_GONE_PROBE_S="0.1", BONGSU_DELIVERY_OPERATIONS_SUBSCRIPTION="ops"
        )
        await produce(kafka_settings, [delivery(1)])
        async with dispatching(settings, known):
            await wait_until(lambda: ops.received, 20, "the operator is told")
    (got,) = ops.received
    assert got.verified
    told = {"bongsu": "type", "cloudevents": "specversion", "slack": "blocks", "teams": "attachments"}
    assert told.get(form, "content") in got.payload
    assert got.headers["Content-Type"].startswith(
        "application/cloudevents" if form == "cloudevents" else "application/json"
    )
    assert "press-office" in got.body.decode().replace("\\", "")


async def test_a_410_that_the_probe_does_not_confirm_disables_nobody(kafka_settings: KafkaSettings) -> None:
    sent = delivery(1)
    async with Receiver(script=Script((410, 200))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        await produce(kafka_settings, [sent])
        async with dispatching(settings_for(kafka_settings, BONGSU_DELIVERY_GONE_PROBE_S="0.3"), known):
            made = await terminal(kafka_settings, [sent.id])
    assert [(one.outcome, one.status) for one in made] == [("retry", 410), ("delivered", 200)]
    assert known["press-office"].disabled_ms is None


async def test_an_open_breaker_costs_probes_only_and_no_attempts(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number) for number in range(300)]
    async with Receiver([SECRET], script=Script((500,))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        settings = settings_for(
            kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="15" + ",1" * 20, BONGSU_DELIVERY_BREAKER_MAX_OPEN_S="1"
        )
        await produce(kafka_settings, records)
        async with dispatching(settings, known) as role:
            await wait_until(lambda: role._endpoints.open_breakers() == 1, 20, "the breaker is open")
            posts = len(receiver.received)
            assert posts <= 25  # ten, and what was under way with the tenth
            await wait_until(lambda: len(receiver.received) >= posts + 3, 20, "three probes")
            assert len(receiver.received) <= posts + 6
            receiver.script = Script((200,))
            receiver._turns.clear()
            made = await terminal(kafka_settings, [record.id for record in records], 60)
            assert role._endpoints.open_breakers() == 0
    numbers = Counter(attempt.delivery_id for attempt in made)
    assert set(numbers.values()) <= {1, 2, 3, 4, 5}
    assert sum(numbers.values()) <= 330  # what only waited has one attempt
    assert all(got.verified for got in receiver.received if got.status == 200)


async def test_a_cap_a_second_is_kept_and_nothing_counts_as_an_attempt(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number) for number in range(60)]
    async with Receiver([SECRET]) as receiver:
        known = Known()
        known.add(subscription(receiver.url, max_per_s=20.0, max_in_flight=1))
        await produce(kafka_settings, records)
        async with dispatching(settings_for(kafka_settings), known):
            made = await terminal(kafka_settings, [record.id for record in records])
    times = sorted(got.at_s for got in receiver.received)
    assert len(times) == len(made) == 60
    assert times[-1] - times[0] >= (60 - 5) / 20
    assert max(sum(start <= at < start + 1 for at in times) for start in times) <= 20 + 5


async def test_warnings_come_on_the_way_to_being_disabled_and_a_recovery_is_told(
    kafka_settings: KafkaSettings,
) -> None:
    records = [delivery(number) for number in range(20)]
    async with Receiver(script=Script((500,))) as receiver, Receiver([SECRET]) as ops:
        known = Known()
        known.add(subscription(receiver.url))
        known.add(subscription(ops.url, "ops"))
        settings = settings_for(
            kafka_settings,
            BONGSU_DELIVERY_BREAKER_FAILURES="0",
            BONGSU_DELIVERY_SCHEDULE_S=",".join(["0.2"] * 50),
            BONGSU_DELIVERY_DISABLE_FAILURES="100",
            BONGSU_DELIVERY_DISABLE_AFTER_S="0.001",
            BONGSU_DELIVERY_OPERATIONS_SUBSCRIPTION="ops",
        )
        async with dispatching(settings, known):
            await produce(kafka_settings, records)
            await wait_until(lambda: len(ops.received) == 4, 30, "three warnings and the end")
            held = known["press-office"]
            receiver.script = Script((200,))
            receiver._turns.clear()
            await wait_until(lambda: everything_held(kafka_settings, records), 20, "all are held")
            known.add(held.model_copy(update={"revision": 3, "disabled_ms": None, "updated_ms": held.updated_ms + 1}))
            await terminal(kafka_settings, [record.id for record in records])
            await wait_until(lambda: len(ops.received) == 5, 20, "the recovery is told")
    types = [(got.payload["type"], got.payload["data"]["percent"]) for got in ops.received]
    assert sorted(types) == [
        ("operational.endpoint_disabled", 100), *(("operational.endpoint_failing", level) for level in (50, 70, 90)),
        ("operational.endpoint_recovered", 0),
    ]  # fmt: skip
    assert len({got.id for got in ops.received}) == 5
    counts = {got.payload["data"]["percent"]: got.payload["data"]["failures"] for got in ops.received}
    assert (counts[50], counts[70], counts[90], counts[100], counts[0]) == (50, 70, 90, 100, 0)
    assert all(got.verified for got in ops.received)
    assert held.disabled_ms is not None


async def test_a_health_that_was_read_back_goes_on_where_it_was(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number) for number in range(8)]
    async with Receiver(script=Script((500,))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="60")
        await produce(kafka_settings, records)
        async with dispatching(settings, known):

            async def all_tried() -> bool:
                return len(await attempts(kafka_settings)) == 8

            await wait_until(all_tried, 20, "each was tried once")
        async with dispatching(settings, known) as successor:
            assert successor._endpoints.of("press-office").health.failures == 8


async def test_a_busy_neighbour_does_not_make_a_failing_endpoint_forgotten(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.dispatcher.endpoints.NOTE_AFTER_MS", 0)
    monkeypatch.setattr("service.dispatcher.endpoints.NOTE_EVERY_MS", 0)
    monkeypatch.setattr(
        "service.dispatcher.role.recover", partial(recover, look_back=0)
    )  # all of it is the neighbour's
    records = [delivery(number) for number in range(8)]
    async with Receiver([SECRET], script=Script((500,))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="60", BONGSU_DELIVERY_BREAKER_FAILURES="0")
        await produce(kafka_settings, records)
        async with dispatching(settings, known):

            async def all_tried() -> bool:
                return len(await attempts(kafka_settings)) == 8

            await wait_until(all_tried, 20, "each was tried once")
        async with dispatching(settings, known) as successor:
            health = successor._endpoints.of("press-office").health
            assert health.failures == 8
            assert health.since_ms is not None
            receiver.script = Script((204,))
            receiver._turns.clear()
            after = delivery(9)
            await produce(kafka_settings, [after])
            await terminal(kafka_settings, [after.id])

            async def well_again() -> bool:
                return (await read_all(kafka_settings, topics.ENDPOINTS))[-1].value is None

            await wait_until(well_again, 20, "what was kept of it is taken away")
        async with dispatching(settings, known) as last:
            assert last._endpoints.of("press-office").health.failures == 0


async def test_a_second_dispatcher_counts_no_failure_twice(kafka_settings: KafkaSettings) -> None:
    records = [delivery(number) for number in range(8)]
    async with Receiver(script=Script((500,))) as receiver:
        known = Known()
        known.add(subscription(receiver.url))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="60", BONGSU_DELIVERY_BREAKER_FAILURES="0")
        await produce(kafka_settings, records)
        async with dispatching(settings, known) as first:
            await wait_until(lambda: len(receiver.received) == 8, 20, "each was tried once")
            async with dispatching(settings, known) as second:
                await wait_until(lambda: first.ready and second.ready, 20, "both have partitions")

                def counted() -> list[int]:
                    now_ms = int(time.time() * 1000)
                    roles = (first, second)
                    return [
                        role._endpoints.of("press-office").health.failures
                        for role in roles
                        if role._endpoints.percents(now_ms)
                    ]

                await wait_until(lambda: counted() == [8], 20, "one of them has it, once")


async def test_pause_and_resume_are_commands(kafka_settings: KafkaSettings, kafka_env: dict[str, str]) -> None:
    async def run(*arguments: str) -> tuple[int, str]:
        argv = ["-m", "service", "subscriptions", *arguments]
        environ = {**os.environ, **kafka_env}
        child = await asyncio.create_subprocess_exec(
            sys.executable, *argv, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await child.communicate()
        return child.returncode or 0, said.decode()

    disabled = subscription("https://a.example/", disabled_ms=5, disabled_reason="410 Gone, twice")
    await publish_subscription(kafka_settings, disabled)
    assert (await run("pause", "press-office"))[0] == 0
    (record,) = await read_subscriptions(kafka_settings)
    assert (record.held, record.revision, record.disabled_ms) == ("paused", 2, 5)
    assert (await run("resume", "press-office"))[0] == 0
    (record,) = await read_subscriptions(kafka_settings)
    assert (record.held, record.revision, record.secrets) == (None, 3, disabled.secrets)
    code, said = await run("resume", "nobody")
    assert code == 2
    assert "nobody" in said
