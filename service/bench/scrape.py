"""`bongsu bench scrape`: what a Prometheus pays to look, and what a role pays to be looked at.

A worker with 10,000 rules and a dispatcher with 1,000 subscriptions, each a process of its own, that have found and
sent: their /metrics is read over HTTP as Prometheus reads it, as text and as OpenMetrics, with the default of
BONGSU_METRICS_MAX_LABEL_VALUES. A scrape stops the event loop for as long as it takes.
"""

import asyncio
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from service.adapters.control import publish_rules
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.receiver import Receiver
from service.adapters.rule_files import load_rules
from service.bench.corpus import articles, rule_file
from service.bench.latency import SECRET
from service.bench.processes import metric, used_cpu_s
from service.local import LocalStack
from service.model import topics
from service.model.control_records import SubscriptionRecord
from service.model.errors import Unavailable
from service.model.policy import PolicyModel
from service.settings import Settings

RULES, SUBSCRIPTIONS = 10_000, 1_000
ARTICLES = 300
SCRAPES = 200
EVERY_S = 0.02
IDLE_S = 5.0
DEADLINE_S = 200.0
ACCEPT = {
    "text": "text/plain;version=0.0.4",
    "openmetrics": "application/openmetrics-text;version=1.0.0",
}
DEAD = "http://127.0.0.1:9/hook"
"""Nobody listens at the discard port; every tenth subscription is there."""
Progress = Callable[[str], None]


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    """Both roles, on one embedded Kafka."""
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as folder:
        return asyncio.run(_run(Path(folder), 10 if quick else 1, progress))


async def _run(folder: Path, share: int, progress: Progress) -> dict[str, Any]:
    rules, subscriptions, count = RULES // share, SUBSCRIPTIONS // share, ARTICLES // share
    environ = {"BONGSU_DELIVERY_ALLOW_ADDRESSES": "127.0.0.0/8"}
    result: dict[str, Any] = {"rules": rules, "subscriptions": subscriptions, "articles": count}
    async with LocalStack(folder, environ=environ, progress=progress) as stack, Receiver([SECRET], keep=False) as hook:
        await stack.start_kafka()
        file = folder / "rules.json"
        file.write_bytes(orjson.dumps(rule_file(rules)))
        await publish_rules(stack.settings.kafka, await asyncio.to_thread(load_rules, file))
        await _subscribe(stack.settings, hook.url, subscriptions, rules)
        worker, dispatcher = await stack.roles.start("worker", "dispatcher")
        ready = {role.name: role.wait_ready(1) for role in (worker, dispatcher)}
        ports = {name: told["ports"]["metrics"] for name, told in ready.items()}
        try:
            result["deliveries_accepted"] = await _send(stack.settings, ports, count, rules)
        except OSError as error:
            raise Unavailable("\n".join(stack.roles.ended())) from error
        for role, told in ready.items():
            for kind, accept in ACCEPT.items():
                found = await asyncio.to_thread(_scrape, ports[role], told["pid"], accept)
                progress(f"{role}, {kind}: {found}")
                result[f"{role}_{kind}"] = found
    return result


async def _subscribe(settings: Settings, url: str, count: int, rules: int) -> None:
    """Each to its share of the rules."""
    topic = topic_name(settings.kafka, topics.SUBSCRIPTIONS)
    share = max(1, rules // count)
    async with started(settings.kafka, make_producer(settings.kafka)) as producer:
        for number in range(count):
            record = SubscriptionRecord(
                id=f"press-office-{number:04}",
                url=DEAD if number % 10 == 9 else url,
                rules=tuple(f"r{rule}" for rule in range(number * share, (number + 1) * share)),
                secrets=(SECRET,),
                policy=PolicyModel(mode="each", inhibit=False),
                created_ms=1,
                updated_ms=1,
            )
            await producer.send(topic, record.encode(), record.id.encode())
        await producer.flush()


async def _send(settings: Settings, ports: dict[str, int], count: int, rules: int) -> int:
    """Publish, wait until nothing is under way but what waits for the dead tenth; returns how many were accepted."""
    topic = topic_name(settings.kafka, topics.ARTICLES)
    async with started(settings.kafka, make_producer(settings.kafka)) as producer:
        for article in articles(count, rules, share=0.9):
            await producer.send(topic, orjson.dumps(article), article["id"].encode())
        await producer.flush()
    deadline = time.monotonic() + DEADLINE_S
    before: tuple[float, ...] = ()
    while time.monotonic() < deadline:
        await asyncio.sleep(2)
        read = await _value(ports["worker"], "bongsu_articles_total")
        lag = await _value(ports["worker"], "bongsu_lag_records")
        now = (read, await _value(ports["worker"], "bongsu_alerts_total"),
               await _value(ports["dispatcher"], r'bongsu_attempts_total\{outcome="delivered"\}'))  # fmt: skip
        if read >= count and not lag and now == before and now[-1]:
            return round(now[-1])
        before = now
    raise TimeoutError(f"{count} articles were not matched and told within {DEADLINE_S:g} s: {before}")


async def _value(port: int, series: str) -> float:
    return await asyncio.to_thread(metric, port, series)


def _scrape(port: int, pid: int, accept: str) -> dict[str, float]:
    """Milliseconds of a scrape, from the request to the last byte, on a connection of its own.

    `cpu_ms`: what the role used more than when it is left alone for as long.
    """
    took, size = [], 0
    idle_s, idle_cpu_s = time.monotonic(), used_cpu_s(pid)
    time.sleep(IDLE_S)
    rate = (used_cpu_s(pid) - idle_cpu_s) / (time.monotonic() - idle_s)
    busy_s, busy_cpu_s = time.monotonic(), used_cpu_s(pid)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
    for _ in range(SCRAPES):
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  the address is ours
            size = len(answer.read())
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(EVERY_S)
    cpu_s = used_cpu_s(pid) - busy_cpu_s - rate * (time.monotonic() - busy_s)
    cuts = statistics.quantiles(took, n=100)
    return {
        "p50_ms": round(cuts[49], 2),
        "p99_ms": round(cuts[98], 2),
        "cpu_ms": round(cpu_s * 1000 / SCRAPES, 2),
        "bytes": size,
    }
