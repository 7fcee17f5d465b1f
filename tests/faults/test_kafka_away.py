"""SIGTERM while Kafka is away, in the two ways that it can be: nothing listens, or nothing answers."""

import asyncio
import contextlib
import signal
import time

import pytest

from service.adapters.topics_admin import create_topics, describe_topics
from service.local import Roles
from service.model.errors import Unavailable
from service.settings import KafkaSettings
from tests.line import apply_rules, article, lean_env, publish, settled_account, subscribe
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.long]

ROLES = ("worker", "dispatcher", "audit")
IN_TIME_S = 10.0


@pytest.mark.parametrize("how", ["stopped", "paused"])
async def test_sigterm_ends_every_role_in_time_and_nothing_is_lost(how, private_kafka, tmp_path):
    from service.adapters.receiver import Receiver

    settings = KafkaSettings(bootstrap_servers=private_kafka.bootstrap_servers)
    await create_topics(settings, partitions=2)
    await apply_rules(settings, tmp_path)
    env = lean_env(
        {"BONGSU_KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers, "BONGSU_DATA_DIR": str(tmp_path / "data")}
    )
    async with Receiver() as receiver, Roles(tmp_path, env) as roles:
        await subscribe(settings, receiver, "chongqing-watch")
        children = await roles.start(*ROLES)
        await publish(settings, [article(number) for number in range(20)])
        await wait_until(lambda: receiver.received, 30)
        await asyncio.to_thread(private_kafka.stop if how == "stopped" else private_kafka.pause)
        try:
            before = time.monotonic()
            for child in children:
                child.send(signal.SIGTERM)
            for child in children:
                await asyncio.to_thread(child.wait, 30)
                took = time.monotonic() - before
                assert took < IN_TIME_S, f"{child.name} took {took:.1f} s: {child.tail()}"
                assert child.returncode in {0, 1}, child.tail()
        finally:
            await asyncio.to_thread(private_kafka.start if how == "stopped" else private_kafka.resume)

        async def back():
            """After a long pause its controller has given it up, and until it is taken back there is no broker."""
            with contextlib.suppress(Unavailable):
                return await describe_topics(settings)

        await wait_until(back, 30)
        again = await roles.start("worker", "dispatcher")
        await wait_until(lambda: len({one.id for one in receiver.received}) == 20, 60)
        await settled_account(settings)
        assert all(child.returncode is None for child in again)
    assert len({(one.id, one.body) for one in receiver.received}) == 20
