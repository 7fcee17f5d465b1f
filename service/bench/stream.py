"""`bongsu bench stream`: how many articles a second pass a worker's `match`, beside a raw loop over the same topic.

The raw loop is a process of its own that reads the topic with aiokafka and parses the JSON, and does nothing else: what
Python and Kafka allow on this machine. A worker decodes, matches, writes and acknowledges.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from service.adapters.kafka_client import make_consumer, make_producer, started, topic_name
from service.adapters.processes import spawn
from service.adapters.topics_admin import create_topics
from service.bench.corpus import articles, rule_file
from service.bench.processes import metric
from service.local import LocalStack, Roles
from service.model import topics
from service.settings import KafkaSettings, Settings

ARTICLES = 30_000
LENGTH = 560
"""Characters: an article of about 1.5 kB, as the raw loop of the design was measured with."""
POLL_S = 0.1
"""Each poll costs a worker some 3 ms to write its metrics."""
DEADLINE_S = 300.0
Progress = Callable[[str], None]


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    """All measurements, on one embedded Kafka."""
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as folder:
        return asyncio.run(_run(Path(folder), ARTICLES // 10 if quick else ARTICLES, progress))


async def _run(folder: Path, count: int, progress: Progress) -> dict[str, Any]:
    made = [orjson.dumps(article) for article in articles(count, watched=100, length=LENGTH)]
    async with LocalStack(folder, environ={}, progress=progress) as stack:
        await stack.start_kafka()
        result: dict[str, Any] = {"articles": count, "bytes_each": sum(map(len, made)) // count}
        result["raw_loop"] = await _raw(stack, made, progress)
        for label, rules, workers in (
            ("one_worker_100_rules", 100, 1),
            ("two_workers_100_rules", 100, 2),
            ("one_worker_10000_rules", 10_000, 1),
        ):
            result[label] = await _worker(stack, folder, label, made, rules, workers, progress)
        result["raw_loop_again"] = await _raw(stack, made, progress)
    raw = (result["raw_loop"] + result["raw_loop_again"]) / 2
    result["ratios"] = {
        "100_rules_to_raw": round(result["one_worker_100_rules"] / raw, 3),
        "10000_rules_to_raw": round(result["one_worker_10000_rules"] / raw, 3),
        "two_workers_to_one": round(result["two_workers_100_rules"] / result["one_worker_100_rules"], 2),
    }
    return result


async def _prefixed(stack: LocalStack, prefix: str, made: list[bytes]) -> tuple[Settings, dict[str, str]]:
    environ = {**stack.environ, "BONGSU_KAFKA_TOPIC_PREFIX": f"{prefix}."}
    settings = Settings(environ)
    await create_topics(settings.kafka)
    topic = topic_name(settings.kafka, topics.ARTICLES)
    async with started(settings.kafka, make_producer(settings.kafka)) as producer:
        futures = [await producer.send(topic, value, str(number).encode()) for number, value in enumerate(made)]
        await asyncio.gather(*futures)
    return settings, environ


async def _raw(stack: LocalStack, made: list[bytes], progress: Progress) -> float:
    settings, environ = await _prefixed(stack, f"raw{time.monotonic_ns()}", made)
    log = Path(environ["BONGSU_DATA_DIR"]) / f"raw-{time.monotonic_ns()}.log"
    child = spawn(
        [sys.executable, "-m", "service.bench.stream", str(len(made))],
        log_path=log,
        env={**environ, "PATH": "/usr/bin"},
    )
    await asyncio.to_thread(child.wait, DEADLINE_S)
    rate = float(json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["rate"])
    progress(f"raw loop: {rate:,.0f} articles/s")
    del settings
    return round(rate, 1)


async def _worker(  # noqa: PLR0913
    stack: LocalStack, folder: Path, label: str, made: list[bytes], rules: int, workers: int, progress: Progress
) -> float:
    """Articles/s between the first and the last tenth, over all workers, from their own counters."""
    from service.adapters.control import publish_rules
    from service.adapters.rule_files import load_rules

    settings, environ = await _prefixed(stack, label, [])
    file = folder / f"{label}.json"
    file.write_bytes(orjson.dumps(rule_file(rules)))
    await publish_rules(settings.kafka, await asyncio.to_thread(load_rules, file))
    async with Roles(folder / label, environ) as roles:
        children = await roles.start(*["worker"] * workers)
        ports = [child.wait_ready(1)["ports"]["metrics"] for child in children]
        await _publish(settings.kafka, made)
        rate = await _rate(ports, len(made))
    progress(f"{label}: {rate:,.0f} articles/s")
    return round(rate, 1)


async def _publish(settings: KafkaSettings, made: list[bytes]) -> None:
    topic = topic_name(settings, topics.ARTICLES)
    async with started(settings, make_producer(settings)) as producer:
        futures = [await producer.send(topic, value, str(number).encode()) for number, value in enumerate(made)]
        await asyncio.gather(*futures)


async def _rate(ports: list[int], count: int) -> float:
    first: tuple[float, float] | None = None
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        seen = sum(await asyncio.gather(*[asyncio.to_thread(metric, port, "bongsu_articles_total") for port in ports]))
        now = time.monotonic()
        if first is None and seen >= count * 0.1:
            first = (now, seen)
        if first is not None and seen >= count:
            return (seen - first[1]) / (now - first[0])
        await asyncio.sleep(POLL_S)
    raise TimeoutError(f"the workers did not finish {count} articles in {DEADLINE_S:g} s")


async def _raw_loop(count: int) -> None:
    """The process to compare with: read and parse, nothing else."""
    settings = Settings().kafka
    consumer = make_consumer(settings, topics.ARTICLES, group="raw")
    seen = 0
    first = 0.0
    async with started(settings, consumer):
        while seen < count:
            for messages in (await consumer.getmany(timeout_ms=200)).values():
                for message in messages:
                    json.loads(message.value)
                seen += len(messages)
                first = first or time.monotonic()
    print(json.dumps({"rate": count / (time.monotonic() - first)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_raw_loop(int(sys.argv[1])))
