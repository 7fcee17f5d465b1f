"""What is held, and by whom it is let go: silences, digests and waits through real Kafka, the timer included."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from service.adapters.control import publish_silence
from service.adapters.receiver import Receiver
from service.local import Roles
from service.model.control_records import SilenceMatchers, SilenceRecord
from service.model.policy import PolicyModel
from service.model.records import DecisionRecord
from tests.deliveries import read_all
from tests.faults.told import wire_copy
from tests.line import apply_rules, lean_env, publish, settled_account, subscribe
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

RULE = "chongqing-watch"


async def decisions(settings):
    return [DecisionRecord.decode(record.value, "").decision for record in await read_all(settings, "decisions")]


async def test_a_silence_that_is_lifted_tells_what_it_hid(kafka_settings, kafka_env, tmp_path):
    now_ms = round(time.time() * 1000)
    silence = SilenceRecord(
        id="sil_1",
        matchers=SilenceMatchers(rule=(RULE,)),
        starts_ms=now_ms - 1000,
        ends_ms=now_ms + 3_600_000,
        author="duty",
        comment="exercise",
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    await apply_rules(kafka_settings, tmp_path)
    await publish_silence(kafka_settings, silence)
    async with Receiver() as receiver, Roles(tmp_path, lean_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver, RULE)
        await roles.start("worker", "dispatcher")
        await publish(kafka_settings, [wire_copy(number, 3) for number in range(3)])

        async def all_silenced():
            return await decisions(kafka_settings) == ["silenced"] * 3

        await wait_until(all_silenced)
        account = await settled_account(kafka_settings)
        assert account["ledgers"]["alerts"]["ends"] == {"silenced": 3}
        assert receiver.received == []
        lifted_ms = round(time.time() * 1000)
        lifted = silence.model_copy(update={"revision": 2, "ends_ms": lifted_ms, "updated_ms": lifted_ms})
        await publish_silence(kafka_settings, lifted)
        await wait_until(lambda: receiver.received)
        account = await settled_account(kafka_settings)
    (one,) = receiver.received
    assert (one.payload["type"], one.payload["data"]["reason"]) == ("alert.digest", "silence_ended")
    assert {alert["article"]["id"] for alert in one.payload["data"]["alerts"]} == {"a0", "a1", "a2"}
    assert account["ledgers"]["alerts"]["ends"] == {"notified": 3}


async def test_digests_come_at_their_time_one_with_stories_and_one_that_says_there_are_none(
    kafka_settings, kafka_env, tmp_path
):
    at = datetime.now(UTC) + timedelta(seconds=75)  # the next whole minute that roles and article surely come before
    policy = PolicyModel.model_validate(
        {"mode": "digest", "timezone": "UTC", "digest": {"times": [at.strftime("%H:%M")], "empty": True}}
    )
    await apply_rules(kafka_settings, tmp_path)
    async with Receiver() as receiver, Roles(tmp_path, lean_env(kafka_env)) as roles:
        await subscribe(kafka_settings, receiver, RULE, name="stories", policy=policy)
        await subscribe(kafka_settings, receiver, "seoul-*", name="nothing", policy=policy)
        await roles.start("worker", "dispatcher")
        await publish(kafka_settings, [wire_copy(number, 2) for number in range(4)])
        await wait_until(lambda: len(receiver.received) == 2, 120)
        account = await settled_account(kafka_settings)
    told = {one.payload["data"]["subscription"]: one.payload for one in receiver.received}
    assert {payload["type"] for payload in told.values()} == {"alert.digest"}
    assert len(told["stories"]["data"]["alerts"]) == 2, "one a story"
    assert told["nothing"]["data"]["alerts"] == []
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": 2}
    assert account["ledgers"]["alerts"]["ends"].keys() <= {"notified", "attached"}
