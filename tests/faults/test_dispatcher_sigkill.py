"""More than a thousand deliveries, endpoints that fail at random, and a dispatcher that is killed again and again: none is lost."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from service.adapters.control import publish_subscription
from service.adapters.processes import Child
from service.adapters.receiver import Received, Receiver
from service.cli.audit import take_audit
from service.settings import KafkaSettings
from tests.deliveries import SECRET, attempts, delivery, produce, subscription
from tests.soak import KILLS_A_PART, Soak, parts
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

DELIVERIES = 1200
ENDPOINTS = 20
SEED = "20261123"
SOAK_DELIVERIES_A_LIFE = 60
DISPATCHER_START_S = 4.0
DIES_LATE, LATE_S = 0.6, 2.5
"""Share of kills in a soak that come so late that attempts are written, offsets committed, retries under way."""
STATUSES = (200, 200, 200, 204, 500, 503, 404, 302)


class Moody(Receiver):
    """Answers by lot."""

    seed = SEED

    def _next_status(self, message_id: str) -> int:
        return random.Random(f"{self.seed} {message_id} {len(self.received)}").choice(STATUSES)


async def killed_again_and_again(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path, kills: int, soak: Soak | None = None
) -> None:
    luck = soak.luck if soak else random.Random(SEED)
    count = max(DELIVERIES, SOAK_DELIVERIES_A_LIFE * (kills + 1) if soak else 0)
    environ = {
        **kafka_env,
        "BONGSU_DELIVERY_ALLOW_ADDRESSES": "127.0.0.0/8",
        # more waits than anyone needs: who gives up is not delivered, and that would hide a loss
        "BONGSU_DELIVERY_SCHEDULE_S": ",".join(["0.1", "1.2"] * 15),
        "BONGSU_LOG_FORMAT": "json",
        "BONGSU_KAFKA_SESSION_TIMEOUT_S": "3",  # how long a dead dispatcher keeps its partitions
    }
    async with Moody([SECRET]) as receiver:
        receiver.seed = soak.seed if soak else SEED
        records = [delivery(number, f"s{number % ENDPOINTS}") for number in range(count)]
        for number in range(ENDPOINTS):
            await publish_subscription(kafka_settings, subscription(f"{receiver.url}{number}", f"s{number}"))
        a_life = count // (kills + 1)
        if not soak:
            await produce(kafka_settings, records)
        for life in range(kills + 1):
            heard, last = len(receiver.received), life == kills or (soak and soak.time_is_up)
            if soak:  # they keep coming: a hundred lives would find nothing left to do
                await produce(kafka_settings, records[life * a_life : count if last else (life + 1) * a_life])
            began_s = time.monotonic()
            child = Child("dispatcher")
            await asyncio.to_thread(child.start, ["dispatcher"], environ, tmp_path / "dispatcher.log")
            if soak and not last and soak.dies_at_start():
                await asyncio.sleep(soak.moment_s(DISPATCHER_START_S))
                soak.kill(child)
                continue
            await asyncio.to_thread(child.wait_ready, 60)
            if soak:
                soak.measure("ready_s", time.monotonic() - began_s)
                await wait_until(lambda heard=heard: len(receiver.received) > heard, 60, "it goes on")  # type: ignore[misc]
                soak.measure("back_s", time.monotonic() - began_s)
                soak.memory([child])
                soak.progress(kills)
            if last:
                break
            if soak and luck.random() < DIES_LATE:
                await asyncio.sleep(soak.moment_s(LATE_S))
            else:
                wanted = (heard if soak else len(receiver.received)) + luck.randint(20, a_life)
                await wait_until(lambda wanted=wanted: len(receiver.received) >= wanted, 60, "some arrive")  # type: ignore[misc]
            (soak.kill if soak else Child.kill)(child)
        try:

            def all_accepted() -> bool:
                return len({got.id for got in receiver.received if got.status < 300}) == count

            await wait_until(all_accepted, 120 + count / 50, "every delivery is accepted")

            async def all_ended() -> bool:
                ended = {attempt.delivery_id for attempt in await attempts(kafka_settings) if attempt.terminal}
                return len(ended) == count

            await wait_until(all_ended, 60, "every delivery has an end")
            assert child.returncode is None
        finally:
            code = child.terminate(10)
        assert code == 0, child.tail()
    made = await attempts(kafka_settings)
    ends = Counter(attempt.delivery_id for attempt in made if attempt.terminal)
    assert {attempt.outcome for attempt in made if attempt.terminal} == {"delivered"}
    assert set(ends) == {record.id for record in records}
    assert set(ends.values()) == {1}  # what was acknowledged is known to the next dispatcher
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for got in receiver.received:
        assert got.verified
        bodies[got.id].add(got.body)
    assert bodies == {record.id: {record.body.encode()} for record in records}
    account = await take_audit(kafka_settings, 60)
    assert account["balanced"], account
    assert account["ledgers"]["deliveries"]["entries"] == count
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": count}
    repeated = sum(1 for got in accepted(receiver)) - count
    print(f"{kills} kills: {repeated} of {count} were accepted more than once")
    if soak:
        soak.note(deliveries=count, accepted_again=repeated)
    assert repeated <= kills * 512  # what may be in flight when it is killed


def accepted(receiver: Receiver) -> list[Received]:
    return [got for got in receiver.received if got.status < 300]


@pytest.mark.long
async def test_five_kills_lose_nothing(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path
) -> None:
    await killed_again_and_again(kafka_settings, kafka_env, tmp_path, 5)


@parts
@pytest.mark.soak
async def test_two_hundred_kills_lose_nothing(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path, soak: Soak, part: int
) -> None:
    await killed_again_and_again(kafka_settings, kafka_env, tmp_path, KILLS_A_PART, soak)
    soak.logs(tmp_path)
