"""How soon what waited arrives when an endpoint is well again, and who does not have to wait: real Kafka, real HTTP."""

import itertools
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from service.adapters.webhook_client import WebhookClient
from service.delivery.attempts import Answer, Failure
from service.model.records import AttemptRecord
from service.settings import KafkaSettings
from tests.deliveries import Known, attempts, delivery, dispatching, produce, settings_for, subscription, terminal
from tests.misbehaving import Answering, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

SCHEDULE_S = (1, 2, 4, 8, 16)
JITTER = 0.2
SLOW_MACHINE_S = 1.5
"""What a busy machine may add to any of the times below."""


def answering(status_of: Callable[[bytes], int]) -> Answering:
    """By head and body of the request."""

    async def respond(_: Any, writer: Any, request: bytes) -> None:
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status_of(request))
        await writer.drain()

    return respond


def id_of(request: bytes) -> bytes:
    [line] = [line for line in request.split(b"\r\n") if line.lower().startswith(b"webhook-id:")]
    return line.split(b":", 1)[1].strip()


def by_delivery(made: list[AttemptRecord]) -> dict[str, list[AttemptRecord]]:
    found = defaultdict(list)
    for attempt in made:
        found[attempt.delivery_id].append(attempt)
    return {key: sorted(each, key=lambda attempt: attempt.number) for key, each in found.items()}


async def test_after_an_outage_nothing_is_later_than_its_schedule_says(kafka_settings: KafkaSettings) -> None:
    endpoints, each, outage_s = 10, 20, 6.0
    names = [f"s{number}" for number in range(endpoints)]
    well_at = time.time() + 3600

    async with serving(answering(lambda _: 500 if time.time() < well_at else 204)) as server:
        known = Known()
        for name in names:
            known.add(subscription(server.url(path=f"/{name}"), name))
        settings = settings_for(
            kafka_settings,
            BONGSU_DELIVERY_SCHEDULE_S=",".join(map(str, SCHEDULE_S)),
            BONGSU_DELIVERY_JITTER=str(JITTER),
        )
        records = [delivery(number, names[number % endpoints]) for number in range(endpoints * each)]
        async with dispatching(settings, known, luck=random.Random(5).random):
            began = time.time()
            well_at = began + outage_s
            await produce(kafka_settings, records)
            made = await terminal(kafka_settings, [record.id for record in records], 60)
    at_latest = 0.0  # by the schedule alone: the first step that ends after the outage
    for wait_s in SCHEDULE_S:
        if at_latest < outage_s:
            at_latest += wait_s * (1 + JITTER)
    found = by_delivery(made)
    assert len(found) == len(records)
    for attempts_of in found.values():
        last = attempts_of[-1]
        assert last.outcome == "delivered"
        assert [attempt.number for attempt in attempts_of] == list(range(1, len(attempts_of) + 1))
        for before, after in itertools.pairwise(attempts_of):
            assert before.next_due_ms is not None
            assert after.started_ms >= before.next_due_ms, "never before it is due"
        assert last.started_ms / 1000 - began <= at_latest + SLOW_MACHINE_S
        # and by what it could know: a probe a second, one more in a tier, and twenty in the first second of the ramp
        due_s = (attempts_of[-2].next_due_ms or 0) / 1000 if len(attempts_of) > 1 else began
        assert last.started_ms / 1000 - max(due_s, well_at) <= 3.0 + SLOW_MACHINE_S


async def test_who_fails_the_first_attempt_of_everything_gets_everything(kafka_settings: KafkaSettings) -> None:
    seen: Counter[bytes] = Counter()

    def status_of(request: bytes) -> int:
        seen[id_of(request)] += 1
        return 500 if seen[id_of(request)] == 1 else 204

    records = [delivery(number) for number in range(400)]
    async with serving(answering(status_of)) as server:
        known = Known()
        known.add(subscription(server.url()))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S=",".join(["1"] * 5))
        async with dispatching(settings, known):
            began = time.monotonic()
            await produce(kafka_settings, records)
            made = await terminal(kafka_settings, [record.id for record in records], 60)
            took_s = time.monotonic() - began
    assert {len(each) for each in by_delivery(made).values()} == {2}
    assert {attempt.outcome for attempt in made if attempt.terminal} == {"delivered"}
    assert took_s < 20, "one probe every ten seconds would take an hour"


async def test_payloads_that_are_refused_do_not_hold_up_the_others(kafka_settings: KafkaSettings) -> None:
    bad = [delivery(number, body=f'{{"type":"alert.matched","bad":{number}}}') for number in range(60)]
    good = [delivery(number + 60) for number in range(60)]
    async with serving(answering(lambda request: 422 if b'"bad"' in request else 204)) as server:
        known = Known()
        known.add(subscription(server.url()))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="3600,3600")
        await produce(kafka_settings, [*bad, *good])
        async with dispatching(settings, known) as role:
            made = await terminal(kafka_settings, [record.id for record in good])
            await wait_until(lambda: len(server.requests) == 120, 10, "each was tried once")
            assert role._endpoints.open_breakers() == 0
    assert {attempt.outcome for attempt in made if attempt.terminal} == {"delivered"}


class Unplugged(WebhookClient):
    """A client whose machine has lost its network."""

    fault: Failure | None = Failure.NETWORK
    tries = 0

    async def post(self, url: str, body: bytes, headers: Any) -> Answer:
        if self.fault is None:
            return await super().post(url, body, headers)
        self.tries += 1
        return Answer(failure=self.fault, detail="Network is unreachable")


@pytest.mark.parametrize("fault", [Failure.NETWORK, Failure.RESOURCES, Failure.RESOLVER])
async def test_faults_of_ours_cost_a_delivery_no_attempt(kafka_settings: KafkaSettings, fault: Failure) -> None:
    names = ["one.example", "two.example"]
    records = [delivery(number, names[number % 2]) for number in range(40)]
    async with serving(answering(lambda _: 204)) as server:
        known = Known()
        for name in names:
            known.add(subscription(f"https://{name}/hook", name))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S="3600,3600")
        async with Unplugged(settings.delivery) as client:
            client.fault = fault
            async with dispatching(settings, known, client=client) as role:
                if fault is Failure.RESOLVER:  # of one name alone it may be that name's own servers
                    role._endpoints.our_side.is_to_blame("three.example", fault, time.monotonic())
                await produce(kafka_settings, records)
                await wait_until(lambda: client.tries >= 3 * len(records), 30, "each was tried three times")
                assert await attempts(kafka_settings) == []
                assert role._endpoints.open_breakers() == 0
                assert [role._endpoints.of(name).health.failures for name in names] == [0, 0]
                for name in names:
                    known.add(subscription(server.url(), name, revision=2))
                client.fault = None
                made = await terminal(kafka_settings, [record.id for record in records])
    assert {(attempt.number, attempt.outcome) for attempt in made} == {(1, "delivered")}
    assert len(made) == len(records)


async def test_what_was_stored_is_sent_though_the_subscription_changed_its_format(
    kafka_settings: KafkaSettings,
) -> None:
    events = [
        delivery(1, body='{"specversion":"1.0","type":"alert.matched"}', content_type="application/cloudevents+json"),
        delivery(2, body='{"specversion":"1.0","type":"alert.digest"}', type="alert.digest",
                 content_type="application/cloudevents+json"),
    ]  # fmt: skip
    down = True
    async with serving(answering(lambda _: 503 if down else 204)) as server:
        known = Known()
        known.add(subscription(server.url(), format="cloudevents"))
        settings = settings_for(kafka_settings, BONGSU_DELIVERY_SCHEDULE_S=",".join(["0.3"] * 50))
        async with dispatching(settings, known):
            await produce(kafka_settings, events)
            await wait_until(lambda: len(server.requests) >= 2, 20, "both were tried")
            known.add(subscription(server.url(), format="slack", revision=2))
            down = False
            await terminal(kafka_settings, [event.id for event in events])
    sent = {id_of(request).decode(): request for request in server.requests}
    for event in events:
        head, _, body = sent[event.id].partition(b"\r\n\r\n")
        assert body.decode() == event.body
        assert b"content-type: application/cloudevents+json" in head.lower()
