"""`bongsu test-delivery`, `attempts` and `replay` against a real dispatcher, Kafka and receiver."""

import asyncio
import json
import time

import pytest

from service.actions import subscriptions
from service.actions.actor import Actor
from service.actions.control import Control
from service.adapters.control import publish_subscription
from service.adapters.embedded_kafka import free_port
from service.adapters.receiver import Receiver, Script
from service.cli.audit import take_audit
from service.settings import KafkaSettings
from tests.builders import attempt_record
from tests.deliveries import (
    SECRET,
    Known,
    attempts,
    delivery,
    dispatching,
    produce,
    settings_for,
    subscription,
    terminal,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def bongsu(bongsu):
    """Call `bongsu` without holding up the dispatcher of this process."""

    async def call(*args: str, **env: str) -> tuple[int, str, str]:
        done = await asyncio.to_thread(bongsu, *args, **env)
        return done.returncode, done.stdout, done.stderr

    return call


async def subscribed(kafka: KafkaSettings, url: str, **fields) -> Known:
    known = Known()
    known.add(subscription(url, **fields))
    await publish_subscription(kafka, known["press-office"])
    return known


@pytest.mark.parametrize("form", ["bongsu", "cloudevents", "slack"])
async def test_a_test_delivery_is_sent_once_and_its_attempt_is_shown(kafka_settings, bongsu, form) -> None:
    async with Receiver([SECRET]) as receiver:
        known = await subscribed(kafka_settings, receiver.url, format=form, headers={"X-Team": "press-office"})
        async with dispatching(settings_for(kafka_settings), known):
            code, out, err = await bongsu("test-delivery", "--subscription", "press-office", "--json")
    assert code == 0, err
    (got,) = receiver.received
    shown = json.loads(out)
    assert got.verified
    assert (shown["delivery_id"], shown["outcome"], shown["reason"]) == (got.id, "delivered", "test")
    assert (shown["address"], shown["request_bytes"]) == ("127.0.0.1", len(got.body))
    assert shown["phases"]["connect_ms"] > 0
    assert got.headers["X-Team"] == "press-office"
    wanted = {"bongsu": "application/json", "cloudevents": "application/cloudevents+json", "slack": "application/json"}
    assert got.headers["Content-Type"] == wanted[form]
    if form == "bongsu":
        assert got.payload["type"] == "test"


async def test_a_test_does_not_queue_behind_what_waits_for_a_dead_endpoint(kafka_settings, bongsu) -> None:
    records = [delivery(number) for number in range(2000)]
    async with Receiver([SECRET], script=Script((500,))) as receiver:
        known = await subscribed(kafka_settings, receiver.url)
        await produce(kafka_settings, records)
        settings = settings_for(
            kafka_settings,
            BONGSU_DELIVERY_SCHEDULE_S="3600",
            BONGSU_DELIVERY_BREAKER_OPEN_S="600",
            BONGSU_DELIVERY_BREAKER_MAX_OPEN_S="600",
        )
        async with dispatching(settings, known) as role:
            await wait_until(lambda: role._endpoints.open_breakers() == 1, what="the breaker is open")
            await wait_until(lambda: not role._flow.lanes.busy, what="nothing is under way")
            posts = len(receiver.received)
            receiver.script = Script((204,))
            receiver._turns.clear()
            code, out, err = await bongsu("test-delivery", "--subscription", "press-office", "--json")
            assert code == 0, err
            assert json.loads(out)["outcome"] == "delivered"
            assert len(receiver.received) == posts + 1
            assert role._endpoints.open_breakers() == 1  # a test says nothing about what waits
            # its attempt is read a moment before the dispatcher hears that it was written
            await wait_until(lambda: not role._flow._testing, what="its place is free again")
    ended = {attempt.delivery_id for attempt in await attempts(kafka_settings) if attempt.terminal}
    assert ended == {receiver.received[-1].id}


async def test_a_test_that_fails_says_so_and_is_not_tried_again(kafka_settings, bongsu) -> None:
    async with Receiver([SECRET], script=Script((500,))) as receiver:
        known = await subscribed(kafka_settings, receiver.url)
        async with dispatching(settings_for(kafka_settings), known):
            code, out, _ = await bongsu("test-delivery", "--subscription", "press-office")
            live = delivery(1)  # whatever was still to come for the test would have come before this one ended
            await produce(kafka_settings, [live])
            made = await terminal(kafka_settings, [live.id])
            account = await take_audit(kafka_settings)
    assert code == 1
    assert "given_up (test)" in out
    assert "500" in out
    assert [attempt.number for attempt in made if attempt.reason == "test"] == [1]
    assert account["balanced"], account
    assert account["ledgers"]["deliveries"]["entries"] == 1


async def test_without_a_dispatcher_or_a_subscription_it_says_what_is_missing(kafka_settings, bongsu) -> None:
    await subscribed(kafka_settings, "http://127.0.0.1:9/")
    code, _, err = await bongsu("test-delivery", "--subscription", "press-office", "--wait", "1")
    assert (code, "is a `bongsu dispatcher` running?" in err) == (1, True)
    code, _, err = await bongsu("test-delivery", "--subscription", "nobody")
    assert (code, "there is no subscription nobody" in err) == (2, True)


async def test_replays_repeat_ids_and_bytes_and_the_books_balance(kafka_settings, bongsu) -> None:
    good, bad = delivery(1), delivery(2)
    async with Receiver([SECRET], script=Script((200,))) as receiver:
        known = await subscribed(kafka_settings, receiver.url)
        async with dispatching(settings_for(kafka_settings), known):
            await produce(kafka_settings, [good])
            await terminal(kafka_settings, [good.id])
            receiver.script = Script((500,))
            await produce(kafka_settings, [bad])
            await terminal(kafka_settings, [bad.id])
            receiver.script = Script((200,))
            before = len(receiver.received)

            code, out, _ = await bongsu("replay", "--failed-since", "1h", "--dry-run")
            assert (code, out.splitlines()[0]) == (0, f"{bad.id}  press-office  alert.matched")
            assert len(receiver.received) == before

            code, out, err = await bongsu("replay", "--failed-since", "1h")
            assert (code, err) == (0, "")
            await wait_until(lambda: len(receiver.received) == before + 1, what="the replay arrives")
            assert (receiver.received[-1].id, receiver.received[-1].body) == (bad.id, bad.body.encode())
            await _delivered(kafka_settings, 2)
            code, out, _ = await bongsu("replay", "--failed-since", "1h")
            assert (code, out) == (0, "nothing to send again\n"), "what was delivered by a replay has not failed"

            code, out, _ = await bongsu("replay", "--subscription", "press-office", "--since", "1h")
            assert (code, out.startswith("2 webhooks to 1 subscription ")) == (0, True)
            await _delivered(kafka_settings, 4)
            code, out, _ = await bongsu("replay", "--delivery", good.id)
            await _delivered(kafka_settings, 5)
            account = await take_audit(kafka_settings, 10)
        again = [got for got in receiver.received if got.id == good.id]
    assert {got.body for got in again} == {good.body.encode()}
    assert len(again) == 3
    assert account["balanced"], account
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": 2}

    code, out, _ = await bongsu("attempts", "--failed")
    assert (code, len([line for line in out.splitlines() if bad.id in line])) == (0, 4)
    code, out, _ = await bongsu("attempts", "--delivery", good.id, "--json")
    assert [json.loads(line)["reason"] for line in out.splitlines()] == ["live", "replay", "replay"]
    code, out, _ = await bongsu("attempts", "--subscription", "nobody")
    assert (code, out.startswith("no attempts")) == (0, True)
    code, out, _ = await bongsu("attempts", "--since", "2001-01-01T00:00Z")
    assert out.count("127.0.0.1") == len(await attempts(kafka_settings))


async def _delivered(kafka: KafkaSettings, count: int) -> None:
    async def there() -> bool:
        return sum(attempt.outcome == "delivered" for attempt in await attempts(kafka)) == count

    await wait_until(there, what=f"{count} were delivered")


async def test_many_are_not_sent_without_being_asked_for(kafka_settings, bongsu) -> None:
    many = [delivery(number) for number in range(25)]
    async with Receiver([SECRET]) as receiver:
        known = await subscribed(kafka_settings, receiver.url)
        async with dispatching(settings_for(kafka_settings), known):
            await produce(kafka_settings, many)
            await terminal(kafka_settings, [one.id for one in many])
            arguments = ("replay", "--subscription", "press-office", "--since", "1h")
            code, out, err = await bongsu(*arguments)
            assert (code, out, "say --yes" in err) == (1, "", True)
            code, out, _ = await bongsu(*arguments, "--yes")
            assert code == 0
            await _delivered(kafka_settings, 50)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--since", "1h"),
        ("--delivery", "msg_1", "--since", "1h"),
        ("--failed-since", "1h", "--until", "2h"),
        ("--failed-since", "yesterday"),
    ],
)
async def test_what_cannot_be_meant_is_refused(bongsu, arguments) -> None:
    code, out, err = await bongsu("replay", *arguments)
    assert (code, out) == (2, "")
    assert "Error" in err


async def test_an_id_that_never_was_is_an_error(kafka_settings, bongsu) -> None:
    code, out, err = await bongsu("replay", "--delivery", "msg_never")
    assert (code, out) == (1, "nothing to send again\n")
    assert "no webhook msg_never of this tenant is known" in err


COMMANDS = (
    ("attempts",),
    ("replay", "--failed-since", "1h"),
    ("test-delivery", "--subscription", "sub1"),
    ("subscriptions", "rotate-secret", "sub1"),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
async def test_without_topics_or_kafka_it_is_one_sentence_that_helps(bongsu, arguments) -> None:
    code, out, err = await bongsu(*arguments, BONGSU_KAFKA_TOPIC_PREFIX="nowhere.")
    assert (code, out, "run `bongsu topics create`" in err) == (2, "", True), err
    away = f"127.0.0.1:{free_port()}"
    code, out, err = await bongsu(*arguments, BONGSU_KAFKA_BOOTSTRAP_SERVERS=away)
    assert (code, out, len(err.splitlines())) == (1, "", 1), err
    assert f"Kafka at {away} does not answer" in err


async def test_attempts_to_a_subscription_that_is_gone_stay_its_tenants(bongsu, kafka_settings):
    known = subscription("http://127.0.0.1:9/", "theirs").model_copy(update={"tenant": "gyeonggi"})
    await publish_subscription(kafka_settings, known)
    record = attempt_record("msg_theirs").model_copy(
        update={"subscription": known.id, "started_ms": time.time_ns() // 1_000_000}
    )
    async with Control(settings_for(kafka_settings), follow=("subscriptions",), once=True) as control:
        await control.send("attempts", [(known.id, record.encode())])
        await subscriptions.remove(control, Actor("token:one", tenant="gyeonggi"), known.id)
    shown = [(await bongsu("attempts", "--json", *more))[1] for more in ((), ("--tenant", "gyeonggi"))]
    assert ["msg_theirs" in text for text in shown] == [False, True]
