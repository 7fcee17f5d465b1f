"""`bongsu bench latency`: from publishing an article to the arrival of its webhook, beside a raw chain of hops.

The raw chain is as many aiokafka hops as an article takes here (match, story, group, dispatch): each a consumer that
produces what it read to the next topic and waits for the acknowledgement; the last POSTs to a receiver. Each hop is a
process of its own, and so is everything of Bongsu. Publisher and receiver are this process, so one clock tells.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from service.adapters.control import publish_subscription
from service.adapters.kafka_client import make_consumer, make_producer, started, topic_name
from service.adapters.processes import spawn, stop
from service.adapters.receiver import Received, Receiver
from service.adapters.topics_admin import create_topics
from service.bench.corpus import articles
from service.local import LocalStack, Roles
from service.model import topics
from service.model.control_records import SubscriptionRecord
from service.model.policy import PolicyModel
from service.settings import Settings

RATE = 50
SECONDS = 40
WARM_SECONDS = 5
HOPS = (topics.ARTICLES, topics.MATCHES, topics.ALERTS, topics.DELIVERIES)
RULES = """
entities: [{id: seoul, name: 서울시, kind: government}]
rules: [{id: seoul, name: 서울, when: "@seoul"}]
"""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  the published example of Standard Webhooks
Progress = Callable[[str], None]


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    """Both chains, one after the other, on one embedded Kafka."""
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as folder:
        return asyncio.run(_run(Path(folder), 5 if quick else SECONDS, progress))


async def _run(folder: Path, seconds: int, progress: Progress) -> dict[str, Any]:
    environ = {"BONGSU_DELIVERY_ALLOW_ADDRESSES": "127.0.0.0/8"}
    async with LocalStack(folder, environ=environ, progress=progress) as stack:
        await stack.start_kafka()
        raw = await _raw(stack, folder, seconds)
        progress(f"raw chain: {raw}")
        ours = await _ours(stack, folder, seconds)
        progress(f"bongsu: {ours}")
    ratios = {f"{name}_to_raw": round(ours[name] / raw[name], 2) for name in ("p50_ms", "p99_ms")}
    return {
        "rate_per_s": RATE,
        "seconds": seconds,
        "hops": len(HOPS),
        "raw_chain": raw,
        "bongsu": ours,
        "ratios": ratios,
    }


async def _ours(stack: LocalStack, folder: Path, seconds: int) -> dict[str, float]:
    settings, environ = await _topics(stack, "ours")
    rules = folder / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    stack.settings = settings
    await stack.apply_rules(rules)
    arrived: dict[str, float] = {}

    def note(received: Received) -> None:
        arrived.setdefault(received.payload["data"]["alerts"][0]["article"]["id"], time.time())

    async with Receiver([SECRET], on_received=note, keep=False) as receiver, Roles(folder / "ours", environ) as roles:
        record = SubscriptionRecord(
            id="bench",
            url=receiver.url,
            secrets=(SECRET,),
            policy=PolicyModel(mode="each", inhibit=False),
            created_ms=1,
            updated_ms=1,
        )
        await publish_subscription(settings.kafka, record)
        await roles.start("worker", "dispatcher")
        return await _measure(settings, seconds, arrived)


async def _raw(stack: LocalStack, folder: Path, seconds: int) -> dict[str, float]:
    settings, environ = await _topics(stack, "raw")
    arrived: dict[str, float] = {}

    def note(received: Received) -> None:
        arrived.setdefault(received.payload["id"], time.time())

    children = []
    async with Receiver(on_received=note, keep=False) as receiver:
        try:
            for hop in range(len(HOPS)):
                argv = [
                    sys.executable,
                    "-m",
                    "service.bench.latency",
                    str(hop),
                    receiver.url,
                    str(folder / f"hop{hop}"),
                ]
                children.append(spawn(argv, log_path=folder / f"raw-{hop}.log", env={**environ, "PATH": "/usr/bin"}))
            while not all((folder / f"hop{hop}").exists() for hop in range(len(HOPS))):
                await asyncio.sleep(0.1)
            return await _measure(settings, seconds, arrived)
        finally:
            for child in children:
                await asyncio.to_thread(stop, child, 10)


async def _topics(stack: LocalStack, prefix: str) -> tuple[Settings, dict[str, str]]:
    environ = {**stack.environ, "BONGSU_KAFKA_TOPIC_PREFIX": f"{prefix}."}
    settings = Settings(environ)
    await create_topics(settings.kafka)
    return settings, environ


async def _measure(settings: Settings, seconds: int, arrived: dict[str, float]) -> dict[str, float]:
    """Publish RATE a second, each acknowledged; percentiles of what arrived, without the first seconds."""
    count = RATE * (seconds + WARM_SECONDS)
    sent: dict[str, float] = {}
    topic = topic_name(settings.kafka, topics.ARTICLES)
    async with started(settings.kafka, make_producer(settings.kafka)) as producer:
        begin = time.monotonic()
        waiting = []
        for number, article in enumerate(articles(count, watched=10)):
            await asyncio.sleep(max(0.0, begin + number / RATE - time.monotonic()))
            article["text"] = "서울시는 오늘 새 계획을 냈다. " + article["text"]
            key = article["id"].encode()
            sent[article["id"]] = time.time()
            waiting.append(await producer.send(topic, orjson.dumps(article), key))
        await asyncio.gather(*waiting)
    deadline = time.monotonic() + 30
    while len(arrived) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    measured = list(sent)[RATE * WARM_SECONDS :]
    latencies = sorted((arrived[key] - sent[key]) * 1000 for key in measured if key in arrived)
    return {
        "published": count,
        "arrived": len(arrived),
        "p50_ms": round(latencies[len(latencies) // 2], 1),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)], 1),
        "max_ms": round(latencies[-1], 1),
    }


async def _hop(number: int, url: str, ready: Path) -> None:
    """One hop of the raw chain: read, pass on, wait for the acknowledgement; the last one POSTs."""
    settings = Settings().kafka
    consumer = make_consumer(settings, HOPS[number], group=f"hop{number}")
    following = topic_name(settings, HOPS[number + 1]) if number + 1 < len(HOPS) else None
    async with (
        started(settings, consumer),
        started(settings, make_producer(settings)) as producer,
        aiohttp.ClientSession() as session,
    ):
        while not consumer.assignment():
            await asyncio.sleep(0.05)
        ready.touch()  # noqa: ASYNC240  once, before the measuring
        async for message in consumer:
            if following is not None:
                await producer.send_and_wait(following, message.value, message.key)
            else:
                async with session.post(url, data=message.value) as answer:
                    await answer.read()


if __name__ == "__main__":
    asyncio.run(_hop(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
