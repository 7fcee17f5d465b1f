"""`bongsu bench alerting`: alerts a second of one worker with its tables on disk, and how long a recovery takes.

Alerts are written to their topic directly: the hops before are measured elsewhere. The recovery reads a changelog that
is written directly too, of groups as the worker itself makes them; once with an empty disk, once with its own tables.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from service.adapters.control import publish_rules, publish_subscription
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.partitions import partition_of
from service.adapters.processes import Child
from service.adapters.rule_files import load_rules
from service.adapters.topics_admin import create_topics
from service.alerting.context import Context
from service.alerting.groups import Groups
from service.alerting.place import Place
from service.alerting.policy import Policy
from service.bench.processes import metric, resident_mb, used_cpu_s
from service.delivery.formats import body_of
from service.local import LocalStack, make_dir
from service.model import ids, topics
from service.model.control_records import SubscriptionRecord
from service.model.policy import PolicyModel
from service.model.records import AlertRecord, ArticleHead, Evidence, RuleHead, StoryHead
from service.settings import KafkaSettings, Settings
from service.simulation.world import MemoryStore

ALERTS = 30_000
ENTRIES = 1_000_000
SUBSCRIPTIONS = 200
COPIES = 5
"""Articles of one story, on the average."""
TEMPLATES = 500
DEADLINE_S = 600.0
POLL_S = 0.2
RULES = """
entities: [{id: chongqing, name: 충칭, kind: place}]
rules: [{id: chongqing-watch, name: 충칭, when: '@chongqing'}]
"""
POLICIES = (
    PolicyModel(mode="each"),
    PolicyModel(mode="first"),
    PolicyModel(mode="first", throttle_s=60),
    PolicyModel(mode="update"),
    PolicyModel(mode="digest"),
)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  the published example, no secret of anyone
Progress = Callable[[str], None]


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    """Both measurements, on one embedded Kafka."""
    share = 10 if quick else 1
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as folder:
        return asyncio.run(_run(Path(folder), ALERTS // share, ENTRIES // share, progress))


async def _run(folder: Path, alerts: int, entries: int, progress: Progress) -> dict[str, Any]:
    async with LocalStack(folder, environ={}, progress=progress) as stack:
        await stack.start_kafka()
        return {
            "throughput": await _throughput(stack, folder / "throughput", alerts, progress),
            "recovery": await _recovery(stack, folder / "recovery", entries, progress),
        }


async def _prepared(stack: LocalStack, folder: Path) -> tuple[KafkaSettings, dict[str, str]]:
    """Topics of their own, with rules and subscriptions."""
    make_dir(folder)
    environ = {
        **stack.environ,
        "BONGSU_KAFKA_TOPIC_PREFIX": f"{folder.name}.",
        "BONGSU_DATA_DIR": str(folder / "data"),
    }
    kafka = Settings(environ).kafka
    await create_topics(kafka)
    rules = folder / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    await publish_rules(kafka, load_rules(rules))
    for number in range(SUBSCRIPTIONS):
        policy = POLICIES[number % len(POLICIES)]
        await publish_subscription(
            kafka,
            SubscriptionRecord(
                id=f"sub{number}",
                url="http://127.0.0.1:9/",
                secrets=(SECRET,),
                policy=policy,
                created_ms=1,
                updated_ms=1,
            ),
        )
    return kafka, environ


def _alert(number: int, subscription: str, story: int, now_ms: int) -> AlertRecord:
    article = f"article-{number}"
    match = ids.match_id(article, f"content-{number}", "chongqing-watch")
    sentence = f"충칭시는 {story}번째 산업 단지에 새 공장 {number % 37 + 2}곳이 들어선다고 밝혔다. " * 2
    return AlertRecord(
        alert_id=ids.alert_id(match, subscription),
        match_id=match,
        subscription=subscription,
        story=StoryHead(id=ids.story_id(f"first-{story}"), copies=number % COPIES + 1, sources=number % COPIES + 1),
        rule=RuleHead(id="chongqing-watch", name="충칭"),
        article=ArticleHead(
            id=article,
            url=f"https://example.com/news/{number}",
            title=f"충칭 산업 단지 소식 {story}",
            source=f"신문{number % 300}",
        ),
        mentions=tuple(
            Evidence(
                entity="chongqing",
                surface="충칭",
                text="충칭시는",
                sentence=sentence,
                zone=zone,
                field="text",
                start=0,
                end=2,
            )
            for zone in ("lead", "body")
        ),
        published_ms=now_ms,
        matched_ms=now_ms,
        alerted_ms=now_ms,
    )


async def _throughput(stack: LocalStack, folder: Path, count: int, progress: Progress) -> dict[str, Any]:
    kafka, environ = await _prepared(stack, folder)
    luck = random.Random(1)
    now_ms = round(time.time() * 1000)
    stories = max(1, count // SUBSCRIPTIONS // COPIES)
    async with started(kafka, make_producer(kafka)) as producer:
        sent = []
        for number in range(count):
            subscription = f"sub{luck.randrange(SUBSCRIPTIONS)}"
            alert = _alert(number, subscription, luck.randrange(stories), now_ms)
            sent.append(await producer.send(topic_name(kafka, topics.ALERTS), alert.encode(), subscription.encode()))
        await asyncio.gather(*sent)
    child, ready_s = await _worker(folder, environ, "throughput")
    try:
        rate, cpu_s = await _rate(child, count)
        memory_mb = resident_mb(child.pid)[0]
    finally:
        await asyncio.to_thread(child.terminate, 10)
    progress(f"one worker, tables on disk: {rate:,.0f} alerts/s")
    return {
        "alerts": count,
        "subscriptions": SUBSCRIPTIONS,
        "stories": stories,
        "alerts_per_s": round(rate, 1),
        "cpu_s_per_1000_alerts": round(cpu_s * 1000, 3),
        "ready_s": ready_s,
        "memory_mb": memory_mb,
    }


async def _worker(folder: Path, environ: dict[str, str], name: str) -> tuple[Child, float]:
    child = Child("worker")
    began = time.monotonic()
    child.start(["worker", "--metrics-port", "0"], environ, folder / f"{name}.log")
    await asyncio.to_thread(child.wait_ready, DEADLINE_S)
    return child, round(time.monotonic() - began, 2)


async def _rate(child: Child, count: int) -> tuple[float, float]:
    """Alerts/s and CPU seconds an alert between the first and the last tenth."""
    first: tuple[float, float, float] | None = None
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        lag = await asyncio.to_thread(
            metric, _metrics_port(child), r'bongsu_stage_latency_seconds_count\{stage="group"\}'
        )
        now, cpu = time.monotonic(), used_cpu_s(child.pid)
        if first is None and lag >= count * 0.1:
            first = (now, lag, cpu)
        if first is not None and lag >= count:
            return (lag - first[1]) / (now - first[0]), (cpu - first[2]) / (lag - first[1])
        await asyncio.sleep(POLL_S)
    raise TimeoutError(f"the worker did not decide {count} alerts in {DEADLINE_S:g} s")


def _metrics_port(child: Child) -> int:
    port: int = child.wait_ready(1)["ports"]["metrics"]
    return port


def entries(count: int, now_ms: int, partitions: int) -> Iterator[tuple[int, bytes, bytes]]:
    """(partition, key, value) of groups as the worker makes them: TEMPLATES of them, each told of many stories."""
    table = MemoryStore()
    groups = Groups(table)
    context = Context(
        policy=lambda *_: Policy(mode="first"),
        style=lambda _: ("bongsu", "ko"),
        silences=lambda _: (),
        payload=body_of,
        sent_through=-1,
        time_to_live_ms=259_200_000,
    )
    for number in range(TEMPLATES):
        subscription = f"sub{number % SUBSCRIPTIONS}"
        place = Place(partition_of(subscription.encode(), partitions), number, now_ms)
        alert = _alert(number, subscription, number, now_ms)
        groups.step(alert, place, context)
    made = sorted(table.entries.items())
    for number in range(count):
        key, value = made[number % len(made)]
        told, _, old = key.split(b"\0", 2)
        new = ids.story_id(f"story-{number}").encode()
        yield partition_of(told, partitions), key.replace(old, new), value.replace(old, new)


async def _recovery(stack: LocalStack, folder: Path, count: int, progress: Progress) -> dict[str, Any]:
    kafka, environ = await _prepared(stack, folder)
    child, empty_s = await _worker(folder, environ, "makes-the-topics")
    await asyncio.to_thread(child.terminate, 10)
    size = await _fill(kafka, count)
    progress(f"{count:,} entries of {size // count:,} bytes are in the changelog")
    environ["BONGSU_DATA_DIR"] = str(folder / "another-disk")
    child, whole_s = await _worker(folder, environ, "recovers")
    index_s = await asyncio.to_thread(metric, _metrics_port(child), r'bongsu_table_index_seconds\{table="groups"\}')
    memory_mb = resident_mb(child.pid)[0]
    await asyncio.to_thread(child.terminate, 10)
    progress(f"recovered in {whole_s:g} s, {index_s:.1f} s of it for the index; {memory_mb:g} MB")
    child, again_s = await _worker(folder, environ, "has-its-tables")
    await asyncio.to_thread(child.terminate, 10)
    progress(f"started again on its own tables in {again_s:g} s")
    return {
        "entries": count,
        "bytes_each": size // count,
        "ready_s_with_nothing_to_recover": empty_s,
        "ready_s_with_an_empty_disk": whole_s,
        "of_which_index_s": round(index_s, 2),
        "ready_s_with_its_own_tables": again_s,
        "memory_mb": memory_mb,
    }


async def _fill(kafka: KafkaSettings, count: int) -> int:
    """Write the changelog of `groups`; returns its bytes."""
    topic = f"{topic_name(kafka, topics.WORKER_GROUP)}-groups-changelog"
    size = 0
    async with started(kafka, make_producer(kafka, max_batch_size=900_000, linger_ms=5)) as producer:
        partitions = len(await producer.partitions_for(topic))
        sent: list[Any] = []
        for partition, key, value in entries(count, round(time.time() * 1000), partitions):
            sent.append(await producer.send(topic, value, key, partition=partition))
            size += len(key) + len(value)
            if len(sent) >= 20_000:
                await asyncio.gather(*sent)
                sent.clear()
        await asyncio.gather(*sent)
    return size
