"""Kafka goes away under a long-lived `Control`: who asks is told, and when it is back everything goes on by itself."""

import asyncio

import pytest

from service.actions import subscriptions
from service.actions.actor import Actor
from service.actions.control import Control
from service.adapters.topics_admin import create_topics
from service.model.errors import BongsuError, Unavailable
from service.settings import KafkaSettings
from tests.deliveries import SECRET, settings_for
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

ACTOR = Actor("token:one")


async def test_a_change_while_kafka_is_away_is_refused_and_the_next_one_stands(private_kafka):
    kafka = KafkaSettings(bootstrap_servers=private_kafka.bootstrap_servers, request_timeout_s=2)
    await create_topics(kafka, partitions=1)
    async with Control(settings_for(kafka, BONGSU_API_TIMEOUT_S="3")) as control:
        fields = {"url": "https://alerts.example.org/", "secrets": (SECRET,)}
        made = (await subscriptions.create(control, ACTOR, fields)).record
        for number, end in enumerate((private_kafka.stop, private_kafka.kill)):
            await asyncio.to_thread(end)
            for act in (
                subscriptions.get(control, ACTOR, made.id),
                subscriptions.update(control, ACTOR, made.id, lambda _: {"name": "away"}),
                control.subscriptions.write(made.model_copy(update={"revision": 100 * (number + 1)})),
            ):
                with pytest.raises(Unavailable):
                    await asyncio.wait_for(act, 30)
            assert control.subscriptions.get(made.id) is not None, "what is known stays known"
            await asyncio.to_thread(private_kafka.start)

            async def named(name: str = f"back {number}") -> bool:
                try:
                    return (await subscriptions.update(control, ACTOR, made.id, lambda _: {"name": name})).name == name
                except BongsuError:
                    return False

            await wait_until(named)
            assert (await subscriptions.get(control, ACTOR, made.id)).name == f"back {number}"
            assert control.ready
