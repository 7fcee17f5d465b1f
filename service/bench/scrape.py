"""`bongsu bench scrape`: what a Prometheus pays to look, and what a role pays to be looked at.

A worker with 10,000 rules and a dispatcher with 1,000 subscriptions, each a process of its own, that have found and
sent: their /metrics is read over HTTP as Prometheus reads it, as text and as OpenMetrics, with the default of
BONGSU_METRICS_MAX_LABEL_VALUES and with all subscriptions named; while nothing else happens, and while articles keep
coming, so that what a page says is new. `pause_ms` is how long another request waited at most while a page was made:
for so long nothing is matched, sent or acknowledged.
"""

import asyncio
import contextlib
import http.client
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from service.adapters.control import publish_rules
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.processes import Child
from service.adapters.receiver import Receiver
from service.adapters.rule_files import load_rules
from service.bench.corpus import articles, rule_file
from service.bench.latency import SECRET
from service.bench.processes import metric, used_cpu_s
from service.local import LocalStack
from service.metrics.bounded import MAX_LABEL_VALUES
from service.model import topics
from service.model.control_records import SubscriptionRecord
from service.model.errors import Unavailable
from service.model.policy import PolicyModel
from service.settings import Settings

RULES, SUBSCRIPTIONS = 10_000, 1_000
ARTICLES = 300
SCRAPES = 200
EVERY_S = 0.02
BUSY_SCRAPES, BUSY_EVERY_S = 100, 0.1
BUSY_RATE = 50
"""Articles a second."""
PINGED_SCRAPES = 50
IDLE_S = 3.0
DEADLINE_S = 200.0
STOP_S = 10.0
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
        for name, named in {"default": MAX_LABEL_VALUES, "all_named": subscriptions}.items():
            progress(f"{name}: {named} named")
            async with _Line(stack, rules, count, named) as line:
                result[name] = {"named": named, **await line.measured(progress)}
    return result


class _Line:
    """A worker and a dispatcher that name so many subscriptions."""

    def __init__(self, stack: LocalStack, rules: int, count: int, named: int) -> None:
        self._stack = stack
        self._rules = rules
        self._count = count
        self._named = named
        self._children: list[Child] = []
        self._pids: dict[str, int] = {}
        self._ports: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        named = {"BONGSU_METRICS_MAX_LABEL_VALUES": str(self._named)}
        self._children = await self._stack.roles.start("worker", "dispatcher", **named)
        for child in self._children:
            told = child.wait_ready(1)
            self._pids[child.name], self._ports[child.name] = told["pid"], told["ports"]["metrics"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            await asyncio.to_thread(child.terminate, STOP_S)

    async def measured(self, progress: Progress) -> dict[str, Any]:
        """Of each role and format the scrapes at rest; of the dispatcher those while articles keep coming, too."""
        settings, found = self._stack.settings, {}
        try:
            accepted = await _send(settings, self._ports, self._articles(self._count, 11), self._count)
        except OSError as error:
            raise Unavailable("\n".join(self._stack.roles.ended())) from error
        for role in self._ports:
            for kind in ACCEPT:
                found[f"{role}_{kind}"] = await asyncio.to_thread(self._at_rest, role, kind)
                progress(f"{role}, {kind}: {found[f'{role}_{kind}']}")
        scraping = asyncio.create_task(asyncio.to_thread(self._busy, "dispatcher", "openmetrics"))
        await _keep_sending(settings, self._articles(BUSY_RATE * SCRAPES, 12), scraping)
        found["dispatcher_openmetrics_busy"] = await scraping
        progress(f"dispatcher, openmetrics, busy: {found['dispatcher_openmetrics_busy']}")
        return {"deliveries_accepted": accepted, **found}

    def _articles(self, count: int, seed: int) -> Iterator[dict[str, Any]]:
        return articles(count, self._rules, seed + self._named, share=0.9)

    def _at_rest(self, role: str, kind: str) -> dict[str, float]:
        """`cpu_ms`: what the role used more than when it is left alone for as long."""
        port, pid = self._ports[role], self._pids[role]
        idle_s, idle_cpu_s = time.monotonic(), used_cpu_s(pid)
        time.sleep(IDLE_S)
        rate = (used_cpu_s(pid) - idle_cpu_s) / (time.monotonic() - idle_s)
        busy_s, busy_cpu_s = time.monotonic(), used_cpu_s(pid)
        found = _times(port, kind, SCRAPES, EVERY_S)
        cpu_s = used_cpu_s(pid) - busy_cpu_s - rate * (time.monotonic() - busy_s)
        waits = []
        for _ in range(PINGED_SCRAPES):
            with _pinged(port) as longest_ms:
                _scrape(port, kind)
            waits.append(longest_ms())
        return found | {"cpu_ms": round(cpu_s * 1000 / SCRAPES, 2), "pause_ms": round(statistics.median(waits), 2)}

    def _busy(self, role: str, kind: str) -> dict[str, float]:
        return _times(self._ports[role], kind, BUSY_SCRAPES, BUSY_EVERY_S)


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


async def _send(settings: Settings, ports: dict[str, int], made: Iterator[dict[str, Any]], count: int) -> int:
    """Publish, wait until nothing is under way but what waits for the dead tenth; returns how many were accepted."""
    topic = topic_name(settings.kafka, topics.ARTICLES)
    async with started(settings.kafka, make_producer(settings.kafka)) as producer:
        for article in made:
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


async def _keep_sending(settings: Settings, made: Iterator[dict[str, Any]], until: "asyncio.Task[Any]") -> None:
    topic = topic_name(settings.kafka, topics.ARTICLES)
    async with started(settings.kafka, make_producer(settings.kafka)) as producer:
        for article in made:
            if until.done():
                return
            await producer.send(topic, orjson.dumps(article), article["id"].encode())
            await asyncio.sleep(1 / BUSY_RATE)


def _times(port: int, kind: str, scrapes: int, every_s: float) -> dict[str, float]:
    """Milliseconds of a scrape, from the request to the last byte, on a connection of its own; and its bytes."""
    took, size = [], 0
    for _ in range(scrapes):
        began = time.perf_counter()
        size = _scrape(port, kind)
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(every_s)
    cuts = statistics.quantiles(took, n=100)
    return {"p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2), "bytes": size}


def _scrape(port: int, kind: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": ACCEPT[kind]})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  the address is ours
        return len(answer.read())


@contextlib.contextmanager
def _pinged(port: int) -> Iterator[Callable[[], float]]:
    """Ask /healthz again and again meanwhile, on one connection; tells afterwards what the longest answer took, in ms.

    Raises:
        OSError, HTTPException: there was no answer.
    """
    done = threading.Event()
    took: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ping() -> float:
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        return (time.perf_counter() - began) * 1000

    def ping_on() -> None:
        took.append(ping())
        while not done.is_set():
            took.append(ping())

    with contextlib.closing(connection), ThreadPoolExecutor(1) as pool:
        ping()  # the first one connects
        pinging = pool.submit(ping_on)
        try:
            yield lambda: max(took)
        finally:
            done.set()
        pinging.result()
