"""`bongsu bench delivery`: the dispatcher on a real Kafka, against endpoints in a process of their own.

How fast to one endpoint and to 50, what that costs with Kafka's share, how soon at 150/s, what endpoints that never
answer cost the others, and what becomes of deliveries while endpoints fail. Everything shares this machine, so
compare within a run.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Self

from service.adapters.control import publish_subscription
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.topics_admin import create_topics
from service.bench.endpoints import Arrivals, Endpoints
from service.bench.processes import resident_mb, used_cpu_s
from service.local import LocalStack, Roles
from service.model import ids, topics
from service.model.control_records import SubscriptionRecord
from service.model.errors import BongsuError, WrongSetup
from service.model.records import DeliveryRecord
from service.settings import Settings

BURST = 5000
ENDPOINTS = 50
HANGING = 10
PAIRS = 5
RATE = 150
RATE_SECONDS = 20
FAIL_S = 20.0
FAILED_DELIVERIES = 2000
FAIL_SCHEDULE_S = (1, 2, 4, 8, 16, 32)
JITTER = 0.2
PILE = 20_000
PENDING = 100_000
BODY_BYTES = 900
HOUR_MS = 3_600_000
DEADLINE_S = 180.0
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  the published example of Standard Webhooks
PARTS = (
    "to_1", "to_50", "at_150_per_s", "ten_of_50_hang", "fifty_fail_20_s", "down_then_up", "pending_retries",
)  # fmt: skip
Progress = Callable[[str], None]
Part = Callable[["Bench"], Awaitable[dict[str, Any]]]


def run(*, quick: bool, progress: Progress, only: Sequence[str] = ()) -> dict[str, Any]:
    """All parts, or `only` those, one after the other, on one embedded Kafka; `quick`: a tenth of the work.

    Raises:
        WrongSetup: a name of `only` is no part.
    """
    unknown = [name for name in only if name not in PARTS]
    if unknown:
        raise WrongSetup(f"bench delivery has no part {', '.join(unknown)}; it has {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as folder:
        return asyncio.run(_run(Path(folder), 10 if quick else 1, only or PARTS, progress))


async def _run(folder: Path, part: int, only: Sequence[str], progress: Progress) -> dict[str, Any]:
    environ = {"BONGSU_DELIVERY_ALLOW_ADDRESSES": "127.0.0.0/8", "BONGSU_LOG_FORMAT": "json"}
    result: dict[str, Any] = {"body_bytes": BODY_BYTES}
    async with LocalStack(folder, environ=environ, progress=progress) as stack:
        await stack.start_kafka()
        parts: dict[str, Part] = {
            "to_1": lambda bench: _burst(bench, BURST // part, 1),
            "to_50": lambda bench: _burst(bench, BURST // part, ENDPOINTS),
            "at_150_per_s": lambda bench: _steady(bench, RATE_SECONDS // min(part, 4)),
            "ten_of_50_hang": lambda bench: _isolation(bench, BURST // part, 1 if part > 1 else PAIRS, progress),
            "fifty_fail_20_s": lambda bench: _recovery(bench, FAILED_DELIVERIES // part, FAIL_S / min(part, 4)),
            "down_then_up": lambda bench: _pile(bench, PILE // part),
            "pending_retries": lambda bench: _pending(bench, PENDING // part),
        }
        assert tuple(parts) == PARTS
        for name in (name for name in PARTS if name in only):
            load = os.getloadavg()[0]
            async with Bench(stack, folder, name) as bench:
                result[name] = {**await parts[name](bench), "load_before": round(load, 2)}
            progress(f"{name}: {result[name]}")
    return result


class Bench:
    """Topics of its own, endpoints, and one dispatcher."""

    def __init__(self, stack: LocalStack, folder: Path, name: str) -> None:
        self.endpoints = Endpoints()
        self._folder = folder / name
        self._environ = {**stack.environ, "BONGSU_KAFKA_TOPIC_PREFIX": f"{name}."}
        self._kafka_pid = stack.kafka.pid
        self._settings = Settings(self._environ).kafka
        self._roles = Roles(self._folder, self._environ)
        self._dispatcher_pid = 0
        self._number = 0

    async def __aenter__(self) -> Self:
        await create_topics(self._settings)
        self.endpoints.__enter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._roles.stop()
        self.endpoints.__exit__()

    async def subscribe(self, count: int) -> None:
        """Subscriptions s0 ..., each with an endpoint of its own."""
        for number in range(count):
            record = SubscriptionRecord(
                id=f"s{number}", url=self.endpoints.url(number), secrets=(SECRET,), created_ms=1, updated_ms=1
            )
            await publish_subscription(self._settings, record)

    async def dispatch(self, **environ: str) -> None:
        """Start the dispatcher and let it send a little, so that imports and connections are not measured."""
        (child,) = await self._roles.start("dispatcher", **environ)
        self._dispatcher_pid = child.pid

    async def warm(self, spread: int) -> None:
        """Some deliveries that are not measured."""
        await self.publish(self.records(4 * spread, spread))
        await self.arrive(4 * spread)
        self.endpoints.take()

    def records(self, count: int, spread: int, **fields: Any) -> list[DeliveryRecord]:
        """New deliveries, in turn to `spread` subscriptions."""
        now_ms = int(time.time() * 1000)
        made = []
        for _ in range(count):
            self._number += 1
            to = f"s{self._number % spread}"
            head = f'{{"type":"alert.matched","data":{{"n":{self._number},"summary":"'
            body = head + "가" * ((BODY_BYTES - len(head) - 3) // 3) + '"}}'
            values: dict[str, Any] = {
                "id": ids.delivery_id(to, f"g{self._number}", 1), "subscription": to, "group": f"g{self._number}",
                "sequence": 1, "type": "alert.matched", "body": body, "body_sha256": ids.sha256_hex(body.encode()),
                "alert_ids": ("alr_1",), "created_ms": now_ms, "deadline_ms": now_ms + 24 * HOUR_MS,
                "published_ms": now_ms,
            }  # fmt: skip
            made.append(DeliveryRecord(**{**values, **fields}))
        return made

    async def publish(self, records: Sequence[DeliveryRecord], per_s: float = 0, topic: str = "") -> dict[str, float]:
        """Produce them, as fast as possible or `per_s`; id -> when it was handed to the producer."""
        sent: dict[str, float] = {}
        name = topic_name(self._settings, topic or topics.DELIVERIES)
        async with started(self._settings, make_producer(self._settings)) as producer:
            encoded = [(record.id, record.subscription.encode(), record.encode()) for record in records]
            begin = time.monotonic()
            waiting = []
            for index, (key, subscription, value) in enumerate(encoded):
                if per_s:
                    await asyncio.sleep(max(0.0, begin + index / per_s - time.monotonic()))
                sent[key] = time.time()
                waiting.append(await producer.send(name, value, key=subscription))
            await asyncio.gather(*waiting)
        return sent

    async def arrive(self, count: int, deadline_s: float = DEADLINE_S) -> None:
        """Until `count` different ids were accepted, or the deadline.

        Raises:
            BongsuError: the dispatcher ended, or nothing arrived at all.
        """
        deadline = time.monotonic() + deadline_s
        while (accepted := self.endpoints.accepted()) < count and time.monotonic() < deadline:
            if ended := self._roles.ended():
                raise BongsuError(ended[0])
            await asyncio.sleep(0.05)
        if not accepted:
            raise BongsuError(f"none of {count} deliveries arrived within {deadline_s:g} s; nothing was measured")

    def cpu_s(self) -> tuple[float, float]:
        """Used so far by the dispatcher, and by Kafka."""
        return used_cpu_s(self._dispatcher_pid), used_cpu_s(self._kafka_pid)

    def memory_mb(self) -> dict[str, int]:
        """Of the dispatcher: now, and at most."""
        now, most = resident_mb(self._dispatcher_pid)
        return {"memory_mb": now, "memory_max_mb": most}


async def _burst(bench: Bench, count: int, spread: int) -> dict[str, Any]:
    """From the first record on the topic to the last arrival."""
    await bench.subscribe(spread)
    await bench.dispatch()
    await bench.warm(spread)
    records = bench.records(count, spread)
    before = bench.cpu_s()
    sent = await bench.publish(records)
    await bench.arrive(count)
    await asyncio.sleep(1.2)  # the last commit is part of the cost
    after = bench.cpu_s()
    arrived = bench.endpoints.take()
    seconds = max(arrived.first.values()) - min(sent.values())
    ours, kafkas = (round((late - early) / count * 1000, 3) for early, late in zip(before, after, strict=True))
    return {
        "deliveries": count,
        "arrived": len(arrived.first),
        "per_s": round(len(arrived.first) / seconds),
        "cpu_s_per_1000": {"dispatcher": ours, "kafka": kafkas, "both": round(ours + kafkas, 3)},
        **_latencies(sent, arrived),
        **bench.memory_mb(),
    }


async def _steady(bench: Bench, seconds: int) -> dict[str, Any]:
    """A rate that does not fill it: how soon."""
    await bench.subscribe(ENDPOINTS)
    await bench.dispatch()
    await bench.warm(ENDPOINTS)
    records = bench.records(RATE * seconds, ENDPOINTS)
    sent = await bench.publish(records, RATE)
    await bench.arrive(len(records), 30)
    return {"deliveries": len(records), **_latencies(sent, bench.endpoints.take())}


async def _isolation(bench: Bench, count: int, pairs: int, progress: Progress) -> dict[str, Any]:
    """Bursts to 50 endpoints, in turn with all healthy and with ten that never answer; the 40 others are measured."""
    await bench.subscribe(ENDPOINTS)
    # short waits: so that what hung in one pair is over before the next, and the pairs do not take half an hour
    await bench.dispatch(BONGSU_DELIVERY_TIMEOUT_S="5", BONGSU_DELIVERY_SCHEDULE_S=",".join(["2"] * 60))
    await bench.warm(ENDPOINTS)
    runs = []
    for number in range(pairs):
        pair = {}
        for name, hanging in (("healthy", 0), ("hanging", HANGING)):
            bench.endpoints.hang(hanging)
            records = bench.records(count, ENDPOINTS)
            sent = await bench.publish(records)
            sick = {f"s{index}" for index in range(HANGING)}
            watched = {record.id: sent[record.id] for record in records if record.subscription not in sick}
            await bench.arrive(len(watched) if hanging else count, 60)
            arrived = bench.endpoints.take()
            pair[name] = _latencies(watched, arrived)
            if hanging:  # let the sick ones recover, so that the next pair begins as the first did
                bench.endpoints.hang(0)
                await bench.arrive(count - len(watched), 120)
                bench.endpoints.take()
        progress(f"pair {number + 1}: {pair}")
        runs.append(pair)
    ratios = {
        name: round(statistics.median(pair["hanging"][name] / pair["healthy"][name] for pair in runs), 2)
        for name in ("p50_ms", "p99_ms")
    }
    return {"pairs": runs, "median_ratio": ratios}


async def _recovery(bench: Bench, count: int, fail_s: float) -> dict[str, Any]:
    """All endpoints answer 500 at once for a while; every delivery must arrive, and not later than its schedule."""
    await bench.subscribe(ENDPOINTS)
    await bench.dispatch(
        BONGSU_DELIVERY_SCHEDULE_S=",".join(map(str, FAIL_SCHEDULE_S)), BONGSU_DELIVERY_JITTER=str(JITTER)
    )
    await bench.warm(ENDPOINTS)
    before = bench.cpu_s()
    healthy_at = time.time() + fail_s
    bench.endpoints.fail_until(healthy_at)
    sent = await bench.publish(bench.records(count, ENDPOINTS))
    await bench.arrive(count, 90)
    arrived = bench.endpoints.take()
    due = 0.0  # when the schedule alone, at its latest, would have brought it
    for wait in FAIL_SCHEDULE_S:
        if due > fail_s:
            break
        due += wait * (1 + JITTER)
    taken = [at - sent[key] for key, at in arrived.first.items()]
    used = sum(late - early for early, late in zip(before, bench.cpu_s(), strict=True))
    return {
        "deliveries": count,
        "arrived": len(arrived.first),
        "answered_500": arrived.refused,
        "last_after_s": round(max(taken), 2),
        "schedule_says_at_most_s": round(due, 2),
        "cpu_s_per_1000": round(used / count * 1000, 2),
    }


async def _pile(bench: Bench, count: int) -> dict[str, Any]:
    """One endpoint is down while deliveries pile up, then up."""
    await bench.subscribe(1)
    await bench.dispatch(BONGSU_DELIVERY_SCHEDULE_S=",".join(["2"] * 60))
    await bench.warm(1)
    bench.endpoints.close()
    sent = await bench.publish(bench.records(count, 1))
    await asyncio.sleep(10)
    up_at = time.time()
    bench.endpoints.listen()
    await bench.arrive(count)
    arrived = bench.endpoints.take()
    after = sorted(at - up_at for at in arrived.first.values())
    return {
        "deliveries": count,
        "arrived": len(arrived.first),
        "ids_with_two_bodies": sum(1 for bodies in arrived.bodies.values() if len(bodies) > 1),
        "unknown_ids": len(set(arrived.first) - set(sent)),
        "repeated": arrived.accepted - len(arrived.first),
        "in_the_first_second": sum(1 for at in after if at < 1 + after[0]),
        "first_s": round(after[0], 2),
        "all_after_s": round(after[-1], 2),
        **bench.memory_mb(),
    }


async def _pending(bench: Bench, count: int) -> dict[str, Any]:
    """Retries that rest, due in half an hour, while a healthy endpoint is served."""
    await bench.subscribe(1)
    due_ms = int(time.time() * 1000) + HOUR_MS // 2
    resting = bench.records(count, 1, attempts_made=1, due_ms=due_ms)
    await bench.publish(resting, topic=topics.retry_topic(600))
    await bench.dispatch()
    await bench.warm(1)
    await asyncio.sleep(5)
    sent = await bench.publish(bench.records(200, 1), RATE)
    await bench.arrive(200, 30)
    return {"pending": count, **_latencies(sent, bench.endpoints.take()), **bench.memory_mb()}


def _latencies(sent: dict[str, float], arrived: Arrivals) -> dict[str, float]:
    found = sorted((arrived.first[key] - at) * 1000 for key, at in sent.items() if key in arrived.first)
    if not found:
        return {"measured": 0}
    return {
        "measured": len(found),
        "p50_ms": round(found[len(found) // 2], 1),
        "p99_ms": round(found[int(len(found) * 0.99)], 1),
        "max_ms": round(found[-1], 1),
    }
