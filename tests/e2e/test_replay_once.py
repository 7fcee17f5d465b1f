"""A replay under an Idempotency-Key, on a real Kafka: sent once, whoever is cut off and however often it is asked for."""

import asyncio
import contextlib

import pytest

from service.actions import replay, subscriptions
from service.actions.actor import Actor
from service.actions.control import Control, now_ms
from service.actions.replay_once import once
from service.adapters.topic_scan import scan
from service.delivery.replay import Wanted
from service.model import topics
from service.model.errors import BadInput, RequestReused, Unavailable
from service.model.ids import sha256_hex
from service.model.records import AttemptRecord, DeliveryRecord
from tests.deliveries import SECRET, settings_for

pytestmark = pytest.mark.kafka
ACTOR, AGAIN = Actor("token:one", request_id="req_1"), Actor("token:one", request_id="req_2")
SUBSCRIPTION = "sub_once"
ALL = Wanted(None, SUBSCRIPTION, 0)
KEY = {"key": "00ff", "request": "hash"}


def ended(number: int) -> tuple[DeliveryRecord, AttemptRecord]:
    body = f'{{"number":{number}}}'
    record = DeliveryRecord(
        id=f"msg_{number}", subscription=SUBSCRIPTION, group="g", sequence=number, type="alert", body=body,
        body_sha256=sha256_hex(body.encode()), content_type="application/json", alert_ids=(), created_ms=1_000 + number,
        deadline_ms=1_000_000, published_ms=1, reason="live",
    )  # fmt: skip
    end = AttemptRecord(
        delivery_id=record.id, subscription=SUBSCRIPTION, number=1, outcome="given_up", terminal=True,
        body_sha256=record.body_sha256, started_ms=1_500, duration_ms=1.0, deadline_ms=1_000_000, published_ms=1,
    )  # fmt: skip
    return record, end


@pytest.fixture
async def both(kafka_settings):
    """Two API processes' worth of control topics, three deliveries that failed, and the clock of the second."""
    late = [0]
    settings = settings_for(kafka_settings)
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(Control(settings, follow=(topics.SUBSCRIPTIONS,)))
        second = await stack.enter_async_context(
            Control(settings, follow=(topics.SUBSCRIPTIONS,), clock=lambda: now_ms() + late[0])
        )
        fields = {"url": "https://alerts.example.org/", "secrets": (SECRET,)}
        await subscriptions.create(first, ACTOR, fields, id_=SUBSCRIPTION)
        old = [ended(number) for number in range(3)]
        await first.send(topics.DELIVERIES, [(SUBSCRIPTION, record.encode()) for record, _ in old])
        await first.send(topics.ATTEMPTS, [(SUBSCRIPTION, end.encode()) for _, end in old])
        yield first, second, late


async def replays(settings) -> list[str]:
    read = [DeliveryRecord.decode(one.value, topics.DELIVERIES) async for one in scan(settings, topics.DELIVERIES)]
    return sorted(one.id for one in read if one.reason == "replay")


async def test_a_repeat_has_the_same_answer_also_when_the_replay_has_ended(both, kafka_settings):
    first, second, _ = both
    sent = await once(first, ACTOR, ALL, **KEY)
    assert (sent.count, sent.ids, sent.left_out, sent.replayed) == (3, ("msg_0", "msg_1", "msg_2"), {}, False)
    records = [DeliveryRecord.decode(one.value, "deliveries") async for one in scan(kafka_settings, "deliveries")]
    over = [
        ended(one.sequence)[1].model_copy(update={"reason": "replay", "deadline_ms": one.deadline_ms})
        for one in records
        if one.reason == "replay"
    ]
    await first.send(topics.ATTEMPTS, [(SUBSCRIPTION, end.encode()) for end in over])
    again = await once(second, AGAIN, ALL, **KEY)
    assert (again.count, again.ids, again.replayed) == (3, sent.ids, True)
    with pytest.raises(RequestReused):
        await once(second, AGAIN, ALL, key=KEY["key"], request="another")
    assert await replays(kafka_settings) == ["msg_0", "msg_1", "msg_2"]
    anew = await once(second, AGAIN, ALL, key="11ff", request="hash")
    assert (anew.count, anew.replayed) == (3, False), "it had ended: another key sends again"


async def test_of_the_same_at_once_one_is_sent(both, kafka_settings):
    first, second, _ = both
    answers = await asyncio.gather(
        *(once(one, Actor("token:one", request_id=f"req_{n}"), ALL, **KEY) for n, one in enumerate((first, second) * 2)),
        return_exceptions=True,
    )  # fmt: skip
    told = [answer for answer in answers if not isinstance(answer, Unavailable)]
    assert told
    assert {getattr(answer, "count", answer) for answer in told} == {3}
    assert await replays(kafka_settings) == ["msg_0", "msg_1", "msg_2"]


async def test_one_that_was_cut_off_is_carried_on_once_it_is_dead(both, kafka_settings, monkeypatch):
    first, second, late = both

    async def cut_off(control, choice):
        await control.send(topics.DELIVERIES, [(SUBSCRIPTION, choice.records[0].encode())])
        raise Unavailable("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(replay, "put", cut_off)
        with pytest.raises(Unavailable, match="cut off"):
            await once(first, ACTOR, ALL, **KEY)
    with pytest.raises(Unavailable, match="being carried out"):
        await once(second, AGAIN, ALL, **KEY)
    assert await replays(kafka_settings) == ["msg_0"]
    late[0] = round(2_000 * second.settings.api.timeout_s)
    sent = await once(second, AGAIN, ALL, **KEY)
    assert (sent.count, sent.left_out) == (2, {"pending": 1})
    assert await replays(kafka_settings) == ["msg_0", "msg_1", "msg_2"]


async def test_too_many_are_refused_and_none_is_sent(both, kafka_settings, monkeypatch):
    first, _, _ = both
    monkeypatch.setattr(replay, "MOST", 2)
    with pytest.raises(BadInput, match="more than 2 deliveries"):
        await once(first, ACTOR, ALL)
    assert (await once(first, ACTOR, Wanted(None, SUBSCRIPTION, 1_000, 1_002))).count == 2
    assert await replays(kafka_settings) == ["msg_0", "msg_1"]
