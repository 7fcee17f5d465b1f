"""A dispatcher that kills itself (SIGKILL, no clean-up) at a chosen step: `python -m tests.faults.crashing_dispatcher STEP N`.

Everything else is the real role: the seams are wrapped here, in the test. STEP is
`post|attempts|retry|deliveries.held|disable|dead-letters|commit`
and `:before` or `:after`; N is the how-manieth time that it is reached.
"""

import asyncio
import os
import random
import signal
import sys
import time
from typing import Any

from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from service import logs
from service.adapters.kafka_client import make_consumer
from service.adapters.webhook_client import WebhookClient
from service.adapters.writer import Writer
from service.dispatcher import role
from service.dispatcher.composed import ComposedDispatcher
from service.metrics import RoleMetrics
from service.settings import Settings

INSTANCE = "the-one-that-crashes"


def as_one_member() -> Any:
    """A restarted dispatcher takes its place at once, and does not wait for the session of the dead one to end."""

    def make(settings: Any, *topics: str, **options: Any) -> AIOKafkaConsumer:
        return make_consumer(settings, *topics, **options, group_instance_id=INSTANCE)

    return make


def arm(step: str, nth: int) -> None:
    left = nth

    def reached(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    write, post, commit = Writer.write_one, WebhookClient.post, AIOKafkaConsumer.commit
    publish = ComposedDispatcher._publish

    async def writing(self, output):
        name = "retry" if ".retry." in output.topic else output.topic
        reached(f"{name}:before")
        place = await write(self, output)
        reached(f"{name}:after")
        return place

    async def posting(self, *args, **more):
        reached("post:before")
        answer = await post(self, *args, **more)
        reached("post:after")
        return answer

    async def committing(self, *args, **more):
        reached("commit:before")
        await commit(self, *args, **more)
        reached("commit:after")

    async def publishing(self, *args):
        reached("disable:before")
        await publish(self, *args)
        reached("disable:after")

    ComposedDispatcher._publish = publishing  # type: ignore[method-assign]
    Writer.write_one = writing  # type: ignore[method-assign]
    WebhookClient.post = posting  # type: ignore[method-assign]
    AIOKafkaConsumer.commit = committing


async def run(settings: Settings) -> None:
    registry = CollectorRegistry()
    metrics = RoleMetrics(registry, "dispatcher")
    dispatcher = ComposedDispatcher(settings, registry, metrics, clock=time.time, luck=random.random)
    await dispatcher.start()
    raise await dispatcher.failed


def main() -> None:
    arm(sys.argv[1], int(sys.argv[2]))
    vars(role)["make_consumer"] = as_one_member()
    settings = Settings()
    logs.configure(settings.log, "dispatcher")
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
